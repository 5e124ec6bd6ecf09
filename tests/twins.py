"""ONNX twins for tests: converted from any SavedModel, or written to answer the same whatever is asked.

Beside them how a recommender in Python is asked as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import export  # noqa: F401  isort: skip - selects Keras 2

import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from serving.contract import SIGNATURES

ITEMS = ["Alien (1979)", "Fargo (1996)", "Heat (1995)"]

ELEMENTWISE = {"Add", "Mul", "Sub", "Div", "Neg", "Log", "Not", "Sqrt", "Reciprocal", "Identity", "Cast"}
"""TensorFlow's session takes any shape for any input, and such a graph answers, whatever its signature declares."""


def convert(version: Path, signatures: Iterable[str]) -> None:
    """Write a twin of these signatures into a version's folder."""
    from tf2onnx import optimizer, tf_loader
    from tf2onnx.tfonnx import process_tf_graph

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    folder = version / "assets.extra" / "onnx"
    folder.mkdir(parents=True)
    for signature in signatures:
        frozen, inputs, outputs, tables, names = tf_loader.from_saved_model(
            str(version),
            None,
            None,
            tag="serve",
            signatures=[signature],
            return_initialized_tables=True,
            return_tensors_to_rename=True,
        )
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(frozen, name="")
            converted = process_tf_graph(
                graph,
                opset=18,
                input_names=inputs,
                output_names=outputs,
                initialized_tables=tables,
                tensors_to_rename=names,
            )
            model = optimizer.optimize_graph(converted).make_model(signature)
        if all(node.op_type in ELEMENTWISE for node in model.graph.node):
            for value in (*model.graph.input, *model.graph.output):
                value.type.tensor_type.ClearField("shape")
        onnx.save_model(model, folder / f"{signature}.onnx")


def write_twin(version: Path, names=tuple(SIGNATURES)) -> None:
    """Write graphs that take a signature's inputs and answer constants."""
    folder = version / "assets.extra/onnx"
    folder.mkdir(parents=True)
    types = {"string": TensorProto.STRING, "int32": TensorProto.INT32, "bool": TensorProto.BOOL}
    types["float32"] = TensorProto.FLOAT
    values = {"item": np.array([ITEMS], dtype=object), "score": np.float32([[3, 2, 1]]), "known": np.array([False])}

    def infos(tensors, suffix=""):
        shapes = {key: [None] * len(tensor.shape) for key, tensor in tensors.items()}
        return [helper.make_tensor_value_info(key + suffix, types[tensors[key].dtype], shapes[key]) for key in tensors]

    for name in names:
        inputs, outputs = SIGNATURES[name].inputs, SIGNATURES[name].outputs
        constants = {f"{key}_out": numpy_helper.from_array(values[key]) for key in outputs}
        nodes = [helper.make_node("Constant", [], [key], value=value) for key, value in constants.items()]
        graph = helper.make_graph(nodes, name, infos(inputs), infos(outputs, "_out"))
        opset = helper.make_opsetid("", 18)
        onnx.save_model(helper.make_model(graph, opset_imports=[opset], ir_version=9), folder / f"{name}.onnx")


def in_python(recommender):
    """Ask a recommender as a session is asked, and a twin: by the name of a signature, with arrays, for arrays."""

    def answer(signature, inputs):
        found = getattr(recommender, signature)(**{n: tf.constant(v) for n, v in typed(signature, inputs).items()})
        return {name: text(value.numpy()) for name, value in found.items()}

    return answer


def typed(signature, inputs):
    """Empty arrays of strings keep no type of their own: tf.constant is told by a string that is there."""
    kinds = {"string": np.str_, "int32": np.int32, "bool": np.bool_}
    return {n: np.asarray(v, kinds[SIGNATURES[signature].inputs[n].dtype]) for n, v in inputs.items()}


def text(values):
    """Give strings of TensorFlow, which are bytes, as text; numbers as they are."""
    if values.dtype != object:
        return values
    return np.array([name.decode() for name in values.ravel()], object).reshape(values.shape)
