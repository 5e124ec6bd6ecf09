"""Say what keeps a server from loading a version, file by file and size by size, without loading it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tensorboard.compat.proto import meta_graph_pb2

from serving.contract import TWIN
from serving.errors import Failure
from serving.version.checkpoint import INDEX, checkpoint_faults
from serving.version.twin_files import tensors_outside

VARIABLES = frozenset(("VarHandleOp", "Variable", "VariableV2"))
"""The operations that hold what a checkpoint restores."""


def damage(folder: Path, graph: meta_graph_pb2.MetaGraphDef) -> list[str]:
    """Say what of the files that a SavedModel and its twin need is missing, cut off or unreadable.

    A SavedModel without variables is loaded without `variables/`; where there is one it has to be whole.
    """
    told = checkpoint_faults(folder) if _has_variables(graph) or (folder / INDEX).exists() else []
    for asset in graph.asset_file_def:
        if not (folder / "assets" / asset.filename).is_file():
            told.append(f"there is no assets/{asset.filename}, and the graph reads it")
    for path in sorted((folder / TWIN).glob("*.onnx")):
        try:
            tensors_outside(path)
        except Failure as failure:
            told.append(str(failure).replace(f"{folder}/", ""))
    return told


def _has_variables(graph: meta_graph_pb2.MetaGraphDef) -> bool:
    return any(op in VARIABLES for op in _operations(graph))


def _operations(graph: meta_graph_pb2.MetaGraphDef) -> Iterator[str]:
    yield from (node.op for node in graph.graph_def.node)
    for function in graph.graph_def.library.function:
        yield from (node.op for node in function.node_def)
