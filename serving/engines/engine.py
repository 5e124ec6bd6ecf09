"""Run one version folder: ONNX Runtime on the twin where there is one, else TensorFlow on the SavedModel.

What a signature is (names, dtypes, metadata) is read from saved_model.pb with tensorboard's copy of the messages, so
a version whose every signature has a twin never loads TensorFlow. Both engines answer with the same arrays; a string
is bytes from TensorFlow and str from ONNX Runtime.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from tensorboard.compat.proto import meta_graph_pb2

from serving.contract import K_TOO_SMALL, SIGNATURES, TWIN
from serving.engines.warm_up import Run, catalogue, seconds_a_row, width_of
from serving.errors import Failure
from serving.installed import not_installed, require
from serving.version.regular_files import check_regular
from serving.version.saved_model import read_definitions
from serving.version.warmup_file import read_warmup
from serving.wire.error_codes import Code, Refusal, invalid
from serving.wire.tensors import KINDS, OF_NUMPY, Array, from_proto, type_name

Engine = Literal["auto", "onnx", "tensorflow"]
DEFAULT = "serving_default"


@dataclass(frozen=True, kw_only=True, eq=False)
class Signature:
    """One signature: its definition, its inputs' dtypes and its outputs' names (both sorted), and how to run it.

    Attributes:
        catalogue: items that its version ranks; 0: unknown, as the version does not answer as the contract has it.
        width: elements of an answer's row, as far as the definition tells.
        seconds: what a row took in its warm-up; infinite: it had none.
    """

    name: str
    definition: meta_graph_pb2.SignatureDef
    inputs: dict[str, int]
    outputs: tuple[str, ...]
    run: Run
    catalogue: int = 0
    width: int = 1
    seconds: float = math.inf


@dataclass(frozen=True, kw_only=True, eq=False)
class Servable:
    """A loaded version of a model."""

    model: str
    version: int
    signatures: dict[str, Signature]

    def signature(self, name: str) -> Signature | None:
        """Return a signature by name, "" for the default one, or None."""
        return self.signatures.get(name or DEFAULT)


def load(model: str, version: int, folder: Path, *, engine: Engine = "auto") -> Servable:
    """Load a version folder and answer its warm-up requests.

    Raises:
        Failure: it holds no SavedModel for serving, or no twin where only ONNX is allowed, or cannot be loaded.
    """
    check_regular(folder)
    definitions = read_definitions(folder)
    try:
        runs = _runs(folder, definitions, engine)
    except Failure:
        raise
    except Exception as error:  # both libraries raise many kinds, and all of them mean: this folder does not load
        raise Failure(f"{folder} does not load: {error}") from error
    signatures = {
        name: Signature(
            name=name,
            definition=definition,
            inputs={key: definition.inputs[key].dtype for key in sorted(definition.inputs)},
            outputs=tuple(sorted(definition.outputs)),
            run=_refuse_k(name, definition, runs[name]) if name in runs else _no_run(name, definition),
            width=width_of(definition),
        )
        for name, definition in definitions.items()
    }
    seconds, items = _warmup(signatures, folder), catalogue(runs)
    known = {
        name: replace(signature, catalogue=items, seconds=seconds.get(name, math.inf))
        for name, signature in signatures.items()
    }
    return Servable(model=model, version=version, signatures=known)


def check_installed(engine: Engine) -> None:
    """Refuse an engine whose library is not installed: every version would fail to load for the same reason."""
    require(*{"auto": ("onnxruntime", "tensorflow"), "onnx": ("onnxruntime",), "tensorflow": ("tensorflow",)}[engine])


def check_dtypes(signature: Signature, inputs: dict[str, Array]) -> None:
    """Refuse a tensor of another dtype than its input's, before an engine converts it silently."""
    for position, (name, dtype) in enumerate(signature.inputs.items()):
        given = OF_NUMPY[inputs[name].dtype]
        if given != dtype:
            found, wanted = type_name(given), type_name(dtype)
            raise invalid(f"Expects arg[{position}] to be {wanted} but {found} is provided")


def check_outputs(outputs: dict[str, Array], names: Iterable[str]) -> dict[str, Array]:
    """Return the outputs that were asked for; refuse a dtype that neither API can carry.

    >>> import numpy as np
    >>> check_outputs({"item": np.array([b"Fargo"], object), "score": np.array([1.5], np.float32)}, ["score"])
    {'score': array([1.5], dtype=float32)}
    """
    chosen = {name: outputs[name] for name in names}
    for name, array in chosen.items():
        if array.dtype not in OF_NUMPY:
            known = ", ".join(kind.name for kind in KINDS.values())
            raise Refusal(Code.UNIMPLEMENTED, f"output {name} is of type {array.dtype}; served are {known}")
    return chosen


def _runs(folder: Path, definitions: dict[str, meta_graph_pb2.SignatureDef], engine: Engine) -> dict[str, Run]:
    """Choose the engine of each signature that can be run; import neither library needlessly."""
    names = [name for name, definition in definitions.items() if _runnable(definition)]
    twins = {} if engine == "tensorflow" else {path.stem: path for path in sorted((folder / TWIN).glob("*.onnx"))}
    if engine == "onnx" and not twins:
        raise Failure(f"no ONNX twin in {folder / TWIN}: export this version again or use --engine tensorflow")
    runs: dict[str, Run] = {}
    if twins:
        from serving.engines import onnx
        from serving.engines.weights import Weights

        weights = Weights()
        runs |= {name: onnx.load(twins[name], name, definitions[name], weights) for name in names if name in twins}
    rest = {name: definitions[name] for name in names if name not in twins}
    if rest and engine != "onnx":
        try:
            from serving.engines import tensorflow
        except ModuleNotFoundError as error:
            lacking = f"{', '.join(rest)} of {folder} has no ONNX twin"
            raise Failure(f"{lacking}, and {not_installed('tensorflow')}") from error

        runs |= tensorflow.load(folder, rest)
    return runs


def _runnable(definition: meta_graph_pb2.SignatureDef) -> bool:
    infos = (*definition.inputs.values(), *definition.outputs.values())
    return bool(definition.outputs) and all(info.dtype and info.WhichOneof("encoding") == "name" for info in infos)


def _refuse_k(name: str, definition: meta_graph_pb2.SignatureDef, run: Run) -> Run:
    """Refuse a ``k`` below 1 for the contract's signatures: a graph cannot, which knows not whose rows are whose."""
    wanted = SIGNATURES[name].inputs if name in SIGNATURES else {}
    if "k" not in wanted or set(wanted) != set(definition.inputs):
        return run

    def checked(inputs: dict[str, Array]) -> dict[str, Array]:
        if inputs["k"].dtype == np.int32 and inputs["k"].size and inputs["k"].min() < 1:
            raise invalid(K_TOO_SMALL)
        return run(inputs)

    return checked


def _no_run(name: str, definition: meta_graph_pb2.SignatureDef) -> Run:
    """Answer for a signature that cannot run: no tensors to fetch, or no twin where TensorFlow is not allowed."""

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        if _runnable(definition):
            raise Refusal(Code.UNIMPLEMENTED, f"signature {name} has no ONNX twin and TensorFlow is not allowed")
        fetched = next((info.name for info in definition.outputs.values()), "")  # what initializes has none to fetch
        raise Refusal(Code.OUT_OF_RANGE, f"Node '{fetched}' (type: 'NoOp', num of outputs: 0) does not have output 0")

    return run


def _warmup(signatures: dict[str, Signature], folder: Path) -> dict[str, float]:
    """Answer a version's warm-up requests; return what a row took, by signature."""
    seconds = {}
    for number, request in enumerate(read_warmup(folder), start=1):
        signature = signatures.get(request.model_spec.signature_name or DEFAULT)
        tensors = {name: from_proto(proto) for name, proto in request.inputs.items()}
        inputs = {name: array for name, array in tensors.items() if array is not None}
        if signature is None or set(inputs) != set(signature.inputs):
            raise Failure(f"{folder}: warm-up request {number} fits no signature")
        try:
            check_dtypes(signature, inputs)
            seconds[signature.name] = seconds_a_row(signature.run, inputs)
        except Refusal as refusal:
            raise Failure(f"{folder}: warm-up request {number} is refused: {refusal.message}") from refusal
    return seconds
