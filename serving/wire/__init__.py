"""Tensors and status codes as they go over the wire.

Uses nothing of ours.
"""
