"""The oracle: the whole contract in plain numpy, row by row, that every graph of a version is held against.

It shares no code with the graphs. It takes the model's vectors as they were in memory, computes in float64 and is
slow on purpose: each rule of the contract stands here as a sentence of Python. Only the products are taken for some
rows at once, `BLOCK` bytes of scores, so that neither time nor memory grows as users times items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice

import numpy as np
import numpy.typing as npt

from export.data.interactions import Interactions
from export.graph.fold_in import ALPHA, RIDGE, STEPS
from export.publishing.agreement import Arrays
from export.waist.factorized import Factorized
from serving.contract import DEFAULT_K, LOWEST, PADDING

Floats = npt.NDArray[np.float64]
Places = list[int] | None
Row = list[tuple[str, float]]

BLOCK = 2**25
"""Bytes of scores that are held at once."""


class Oracle:
    """Answers the six signatures; strings are str in arrays of dtype object, as ONNX Runtime has them."""

    def __init__(self, model: Factorized, interactions: Interactions) -> None:
        self._model, self._items = model, interactions.items.tolist()
        self._user_at = {name: place for place, name in enumerate(interactions.users.tolist())}
        self._item_at = {name: place for place, name in enumerate(self._items)}
        self._vectors, self._biases = model.vectors.astype(np.float64), model.item_biases.astype(np.float64)
        self._popularity = interactions.popularity().astype(np.float64)
        self._unknown = self._popularity if len(interactions) else None  # without interactions they get nothing
        self._offsets, self._history = interactions.histories()
        self._bearers: dict[str, set[int]] = {}
        for tag, place in ((tag, place) for place, tags in enumerate(interactions.item_tags) for tag in tags):
            self._bearers.setdefault(tag, set()).add(place)

    def answer(self, signature: str, inputs: Arrays) -> Arrays:
        """Answer one request as the contract says."""
        method: Callable[..., Arrays] = getattr(self, signature)
        return method(**{name: value.tolist() for name, value in inputs.items()})

    def serving_default(self, user_id: list[str]) -> Arrays:
        """Answer with the 10 best items, places past the catalogue padded."""
        asked = zip(user_id, self._scores(user_id), strict=True)
        rows = [self._best(scores, DEFAULT_K, set(), self._bias(user)) for user, scores in asked]
        return _ranked(rows, DEFAULT_K)

    def recommend(self, user_id: list[str], k: list[int], exclude: list[list[str]], unseen: list[bool]) -> Arrays:
        """Answer with each row's k best items but those excluded, and those the user has where unseen."""
        anything = [[PADDING]] * len(user_id)
        return self.recommend_within(user_id, k, exclude, unseen, among=anything, tags=anything)

    def recommend_within(
        self,
        user_id: list[str],
        k: list[int],
        exclude: list[list[str]],
        unseen: list[bool],
        among: list[list[str]],
        tags: list[list[str]],
    ) -> Arrays:
        """Answer as recommend does, only with items of ``among``, if it names any, and only with those of all tags."""
        rows = []
        asked = zip(user_id, k, exclude, unseen, among, tags, self._scores(user_id), strict=True)
        for user, count, names, without, only, all_of, scores in asked:
            left_out = set(names) | (self._has(user) if without else set())
            rows.append(self._best(scores, count, left_out, self._bias(user), self._only(set(only), set(all_of))))
        return {**_ranked(rows, self._width(k)), "known": np.array([user in self._user_at for user in user_id], bool)}

    def similar(self, item: list[str], k: list[int]) -> Arrays:
        """Answer with the items of highest cosine, the item left out; with nothing for an unknown item."""
        known = [name for name in item if name in self._item_at]
        found = _products(self._unit, self._unit[[self._item_at[name] for name in known]])
        rows = [
            self._best(next(found), count, {name}) if name in self._item_at else []
            for name, count in zip(item, k, strict=True)
        ]
        return _ranked(rows, self._width(k))

    def recommend_from(self, items: list[list[str]], k: list[int]) -> Arrays:
        """Answer with the best items for someone who likes these, which are left out."""
        rows = []
        for names, count in zip(items, k, strict=True):
            liked = sorted({self._item_at[name] for name in names if name in self._item_at})
            scores = self._folded(liked) if liked else self._unknown
            rows.append(self._best(scores, count, set(names)))
        return _ranked(rows, self._width(k))

    def score(self, user_id: list[str], item: list[str]) -> Arrays:
        """Answer with the score of each pair, the lowest float for an unknown item."""
        scores = np.full(len(user_id), LOWEST, np.float32)
        for row, (user, name) in enumerate(zip(user_id, item, strict=True)):
            place, at = self._item_at.get(name), self._user_at.get(user)
            if place is not None and at is not None:
                product = self._vectors[place] @ self._model.user_vectors[at]
                scores[row] = product + self._biases[place] + self._bias(user)
            elif place is not None and self._unknown is not None:
                scores[row] = self._unknown[place]
        return {"score": scores}

    def _scores(self, users: list[str]) -> Iterator[Floats | None]:
        """Score all items for each user: `[n_items]` a time."""
        places = [self._user_at[user] for user in users if user in self._user_at]
        found = _products(self._vectors, self._model.user_vectors[places].astype(np.float64))
        return (next(found) + self._biases if user in self._user_at else self._unknown for user in users)

    def _bias(self, user: str) -> float:
        return float(self._model.user_biases[self._user_at[user]]) if user in self._user_at else 0.0

    def _has(self, user: str) -> set[str]:
        at = self._user_at.get(user)
        own = [] if at is None else self._history[self._offsets[at] : self._offsets[at + 1]].tolist()
        return {self._items[item] for item in own}

    def _only(self, among: set[str], tags: set[str]) -> Places:
        """List the places of the items among these, where any are named, with each of the tags; None: all items."""
        every = [self._bearers.get(tag, set()) for tag in tags - {PADDING}]
        if among - {PADDING}:
            every.append({self._item_at[name] for name in among if name in self._item_at})
        return sorted(set.intersection(*every)) if every else None

    def _width(self, k: list[int]) -> int:
        return max([1, *(min(count, len(self._items)) for count in k)])

    def _best(self, scores: Floats | None, k: int, left_out: set[str], bias: float = 0.0, only: Places = None) -> Row:
        if scores is None or k < 1 or only == []:
            return []
        own = scores if only is None else scores[only]
        enough = min(k + len(left_out), len(own))
        first = np.flatnonzero(own >= np.partition(own, -enough)[-enough])  # no need to sort what comes after
        order = first[np.argsort(-own[first], kind="stable")].tolist()
        ranked = ((self._items[at if only is None else only[at]], own[at] + bias) for at in order)
        return list(islice((each for each in ranked if each[0] not in left_out), k))

    def _folded(self, liked: list[int]) -> Floats:
        history = self._model.history
        if history is not None:
            deep = history.start + history.vectors[liked].sum(axis=0, dtype=np.float64) / np.sqrt(len(liked))
            wide = np.isin(history.wide, liked) / np.sqrt(len(liked))
            return self._vectors @ np.concatenate([deep, wide]) + self._biases
        matrix, root = self._scaled
        white = np.linalg.solve(root, matrix[liked].T)
        x = _conjugate_gradient(np.eye(len(root)) + ALPHA * white @ white.T, (1 + ALPHA) * white.sum(axis=1))
        return np.asarray(matrix @ np.linalg.solve(root.T, x))

    @cached_property
    def _unit(self) -> Floats:
        norms = np.linalg.norm(self._vectors, axis=1, keepdims=True)
        return self._vectors / np.where(norms > 0, norms, 1.0)

    @cached_property
    def _scaled(self) -> tuple[Floats, Floats]:
        """What an item is folded in by, bias and popularity on the vectors' scale, and the root of its Gram matrix."""
        vector_power = (self._vectors**2).sum() / self._vectors.shape[1]
        columns = [self._vectors]
        for extra in (self._biases, self._popularity):
            power = (extra**2).sum()
            columns.append(extra[:, None] * np.sqrt(vector_power / power) if power > 0 else extra[:, None])
        matrix = np.hstack(columns)
        gram = matrix.T @ matrix
        return matrix, np.linalg.cholesky(gram + RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram)))


def _products(vectors: Floats, queries: Floats) -> Iterator[Floats]:
    """Multiply `[n, d]` vectors with each of `[b, d]` queries: `[n]` a time, computed a block of queries at once."""
    rows = max(1, BLOCK // vectors[:, :1].nbytes)
    for at in range(0, len(queries), rows):
        yield from queries[at : at + rows] @ vectors.T


def _conjugate_gradient(a: Floats, b: Floats) -> Floats:
    """Take the steps that the graph takes; any square root of the Gram matrix whitens to the same x."""
    x = np.zeros_like(b)
    residual = direction = b
    for _ in range(STEPS):
        if residual @ residual <= 1e-20 * (b @ b):
            break
        step = (residual @ residual) / (direction @ a @ direction)
        x = x + step * direction
        after = residual - step * a @ direction
        direction, residual = after + (after @ after) / (residual @ residual) * direction, after
    return x


def _ranked(rows: list[Row], width: int) -> Arrays:
    item = np.full((len(rows), width), PADDING, object)
    score = np.full((len(rows), width), LOWEST, np.float32)
    for at, row in enumerate(rows):
        for place, (name, value) in enumerate(row):
            item[at, place], score[at, place] = name, value
    return {"item": item, "score": score}
