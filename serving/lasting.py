"""Imports that last as long as the process: the garbage collector need not walk over them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Keep what is imported meanwhile, and all there is by then, out of every collection, this one's and later ones'.

    TensorFlow's import makes a million objects: walking over them again and again is a fifth of its time, and as much
    again when the process ends.

    >>> with lasting():
    ...     import json
    >>> gc.isenabled()
    True
    """
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collected:
            gc.enable()
