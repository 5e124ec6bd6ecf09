"""Bring your own vectors: what was trained elsewhere, in whatever library, published behind the same contract.

A user's score of an item is the product of their vectors, and the biases: whatever library finds such vectors will do
(implicit, gensim, PyTorch, Spark's ALS). Without interactions there is nothing to be left out as seen, popularity is
unknown, and so a user who is not among the vectors gets nothing: ``known`` false and an empty list.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.data.interactions import Interactions
from export.publishing.publish import prepare
from export.vectors.sides import Side, interactions_over
from export.waist.config import Config
from export.waist.model import NAME
from serving.errors import Failure

if TYPE_CHECKING:
    import numpy.typing as npt

RECIPE = "own vectors"
"""What the manifest names in place of a recipe."""


def publish(
    name: str,
    *,
    users: Sequence[str] | npt.NDArray[Any],
    user_vectors: npt.NDArray[Any],
    items: Sequence[str] | npt.NDArray[Any],
    item_vectors: npt.NDArray[Any],
    user_biases: npt.NDArray[Any] | None = None,
    item_biases: npt.NDArray[Any] | None = None,
    interactions: Interactions | None = None,
    models: str | Path = "models",
    keep: int = 3,
) -> Path:
    """Publish vectors as the next version of a model; returns the version's folder.

    Args:
        name: the model's, of letters, digits, - and _.
        users: `[n_users]` ids, text or whole numbers, each once.
        user_vectors: `[n_users, d]` numbers, a row for each user.
        items: `[n_items]` ids likewise.
        item_vectors: `[n_items, d]` numbers likewise.
        user_biases: `[n_users]` numbers, added to all scores of a user; none: zeros.
        item_biases: `[n_items]` numbers, part of the ranking; none: zeros.
        interactions: who has had what, for ``unseen``, popularity and tags; rows of other users and items do not
            count. None: ``unseen`` leaves nothing out, and an unknown user gets nothing.
        models: the models folder.
        keep: old versions left beside the new one.

    Raises:
        Failure: something of this is not as it must be, or the version did not prove; nothing was published then.
    """
    sides = Side.of("users", users, user_vectors, user_biases), Side.of("items", items, item_vectors, item_biases)
    check(name, *sides)
    over = interactions_over(*sides, interactions)
    return publish_sides(name, *sides, over, data=RECIPE, models=Path(models), keep=keep)


def publish_sides(
    name: str,
    users: Side,
    items: Side,
    over: Interactions,
    *,
    data: str,
    models: Path,
    keep: int,
    config: Path | None = None,
) -> Path:
    """Publish two sides and the interactions over them; ``data`` is what the manifest calls them."""
    pipeline = _pipeline()
    prepare(models / name, config=config)
    model = pipeline.Factorized(
        user_vectors=users.vectors, vectors=items.vectors, item_biases=items.biases, user_biases=users.biases
    )
    origin = pipeline.Origin(model=name, recipe=RECIPE, config=Config(), seed=None, data=data)
    made: Path = pipeline.export(model, over, origin, models=models, keep=keep, config=config)
    return made


def check(name: str, users: Side, items: Side) -> None:
    """Refuse a name that is none of a model, vectors of different widths, and items that nothing tells apart."""
    if not NAME.fullmatch(name):
        raise Failure(f"a model cannot be named {name!r}, expected letters, digits, - and _")
    widths = users.vectors.shape[1], items.vectors.shape[1]
    if widths[0] != widths[1]:
        raise Failure(f"user vectors have {widths[0]} components and item vectors {widths[1]}, expected as many")
    if not items.vectors.any():  # nobody could be folded in by them
        raise Failure("the item vectors are all zero, expected vectors that tell items apart")


def _pipeline() -> Any:
    """Import what needs TensorFlow; in a notebook it may be there already, with another Keras than TFRS takes."""
    if "tensorflow" not in sys.modules:  # else how much it says is whoever's choice who loaded it
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its notes on missing GPUs; what Python warns of stays
    import tensorflow as tf

    from export import pipeline

    keras = tf.keras.Model.__module__.split(".")[0]
    if keras != "tf_keras":
        raise Failure(
            f"TensorFlow is in use here with {keras}, expected tf_keras, which is Keras 2: publish in a process of its "
            "own, or set TF_USE_LEGACY_KERAS=1 in the environment before tensorflow is imported"
        )
    return pipeline
