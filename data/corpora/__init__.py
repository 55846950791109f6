"""Readers of labelled and unlabelled corpora."""
