"""The data sets that models are evaluated on."""
