"""Tensors and status codes as they go over the wire; uses proto."""
