"""Labels, documents, sentences and corpora: everything that touches text before a model does."""
