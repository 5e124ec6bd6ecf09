"""Warm-up: the requests a server answers to itself before it calls a version available, one for each signature.

A session's first run of a signature optimizes its graph and starts its kernels, which takes hundreds of times as long
as any run after it; a version with this file never lets a user wait for that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from export.data.interactions import Interactions
from export.publishing.agreement import Arrays
from serving.contract import DEFAULT_K, PADDING, SIGNATURES
from serving.proto import serving_pb2
from serving.version.warmup_file import WARMUP

ROWS = 32
"""Rows of a request: as many as a server gathers into one run, so that threads and memory for that are there too."""


def write_warmup(version: Path, model: str, interactions: Interactions) -> None:
    """Write a version's warm-up file, for a server that serves it under the name ``model``."""
    path = version / WARMUP
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as records:
        for signature, inputs in _requests(interactions).items():
            log = serving_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name, request.model_spec.signature_name = model, signature
            for name, value in inputs.items():
                request.inputs[name].MergeFromString(tf.make_tensor_proto(value).SerializeToString())
            records.write(log.SerializeToString(deterministic=True))


def _requests(interactions: Interactions) -> dict[str, Arrays]:
    """Make one request of each signature, with users and items of the catalogue."""
    users, items = np.resize(interactions.users, ROWS), np.resize(interactions.items, ROWS)
    tags = sorted({tag for own in interactions.item_tags for tag in own}) or [PADDING]
    columns = {
        "user_id": users,
        "item": items,
        "k": np.full(ROWS, DEFAULT_K, np.int32),
        "exclude": items[:, None],
        "items": np.resize(interactions.items, (ROWS, DEFAULT_K)),
        "among": np.resize(interactions.items, (ROWS, DEFAULT_K)),
        "tags": np.resize(tags, (ROWS, 1)),
        "unseen": np.ones(ROWS, bool),
    }
    return {name: {column: columns[column] for column in wanted.inputs} for name, wanted in SIGNATURES.items()}
