"""TensorFlow, imported when a command comes to need it and not before."""

from __future__ import annotations

import logging
from typing import Any

from serving.lasting import lasting


def with_tensorflow() -> Any:
    """Import the pipeline, TensorFlow with it, and keep their notes off the screen."""
    with lasting():
        from export import pipeline

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    return pipeline
