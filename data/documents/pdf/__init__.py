"""PDF files read as blocks of text."""
