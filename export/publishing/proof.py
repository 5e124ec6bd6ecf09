"""The proof of a version: a fresh process loads it as TensorFlow Serving does and is held to the vectors in memory.

Some SavedModels answer in the Python that made them and fail in the server, so nothing made in the training process
counts here. What must come out is computed there, in numpy, and handed over in a file. The file stays in the version:
whoever republishes it can prove it again, when the model it was made from is long gone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.publishing.agreement import Answer, Arrays, Case, cases, first_difference, requests, session
from serving.contract import SIGNATURES, TWIN
from serving.errors import Failure
from serving.installed import environment
from serving.version.inspect import inspect

if TYPE_CHECKING:  # so that a version is proven again without TensorFlow in the process that asks for it
    from export.data.interactions import Interactions
    from export.waist.factorized import Factorized

CASES = Path("assets.extra") / "proof.npz"
"""Where a version carries the cases that prove it, compressed: 1 MB for MovieLens 100k."""


def prove(version: Path, model: Factorized, interactions: Interactions) -> None:
    """Hold a version to the model that was trained, and leave in it the cases that it was asked.

    Raises:
        Failure: it breaks the contract, does not load, or answers something else; the message says what.
    """
    from export.publishing.oracle import Oracle

    (version / CASES).parent.mkdir(exist_ok=True)
    _write(version / CASES, cases(Oracle(model, interactions).answer, requests(interactions)))
    prove_again(version)


def prove_again(version: Path) -> None:
    """Hold a version to the cases that it carries.

    Raises:
        Failure: it carries none, or see prove.
    """
    if not (version / CASES).is_file():
        raise Failure(f"it carries no {CASES} to be proven with: `triptych train` publishes versions that do")
    command = [sys.executable, "-P", "-m", "export.publishing.proof", str(version)]  # -P: past an export.py lying here
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"the proof ended with exit status {done.returncode}"]
        raise Failure(lines[-1])


def check(version: Path) -> str | None:
    """Say what is wrong with a version, or None; to be asked in a process that has not made it."""
    found = inspect(version)
    if not found.good:
        return f"the contract is broken: {(*found.damage, *found.differences)[0]}"
    unasked = sorted(SIGNATURES.keys() & found.signatures.keys() - _asked(version / CASES))
    if unasked:
        return f"{CASES} has no case of {', '.join(unasked)}, expected some of each signature"
    with session(version) as saved:
        return first_difference(_read(version / CASES), saved) or _compare_twin(saved, version)


def _compare_twin(saved: Answer, version: Path) -> str | None:
    from export.publishing.twin import twin

    asked = ((signature, inputs) for signature, inputs, _ in _read(version / CASES))
    wrong = first_difference(cases(saved, asked), twin(version / TWIN))
    return wrong and f"the ONNX twin differs from the SavedModel: {wrong}"


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
    """Check the version that the command line names; exit status 1 and a last line when it fails."""
    try:
        wrong = check(Path(sys.argv[1]))
    except Exception as error:  # whatever keeps it from answering here would do so in the server
        wrong = f"it cannot be loaded and asked in a session: {' '.join(str(error).split())[:300]}"
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
