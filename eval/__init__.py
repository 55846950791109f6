"""Metrics, thresholds, agreement, benchmarks and reports."""
