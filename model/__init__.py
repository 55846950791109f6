"""The network, its input windows, the saved artifact, and the tagger that runs it."""
