"""Wide & deep (Cheng et al. 2016, arXiv:1606.07792) as a two-tower model that one dot-product index holds exactly.

The wide part is ``export.towers.wide_part``'s. Both parts are trained jointly, as in the paper: the sum of their scores
goes into one loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from export.towers.config import CATALOGUE, SPACE, TowersConfig
from export.waist.config import hyper
from export.waist.model import TUNED, TUTORIAL, Model

if TYPE_CHECKING:
    from export.data.interactions import Interactions
    from export.waist.factorized import Factorized, OnEpoch


@dataclass(frozen=True, kw_only=True)
class WideDeepConfig(TowersConfig):
    """Hyper-parameters of the wide & deep model; the defaults are the tutorials', which have no wide part."""

    steps: int = hyper(4000, "most steps of the training: passes that would exceed them are left out", least=1)
    hidden: int = hyper(64, "units of the dense layer over each embedding, the components of vectors; 0: none", least=0)
    wide: int = hyper(0, "items that are crossed with the candidate; 0: no wide part", least=0, below=449)
    wide_scale: float = hyper(1.0, "what the wide part's first weights are multiplied by", least=0.0)
    wide_ridge: float = hyper(400.0, "L2 penalty of the least squares the first weights are from", least=0.0)
    wide_l2: float = hyper(1.0, "weight of the squared distance from the first weights", least=0.0)
    wide_hidden: float = hyper(0.0, "share of users from whom the wide part is hidden in a step", least=0.0, below=1.0)

    def vector_width(self) -> int:
        """Say how many components a vector will have beside the wide part's."""
        return self.hidden or self.embedding


def train(interactions: Interactions, config: WideDeepConfig, *, seed: int, on_epoch: OnEpoch) -> Factorized:
    """Train on all interactions given."""
    from export.towers import fitting, retriever
    from export.towers.wide_deep import WideDeepModel
    from export.towers.wide_part import wide_part

    fitting.seed_everything(seed)
    wide = None
    if config.wide:
        wide = wide_part(
            interactions,
            wide=config.wide,
            scale=config.wide_scale,
            ridge=config.wide_ridge,
            l2=config.wide_l2,
            hidden=config.wide_hidden,
        )
    model = WideDeepModel(interactions, config, hidden=config.hidden, wide_part=wide)
    return retriever.train(model, interactions, config, seed=seed, on_epoch=on_epoch)


MODEL = Model(
    summary="wide & deep: cross-products of items beside the two towers",
    recipes={
        TUNED: WideDeepConfig(
            loss=CATALOGUE,
            epochs=100,
            batch=128,
            learning_rate=0.0032,
            dropout=0.42,
            future=0.12,
            l2=0.11,
            averaging=0.99,
            hidden=0,
            wide=448,
            wide_scale=12.0,
            wide_l2=10.0,
            wide_hidden=0.71,
        ),
        TUTORIAL: WideDeepConfig(),
    },
    space={**SPACE, "wide_scale": (4.0, 32.0, True), "wide_hidden": (0.5, 0.95, False)},
    train=train,
    distributes=True,
    weighs=True,
)
