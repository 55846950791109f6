"""Heads for attributes on a trained network."""
