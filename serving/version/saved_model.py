"""Read what a SavedModel says of itself without running any of it: only its saved_model.pb is opened, as a message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import meta_graph_pb2
from tensorboard.compat.tensorflow_stub import dtypes

from serving.contract import Signature, Tensor
from serving.errors import Failure
from serving.proto import serving_pb2
from serving.version.regular_files import read_message

TAG = "serve"
"""The graph that TensorFlow Serving loads is the one that bears this tag and no other."""

_FIRST = (b"", b"\x08", b"\x12")
"""What a SavedModel begins with: the tag of its version number, or of its first graph; or nothing, as it is empty."""

INIT_OP = "__saved_model_init_op"
"""A signature by form only: TensorFlow's note of what initializes the graph."""


def read_signatures(folder: Path) -> dict[str, Signature]:
    """Return the signatures of a SavedModel by name.

    A tensor that the contract's words cannot say keeps what is strange in its dtype: ``sparse int64``,
    ``float32 of unknown rank``.

    Raises:
        Failure: the folder holds no SavedModel, a broken one, or none that TensorFlow Serving would load.
    """
    return signatures_of(read_definitions(folder))


def signatures_of(definitions: Mapping[str, meta_graph_pb2.SignatureDef]) -> dict[str, Signature]:
    """Say signatures in the contract's words, but for what is one by form only."""
    return {name: _signature(definitions[name]) for name in sorted(definitions) if name != INIT_OP}


def read_definitions(folder: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    """Return the signatures of a SavedModel by name as they are written in it, `INIT_OP` included.

    Raises:
        Failure: as `read_signatures`.
    """
    return dict(read_graph(folder).signature_def)


def read_graph(folder: Path) -> meta_graph_pb2.MetaGraphDef:
    """Return the graph of a SavedModel that TensorFlow Serving loads, with all that it says of itself.

    Raises:
        Failure: as `read_signatures`.
    """
    model = _read(folder)
    graphs = {tuple(sorted(graph.meta_info_def.tags)): graph for graph in model.meta_graphs}
    if (TAG,) not in graphs:
        tags = " and ".join(f"[{', '.join(each)}]" for each in graphs) or "no graph at all"
        raise Failure(f"{folder} holds {tags}, expected a graph tagged [{TAG}]: it is no whole SavedModel for serving")
    return graphs[TAG,]


def is_saved_model(folder: Path) -> bool:
    """Tell whether the folder has a SavedModel's file, whole or not."""
    return any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt"))


def _read(folder: Path) -> serving_pb2.SavedModel:
    binary, text = folder / "saved_model.pb", folder / "saved_model.pbtxt"
    try:
        if binary.is_file():
            return serving_pb2.SavedModel.FromString(read_message(binary, _FIRST))
        return text_format.Parse(read_message(text, ()).decode("utf-8"), serving_pb2.SavedModel())
    except FileNotFoundError:
        raise Failure(
            f"{folder} holds no saved_model.pb, expected a version folder as `triptych train` writes"
        ) from None
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise Failure(f"{folder} holds a saved_model.pb that is cut off or no SavedModel: {error}") from error
    except OSError as error:
        raise Failure(f"{folder} cannot be read: {error.strerror}") from error


def _signature(definition: meta_graph_pb2.SignatureDef) -> Signature:
    return Signature(inputs=_tensors(definition.inputs), outputs=_tensors(definition.outputs))


def _tensors(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, Tensor]:
    return {name: _tensor(infos[name]) for name in sorted(infos)}


def _tensor(info: meta_graph_pb2.TensorInfo) -> Tensor:
    dtype = _dtype(info.dtype)
    if info.WhichOneof("encoding") == "coo_sparse":
        dtype = f"sparse {dtype}"
    elif info.WhichOneof("encoding") == "composite_tensor":
        dtype = f"composite {dtype}"
    if info.tensor_shape.unknown_rank:
        return Tensor(dtype=f"{dtype} of unknown rank", shape=())
    return Tensor(dtype=dtype, shape=tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim))


def _dtype(number: int) -> str:
    try:
        return str(dtypes.as_dtype(number).name)
    except TypeError:
        return f"dtype {number}"
