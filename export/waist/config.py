"""Hyper-parameters: a field each, written once with its help and its bounds; standard library only.

Flags, manifest and tables come from these fields, and ``triptych train --help`` lists them without TensorFlow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

HALF_LIFE = "days after which an interaction weighs half, counted back from the latest; 0: at any age the same"
"""The help of ``half_life``, which is one flag for all models that have it."""


def hyper(
    default: Any, text: str, *, least: float | None = None, below: float | None = None, among: tuple[str, ...] = ()
) -> Any:
    """Declare a hyper-parameter: its default, what it is, and its bounds or the values it may have.

    >>> hyper(64, "components of the embeddings", least=1).metadata["least"]
    1
    """
    return field(default=default, metadata={"help": text, "least": least, "below": below, "among": among})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Base of every model's: checks each field against the bounds it is declared with.

    Raises:
        TypeError: a field is declared without ``hyper``.
        ValueError: a field is outside its bounds, or infinite; the message names field, value and bound.
    """

    def __post_init__(self) -> None:
        for spec in fields(self):
            if "help" not in spec.metadata:
                raise TypeError(f"{spec.name} is a plain field, expected one declared with hyper(default, help)")
            value, least, below = getattr(self, spec.name), spec.metadata["least"], spec.metadata["below"]
            if (least is not None and not value >= least) or (below is not None and not value < below):
                bound = f"at least {least}" if below is None else f"at least {least} and below {below}"
                raise ValueError(f"{spec.name} is {value}, expected {bound}")
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{spec.name} is {value}, expected a finite number")
            if spec.metadata["among"] and value not in spec.metadata["among"]:
                raise ValueError(f"{spec.name} is {value!r}, expected {' or '.join(spec.metadata['among'])}")

    def passes(self, *, rows: int, users: int) -> int:
        """Say how often a training goes over so many interactions of so many users.

        That is ``epochs``, but for data so large that they would exceed ``steps``: then as many as these are, one at
        least. The recipes were tuned where 140 passes are 1,120 steps; what a model learns grows with its steps, and
        data of a hundred times the users needs no more passes for it, but fewer. A model that has no hyper-parameters
        of these names decides for itself.
        """
        epochs, steps = int(getattr(self, "epochs", 1)), getattr(self, "steps", None)
        return epochs if steps is None else max(1, min(epochs, steps // self.steps_a_pass(rows=rows, users=users)))

    def steps_a_pass(self, *, rows: int, users: int) -> int:
        """Count the steps of one pass: an interaction each, unless a model says otherwise."""
        return rows

    def scores(self, items: int) -> int:
        """Count the scores that a step holds at once, for the memory told beforehand: none, unless a model says so."""
        return 0

    def vector_width(self) -> int:
        """Say how many components a vector will have, for the memory told beforehand; 64 where none is named."""
        return int(getattr(self, "components", 64))
