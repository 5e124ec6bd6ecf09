"""The proof of a version: a fresh process loads it as TensorFlow Serving does and is held to the vectors in memory.

Some SavedModels answer in the Python that made them and fail in the server, so nothing made in the training process
counts here. What must come out is computed there, in numpy, and handed over in a file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export.agreement import Answer, Arrays, difference, first_difference, requests, session
from export.factorized import Factorized
from export.interactions import Interactions
from serving.errors import Failure
from serving.inspect import TWIN, inspect

Case = tuple[str, Arrays, Arrays]
"""A signature, what it is asked with, and what it must answer."""


def prove(version: Path, model: Factorized, interactions: Interactions) -> None:
    """Hold a version to the model that was trained.

    Raises:
        Failure: it breaks the contract, does not load, or answers something else; the message says what.
    """
    from export.oracle import Oracle

    expected = Oracle(model, interactions).answer
    cases = [(signature, inputs, expected(signature, inputs)) for signature, inputs in requests(interactions)]
    with tempfile.TemporaryDirectory(prefix="triptych-proof-") as folder:
        path = Path(folder) / "cases.npz"
        _write(path, cases)
        command = [sys.executable, "-m", "export.proof", str(version), str(path)]
        root = Path(__file__).parent.parent  # the package may lie in a folder that is not installed
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"the proof ended with exit status {done.returncode}"]
        raise Failure(lines[-1])


def check(version: Path, cases: Path) -> str | None:
    """Say what is wrong with a version, or None; to be asked in a process that has not made it."""
    broken = inspect(version).differences
    if broken:
        return f"the contract is broken: {broken[0]}"
    with session(version) as saved:
        for signature, inputs, expected in _read(cases):
            wrong = difference(expected, saved(signature, inputs))
            if wrong is not None:
                return f"{signature} asked with { {name: value.tolist() for name, value in inputs.items()} }: {wrong}"
        return _compare_twin(saved, version / TWIN, cases)


def _compare_twin(saved: Answer, folder: Path, cases: Path) -> str | None:
    from export.onnx import twin

    asked = ((signature, inputs) for signature, inputs, _ in _read(cases))
    wrong = first_difference(saved, twin(folder), asked)
    return wrong and f"the ONNX twin differs from the SavedModel: {wrong}"


def _write(path: Path, cases: list[Case]) -> None:
    arrays: dict[str, Any] = {}
    for number, (signature, inputs, outputs) in enumerate(cases):
        for side, named in (("in", inputs), ("out", outputs)):
            for name, value in named.items():
                text = value.dtype == object
                arrays[f"{number}/{signature}/{side}/{name}"] = value.astype(np.str_) if text else value
    np.savez(path, allow_pickle=False, **arrays)


def _read(path: Path) -> Iterator[Case]:
    cases: dict[tuple[int, str], dict[str, Arrays]] = {}
    with np.load(path) as arrays:
        for key, value in arrays.items():
            number, signature, side, name = key.split("/")
            text = value.dtype.kind == "U"
            named = cases.setdefault((int(number), signature), {"in": {}, "out": {}})[side]
            named[name] = value.astype(object) if text else value
    for (_, signature), sides in cases.items():
        yield signature, sides["in"], sides["out"]


def main() -> None:
    """Check the version and the cases that the command line names; exit status 1 and a last line when it fails."""
    version, cases = map(Path, sys.argv[1:])
    try:
        wrong = check(version, cases)
    except Exception as error:  # whatever keeps it from answering here would do so in the server
        wrong = f"it cannot be loaded and asked in a session: {' '.join(str(error).split())[:300]}"
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
