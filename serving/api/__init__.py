"""TensorFlow Serving's REST and gRPC APIs over a repository.

Uses engines, http, json, printable, proto, repository, version, wire.
"""
