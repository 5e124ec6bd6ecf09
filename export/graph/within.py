"""Within: which items a request asks to rank among, by name and by tag.

What items have of a tag is kept the other way round, sparse: for each tag the columns of its items, one list behind the
other. A request for t tags reads t lists and counts what is in all of them: work that grows with what the tags hold and
not with how many tags there are. A matrix of both would take a gigabyte for 10,000 tags and 100,000 items.
"""

from __future__ import annotations

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import tensorflow as tf

from export.data.interactions import Interactions
from export.graph.lists import Lists, cells
from export.waist.places import Places
from serving.contract import PADDING


class Within(tf.Module):
    """The columns that are named, where any are, and that have every tag asked for."""

    def __init__(self, interactions: Interactions, items: Places) -> None:
        super().__init__()
        having: dict[str, list[int]] = {PADDING: []}  # which no item has; and a table cannot be empty
        for item, tags in enumerate(interactions.item_tags):
            for tag in set(tags) - {PADDING}:
                having.setdefault(tag, []).append(item)
        names = sorted(having)
        offsets = np.cumsum([0, *(len(having[name]) for name in names)])
        columns = np.array([item for name in names for item in having[name]], np.int64)
        self.items, self.tags = items, Places(np.array(names, object))
        self.lists = Lists(offsets, columns, padding=items.size)

    def __call__(self, among: tf.Tensor, tags: tf.Tensor, columns: int) -> tf.Tensor:
        """Say of each of so many columns whether `[b, n]` names and `[b, t]` tags allow it: `[b, columns]` bool.

        A column gets a point for being named, however often, and one for each tag that it has; allowed is who has as
        many as were to be had. A tag that is given twice gives two points of two; one that no item has gives none.
        """
        among, tags = _padded(among), _padded(tags)
        lists = self.lists(tf.reshape(self.tags(tags), [-1]))
        # Not [rows, -1], which ONNX does not know of no rows.
        tagged = tf.reshape(lists, [tf.shape(tags)[0], tf.shape(tags)[1] * tf.shape(lists)[1]])
        points = tf.zeros([tf.shape(among)[0], columns])
        named = self.items(among)
        points = tf.tensor_scatter_nd_update(points, cells(named), tf.ones_like(named, tf.float32))
        points = tf.tensor_scatter_nd_add(points, cells(tagged), tf.ones_like(tagged, tf.float32))
        limited = tf.reduce_any(tf.not_equal(among, PADDING), axis=1, keepdims=True)
        wanted = tf.reduce_sum(tf.cast(tf.not_equal(tags, PADDING), tf.float32), axis=1, keepdims=True)
        return tf.equal(points, tf.cast(limited, tf.float32) + wanted)


def _padded(names: tf.Tensor) -> tf.Tensor:
    """Complete `[b, n]` names to `[b, n + 1]`, so that no row is without one."""
    return tf.concat([names, tf.fill([tf.shape(names)[0], 1], PADDING)], axis=1)
