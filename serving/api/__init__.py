"""TensorFlow Serving's REST and gRPC APIs over a repository; uses json, repository, http and wire."""
