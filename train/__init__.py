"""Training from recipes, and the baselines."""
