"""Partition: what a model that reads histories learns from: part of a user's items given, the others to be found.

Each user is parted anew in every epoch. Mostly at random, which asks "what else does this person like". For a share of
users it is the past that is given and the future that is to be found, which is what a recommender is asked once it is
in use: what comes next is other than what is missing (less popular, for one), and random parts never show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy import sparse

from export.data.interactions import Interactions
from serving.contract import PADDING
from serving.errors import Failure

FUTURE = 0.5
"""The most of a user's items that is taken for the future; how much, up to that, is drawn."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """How users are parted.

    Attributes:
        batch: users in a step.
        dropout: share of a user's items that is to be found; also the share of users whose id is hidden, so that
            the row of the id embedding that unknown users share learns what to stand for.
        future: share of users parted by time, where there is any.
        half_life: days after which an interaction weighs half; 0: at any age the same.
        seed: repeats every draw.
    """

    batch: int
    dropout: float
    future: float
    half_life: float
    seed: int


def partitions(interactions: Interactions, parts: Parts) -> tf.data.Dataset:
    """Give batches of ``user_id`` `[b]` strings, and what each has: ``items``, ``wanted`` and ``weight``, all `[b, m]`.

    Items are int32, what is wanted bool, and what is not is given. Rows are padded at the end with n_items to the
    longest history in the batch.

    Raises:
        Failure: nothing would be wanted of anybody.
    """
    rng = np.random.default_rng(parts.seed)  # outside the generator, which starts anew in each epoch
    ages, weights = _ages(interactions, parts.half_life)
    present = np.flatnonzero(np.diff(ages.indptr))
    future = parts.future if interactions.timestamp.any() else 0.0
    if not (parts.dropout or future):
        raise Failure(
            "dropout is 0, and the data has no times for future to part by, expected a dropout above 0: with nothing "
            "hidden there is nothing to learn"
        )

    def epoch() -> Iterator[dict[str, np.ndarray]]:
        order = rng.permutation(present)
        for users in np.split(order, range(parts.batch, len(order), parts.batch)):
            age = ages[users].tocoo()
            hidden = _hidden(age, parts.dropout, future, rng)
            count = np.bincount(age.row, minlength=len(users))
            held = np.arange(count.max()) < count[:, None]
            items, wanted = np.full(held.shape, age.shape[1], np.int32), np.zeros(held.shape, np.bool_)
            weight = np.zeros(held.shape, np.float32)
            items[held], wanted[held], weight[held] = age.col, hidden, weights[users].data
            ids = np.where(rng.random(len(users)) < parts.dropout, PADDING, interactions.users[users])
            yield {"user_id": ids, "items": items, "wanted": wanted, "weight": weight}

    kinds = {"items": tf.int32, "wanted": tf.bool, "weight": tf.float32}
    specs = {name: tf.TensorSpec((None, None), kind) for name, kind in kinds.items()}
    specs["user_id"] = tf.TensorSpec((None,), tf.string)
    return tf.data.Dataset.from_generator(epoch, output_signature=specs).prefetch(1)


def _hidden(age: sparse.coo_matrix, dropout: float, future: float, rng: np.random.Generator) -> np.ndarray:
    """Choose what is to be found among the ages of `[b, n_items]`: a mask over them."""
    users = age.shape[0]
    count = np.bincount(age.row, minlength=users)
    latest = 1 + np.floor(count * rng.random(users) * FUTURE)
    by_time = rng.random(users) < future
    return np.where(by_time[age.row], age.data <= latest[age.row], rng.random(age.nnz) < dropout)


def _ages(interactions: Interactions, half_life: float) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Number each user's items from the latest, which is 1, equal times by item; and weigh them: `[n_users, n_items]`.

    Both are sparse, with the same cells. What is there several times weighs as much as the row of it that weighs most.
    """
    shape = len(interactions.users), len(interactions.items)
    pair = interactions.user * shape[1] + interactions.item
    rows = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[rows], prepend=-1))
    first, weight = rows[starts], np.maximum.reduceat(interactions.weights(half_life)[rows], starts)
    pairs = pair[first]
    user, item = pairs // shape[1], pairs % shape[1]
    order = np.lexsort((item, -interactions.timestamp[first], user))
    count = np.bincount(user, minlength=shape[0])
    age = np.empty(len(pairs), np.int64)
    age[order] = 1 + np.arange(len(pairs)) - (np.cumsum(count) - count)[user[order]]
    ages, weights = (sparse.csr_matrix((of_pairs, (user, item)), shape=shape) for of_pairs in (age, weight))
    return ages, weights
