"""Agreement: the requests that prove a version, and what it means that two answers to one are equal.

Equal is: the same items in the same order, scores within 1e-5. Float32 sums depend on the order of their terms, so two
items whose scores are closer than that may stand the other way round, and nothing else may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.data.interactions import Interactions, Names
from serving.contract import LOWEST, PADDING, SIGNATURES

Arrays = dict[str, npt.NDArray[Any]]
Answer = Callable[[str, Arrays], Arrays]
"""Ask something for a signature: named inputs in, named outputs out, strings as str in arrays of dtype object."""

Case = tuple[str, Arrays, Arrays]
"""A signature, what it is asked with, and what it must answer."""

TOLERANCE = 1e-5
"""How far two scores may be apart: absolutely, or relative to the greatest score of their row where that is above 1.

Of their row, because a sum is no more exact than its terms: a score of a half may be the difference of two hundreds.
"""

SAMPLE = 1000
"""Users, and items, asked for by name; a larger data set is sampled evenly. Of a catalogue past WHOLE as many fewer
are, so that no more scores are computed for it: 100 of 1,000,000."""

BATCH = 50

WHOLE = 100_000
"""Items up to which a catalogue is asked for whole; of a larger one, whose names alone would be most of the proof,
as many."""


def requests(interactions: Interactions) -> Iterator[tuple[str, Arrays]]:
    """List the requests that prove a version: every user up to 1,000, every item up to 1,000, and the edges."""
    most = SAMPLE * WHOLE // max(WHOLE, len(interactions.items))
    users, items = _sample(interactions.users, most), _sample(interactions.items, most)
    offsets, history = interactions.histories()
    for at in range(0, len(users), BATCH):
        some = users[at : at + BATCH]
        k = np.array([1 + (at + row) % 20 for row in range(len(some))], np.int32)
        others = np.array([[items[(at + row) % len(items)], "", "no such item"] for row in range(len(some))], object)
        yield "serving_default", {"user_id": some}
        yield "recommend", {"user_id": some, "k": k, "exclude": others, "unseen": k % 2 == 0}
        yield "score", {"user_id": some, "item": others[:, 0]}
    yield from _within(interactions, users, items)
    for at in range(0, len(items), BATCH):
        some = items[at : at + BATCH]
        yield "similar", {"item": some, "k": np.full(len(some), 10, np.int32)}
    for user in range(0, len(interactions.users), -(-len(interactions.users) // BATCH)):
        liked = interactions.items[history[offsets[user] : offsets[user + 1]][:20]]
        yield "recommend_from", {"items": liked[None, :], "k": np.array([10], np.int32)}
    yield from _edges(str(users[0]), str(items[0]), len(interactions.items))


def difference(expected: Arrays, found: Arrays) -> str | None:
    """Say where two answers differ, or None where they agree.

    >>> difference({"known": np.array([True])}, {})
    "outputs [], expected ['known']"
    """
    if set(expected) != set(found):
        return f"outputs {sorted(found)}, expected {sorted(expected)}"
    for name, right in expected.items():
        if found[name].shape != right.shape:
            return f"{name} has shape {list(found[name].shape)}, expected {list(right.shape)}"
    if "known" in expected and not np.array_equal(expected["known"], found["known"]):
        return f"known is {found['known'].tolist()}, expected {expected['known'].tolist()}"
    wanted, got = expected["score"].astype(np.float64), found["score"].astype(np.float64)
    allowed = _allowed(wanted)
    apart = np.argwhere(~(np.abs(wanted - got) <= allowed))
    if len(apart):
        at = tuple(apart[0].tolist())
        return f"score{list(at)} is {float(got[at])!r}, expected {float(wanted[at])!r}"
    return _misplaced(expected["item"], found["item"], wanted, allowed) if "item" in expected else None


def cases(expected: Answer, asked: Iterable[tuple[str, Arrays]]) -> Iterator[Case]:
    """Ask, and give each request with its answer, for another to be held to."""
    return ((signature, inputs, expected(signature, inputs)) for signature, inputs in asked)


def first_difference(expected: Iterable[Case], found: Answer) -> str | None:
    """Ask for each case, and say where the first answer that differs does, or None where all agree."""
    for signature, inputs, outputs in expected:
        wrong = difference(outputs, found(signature, inputs))
        if wrong is not None:
            given = {name: value.tolist() for name, value in inputs.items()}
            return f"{signature} asked with {given}: {wrong}"
    return None


@contextmanager
def session(saved_model: Path) -> Iterator[Answer]:
    """Load a SavedModel as TensorFlow Serving does, into a session, and ask it."""
    import tensorflow as tf

    graph = tf.Graph()
    with closing(tf.compat.v1.Session(graph=graph)) as running:
        with graph.as_default():
            loaded = tf.compat.v1.saved_model.load(running, ["serve"], str(saved_model)).signature_def

        def answer(signature: str, inputs: Arrays) -> Arrays:
            wanted = loaded[signature]
            fed = {wanted.inputs[name].name: value for name, value in inputs.items()}
            got = running.run({name: tensor.name for name, tensor in wanted.outputs.items()}, fed)
            return {name: _text(got[name]) for name in SIGNATURES[signature].outputs}

        yield answer


def _within(
    interactions: Interactions, users: npt.NDArray[Any], items: npt.NDArray[Any]
) -> Iterator[tuple[str, Arrays]]:
    """Ask each user for the best of some items, of those with an item's first tags, and of both, in turn."""
    own = dict(zip(interactions.items.tolist(), interactions.item_tags, strict=False))
    for at in range(0, len(users), BATCH):
        rows = range(at, min(at + BATCH, len(users)))
        some = [[PADDING, "no such item", *np.roll(items, row)[:30]] for row in rows]
        among = [names if row % 3 else [PADDING] * len(names) for row, names in zip(rows, some, strict=True)]
        tags = [[*own.get(items[row % len(items)], ())[: row % 4], *[PADDING] * 3][:3] for row in rows]
        k = np.array([1 + row % 20 for row in rows], np.int32)
        lists = {"exclude": [names[-1:] for names in some], "among": among, "tags": tags}
        columns = {name: np.array(rows, object) for name, rows in lists.items()}
        yield "recommend_within", {"user_id": users[at : at + BATCH], "k": k, "unseen": k % 2 == 0, **columns}


def _edges(user: str, item: str, size: int) -> Iterator[tuple[str, Arrays]]:
    two, none = np.array([user, "no such user"], object), np.array([], object)
    k, flags, empty = (
        np.array([size + 1 if size <= WHOLE else WHOLE, 1], np.int32),
        np.array([True, True]),
        np.array([], np.int32),
    )
    yield "recommend", {"user_id": two, "k": k, "exclude": np.empty((2, 0), object), "unseen": flags}
    yield "recommend", {"user_id": none, "k": empty, "exclude": np.empty((0, 0), object), "unseen": flags[:0]}
    width = {"among": np.array([["no such item", ""], [item, item]], object), "tags": np.empty((2, 0), object)}
    yield "recommend_within", {"user_id": two, "k": k, "exclude": np.empty((2, 0), object), "unseen": flags, **width}
    width = {"among": np.empty((2, 0), object), "tags": np.array([["no such tag"], [""]], object)}
    yield "recommend_within", {"user_id": two, "k": k, "exclude": np.empty((2, 0), object), "unseen": flags, **width}
    yield "similar", {"item": np.array([item, "no such item"], object), "k": k}
    yield "similar", {"item": np.array(["no such item"], object), "k": np.array([3], np.int32)}
    yield "recommend_from", {"items": np.array([[item, "", item], ["no such item", "", ""]], object), "k": k}
    yield "recommend_from", {"items": np.empty((2, 0), object), "k": k}
    yield (
        "similar",
        {"item": np.full(4, item, object), "k": np.array([2, 0, 1, -1], np.int32)},
    )  # a batch of many callers'
    yield "score", {"user_id": np.repeat(two, 2), "item": np.tile(np.array([item, "no such item"], object), 2)}


def _sample(names: Names, most: int) -> Names:
    step = max(1, -(-len(names) // max(1, most)))
    return names[::step]


def _allowed(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Say for `[b, k]` scores, or for `[b]` of which all are one row, how far each may be off."""
    held = np.where(scores > LOWEST, np.abs(scores), 0.0)
    return np.broadcast_to(TOLERANCE * held.max(axis=-1, keepdims=True, initial=1.0), scores.shape)


def _misplaced(
    wanted: npt.NDArray[Any], found: npt.NDArray[Any], scores: npt.NDArray[np.float64], allowed: npt.NDArray[np.float64]
) -> str | None:
    """Name the first place that holds another item, unless the two score the same as far as can be told."""
    for row, place in np.argwhere(wanted != found).tolist():
        name, names = found[row, place], wanted[row].tolist()
        held = sum(other != PADDING for other in names)
        # What is not among the wanted can only have taken one of the last places, from an item of the same score.
        at = names.index(name) if name in names else held - 1
        twice = found[row].tolist().count(name) > 1
        near = abs(scores[row, at] - scores[row, place]) <= allowed[row, place]
        if name == PADDING or place >= held or twice or not near:
            return f"item[{row}, {place}] is {name!r}, expected {names[place]!r}"
    return None


def _text(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.dtype != object:
        return values
    return np.array([name.decode() for name in values.ravel()], object).reshape(values.shape)
