"""The proof of a version: a fresh process loads it as TensorFlow Serving does and is held to the vectors in memory.

Some SavedModels answer in the Python that made them and fail in the server, so nothing made in the training process
counts here. What must come out is computed there, in numpy, and handed over in a file. The file stays in the version:
whoever republishes it can prove it again, when the model it was made from is long gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.publishing.agreement import Arrays, Case, cases, first_difference, requests, session
from serving.contract import SIGNATURES, TWIN
from serving.errors import Failure
from serving.installed import environment
from serving.lasting import lasting
from serving.version.inspect import inspect

if TYPE_CHECKING:  # so that a version is proven again without TensorFlow in the process that asks for it
    from export.data.interactions import Interactions
    from export.waist.factorized import Factorized

CASES = Path("assets.extra") / "proof.npz"
"""Where a version carries the cases that prove it, compressed: 1 MB for MovieLens 100k."""


Prover = Callable[[Path], None]
"""Hold a version to the cases that it carries; Failure when it does not answer as they do, or carries none."""


@contextmanager
def prover() -> Iterator[Prover]:
    """Start the fresh process, and give what has it prove one version.

    It takes seconds to load TensorFlow: started before the version is written, it has done so when there is one.
    """
    command = [sys.executable, "-P", "-m", "export.publishing.proof"]  # -P: past an export.py that lies here
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, env=environment(), stdin=pipe, stdout=nowhere, stderr=pipe) as process:

        def hold(version: Path) -> None:
            if not (version / CASES).is_file():
                raise Failure(f"it carries no {CASES} to be proven with: `triptych train` publishes versions that do")
            _, told = process.communicate(os.fsencode(version))
            if process.returncode:
                lines = told.decode(errors="replace").strip().splitlines()
                raise Failure(lines[-1] if lines else f"the proof ended with exit status {process.returncode}")

        try:
            yield hold
        finally:
            process.kill()


def prove(version: Path, model: Factorized, interactions: Interactions, hold: Prover | None = None) -> None:
    """Hold a version to the model that was trained, and leave in it the cases that it was asked.

    Raises:
        Failure: it breaks the contract, does not load, or answers something else; the message says what.
    """
    from export.publishing.oracle import Oracle

    (version / CASES).parent.mkdir(exist_ok=True)
    _write(version / CASES, cases(Oracle(model, interactions).answer, requests(interactions)))
    (hold or prove_again)(version)


def prove_again(version: Path) -> None:
    """Hold a version to the cases that it carries, in a process started for it.

    Raises:
        Failure: it carries none, or see prove.
    """
    with prover() as hold:
        hold(version)


def check(version: Path) -> str | None:
    """Say what is wrong with a version, or None; to be asked in a process that has not made it."""
    found = inspect(version)
    if not found.good:
        return f"the contract is broken: {(*found.damage, *found.differences)[0]}"
    unasked = sorted(SIGNATURES.keys() & found.signatures.keys() - _asked(version / CASES))
    if unasked:
        return f"{CASES} has no case of {', '.join(unasked)}, expected some of each signature"
    from export.publishing.twin import twin

    with session(version) as saved:
        if wrong := first_difference(_read(version / CASES), saved):
            return wrong
    wrong = first_difference(_read(version / CASES), twin(version / TWIN))  # one after the other: both may be large
    return wrong and f"the ONNX twin answers something else: {wrong}"


def _write(path: Path, proven: Iterable[Case]) -> None:
    arrays: dict[str, Any] = {}
    for number, (signature, inputs, outputs) in enumerate(proven):
        for side, named in (("in", inputs), ("out", outputs)):
            for name, value in named.items():
                text = value.dtype == object
                arrays[f"{number}/{signature}/{side}/{name}"] = value.astype(np.str_) if text else value
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _asked(path: Path) -> set[str]:
    with np.load(path) as arrays:
        return {key.split("/")[1] for key in arrays.files}


def _read(path: Path) -> Iterator[Case]:
    found: dict[tuple[int, str], dict[str, Arrays]] = {}
    with np.load(path) as arrays:
        for key, value in arrays.items():
            number, signature, side, name = key.split("/")
            text = value.dtype.kind == "U"
            named = found.setdefault((int(number), signature), {"in": {}, "out": {}})[side]
            named[name] = value.astype(object) if text else value
    for (_, signature), sides in found.items():
        yield signature, sides["in"], sides["out"]


def main() -> None:
    """Check the version that standard input names once there is one; exit status 1 and a last line when it fails."""
    try:
        with lasting():  # TensorFlow, while the version is still being written
            from export.publishing import twin  # noqa: F401

        named = sys.stdin.buffer.read()
        wrong = check(Path(os.fsdecode(named))) if named else "it was given no version"
    except Exception as error:  # whatever keeps it from answering here would do so in the server
        wrong = f"it cannot be loaded and asked in a session: {' '.join(str(error).split())[:300]}"
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
