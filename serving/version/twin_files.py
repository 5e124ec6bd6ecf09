"""Read which tensors of an ONNX graph lie in files beside it: the graph is opened as a message and nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from serving.errors import Failure
from serving.proto import files_pb2
from serving.version.regular_files import read_message

FIRST = (b"\x08", b"\x12", b"\x1a", b"\x3a", b"\x42")
"""What a graph begins with: the tag of its format's version, of what made it, of itself, or of its operators' sets."""

DTYPES = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    4: np.uint16,
    5: np.int16,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
    12: np.uint32,
    13: np.uint64,
}
"""numpy's types by ONNX's numbers; what is missing, such as strings, cannot lie outside of a graph here."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A tensor that lies outside of its graph: `size` bytes of a file of the same folder, from `offset` on."""

    name: str
    dtype: npt.DTypeLike
    shape: tuple[int, ...]
    file: Path
    offset: int

    @property
    def size(self) -> int:
        """Return how many bytes it is."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def tensors_outside(graph: Path) -> list[Outside]:
    """Return the tensors of a graph that lie outside of it, held to the files that are there.

    Raises:
        Failure: the graph cannot be read, or one of them does not lie in a file of its folder, whole.
    """
    try:
        model = files_pb2.ModelProto.FromString(read_message(graph, FIRST))
    except DecodeError as error:
        raise Failure(f"{graph} is cut off or no ONNX graph: {error}") from error
    except OSError as error:
        raise Failure(f"{graph} cannot be read: {error.strerror}") from error
    external = files_pb2.TensorProto.EXTERNAL
    return [_outside(tensor, graph) for tensor in model.graph.initializer if tensor.data_location == external]


def _outside(tensor: files_pb2.TensorProto, graph: Path) -> Outside:
    where = {entry.key: entry.value for entry in tensor.external_data}
    offset, length = (_number(where.get(key, "0")) for key in ("offset", "length"))
    if tensor.data_type not in DTYPES or min(tensor.dims, default=0) < 0 or offset is None or length is None:
        raise Failure(f"{graph} says of tensor {tensor.name!r} what no tensor outside of a graph can be")
    name = where.get("location", "")
    file = graph.parent / name
    found = Outside(
        name=tensor.name, dtype=DTYPES[tensor.data_type], shape=tuple(tensor.dims), file=file, offset=offset
    )
    if Path(name).name != name or not file.is_file():
        raise Failure(f"{graph} keeps tensors in {name!r}, expected a file in the same folder")
    held, wanted = file.stat().st_size, offset + found.size
    if held < wanted or (length and length != found.size):
        raise Failure(f"{file} holds {held} bytes, expected at least {wanted}: {graph.name} keeps tensors there")
    return found


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
