"""Documents of any format read as blocks of text."""
