"""The two-tower model: a user tower and an item tower, trained so that their dot product finds what was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from export.towers.config import CATALOGUE, SPACE, TowersConfig
from export.waist.model import TUNED, TUTORIAL, Model

if TYPE_CHECKING:
    from export.data.interactions import Interactions
    from export.waist.factorized import Factorized, OnEpoch


@dataclass(frozen=True, kw_only=True)
class TwoTowerConfig(TowersConfig):
    """Hyper-parameters of the two-tower model; the defaults are the TFRS quickstart's."""


def train(interactions: Interactions, config: TwoTowerConfig, *, seed: int, on_epoch: OnEpoch) -> Factorized:
    """Train on all interactions given."""
    from export.towers import fitting, retriever
    from export.towers.two_tower import TwoTowerModel

    fitting.seed_everything(seed)
    return retriever.train(TwoTowerModel(interactions, config), interactions, config, seed=seed, on_epoch=on_epoch)


MODEL = Model(
    summary="a user tower and an item tower (TensorFlow Recommenders)",
    recipes={
        TUNED: TwoTowerConfig(
            loss=CATALOGUE,
            epochs=140,
            batch=128,
            learning_rate=0.0033,
            dropout=0.37,
            future=0.1,
            l2=0.15,
            averaging=0.99,
        ),
        TUTORIAL: TwoTowerConfig(),
    },
    space=SPACE,
    train=train,
    distributes=True,
    weighs=True,
)
