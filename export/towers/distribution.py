"""Train on several machines: one process on each, told who the others are by TF_CONFIG, as TensorFlow has it.

Every process runs the same command on the same data. Each takes its share of every batch and adds its gradients to
the others', so all hold the same model throughout, and one of them, the chief, publishes it. In-batch negatives come
from a process's own share: n processes train as one machine would with batches of that size, n at a time.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager

import tensorflow as tf

from serving.errors import Failure

EXAMPLE = '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'


class Cluster:
    """The processes that train together; to be joined before TensorFlow has run anything."""

    def __init__(self) -> None:
        """Join the cluster that TF_CONFIG describes, and wait for the others.

        Raises:
            Failure: TF_CONFIG is missing or wrong.
        """
        _check(os.environ.get("TF_CONFIG", ""))
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy()

    @property
    def publishes(self) -> bool:
        """Whether this process is the one that publishes: the chief if there is one, else worker 0."""
        return bool(self._strategy.extended.should_checkpoint)

    def training(self) -> AbstractContextManager[object]:
        """Open the scope in which models are made and trained: what is made inside is the same in every process."""
        return self._strategy.scope()


def _check(text: str) -> None:
    try:
        config = json.loads(text)
        task = config["task"]
        addresses = config["cluster"][task["type"]]
        right = task["type"] in ("chief", "worker") and addresses[task["index"]].count(":") == 1
    except (ValueError, LookupError, TypeError, AttributeError):
        right = False
    if not right:
        raise Failure(f"TF_CONFIG is {text!r}, expected who trains together and which of them this is: {EXAMPLE}")
