"""What was trained, kept aside where it could not be published: no disk that fills up costs hours of training.

``triptych train MODEL --trained FILE`` publishes it, with the same data, once there is room.
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from export.data.interactions import Interactions
from export.publishing.manifest import Origin
from export.waist.factorized import Factorized, History
from serving.errors import Failure

ARRAYS = ("user_vectors", "vectors", "item_biases", "user_biases")
HISTORY = ("start", "vectors", "wide")


def keep(model: Factorized, interactions: Interactions, origin: Origin) -> Path:
    """Write a trained model into a new file in the folder for temporary files.

    Raises:
        OSError: there is no room either; nothing is left of it.
    """
    arrays = {name: getattr(model, name) for name in ARRAYS}
    if model.history is not None:
        arrays |= {f"history_{name}": getattr(model.history, name) for name in HISTORY}
    with tempfile.NamedTemporaryFile(prefix=f"triptych-{origin.model}-", suffix=".npz", delete=False) as file:
        try:
            np.savez(file, allow_pickle=False, of=np.array(_of(interactions, origin)), **arrays)
        except OSError:
            Path(file.name).unlink()
            raise
    return Path(file.name)


def take(file: Path, interactions: Interactions, origin: Origin) -> Factorized:
    """Read a trained model that was kept.

    Raises:
        Failure: it is no such file, or was trained as another model, on other data, with other values or seed.
    """
    try:
        arrays = read_arrays(file)
        history = {name: arrays.pop(f"history_{name}") for name in HISTORY if f"history_{name}" in arrays}
        of = str(arrays.pop("of"))
        model = Factorized(**arrays, history=History(**history) if history else None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"{file} holds no trained model ({error}), expected a file that --trained is said of") from error
    if of != _of(interactions, origin):
        raise Failure(f"{file} holds {of}, expected {_of(interactions, origin)}")
    return model


def read_arrays(file: Path) -> dict[str, Any]:
    """Read all arrays of an npz file by their names.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file, is cut off or damaged, or holds Python objects.
    """
    try:
        with file.open("rb") as opened:  # numpy leaves a file open that is no archive
            if opened.read(1) not in (b"P", b"\x93"):  # numpy would ask whether to trust it
                raise ValueError("it is no npz file")
            opened.seek(0)
            found = np.load(opened, allow_pickle=False)
            if isinstance(found, np.ndarray):
                raise ValueError("it holds one array and no name")
            return dict(found)
    except (EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(str(error)) from error


def _of(interactions: Interactions, origin: Origin) -> str:
    return f"{origin.model} {origin.config!r}, seed {origin.seed}, on {interactions.fingerprint()}"
