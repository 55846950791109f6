"""Batch inference: tag the policies of files, folders and tables."""
