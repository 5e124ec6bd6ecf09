"""The twin: a version's six signatures as ONNX graphs that share one file of weights, for ONNX Runtime alone.

``<signature>.onnx`` holds the graph; tensors of a kilobyte and more lie in ``weights.bin``, once, however many of the
graphs use them. Only strings are repeated: ONNX cannot keep them outside a graph. Assertions do not convert, so
whoever asks the twin first checks what the SavedModel refuses: ``k`` below 1, and inputs of different length.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import onnx
import tensorflow as tf
from onnx.external_data_helper import set_external_data

from export.data.interactions import Ints, Names
from export.graph.conversion import REWRITERS, look_up_shapes
from export.publishing.agreement import Answer, Arrays
from serving.contract import SIGNATURES, twin_output
from serving.engines.onnx import open_graph
from serving.engines.weights import Weights

OPSET = 18
"""The ONNX operator set of the twin: the last one that tf2onnx 1.17 writes."""

WEIGHTS = "weights.bin"

SHARED_FROM = 1024
"""Bytes from which a tensor goes into the file of weights."""

PAGE = 4096
"""Tensors start at multiples of this many bytes: any runtime can map them, and no view of them is unaligned."""


def write_twin(saved_model: Path, folder: Path) -> None:
    """Convert the SavedModel's six signatures into ``folder``, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).unlink(missing_ok=True)  # not written over: another runtime may have it mapped
    loaded = tf.saved_model.load(str(saved_model))
    places: dict[bytes, int] = {}
    with (folder / WEIGHTS).open("wb") as weights:
        for name in SIGNATURES:
            model = _convert(loaded, name)
            for tensor in model.graph.initializer:
                if len(tensor.raw_data) >= SHARED_FROM:
                    key = hashlib.sha256(tensor.raw_data).digest()
                    if key not in places:
                        places[key] = weights.seek(-weights.tell() % PAGE, 1)
                        weights.write(tensor.raw_data)
                    set_external_data(tensor, WEIGHTS, places[key], len(tensor.raw_data))
                    tensor.ClearField("raw_data")
            onnx.save_model(model, folder / f"{name}.onnx")


def twin(folder: Path) -> Answer:
    """Load a twin into ONNX Runtime, and ask it for what it has: one of contract 1 has no ``recommend_within``."""
    weights = Weights()
    sessions = {path.stem: open_graph(path, weights) for path in folder.glob("*.onnx")}

    def answer(signature: str, inputs: Arrays) -> Arrays:
        return dict(zip(SIGNATURES[signature].outputs, sessions[signature].run(None, inputs), strict=True))

    return answer


def _convert(loaded: Any, name: str) -> onnx.ModelProto:
    """Convert one signature of a loaded SavedModel; inputs and outputs are named and ordered as in the contract."""
    tf_loader, tf_utils, process_tf_graph = _tf2onnx()
    function, wanted = loaded.signatures[name], SIGNATURES[name]
    # A loaded function takes and gives tensors in the order of their names; its variables follow its inputs.
    fed = dict(zip(sorted(wanted.inputs), (tensor.name for tensor in function.inputs), strict=False))
    got = dict(zip(sorted(wanted.outputs), (tensor.name for tensor in function.outputs), strict=True))
    inputs, outputs = [fed[key] for key in wanted.inputs], [got[key] for key in wanted.outputs]
    gc.collect()  # the graphs of the signature before, each with all constants, which refer to themselves
    with _no_stderr():
        frozen, tables = tf_loader.from_trackable(loaded, function, inputs, outputs, large_model=False)
    large = tf_utils.compress_graph_def(frozen)  # out of the graph, or each step of the conversion would copy them
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen, name="")
        converted = process_tf_graph(
            graph,
            opset=OPSET,
            input_names=inputs,
            output_names=outputs,
            tensors_to_rename=dict(zip(inputs, wanted.inputs, strict=True))
            | {got[key]: twin_output(name, key) for key in wanted.outputs},
            initialized_tables={table: _in_order(*pairs) for table, pairs in tables.items()},
            const_node_values=large,
            shape_override=look_up_shapes(graph),
            custom_rewriter=REWRITERS,
        )
    # Not through tf2onnx's optimizer: it doubles the time, takes ten gigabytes for 200,000 items, and what it finds
    # ONNX Runtime finds again when it loads the graph, which then takes at most a tenth longer to run.
    return converted.make_model(name)


def _in_order(keys: Names, values: Ints) -> tuple[Names, Ints]:
    """Sort a table by what it gives: TensorFlow hands it out in an order that no two processes share."""
    order = np.argsort(values, kind="stable")
    return keys[order], values[order]


def _tf2onnx() -> tuple[Any, Any, Any]:
    """Import what converts, late: it takes half a second, and sets logging and TensorFlow's log level for everyone."""
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    from tf2onnx import tf_loader, tf_utils
    from tf2onnx.tfonnx import process_tf_graph

    if level is None:
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
    else:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = level
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    return tf_loader, tf_utils, process_tf_graph


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Drop what C++ writes: the optimizer says with every start that there is no GPU, and no log level reaches it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
