"""Packages that not everyone has: where one is missing it is told in one sentence, before anything is begun."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from serving.errors import Failure

SERVE = ("grpc_health", "httptools", "onnxruntime", "orjson", "prometheus_client", "uvloop")
"""What comes with the extra ``serve``, by the name that it is imported by; all else that may be missing: ``train``."""


def not_installed(package: str) -> Failure:
    """Say that a package is missing and how to get it: from the project's folder, for the registry has not got us.

    >>> str(not_installed("uvloop"))
    "uvloop is not installed: run pip install '.[serve]' in the project's folder"
    """
    extra = "serve" if package.split(".", maxsplit=1)[0] in SERVE else "train"
    return Failure(f"{package} is not installed: run pip install '.[{extra}]' in the project's folder")


def require(*packages: str) -> None:
    """See that one of these is installed, without importing it.

    Raises:
        Failure: none of them is.
    """
    if not any(find_spec(package) for package in packages):
        raise not_installed(packages[0])


def environment() -> dict[str, str]:
    """Return the environment of a program of ours: it finds the packages where they lie, installed or not.

    Nothing of the current folder comes before the standard library, as an empty part of PYTHONPATH would have it.
    """
    found = [str(Path(__file__).parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, found))}
