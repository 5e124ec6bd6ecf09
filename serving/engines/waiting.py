"""A request that waits for its run, for whom, and who hears the outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from serving.wire.error_codes import Refusal
from serving.wire.tensors import Array

Outputs = dict[str, Array]
Done = Callable[[Outputs | Refusal], None]
"""Called once, on the event loop, with all outputs of the signature or with what refused them."""


class Caller(Protocol):
    """Whoever waits for an answer.

    Attributes:
        gone: whether nobody waits any more.
    """

    gone: bool


@dataclass(slots=True, eq=False)
class Waiting:
    """One request: what it gives, how it may be joined and cut, and how far it has come."""

    inputs: dict[str, Array]
    rows: int  # 0: of no contract, or of no row
    joins: bool  # whether others may be joined to it
    elements: int  # of one row; of the whole where there are no rows
    done: Done
    caller: Caller
    since: float
    sliced: list[Outputs] = field(default_factory=list)
    at: int = 0  # the row that the next slice begins with
