"""Batch inference on many machines with Ray."""
