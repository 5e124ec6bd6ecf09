"""The modules of the project, and what each imports, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = ("export", "serving", "lightfm_adapter")
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix()
    for package in OURS
    for path in (ROOT / package).rglob("*.py")
    if not path.name.endswith("_pb2.py")
)


def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / f"{module}.py").read_text(encoding="utf-8"))


def module_of(dotted: str) -> str:
    """Find the module that a dotted name is, or is in; a package is its ``__init__``."""
    path = dotted.replace(".", "/")
    if path in MODULES or path.endswith("_pb2"):
        return path
    return f"{path}/__init__" if f"{path}/__init__" in MODULES else path.rpartition("/")[0]


def imports(module: str) -> Iterator[str]:
    """List the dotted names that a module imports, wherever in it; of ``from x import y`` both may be a module."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module: str) -> set[str]:
    """List the modules of ours that a module imports, but for itself."""
    return {module_of(name) for name in imports(module) if name.split(".")[0] in OURS} - {module}
