"""Floating point numbers as TensorFlow Serving writes them: six digits where they are enough, else all it takes."""

from __future__ import annotations

import math

import numpy as np


def decimal(value: float, *, single: bool) -> str:
    """Return the JSON text of a float32 (``single``) or float64.

    Six significant digits if they read back as the same number, else the 9 or 17 that always do; a whole number
    keeps a ``.0`` so that a list stays of one type. NaN and the infinities are written by name, which is not JSON.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "-Infinity" if value < 0 else "Infinity"
    exact = float(np.float32(value)) if single else float(value)
    text = f"{exact:.6g}"
    again = float(np.float32(text)) if single else float(text)
    if again != exact:
        text = f"{exact:.9g}" if single else f"{exact:.17g}"
    return text if "." in text or "e" in text else text + ".0"
