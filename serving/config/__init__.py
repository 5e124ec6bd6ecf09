"""TensorFlow Serving's configuration files: written, read, labels moved; uses client, repository, version, proto."""
