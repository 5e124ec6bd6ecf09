"""Generated interactions of any size, shaped like people's, with something in them to be learnt.

Items belong to groups of taste and are Zipf-distributed in their group; users are of log-normal activity and mostly
choose from three groups of their own. A fifth of the pairs is held out, to be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUPS, OWN, LOYALTY = 32, 3, 0.85
"""Groups of taste, how many are a user's own, and the share of a user's choices from these."""

SPREAD = 1.1
"""Standard deviation of the logarithm of a user's activity; MovieLens 100k's is 1.1."""

HELD = 5
"""One pair of so many is held out."""

_MOVIELENS = (100_000, 943, 1664)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is generated; of users and items not named, as many as lie between MovieLens 100k and 25M."""

    rows: int
    users: int
    items: int

    @classmethod
    def of(cls, rows: int, users: int | None = None, items: int | None = None) -> Size:
        """Complete the number of rows by users and items.

        >>> Size.of(100_000), Size.of(25_000_000).users, Size.of(25_000_000).items
        (Size(rows=100000, users=943, items=1664), 161954, 58849)
        """
        times, (_, first, second) = rows / _MOVIELENS[0], _MOVIELENS
        return cls(
            rows=rows,
            users=users or max(2, int(first * times**0.932)),
            items=items or max(2, int(second * times**0.6458)),
        )


def write(folder: Path, size: Size, *, seed: int) -> tuple[Path, Path]:
    """Write what to train on and what to find as two Parquet files of strings."""
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(sigma=SPREAD, size=size.users)
    own = rng.integers(GROUPS, size=(size.users, OWN), dtype=np.int16)
    ends = np.cumsum(activity / activity.sum())
    pairs = np.zeros(0, np.int64)
    while len(pairs) < size.rows:  # who has an item already chooses again
        wanted = int((size.rows - len(pairs)) * 1.1) + 100
        pairs = _merged(pairs, _choose(wanted, size, ends, own, rng))
        if len(pairs) > 0.9 * size.users * size.items:
            break
    pairs = rng.permutation(pairs)[: size.rows]
    held = len(pairs) // HELD
    files = folder / "train.parquet", folder / "test.parquet"
    for path, part in zip(files, (pairs[held:], pairs[:held]), strict=True):
        _write(path, part, size, rng)
    return files


def _merged(some: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Merge two ascending arrays, each number once; numpy's stable sort takes the two runs as they are."""
    both = np.sort(np.concatenate([some, more]), kind="stable")
    return both[np.append(True, both[1:] != both[:-1])]


def _choose(count: int, size: Size, ends: np.ndarray, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw pairs as ``user * items + item``: `[count]`, some of them equal."""
    user = np.minimum(np.searchsorted(ends, rng.random(count)), size.users - 1)
    group = own[user, rng.integers(OWN, size=count)].astype(np.int64)
    elsewhere = rng.random(count) >= LOYALTY
    group[elsewhere] = rng.integers(GROUPS, size=int(elsewhere.sum()))
    group %= size.items
    ranks = 1 + (size.items - 1 - group) // GROUPS
    rank = ((ranks + 1) ** rng.random(count) - 1).astype(np.int64)
    return np.unique(user * size.items + np.minimum(rank, ranks - 1) * GROUPS + group)


def _write(path: Path, pairs: np.ndarray, size: Size, rng: np.random.Generator) -> None:
    titles = pa.array([f"The {i} of number {i % 9973}: a film ({1930 + i % 95})" for i in range(size.items)])
    users = pa.array([f"user-{u}" for u in range(size.users)])
    columns = {
        "user_id": users.take(pa.array(pairs // size.items)),
        "item": titles.take(pa.array(pairs % size.items)),
        "timestamp": pa.array(rng.integers(800_000_000, 1_600_000_000, len(pairs))),
    }
    pq.write_table(pa.table(columns), path)
