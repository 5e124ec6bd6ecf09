"""The graph's operations in ONNX, where tf2onnx does not know them, takes many nodes for one, or is wrong.

A node costs a lone request 0.3 to 1 us, whatever it computes: of the 85 that `recommend` had, the product was a sixth.
Rewriters run before tf2onnx's own conversion; what they put in place it leaves alone.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import onnx
import tensorflow as tf


def ask_for(graph: Any, read: Mapping[str, tf.Variable], tables: Container[bytes]) -> None:
    """Make inputs of what variables were frozen to in a GraphDef, and name the tables that were asked for."""
    for node in graph.node:
        if node.name in read:
            node.op = "Placeholder"
            node.attr.clear()
            node.attr["dtype"].type = read[node.name].dtype.as_datatype_enum
            node.attr["shape"].shape.CopyFrom(read[node.name].shape.as_proto())
        elif node.name.encode() in tables:
            node.op = "HashTableV2"
            node.attr.clear()
            node.attr["shared_name"].s = node.name.encode()
            node.attr["key_dtype"].type = tf.string.as_datatype_enum
            node.attr["value_dtype"].type = tf.int64.as_datatype_enum


def look_up_shapes(graph: tf.Graph) -> dict[str, list[int | None]]:
    """Say that a look-up has the shape of its keys, which TensorFlow no longer knows once the table is frozen."""
    finds = [op for op in graph.get_operations() if op.type == "LookupTableFindV2"]
    return {op.outputs[0].name: op.inputs[1].shape.as_list() for op in finds if op.inputs[1].shape.rank is not None}


def _compare_strings(graph: Any, ops: list[Any]) -> list[Any]:
    """Turn the comparison of strings with one string, such as a mask token, into a look-up of that string.

    tf2onnx casts strings to numbers to compare them, which fails on the first that is none.
    """
    for op in ops:
        if op.type not in ("Equal", "NotEqual") or graph.get_dtype(op.input[0]) != onnx.TensorProto.STRING:
            continue
        strings, only = (0, 1) if op.inputs[1].is_const() else (1, 0)
        keys = [op.inputs[only].get_tensor_value(as_list=False).item()]
        hit = int(op.type == "Equal")
        found = graph.make_node(
            "CategoryMapper",
            [op.input[strings]],
            domain="ai.onnx.ml",
            attr={"cats_strings": keys, "cats_int64s": [hit], "default_int64": 1 - hit},
            dtypes=[onnx.TensorProto.INT64],
            shapes=[graph.get_shape(op.input[strings])],
        )
        answer = graph.make_node(
            "Cast", found.output, attr={"to": onnx.TensorProto.BOOL}, dtypes=[onnx.TensorProto.BOOL]
        )
        graph.replace_all_inputs(op.output[0], answer.output[0])
        graph.remove_node(op.name)
    return list(graph.get_nodes())


def _choose(graph: Any, ops: list[Any]) -> list[Any]:
    """Turn a choice into ONNX's own: tf2onnx multiplies with the condition and its opposite and adds, in five nodes."""
    for op in ops:
        if op.type == "SelectV2":
            _replace(graph, op, "Where", op.input)
    return list(graph.get_nodes())


def _compare_numbers(graph: Any, ops: list[Any]) -> list[Any]:
    """Compare whole numbers as they are: tf2onnx makes floats of them, which no longer tells those past 2^24 apart."""
    for op in ops:
        if op.type in ("Less", "Greater"):
            _replace(graph, op, op.type, op.input)
    return list(graph.get_nodes())


def _fill(graph: Any, ops: list[Any]) -> list[Any]:
    """Fill what has another tensor's shape without casting the shape to and fro."""
    for op in ops:
        if op.type == "Fill" and op.inputs[0].type == "Shape":
            shape = graph.make_node("Shape", op.inputs[0].input, dtypes=[onnx.TensorProto.INT64])
            _replace(graph, op, "Expand", [op.input[1], shape.output[0]])
    return list(graph.get_nodes())


def _scatter(graph: Any, ops: list[Any]) -> list[Any]:
    """Write to `[b, m]` columns of their rows by one node, where `export.graph.lists.cells` pairs columns with rows."""
    for op in ops:
        cells = op.inputs[1] if op.type in ("TensorScatterUpdate", "TensorScatterAdd") else None
        if cells is None or cells.type != "Pack" or "ZerosLike" not in [one.type for one in cells.inputs[0].inputs]:
            continue
        how = {"axis": 1, "reduction": "add" if op.type == "TensorScatterAdd" else "none"}
        _replace(graph, op, "ScatterElements", [op.input[0], cells.input[1], op.input[2]], how)
    return list(graph.get_nodes())


def _replace(graph: Any, op: Any, kind: str, inputs: list[str], attributes: dict[str, Any] | None = None) -> None:
    """Put an ONNX node in the place of one of TensorFlow's with the same output."""
    shapes, dtypes, outputs = op.output_shapes, op.output_dtypes, list(op.output)
    inputs = list(inputs)
    graph.remove_node(op.name)
    graph.make_node(kind, inputs, attributes, outputs=outputs, shapes=shapes, dtypes=dtypes)


REWRITERS = [_compare_strings, _compare_numbers, _choose, _fill, _scatter]


def _rename(graph: Any, scope: str, original: Callable[[Any, str], None]) -> None:
    """Rename what is in a branch by tf2onnx's own index of who reads what.

    It goes through all nodes of the branch for each of them: most of the conversion of a branch with 2,000.
    """
    nodes = {node.name: node for node in graph.get_nodes()}
    replace = graph.replace_all_inputs

    def replace_all_inputs(old: str, new: str, ops: list[Any]) -> None:
        readers = sorted(graph._output_to_consumers.get(old, set()) & nodes.keys())
        replace(old, new, ops=[nodes[name] for name in readers])

    graph.replace_all_inputs = replace_all_inputs
    original(graph, scope)
    del graph.replace_all_inputs


def _in_order(functions: list[Any]) -> list[Any]:
    """Put functions, which tf2onnx takes from a set, behind those that they call, and else in the order of names."""
    found, ordered = {function.name: function for function in functions}, dict[str, Any]()

    def add(name: str) -> None:
        nodes = [op.node_def for op in found[name].get_operations()]
        called = {value.func.name for node in nodes for value in node.attr.values() if value.HasField("func")}
        for other in sorted(called & found.keys() - ordered.keys()):
            add(other)
        ordered.setdefault(name, found[name])

    for name in sorted(found):
        add(name)
    return list(ordered.values())


@contextmanager
def mended() -> Iterator[None]:
    """Have tf2onnx convert branches in time that grows as they do, and alike in each process."""
    from tf2onnx import tfonnx
    from tf2onnx.onnx_opset import controlflow

    prefix, resolve = controlflow.prefix_graph, tfonnx.resolve_functions
    controlflow.prefix_graph = partial(_rename, original=prefix)
    tfonnx.resolve_functions = lambda graph: _in_order(resolve(graph))
    try:
        yield
    finally:
        controlflow.prefix_graph, tfonnx.resolve_functions = prefix, resolve
