"""A version for everyone at once: all lists and all vectors as files.

Uses graph, progress, serving.client, serving.errors, serving.version.
"""
