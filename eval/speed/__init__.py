"""The `clausetag bench` command: speed, memory and start-up time."""
