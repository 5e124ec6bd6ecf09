"""TensorFlow Serving's messages, written from its documentation and compiled; `python -m serving.proto` recompiles them."""
