"""The twin: a version's six signatures as ONNX graphs that share one file of weights, for ONNX Runtime alone.

``<signature>.onnx`` holds the graph; tensors of a kilobyte and more lie in ``weights.bin``, once, however many of the
graphs use them. Only strings are repeated: ONNX cannot keep them outside a graph. Assertions do not convert, so
whoever asks the twin first checks what the SavedModel refuses: ``k`` below 1, and inputs of different length.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import onnx
import tensorflow as tf
from onnx.external_data_helper import set_external_data

from export.data.interactions import Ints, Names
from export.graph.conversion import REWRITERS, ask_for, look_up_shapes, mended
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
    with (folder / WEIGHTS).open("wb") as file:
        weights = _Weights(file)
        for name in SIGNATURES:
            onnx.save_model(_convert(loaded, name, weights), folder / f"{name}.onnx")


def twin(folder: Path) -> Answer:
    """Load a twin into ONNX Runtime, and ask it for what it has: one of contract 1 has no ``recommend_within``."""
    weights = Weights()
    sessions = {path.stem: open_graph(path, weights) for path in folder.glob("*.onnx")}

    def answer(signature: str, inputs: Arrays) -> Arrays:
        return dict(zip(SIGNATURES[signature].outputs, sessions[signature].run(None, inputs), strict=True))

    return answer


class _Weights:
    """What the variables and tables of a SavedModel held, each taken once; large ones are kept in a file.

    A conversion reads and writes its graph in each of its steps, with the constants that are in it. So what is
    converted asks for its variables as it does for its inputs, and is given them afterwards.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[bytes, int] = {}
        self._kept: dict[int, onnx.TensorProto] = {}
        self._tables: dict[int, tuple[Names, Ints]] = {}

    def take(self, function: Any) -> tuple[dict[str, tf.Variable], dict[bytes, tuple[Names, Ints]]]:
        """Find the variables and the tables that a loaded signature reads, by what its graph calls them."""
        own = {id(variable.handle): variable for variable in function.graph.variables}
        read, tables = {}, {}
        for outside, inside in function.graph.captures:
            if id(outside) in own:
                read[inside.op.name] = own[id(outside)]
                self._take(own[id(outside)])
            elif outside.dtype == tf.resource:
                if id(outside) not in self._tables:
                    self._tables[id(outside)] = _in_order(outside)
                tables[inside.op.name.encode()] = self._tables[id(outside)]
        return read, tables

    def _take(self, variable: tf.Variable) -> None:
        """Keep what a variable holds, and leave it with nothing, which is what will be copied from here on."""
        if id(variable) not in self._kept:
            self._kept[id(variable)] = self._stored(onnx.numpy_helper.from_array(variable.numpy()))
            nothing = tf.zeros([1], variable.dtype)
            tf.raw_ops.AssignVariableOp(resource=variable.handle, value=nothing, validate_shape=False)

    def given(self, model: onnx.ModelProto, read: dict[str, tf.Variable]) -> onnx.ModelProto:
        """Make constants of the inputs that stand for variables, and share what else is large."""
        for tensor in model.graph.initializer:
            self._stored(tensor)
        for name, variable in read.items():
            model.graph.initializer.add().CopyFrom(self._kept[id(variable)])
            model.graph.initializer[-1].name = f"{name}:0"
        inputs = [one for one in model.graph.input if one.name.removesuffix(":0") not in read]
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        return model

    def _stored(self, tensor: onnx.TensorProto) -> onnx.TensorProto:
        if len(tensor.raw_data) >= SHARED_FROM:
            key = hashlib.sha256(tensor.raw_data).digest()
            if key not in self._places:
                self._places[key] = self._file.seek(-self._file.tell() % PAGE, 1)
                self._file.write(tensor.raw_data)
            set_external_data(tensor, WEIGHTS, self._places[key], len(tensor.raw_data))
            tensor.ClearField("raw_data")
        return tensor


def _convert(loaded: Any, name: str, weights: _Weights) -> onnx.ModelProto:
    """Convert one signature of a loaded SavedModel; inputs and outputs are named and ordered as in the contract."""
    tf_loader, process_tf_graph = _tf2onnx()
    function, wanted = loaded.signatures[name], SIGNATURES[name]
    # A loaded function takes and gives tensors in the order of their names; its variables follow its inputs.
    fed = dict(zip(sorted(wanted.inputs), (tensor.name for tensor in function.inputs), strict=False))
    got = dict(zip(sorted(wanted.outputs), (tensor.name for tensor in function.outputs), strict=True))
    inputs, outputs = [fed[key] for key in wanted.inputs], [got[key] for key in wanted.outputs]
    read, tables = weights.take(function)
    taken = [*inputs, *(f"{each}:0" for each in read)]
    with _no_stderr():
        # As it comes, not imported into a graph: no shape in it is right until its variables are asked for.
        frozen = tf_loader.convert_variables_to_constants_large_model(function)
        ask_for(frozen, read, tables)
        with tf.Graph().as_default():
            frozen = tf_loader.tf_optimize(taken, outputs, tf_loader.fix_freezing_errors_part2(frozen))
    with tf.Graph().as_default() as graph, mended():
        tf.import_graph_def(frozen, name="")
        converted = process_tf_graph(
            graph,
            opset=OPSET,
            input_names=taken,
            output_names=outputs,
            tensors_to_rename=dict(zip(inputs, wanted.inputs, strict=True))
            | {got[key]: twin_output(name, key) for key in wanted.outputs},
            initialized_tables=tables,
            shape_override=look_up_shapes(graph),
            custom_rewriter=REWRITERS,
        )
    # Not through tf2onnx's optimizer: it doubles the time, and what it finds ONNX Runtime finds again when it loads
    # the graph, which then takes at most a tenth longer to run.
    return weights.given(converted.make_model(name), read)


def _in_order(table: tf.Tensor) -> tuple[Names, Ints]:
    """Sort a table by what it gives: TensorFlow hands it out in an order that no two processes share."""
    keys, values = tf.raw_ops.LookupTableExportV2(table_handle=table, Tkeys=tf.string, Tvalues=tf.int64)
    order = np.argsort(values, kind="stable")
    return keys.numpy()[order], values.numpy()[order]


def _tf2onnx() -> tuple[Any, Any]:
    """Import what converts, late: it takes half a second, and sets logging and TensorFlow's log level for everyone."""
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    from tf2onnx import tf_loader
    from tf2onnx.tfonnx import process_tf_graph

    if level is None:
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
    else:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = level
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    return tf_loader, process_tf_graph


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
