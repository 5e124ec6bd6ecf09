"""TensorFlow Serving's configuration files: written, read, labels moved.

Uses client, errors, proto, repository, version.
"""
