"""How fast the rows of a signature go: learnt from every run, whoever ran it; foresees how long the next will take."""

from __future__ import annotations

import math

LONG_SECONDS = 0.05
"""What is foreseen to take longer, with several rows in slices, leaves the queue to the others."""

SIZE = 64
"""Elements that make a run as long as one more row does, roughly: what foresees how long a run will take."""


class Pace:
    """What a row of a signature takes, smoothed over its runs.

    One for all queues of a signature: were it kept by each, one stall would send everything to the queue for what takes
    long, and the queue that nothing is sent to any more would never learn that the stall is over.

    Attributes:
        seconds: what a row takes; infinite: not known yet.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def learn(self, seconds: float) -> None:
        """Take in what a row has just taken; from any thread, and a run that is lost to another's is no loss."""
        self.seconds = seconds if self.seconds == math.inf else 0.8 * self.seconds + 0.2 * seconds

    def takes_long(self, elements: int) -> bool:
        """Foresee whether one row's run holds up those behind it for too long: it is to wait in a queue of its own."""
        return LONG_SECONDS < self.seconds * lengths(elements) < math.inf


def lengths(elements: int, rows: int = 1) -> int:
    """Return how many ordinary rows some rows of so many elements each are as long as.

    >>> lengths(10), lengths(3000), lengths(32, rows=4)
    (1, 47, 6)
    """
    return rows * (SIZE + elements) // SIZE
