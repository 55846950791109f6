"""HTML pages read as blocks of text."""
