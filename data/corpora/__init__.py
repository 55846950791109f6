"""Labelled and unlabelled corpora read as sentences."""
