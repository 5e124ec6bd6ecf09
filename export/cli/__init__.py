"""The commands that need TensorFlow, and the `triptych` program.

Uses any room below.
"""

from export.cli.commands import main

__all__ = ["main"]
