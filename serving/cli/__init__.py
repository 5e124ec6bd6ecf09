"""The commands that need no TensorFlow; may use every room of serving."""

from serving.cli.commands import app, bench

__all__ = ["app", "bench"]
