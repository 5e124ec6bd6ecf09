"""TensorFlow Serving's configuration files: written, read, labels moved; uses version and proto."""
