"""Convert signatures of any SavedModel for ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import export  # noqa: F401  isort: skip - selects Keras 2

import onnx
import tensorflow as tf

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
