"""The commands that need TensorFlow, and the `triptych` program; may use every room of export and serving."""

from export.cli.commands import main

__all__ = ["main"]
