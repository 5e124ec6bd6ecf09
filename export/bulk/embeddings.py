"""The vectors of a version, for a vector database and for TensorBoard's projector: read from its checkpoint.

A user's vector and an item's are what the graph multiplies, so that their dot product ranks as the model does: the
embedding of a user is followed by a 1, that of an item by its bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from export.graph.index import CANDIDATES
from export.graph.parts import part_of
from export.graph.query import EXTRA
from export.graph.recommender import QUERIES, TURN
from export.graph.scan import REST
from serving.errors import Failure
from serving.version.names import read_names

PROJECTED = 10_000
"""Items in the projector's files, the most popular ones: what it draws without a stutter."""

BLOCK = 65_536
"""Rows of one row group."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """What a version multiplies.

    Attributes:
        users: `[n_users, d + 1]` float32, the last component 1.
        items: `[n_items, d + 1]` float32, the last component the item's bias.
        popularity: `[n_items]` float32, interactions of each item.
    """

    users: Floats
    items: Floats
    popularity: Floats


def read_vectors(version: Path, *, items: int) -> Vectors:
    """Read the vectors of a version with so many items from its checkpoint.

    Raises:
        Failure: it has none, or was published before they bore a name.
    """
    try:
        checkpoint = tf.train.load_checkpoint(str(version / "variables" / "variables"))
        queries, columns = _read(checkpoint, QUERIES), np.concatenate(_parts(checkpoint, CANDIDATES), axis=1)
        if rest := _parts(checkpoint, REST):  # see ScanBruteForce
            columns = np.concatenate([columns[: -EXTRA - 1], np.concatenate(rest).T, columns[-EXTRA - 1 : -1]])
        if checkpoint.has_tensor(_key(TURN)):
            turn = _read(checkpoint, TURN).astype(np.float64)
            queries[:, :-EXTRA] = np.linalg.solve(turn.T, queries[:, :-EXTRA].T).T
            columns[:-EXTRA] = turn @ columns[:-EXTRA]
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise Failure(
            f"{version} holds no vectors by name, expected a version that `triptych train` has published"
        ) from error
    return Vectors(users=queries[:-1, :-1], items=columns[:-1, :items].T, popularity=columns[-1, :items])


def write_embeddings(version: Path, folder: Path) -> Vectors:
    """Write ``users.parquet``, ``items.parquet`` and, for the projector, ``vectors.tsv`` and ``metadata.tsv``.

    Raises:
        Failure: the version has no names or no vectors.
    """
    names = read_names(version)
    vectors = read_vectors(version, items=len(names.items))
    folder.mkdir(parents=True, exist_ok=True)
    _parquet(folder / "users.parquet", "user_id", names.users, vectors.users)
    _parquet(folder / "items.parquet", "item", names.items, vectors.items)
    shown = np.argsort(-vectors.popularity, kind="stable")[:PROJECTED].tolist()
    np.savetxt(folder / "vectors.tsv", vectors.items[shown, :-1], fmt="%.6g", delimiter="\t")
    lines = (" ".join(names.items[item].split()) for item in shown)  # a tab or a line end would end the cell
    (folder / "metadata.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return vectors


def _key(name: str) -> str:
    return f"{name}/.ATTRIBUTES/VARIABLE_VALUE"


def _read(checkpoint: Any, name: str) -> Floats:
    found: Floats = checkpoint.get_tensor(_key(name))
    return found


def _parts(checkpoint: Any, name: str) -> list[Floats]:
    """Read what is held in parts; nothing, where there is none."""
    names = (part_of(name, part) for part in count())
    return [_read(checkpoint, each) for each in takewhile(lambda each: checkpoint.has_tensor(_key(each)), names)]


def _parquet(path: Path, column: str, names: Sequence[str], vectors: Floats) -> None:
    schema = pa.schema([(column, pa.string()), ("vector", pa.list_(pa.float32(), vectors.shape[1]))])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(names), BLOCK):
            some = np.ascontiguousarray(vectors[start : start + BLOCK])
            lists = pa.FixedSizeListArray.from_arrays(pa.array(some.ravel()), vectors.shape[1])
            writer.write_table(pa.table([pa.array(names[start : start + BLOCK], pa.string()), lists], schema=schema))
