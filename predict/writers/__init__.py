"""Output formats of batch inference."""
