"""Simple models that every result is compared with."""
