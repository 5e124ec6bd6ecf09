"""Every user's list from one version, as one Parquet file: asked in this process, block by block, and resumable.

What is asked is the version itself, by the engine that serves it, so a list is what a server would answer. Each block
becomes a file of its own beside the result; a run that was stopped goes on after the last whole one. The blocks are
joined at the end, when none is missing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from export.progress import bar, say
from serving.client import Client, Ranked
from serving.errors import Failure
from serving.version.names import read_names

BLOCK = 4096
"""Users in a block: what is asked again after a stop, at the most."""

SCORES = 64 << 20
"""Bytes of the scores in one request, `[rows, n_items]` float32: what bounds memory, whatever the catalogue."""

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("items", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float32())),
        ("known", pa.bool_()),
    ]
)
"""A row for each user, best item first; ``known`` is false for one the model has not met, who gets what is popular."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked: the version, how many items, and whether what a user already has is left out."""

    version: Path
    k: int
    unseen: bool


def batch(job: Job, out: Path, users: Sequence[str] | None = None) -> int:
    """Write the list of each of ``users``, by default all that the version knows; returns how many.

    Raises:
        Failure: the version has no names or cannot be asked, or no users are given.
    """
    names = read_names(job.version)
    asked = list(names.users if users is None else users)
    if not asked:
        raise Failure("no users to make lists for, expected at least one")
    parts = out.with_name(out.name + ".parts")
    _begin(parts, job, asked)
    rows = max(1, min(256, SCORES // (4 * max(1, len(names.items)))))
    blocks = range(0, len(asked), BLOCK)
    with (
        Client(job.version.resolve().as_uri(), model=job.version.parent.name, rows=rows) as client,
        bar(f"lists of {len(asked):,} users", len(blocks)) as advance,
    ):
        for start in blocks:
            part = parts / f"{start:012d}.parquet"
            if not part.exists():
                some = asked[start : start + BLOCK]
                _write(part, some, client.recommend(some, k=job.k, unseen=job.unseen))
            advance("")
    _join(sorted(parts.glob("*.parquet")), out)
    shutil.rmtree(parts)
    return len(asked)


def _begin(parts: Path, job: Job, users: Sequence[str]) -> None:
    """Make the folder of the blocks, or go on in it if the same was asked before; blocks of another job are removed."""
    wanted = asdict(job) | {
        "version": str(job.version.resolve()),
        "content": _content(job.version),
        "users": hashlib.sha256("\0".join(users).encode()).hexdigest(),
    }
    text, file = json.dumps(wanted, indent=1), parts / "job.json"
    if file.exists() and file.read_text(encoding="utf-8") == text:
        say(f"going on with {len(list(parts.glob('*.parquet')))} blocks that an earlier run has left in {parts}")
        return
    if parts.is_dir() and not file.exists() and any(parts.iterdir()):
        raise Failure(f"{parts} is where blocks would lie and holds something else: move it, or name another --out")
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")


def _content(version: Path) -> str:
    """Digest all files of a version: two trainings over the same data have the same graph, and other weights."""
    digests = {}
    for path in sorted(version.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digests[path.relative_to(version).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def _write(part: Path, users: Sequence[str], lists: Sequence[Ranked]) -> None:
    columns = [
        users,
        [ranked.items for ranked in lists],
        [ranked.scores for ranked in lists],
        [ranked.known for ranked in lists],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    _whole(part, lambda path: pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), path))


def _join(parts: Sequence[Path], out: Path) -> None:
    def write(path: Path) -> None:
        with pq.ParquetWriter(path, SCHEMA) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))

    _whole(out, write)


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under another name first: what bears the name is whole."""
    beside = path.with_name(path.name + ".tmp")
    write(beside)
    beside.replace(path)
