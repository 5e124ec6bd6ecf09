"""Ctrl-C that cannot get lost.

Python raises KeyboardInterrupt wherever it happens to be, and in the midst of TensorFlow that may be a call back from
C++ or a finalizer, where an exception is dropped. So it is kept that it was asked for, and each step looks first.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

_asked = threading.Event()


def listen() -> None:
    """Keep in mind from now on that Ctrl-C was pressed."""
    signal.signal(signal.SIGINT, _interrupt)


def check() -> None:
    """Stop here if Ctrl-C was pressed.

    Raises:
        KeyboardInterrupt: it was.
    """
    if _asked.is_set():
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    _asked.set()
    raise KeyboardInterrupt
