"""Paths on the command line: an empty one, as an unset variable leaves it, is no name for the current folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class _Named(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("it is empty, expected a path; the current folder is a dot", param, ctx)
        return super().convert(value, param, ctx)


PATH = _Named(path_type=Path)
FILE = _Named(path_type=Path, dir_okay=False)
FOLDER = _Named(path_type=Path, file_okay=False)
