"""The commands that need no TensorFlow.

Uses any room below.
"""

from serving.cli.commands import app, bench

__all__ = ["app", "bench"]
