"""Run one version, on ONNX Runtime or TensorFlow, one request or a batch.

Uses contract, errors, installed, lasting, version, wire.
"""
