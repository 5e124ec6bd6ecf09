"""The two-tower model in Keras; ``export.models.two_tower`` says how it is trained."""

from __future__ import annotations

from export.data.interactions import Interactions
from export.towers import fitting, retriever
from export.towers.config import TowersConfig


class TwoTowerModel(retriever.Retriever):
    """Embeds users and items by id."""

    def __init__(self, interactions: Interactions, config: TowersConfig) -> None:
        users = fitting.Tower(interactions.users, config.embedding, l2=config.l2)
        items = fitting.Tower(interactions.items, config.embedding, l2=config.items_l2(len(interactions.items)))
        super().__init__(interactions, (users, items), config)
