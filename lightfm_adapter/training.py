"""Fit LightFM on interactions given as ids; the only module that imports LightFM.

LightFM with one thread repeats exactly for one seed and one order of the rows; with more it never does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightfm import LightFM
from lightfm.data import Dataset


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What LightFM is fitted with; the names are LightFM's own."""

    components: int
    epochs: int
    learning_rate: float
    max_sampled: int
    user_alpha: float = 0.0
    threads: int = 1
    seed: int = 42
    loss: str = "warp"


def fit(
    users: Sequence[str],
    items: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    settings: Settings,
    *,
    on_epoch: Callable[[int], None],
) -> LightFM:
    """Fit a model whose rows follow ``users`` and ``items``; ``pairs`` are (user, item) ids, each an interaction.

    ``on_epoch`` is told the number of each epoch, from 1, when it is over. Identity features only: each user and
    each item has its own embedding.
    """
    dataset = Dataset()
    dataset.fit(users, items)
    interactions, _ = dataset.build_interactions(pairs)
    model = LightFM(
        no_components=settings.components,
        loss=settings.loss,
        learning_rate=settings.learning_rate,
        max_sampled=settings.max_sampled,
        user_alpha=settings.user_alpha,
        random_state=settings.seed,
    )
    for epoch in range(1, settings.epochs + 1):
        model.fit_partial(interactions, num_threads=settings.threads)
        on_epoch(epoch)
    return model
