"""Ctrl-C that cannot get lost.

Python raises KeyboardInterrupt wherever it happens to be, and in the midst of TensorFlow that may be a finalizer, where
an exception is dropped, or a call back from C++, which may make another error of it. So it is kept that it was asked
for: each step looks first, main() before it shows an error that nobody foresaw, and what is dropped is not shown.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

_asked = threading.Event()


def listen() -> None:
    """Keep in mind from now on that Ctrl-C was pressed, and show no exception that is dropped after it."""
    signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _dropped


def asked() -> bool:
    """Tell whether Ctrl-C was pressed."""
    return _asked.is_set()


def check() -> None:
    """Stop here if Ctrl-C was pressed.

    Raises:
        KeyboardInterrupt: it was.
    """
    if asked():
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    _asked.set()
    raise KeyboardInterrupt


def _dropped(unraisable: sys.UnraisableHookArgs) -> None:
    if not asked():
        sys.__unraisablehook__(unraisable)
