"""Run one version, on ONNX Runtime or TensorFlow, one request or a batch; uses version and wire."""
