"""TensorFlow Serving's JSON: bodies to tensors and back, to the byte.

Uses engines, proto, wire.
"""
