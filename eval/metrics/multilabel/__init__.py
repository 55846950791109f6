"""The project's metric as a folder, which `evaluate.load` reads."""
