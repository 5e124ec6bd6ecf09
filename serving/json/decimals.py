"""Floating point numbers as TensorFlow Serving reads and writes them, to the last digit: its errors quote them."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np


def decimal(value: float, *, single: bool) -> str:
    """Return the JSON text of a float32 (``single``) or float64.

    Six significant digits if they read back as the same number, else the 9 or 17 that always do; a whole number
    keeps a ``.0`` so that a list stays of one type. NaN and the infinities are written by name, which is not JSON.

    >>> decimal(0.1, single=True), decimal(16777217.0, single=False), decimal(3.0, single=True)
    ('0.1', '16777217.0', '3.0')
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


def write_double(value: float) -> str:
    """Write a finite number as RapidJSON does: in full from 1e-6 to 1e21, beyond that with an exponent.

    The last of 17 digits may differ: RapidJSON's are not always those nearest to the number.

    >>> write_double(0.5), write_double(1e21), write_double(1e-7)
    ('0.5', '1e21', '1e-7')
    """
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text, power = "".join(map(str, digits)), int(exponent)
    point = len(text) + power
    if power >= 0 and point <= 21:
        text += "0" * power + ".0"
    elif 0 < point <= 21:
        text = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{text}"
    else:
        text = f"{text[0]}{'.' * (len(text) > 1)}{text[1:]}e{point - 1}"
    return "-" * sign + text


def read_double(token: bytes, whole: bytes, fraction: bytes, exponent: bytes) -> float | None:
    """Read a number, given whole and in its parts, as RapidJSON does; None if it finds it too big.

    It scales the digits by a power of ten in double arithmetic. What is exact neither before nor after may end up
    next to the nearest double, or infinite.

    >>> read_double(b"12.5", b"12", b"5", b""), read_double(b"1e999", b"1", b"", b"999")
    (12.5, None)
    """
    power = int(exponent.lstrip(b"+-0")[:10] or 0)
    if len(whole) + len(fraction) <= 15 and power + len(fraction) <= 22:
        return float(token)
    negative = token[:1] == b"-"
    value, places = _significand(whole, fraction, (1 << 63) if negative else (1 << 64) - 1)
    if math.isinf(value) or (exponent[:1] != b"-" and power > 308 + places):
        return None
    value = _scaled(value, (-power if exponent[:1] == b"-" else power) - places)
    return -value if negative else value


def _significand(whole: bytes, fraction: bytes, largest: int) -> tuple[float, int]:
    """Return the digits as one number, infinite if they are too many, and how many of them are decimal places.

    They add up as an integer while that fits, then in double arithmetic; behind the 17th they do not count.
    """
    total: int | float = 0
    for digit in whole:
        if isinstance(total, int) and total * 10 + digit - 48 > largest:
            total = float(total)
        if isinstance(total, float) and total >= 1.7976931348623157e307:
            return math.inf, 0
        total = total * 10 + (digit - 48)
    count = len(whole) - 1  # of digits beside the first
    rest = fraction if total else fraction.lstrip(b"0")
    places = len(fraction) - len(rest)
    for digit in rest:
        if total > (1 << 53) - 1:
            total = float(total)
        if isinstance(total, float) and count >= 17:
            break
        total = total * 10 + (digit - 48)
        places, count = places + 1, count + 1
    return float(total), places


def _scaled(value: float, power: int) -> float:
    if power < -308:
        value, power = value / 1e308, power + 308
    if power < -308:
        return 0.0
    ten = float(f"1e{abs(power)}")
    return value / ten if power < 0 else value * ten
