"""Run one version folder: ONNX Runtime on the twin where there is one, TensorFlow on the SavedModel where there is none.

What a signature is (names, dtypes, metadata) is read from saved_model.pb with tensorboard's copy of the messages, so
a version whose every signature has a twin never loads TensorFlow. Both engines answer with the same arrays; a string
is bytes from TensorFlow and str from ONNX Runtime.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import config_pb2, meta_graph_pb2, types_pb2

from serving.errors import Failure
from serving.proto import serving_pb2
from serving.status import Code, Refusal, invalid
from serving.tensors import KINDS, OF_NUMPY, Array, type_name

Engine = Literal["auto", "onnx", "tensorflow"]
Run = Callable[[dict[str, Array]], dict[str, Array]]
"""From a signature's inputs to all of its outputs; raises Refusal where the graph does."""

SERVE_TAG = "serve"
TWIN = "assets.extra/onnx"


@dataclass(frozen=True, kw_only=True, eq=False)
class Signature:
    """One signature: what metadata says of it, its inputs' dtypes and its outputs' names (both sorted), and how to run it."""

    name: str
    definition: meta_graph_pb2.SignatureDef
    inputs: dict[str, int]
    outputs: tuple[str, ...]
    run: Run


@dataclass(frozen=True, kw_only=True, eq=False)
class Servable:
    """A loaded version of a model."""

    model: str
    version: int
    signatures: dict[str, Signature]

    def signature(self, name: str) -> Signature | None:
        """Return a signature by name, "" for the default one, or None."""
        return self.signatures.get(name or "serving_default")


def load(model: str, version: int, folder: Path, *, engine: Engine = "auto") -> Servable:
    """Load a version folder.

    Raises:
        Failure: it holds no SavedModel for serving, or no twin where only ONNX is allowed, or cannot be loaded.
    """
    definitions = read_signatures(folder)
    twins = {} if engine == "tensorflow" else {path.stem: path for path in sorted((folder / TWIN).glob("*.onnx"))}
    names = [name for name, definition in definitions.items() if _runnable(definition)]
    if engine == "onnx" and not twins:
        raise Failure(
            f"no ONNX twin in {folder / TWIN}: export this version again or serve it with --engine tensorflow"
        )
    try:
        runs = {name: _onnx(twins[name], definitions[name]) for name in names if name in twins}
        rest = {name: definitions[name] for name in names if name not in twins}
        if rest and engine != "onnx":
            runs |= _tensorflow(folder, rest)
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
            run=runs.get(name, _without(name, definition, engine)),
        )
        for name, definition in definitions.items()
    }
    return Servable(model=model, version=version, signatures=signatures)


def read_signatures(folder: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    """Read a SavedModel's signatures without TensorFlow.

    Raises:
        Failure: there is no SavedModel, or none that is tagged for serving.
    """
    saved = serving_pb2.SavedModel()
    try:
        if (folder / "saved_model.pb").exists():
            saved.ParseFromString((folder / "saved_model.pb").read_bytes())
        else:
            text_format.Parse((folder / "saved_model.pbtxt").read_text(encoding="utf-8"), saved)
    except (OSError, DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise Failure(f"{folder} holds no SavedModel that can be read: {error}") from error
    for graph in saved.meta_graphs:
        if list(graph.meta_info_def.tags) == [SERVE_TAG]:
            return dict(graph.signature_def)
    raise Failure(f"{folder} holds no SavedModel with the tag {SERVE_TAG!r}")


def _runnable(definition: meta_graph_pb2.SignatureDef) -> bool:
    infos = (*definition.inputs.values(), *definition.outputs.values())
    return bool(definition.outputs) and all(info.dtype and info.WhichOneof("encoding") == "name" for info in infos)


def _without(name: str, definition: meta_graph_pb2.SignatureDef, engine: Engine) -> Run:
    """Answer for a signature that cannot run: it has no tensors to fetch, or no twin where TensorFlow is not allowed."""

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        if _runnable(definition) and engine == "onnx":
            raise Refusal(Code.UNIMPLEMENTED, f"signature {name} has no ONNX twin and TensorFlow is not allowed")
        fetched = next(iter(definition.outputs.values()), None)
        raise invalid(f"FetchOutputs {fetched.name if fetched else ''}: output index too large, must be < 0")

    return run


def _onnx(path: Path, definition: meta_graph_pb2.SignatureDef) -> Run:
    import onnxruntime as ort  # 60 ms and 30 MB that a server on TensorFlow alone need not pay

    options = ort.SessionOptions()
    # One thread runs one request's batch: the cores are for concurrent batches and worker processes.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    takes = [one.name for one in session.get_inputs()]
    gives = [one.name for one in session.get_outputs()]
    if not set(takes) <= set(definition.inputs) or set(gives) != set(definition.outputs):
        raise Failure(f"{path} takes {takes} and gives {gives}, which is not its signature: export this version again")
    texts = [name for name, info in definition.inputs.items() if info.dtype == types_pb2.DT_STRING and name in takes]

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        if "k" in inputs and inputs["k"].dtype == np.int32 and (inputs["k"] < 1).any():
            raise invalid("k must be at least 1")  # the graph's assertion, which conversion drops
        feed = {name: inputs[name] for name in takes}
        for name in texts:
            feed[name] = _decoded(feed[name])
        try:
            return dict(zip(gives, session.run(gives, feed), strict=True))
        except Exception as error:  # every ORT error has its own class; from run() all of them blame the inputs
            raise invalid(str(error)) from error

    return run


def _decoded(array: Array) -> Array:
    """Return the strings as str: what is no UTF-8 cannot reach ONNX Runtime, and no id is spelt with U+FFFD."""
    flat = array.ravel()
    if all(type(value) is str for value in flat):
        return array
    decoded = np.empty(flat.size, dtype=np.object_)
    decoded[:] = [value.decode("utf-8", "replace") if type(value) is bytes else value for value in flat]
    return decoded.reshape(array.shape)


def _tensorflow(folder: Path, definitions: dict[str, meta_graph_pb2.SignatureDef]) -> dict[str, Run]:
    """Load the SavedModel as TensorFlow Serving does: a graph and a session, not Python objects and functions."""
    os.environ.setdefault(
        "TF_CPP_MIN_LOG_LEVEL", "2"
    )  # its notes on missing GPUs are no news to anyone who serves here
    logging.getLogger("tensorflow").setLevel(
        logging.ERROR
    )  # it calls its own session loader deprecated: TF Serving's way
    import tensorflow as tf

    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        tf.compat.v1.saved_model.load(session, [SERVE_TAG], str(folder))
    return {name: _callable(session, definition, tf.errors.OpError) for name, definition in definitions.items()}


def _callable(session: Any, definition: meta_graph_pb2.SignatureDef, failed: type[Exception]) -> Run:
    takes, gives = sorted(definition.inputs), sorted(definition.outputs)
    options = config_pb2.CallableOptions(
        feed=[definition.inputs[name].name for name in takes], fetch=[definition.outputs[name].name for name in gives]
    )
    # Private, but the only door to the session that TensorFlow Serving uses: the public one (make_callable) refuses in
    # Python what the graph may take, a shape other than the declared one, and costs 40 µs more a call.
    call = session._make_callable_from_options(options)

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        try:
            values = call(*(inputs[name] for name in takes))
        except failed as error:
            code = _CODES.get(getattr(error, "error_code", 0), Code.UNKNOWN)
            raise Refusal(code, str(getattr(error, "message", error))) from error
        except (TypeError, ValueError) as error:
            raise invalid(str(error)) from error
        return dict(zip(gives, map(_array, values), strict=True))

    return run


_CODES = {int(code): code for code in Code}


def _array(value: Any) -> Array:
    return value if isinstance(value, np.ndarray) else np.array(value, dtype=object if type(value) is bytes else None)


def check_dtypes(signature: Signature, inputs: dict[str, Array]) -> None:
    """Refuse a tensor of another dtype than its input's, before an engine converts it silently."""
    for position, (name, dtype) in enumerate(signature.inputs.items()):
        given = OF_NUMPY[inputs[name].dtype]
        if given != dtype:
            found, wanted = type_name(given), type_name(dtype)
            raise invalid(f"Expects arg[{position}] to be {wanted} but {found} is provided")


def check_outputs(outputs: dict[str, Array], names: Iterable[str]) -> dict[str, Array]:
    """Return the outputs that were asked for; refuse a dtype that neither API can carry."""
    chosen = {name: outputs[name] for name in names}
    for name, array in chosen.items():
        if array.dtype not in OF_NUMPY:
            known = ", ".join(kind.name for kind in KINDS.values())
            raise Refusal(Code.UNIMPLEMENTED, f"output {name} is of type {array.dtype}; served are {known}")
    return chosen
