"""A run in parts, which many machines tag: the inputs divided, what is done to a part, and the output folder."""
