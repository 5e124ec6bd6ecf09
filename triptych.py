"""The public names of Triptych, all from one file that has the project's name.

    from triptych import Client, Factorized, publish

The packages behind it are called ``serving`` and ``export``, which a script's own folder may have a file of, too:
``serving.py`` beside a script hides the package from ``from serving.client import Client``. From here the same names
are to be had whatever lies beside the script. Nothing is loaded before a name is asked for, and TensorFlow only by what
publishes.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.data.interactions import Interactions
    from export.data.reading import read
    from export.data.source import Source
    from export.vectors.publish import publish
    from export.waist.config import Config, hyper
    from export.waist.factorized import Factorized, History
    from export.waist.model import Model
    from serving.client import Client, Ranked, ServerError
    from serving.errors import Failure

__all__ = [
    "Client",
    "Config",
    "Factorized",
    "Failure",
    "History",
    "Interactions",
    "Model",
    "Ranked",
    "ServerError",
    "Source",
    "hyper",
    "publish",
    "read",
]

_HOME = {
    "Client": "serving.client",
    "Config": "export.waist.config",
    "Factorized": "export.waist.factorized",
    "Failure": "serving.errors",
    "History": "export.waist.factorized",
    "Interactions": "export.data.interactions",
    "Model": "export.waist.model",
    "Ranked": "serving.client",
    "ServerError": "serving.client",
    "Source": "export.data.source",
    "hyper": "export.waist.config",
    "read": "export.data.reading",
    "publish": "export.vectors.publish",
}
"""Where each name is at home."""

_ROOT = Path(__file__).parent


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for package in ("lightfm_adapter", "serving", "export"):
        _take(package)
    globals()[name] = getattr(import_module(_HOME[name]), name)
    return globals()[name]


def __dir__() -> list[str]:
    return __all__


def _take(package: str) -> None:
    """Let a package's name mean ours from now on; who has imported a file of the same name before keeps that."""
    loaded, spec = sys.modules.get(package), PathFinder.find_spec(package, [str(_ROOT)])
    if spec is None or spec.loader is None:
        raise ImportError(f"no package {package} in {_ROOT}, expected it beside {__file__}: install triptych again")
    if loaded is not None and loaded.__file__ == spec.origin:
        return
    if loaded is not None and hasattr(loaded, "__path__"):
        raise ImportError(f"{package} from {loaded.__path__[0]} is loaded, whose name a package of triptych has, too")
    sys.modules[package] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
