"""Labels, records, sentence splitting, document formats and corpora."""
