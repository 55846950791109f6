"""Confidence intervals and significance tests, resampled by policy."""
