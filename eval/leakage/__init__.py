"""Duplicates between training and evaluation data."""
