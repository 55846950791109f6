"""Reports of an evaluation: text, Markdown, HTML and plots."""
