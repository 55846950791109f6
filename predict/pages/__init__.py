"""HTML pages that show tagged policies."""
