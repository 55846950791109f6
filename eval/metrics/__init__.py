"""Multi-label metrics, calibration and thresholds."""
