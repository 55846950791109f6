"""The exported form of a model: an ONNX graph with 8-bit weights."""
