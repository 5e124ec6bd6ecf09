"""The body of a REST predict request to tensors: accepted and refused, and in which words, as TensorFlow Serving does.

Two paths, one answer. ``quick`` lets orjson and numpy do the ordinary request; whatever they could judge differently
(a duplicate key, a wrong type, a number out of range, a ragged list, bad JSON) is decided by ``exact`` on RapidJSON's
view of the text, which also words the refusals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import orjson
from tensorboard.compat.proto import types_pb2

from serving.json import instances as json_instances
from serving.json import rapidjson
from serving.json import text as json_text
from serving.json import values as json_values
from serving.json.bodies import count_keys
from serving.json.rapidjson import MISSING, Object
from serving.wire.error_codes import invalid
from serving.wire.tensors import KINDS, Array, max_rank, strings

DEFAULT = "serving_default"

FindInputs = Callable[[str], Mapping[str, int]]
"""From a signature's name ("" for the default) to its inputs' dtypes; raises Refusal where there is none."""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A request's tensors by input name, its signature's name ("" if not given), and whether it came as rows."""

    signature: str
    rows: bool
    inputs: dict[str, Array]


def quick(body: bytes, find_inputs: FindInputs) -> Decoded | None:
    """Read an ordinary predict request, or raise as `exact` does; None: `exact` is to judge it, 1 us for each byte."""
    try:
        document = orjson.loads(body)
    except ValueError:
        return None
    return _fast(body, document, find_inputs)


def parse(body: bytes, stay: Callable[[], None] = rapidjson.stay) -> Object:
    """Parse a request's body, which must be a JSON object; see `rapidjson.parse` for ``stay``."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = rapidjson.parse(body, stay)
    except rapidjson.ParseError as error:
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, Object):
        raise invalid(f"JSON Value: {json_text.render(document)} Is not object")
    return document


def signature_name(document: Object) -> str:
    """Return the signature a request names, "" for none.

    >>> signature_name(parse(b'{"signature_name": "recommend"}'))
    'recommend'
    """
    name = document.get(b"signature_name")
    if name is MISSING:
        return ""
    if not isinstance(name, bytes):
        text = json_text.render(document)
        raise invalid(f"JSON Value: {text} not formatted correctly. 'signature_name' key must be a string value.")
    return name.decode("utf-8", "surrogateescape")


def _fast(body: bytes, document: Any, find_inputs: FindInputs) -> Decoded | None:
    if type(document) is not dict or ("instances" in document) == ("inputs" in document):
        return None
    name = document.get("signature_name", "")
    rows = "instances" in document
    given = document["instances" if rows else "inputs"]
    if type(name) is not str or (rows and (type(given) is not list or not given)) or not _no_duplicates(body, document):
        return None
    wanted = find_inputs(name)
    if not wanted:
        return None
    columns = _rows(given, wanted) if rows else _columns(given, wanted)
    if columns is None:
        return None
    inputs = {}
    for column, values in columns.items():
        array = _array(values, wanted[column])
        if array is None:
            return None
        inputs[column] = array
    return Decoded(signature=name, rows=rows, inputs=inputs)


def _no_duplicates(body: bytes, document: dict[str, Any]) -> bool:
    """Tell whether every key of the text is in the document: of two orjson keeps the last, RapidJSON the first."""
    keys = len(document)
    for value in document.values():
        if type(value) is dict:
            keys += len(value)
        elif type(value) is list and value and type(value[0]) is dict:
            keys += sum(len(row) for row in value if type(row) is dict)
    # A colon inside a string costs the exact count.
    return body.count(b":") == keys or count_keys(body) == keys


def _rows(given: list[Any], wanted: Mapping[str, int]) -> dict[str, list[Any]] | None:
    if type(given[0]) is not dict:
        return {next(iter(wanted)): given} if len(wanted) == 1 else None
    try:
        if any(len(row) != len(wanted) for row in given):
            return None
        return {name: [row[name] for row in given] for name in wanted}
    except (TypeError, KeyError):
        return None


def _columns(given: Any, wanted: Mapping[str, int]) -> dict[str, Any] | None:
    if type(given) is not dict:
        return {next(iter(wanted)): given} if len(wanted) == 1 else None
    return {name: given[name] for name in wanted} if all(name in given for name in wanted) else None


def _array(values: Any, dtype: int) -> Array | None:
    shape = []
    flat = values if type(values) is list else [values]
    if type(values) is list:
        shape.append(len(values))
        while flat and type(flat[0]) is list:
            if set(map(type, flat)) != {list} or len(widths := set(map(len, flat))) != 1:
                return None
            shape.append(widths.pop())
            flat = list(chain.from_iterable(flat))
    if len(shape) > max_rank(dtype) or not _fits(flat, dtype):
        return None
    if dtype == types_pb2.DT_STRING:
        return strings(flat, tuple(shape))
    # 64 bits first: the narrow integers wrap, as TensorFlow's int_val does.
    with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite
        return np.array(flat, dtype=_WIDE.get(dtype, KINDS[dtype].numpy)).astype(KINDS[dtype].numpy).reshape(shape)


_LARGEST = 1.79e308  # of larger ones RapidJSON's last digit decides: it finds some of them infinite
_WIDE = {types_pb2.DT_FLOAT: np.float64} | dict.fromkeys(json_values.NARROW, np.int64)


def _fits(flat: list[Any], dtype: int) -> bool:
    types = set(map(type, flat))
    if dtype == types_pb2.DT_STRING:
        return types <= {str}
    if dtype == types_pb2.DT_BOOL:
        return types <= {bool}
    if dtype in json_values.INTEGERS:
        low, high = json_values.INTEGERS[dtype]
        return types <= {int} and (not flat or (low <= min(flat) and max(flat) <= high))
    if dtype in json_values.DECIMALS:
        return types <= {int, float} and all(
            json_values.lossless(value, dtype) and -_LARGEST < value < _LARGEST for value in flat
        )
    return False


def exact(body: bytes, find_inputs: FindInputs, stay: Callable[[], None] = rapidjson.stay) -> Decoded:
    """Read a predict request as RapidJSON would, value by value; see `rapidjson.parse` for ``stay``.

    Raises:
        Refusal: with TensorFlow Serving's text, in the order of its checks: JSON, signature, model, keys, values.
    """
    document = parse(body, stay)
    name = signature_name(document)
    wanted = find_inputs(name)
    if not wanted:
        raise invalid(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    instances, inputs = document.get(b"instances"), document.get(b"inputs")
    if instances is not MISSING and inputs is not MISSING:
        raise _malformed(
            document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    if instances is not MISSING:
        if not isinstance(instances, list):
            raise _malformed(document, "Expecting 'instances' to be an list/array")
        if not instances:
            raise _malformed(document, "No values in 'instances' array")
        return Decoded(signature=name, rows=True, inputs=json_instances.from_rows(instances, wanted))
    if inputs is not MISSING:
        return Decoded(signature=name, rows=False, inputs=json_instances.from_columns(inputs, wanted))
    raise invalid("Missing 'inputs' or 'instances' key")


def _malformed(document: Object, problem: str) -> Exception:
    return invalid(f"JSON Value: {json_text.render(document)} {problem}")
