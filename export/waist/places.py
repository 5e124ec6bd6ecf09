"""Names to positions, in the graph: where a user or an item stands in the list that the model was trained with."""

from __future__ import annotations

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import tensorflow as tf

from export.data.interactions import Names


class Places(tf.Module):
    """The place of each name in a list of them.

    Attributes:
        size: names in the list, and the place of every other name.
    """

    def __init__(self, names: Names) -> None:
        super().__init__()
        self.size = len(names)
        # int64 although places are int32 everywhere else: the only width that tf2onnx converts.
        entries = tf.lookup.KeyValueTensorInitializer(names.tolist(), np.arange(self.size), tf.string, tf.int64)
        self.table = tf.lookup.StaticHashTable(entries, self.size)

    def __call__(self, names: tf.Tensor) -> tf.Tensor:
        """Look up `[...]` strings: `[...]` int32."""
        return tf.cast(self.table.lookup(names), tf.int32)
