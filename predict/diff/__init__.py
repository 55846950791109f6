"""Comparison of two versions of a policy."""
