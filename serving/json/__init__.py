"""TensorFlow Serving's JSON: bodies to tensors and back, to the byte; uses engines' signatures and wire."""
