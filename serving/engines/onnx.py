"""ONNX Runtime on one signature of a twin: a session, and what the SavedModel refuses that conversion has dropped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read at import: official builds report to their makers without it

import numpy as np
import onnxruntime as ort
from tensorboard.compat.proto import meta_graph_pb2, types_pb2

from serving import contract
from serving.engines.weights import Session, Weights
from serving.errors import Failure
from serving.wire.error_codes import Code, Refusal, invalid
from serving.wire.tensors import Array


def open_graph(path: Path, weights: Weights) -> ort.InferenceSession:
    """Open an ONNX graph to be run by one thread; graphs of one twin share their `weights`.

    Raises:
        Failure: what it keeps beside it is not there, or not whole.
    """
    options = ort.SessionOptions()
    # One thread runs one batch: the cores are for concurrent batches and worker processes.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # An arena keeps what the largest run took, for ever. Without one a run takes as long: 71 and 69 us for one user of
    # 1,664 items, 469 and 466 us for 32.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4  # what a caller did wrong is told to the caller
    return Session(path, options, weights)


def load(
    path: Path, name: str, definition: meta_graph_pb2.SignatureDef, weights: Weights
) -> Callable[[dict[str, Array]], dict[str, Array]]:
    """Load one signature's graph; return how to run it."""
    session = open_graph(path, weights)
    takes = [one.name for one in session.get_inputs()]
    gives = {_output(one.name, definition): one.name for one in session.get_outputs()}
    if not set(takes) <= set(definition.inputs) or set(gives) != set(definition.outputs):
        raise Failure(f"{path} takes {takes} and gives {list(gives)}, unlike its signature: export this version again")
    texts = [key for key in takes if definition.inputs[key].dtype == types_pb2.DT_STRING]
    fetched = list(gives.values())

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        _check(name, inputs)
        feed = {key: inputs[key] for key in takes}
        for key in texts:
            feed[key] = _decoded(feed[key])
        try:
            return dict(zip(gives, session.run(fetched, feed), strict=True))
        except Exception as error:  # each of ORT's errors has its own class; from run() all of them blame the inputs
            raise _refusal(str(error)) from error

    return run


def _refusal(problem: str) -> Refusal:
    """Blame the inputs, but for memory that could not be had."""
    if "Failed to allocate memory" in problem or "bad_alloc" in problem:
        return Refusal(Code.RESOURCE_EXHAUSTED, f"there is no memory left for this request: {problem}")
    return invalid(problem)


def _output(name: str, definition: meta_graph_pb2.SignatureDef) -> str:
    return name if name in definition.outputs else name.removesuffix(contract.TWIN_SUFFIX)


def _check(name: str, inputs: dict[str, Array]) -> None:
    """Refuse what the graph's assertion would, since conversion drops it, and what ONNX Runtime has odd words for."""
    for each, tensor in contract.SIGNATURES[name].inputs.items() if name in contract.SIGNATURES else ():
        if each in inputs and inputs[each].ndim != len(tensor.shape):
            expected = "a list in each row" if len(tensor.shape) > 1 else "one value in each row"
            raise invalid(f"input {each} has the shape {list(inputs[each].shape)}, expected {expected}")
    if name in contract.SIGNATURES and len({array.shape[:1] for array in inputs.values()}) > 1:
        raise invalid(contract.ROWS_DIFFER)


def _decoded(array: Array) -> Array:
    """Return the strings as str: what is no UTF-8 cannot reach ONNX Runtime, and no id is spelt with U+FFFD."""
    flat = array.ravel().tolist()
    if set(map(type, flat)) <= {str}:
        return array
    decoded = np.empty(len(flat), dtype=np.object_)
    decoded[:] = [value.decode("utf-8", "replace") if type(value) is bytes else value for value in flat]
    return decoded.reshape(array.shape)
