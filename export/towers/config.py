"""The hyper-parameters that the two TFRS models share; standard library only, see ``export.waist.config``."""

from __future__ import annotations

from dataclasses import dataclass

from export.waist.config import HALF_LIFE, Config, hyper
from export.waist.model import Bounds

BATCH, CATALOGUE = LOSSES = "batch", "catalogue"
"""What the softmax of the two TFRS models runs over: see ``export.towers.retriever``."""

EXACT = 50_000
"""Items up to which the softmax over the catalogue is exact, unless ``candidates`` says otherwise."""

DRAWN = 8192
"""Items drawn of a larger catalogue."""


@dataclass(frozen=True, kw_only=True)
class TowersConfig(Config):
    """What the two TFRS models share. ``dropout`` to ``averaging`` belong to the catalogue loss."""

    loss: str = hyper(BATCH, "softmax over the items of the batch, or over the whole catalogue", among=LOSSES)
    embedding: int = hyper(64, "components of the user and item embeddings", least=1)
    epochs: int = hyper(3, "passes over the interactions", least=1)
    batch: int = hyper(4096, "in a step: interactions (batch loss) or users (catalogue loss)", least=1)
    learning_rate: float = hyper(0.5, "step size of Adagrad (batch loss) or Adam (catalogue loss)", least=0.0)
    dropout: float = hyper(0.0, "share of a history, of ids and of components hidden in a step", least=0.0, below=1.0)
    future: float = hyper(0.0, "share of users parted by time, not at random", least=0.0, below=1.0)
    l2: float = hyper(0.0, "weight of the embeddings' mean squared length", least=0.0)
    candidates: int = hyper(0, "items drawn for the catalogue loss; 0: all, up to 50,000, else 8,192", least=0)
    half_life: float = hyper(0.0, HALF_LIFE, least=0.0)
    steps: int = hyper(8000, "most steps of the training: passes that would exceed them are left out", least=1)
    averaging: float = hyper(
        0.0, "most momentum of the moving average of the weights, which is kept; 0: the last", least=0.0, below=1.0
    )

    def __post_init__(self) -> None:
        """Check the fields, and that the catalogue loss has something to find: it finds what is hidden."""
        super().__post_init__()
        if self.loss == CATALOGUE and not (self.dropout or self.future):
            raise ValueError("dropout and future are 0, expected one above 0: the catalogue loss finds what they hide")

    def steps_a_pass(self, *, rows: int, users: int) -> int:
        """Count the steps of one pass: batches of interactions or of users, see ``batch``."""
        return -(-(rows if self.loss == BATCH else users) // self.batch)

    def vector_width(self) -> int:
        """Say how many components a vector will have: the embeddings', unless a dense layer follows them."""
        return self.embedding

    def drawn(self, items: int) -> int:
        """Say how many of so many items the catalogue loss draws in a step; 0: none, it takes all."""
        if self.loss == BATCH:
            return 0
        drawn = self.candidates or (DRAWN if items > EXACT else 0)
        return drawn if drawn < items else 0

    def scores(self, items: int) -> int:
        """Count the scores of a step: of each in the batch with the batch, or with all items or those drawn."""
        return self.batch * (self.batch if self.loss == BATCH else self.drawn(items) or items)

    def items_l2(self, items: int) -> float:
        """Say what ``l2`` is in the tower of so many items: nothing where they are drawn, the loss weighs them then."""
        return 0.0 if self.drawn(items) else self.l2


SPACE: dict[str, Bounds] = {
    "learning_rate": (0.001, 0.004, True),
    "epochs": (50, 150, False),
    "dropout": (0.2, 0.6, False),
    "l2": (0.03, 0.3, True),
    "future": (0.0, 0.3, False),
}
"""What is searched of them."""
