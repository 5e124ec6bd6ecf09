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
        seed: repeats every draw.
    """

    batch: int
    dropout: float
    future: float
    seed: int


def partitions(interactions: Interactions, parts: Parts) -> tf.data.Dataset:
    """Give batches of ``user_id`` `[b]` strings, and what each has: ``items`` `[b, m]` int32, ``wanted`` `[b, m]` bool.

    What is not wanted is given. Rows are padded at the end with n_items to the longest history in the batch.
    """
    rng = np.random.default_rng(parts.seed)  # outside the generator, which starts anew in each epoch
    ages = _ages(interactions)
    present = np.flatnonzero(np.diff(ages.indptr))
    future = parts.future if interactions.timestamp.any() else 0.0

    def epoch() -> Iterator[dict[str, np.ndarray]]:
        order = rng.permutation(present)
        for users in np.split(order, range(parts.batch, len(order), parts.batch)):
            age = ages[users].tocoo()
            hidden = _hidden(age, parts.dropout, future, rng)
            count = np.bincount(age.row, minlength=len(users))
            held = np.arange(count.max()) < count[:, None]
            items, wanted = np.full(held.shape, age.shape[1], np.int32), np.zeros(held.shape, np.bool_)
            items[held], wanted[held] = age.col, hidden
            ids = np.where(rng.random(len(users)) < parts.dropout, PADDING, interactions.users[users])
            yield {"user_id": ids, "items": items, "wanted": wanted}

    kinds = {"user_id": ((None,), tf.string), "items": ((None, None), tf.int32), "wanted": ((None, None), tf.bool)}
    specs = {name: tf.TensorSpec(*kind) for name, kind in kinds.items()}
    return tf.data.Dataset.from_generator(epoch, output_signature=specs).prefetch(1)


def _hidden(age: sparse.coo_matrix, dropout: float, future: float, rng: np.random.Generator) -> np.ndarray:
    """Choose what is to be found among the ages of `[b, n_items]`: a mask over them."""
    users = age.shape[0]
    count = np.bincount(age.row, minlength=users)
    latest = 1 + np.floor(count * rng.random(users) * FUTURE)
    by_time = rng.random(users) < future
    return np.where(by_time[age.row], age.data <= latest[age.row], rng.random(age.nnz) < dropout)


def _ages(interactions: Interactions) -> sparse.csr_matrix:
    """Number each user's items from the latest, which is 1: `[n_users, n_items]`, sparse; equal times by item."""
    shape = len(interactions.users), len(interactions.items)
    pairs, first = np.unique(interactions.user * shape[1] + interactions.item, return_index=True)
    user, item = pairs // shape[1], pairs % shape[1]
    order = np.lexsort((item, -interactions.timestamp[first], user))
    count = np.bincount(user, minlength=shape[0])
    age = np.empty(len(pairs), np.int64)
    age[order] = 1 + np.arange(len(pairs)) - (np.cumsum(count) - count)[user[order]]
    return sparse.csr_matrix((age, (user, item)), shape=shape)
