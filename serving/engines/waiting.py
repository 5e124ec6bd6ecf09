"""A request that waits for its run, for whom, and who hears the outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from serving.wire.error_codes import Refusal
from serving.wire.tensors import Array

Outputs = dict[str, Array]
Done = Callable[[Outputs | Refusal], None]
"""Called once, on the event loop, with all outputs of the signature or with what refused them."""


class Caller(Protocol):
    """Whoever waits for an answer.

    Attributes:
        gone: whether nobody waits any more.
        on_leave: to be called when that is so.
    """

    gone: bool
    on_leave: Callable[[], object] | None


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
    texts: dict[Any, Any] = field(default_factory=dict)
    at: int = 0  # the row that the next slice begins with

    def keep(self, outputs: Outputs) -> None:
        """Keep what a slice gave, each text once: a long answer names the same items over and over.

        Half a million texts of their own lie in 100 MB of stretches that Python gives back only once all in them has
        gone, and what else is made meanwhile stays.
        """
        for array in outputs.values():
            if array.dtype == object:
                array.flat[:] = [self.texts.setdefault(text, text) for text in array.flat]
        self.sliced.append(outputs)
