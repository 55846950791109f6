"""The network, its windows, the saved artifact and the tagger that runs it."""
