"""TensorFlow Serving's messages without TensorFlow, compiled from the .proto files here.

`tensorflow-serving-api` imports TensorFlow, so it cannot be used by a process that shall start at once and stay
small. Same field names and numbers, so the same bytes; another package name, so that the official modules can be
loaded beside these. TensorFlow's own messages come from the `tensorboard` wheel.

After a change to a .proto file: `python -m serving.proto.generate`.

Uses nothing of ours.
"""
