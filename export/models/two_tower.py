"""The two-tower model: a user tower and an item tower, trained so that their dot product finds what was chosen."""

from __future__ import annotations

from export.data.interactions import Interactions
from export.models.recipes import TwoTowerConfig
from export.towers import fitting, retriever
from export.waist.factorized import Factorized, OnEpoch, quiet


class TwoTowerModel(retriever.Retriever):
    """Embeds users and items by id."""

    def __init__(self, interactions: Interactions, config: TwoTowerConfig) -> None:
        users = fitting.tower(interactions.users, config.embedding, l2=config.l2)
        items = fitting.tower(interactions.items, config.embedding, l2=config.l2)
        super().__init__(interactions, (users, items), config)


def train(
    interactions: Interactions, config: TwoTowerConfig, *, seed: int = 42, on_epoch: OnEpoch = quiet
) -> Factorized:
    """Train on all interactions given."""
    fitting.seed_everything(seed)
    return retriever.train(TwoTowerModel(interactions, config), interactions, config, seed=seed, on_epoch=on_epoch)
