"""The paths of TensorFlow Serving's REST API: what each one asks for, and which are malformed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from serving.version.numbering import version_number
from serving.wire.error_codes import Refusal, invalid

_FLAGS = re.IGNORECASE | re.ASCII
_WHICH = rb"(?:/versions/(\d+)|/labels/([^/:]+))?"
_PREDICTION = re.compile(rb"/v1/models/([^/:]+)" + _WHICH + rb":(classify|regress|predict)", _FLAGS)
_MODEL = re.compile(rb"/v1/models(?:/([^/:]+))?" + _WHICH + rb"(?:/(metadata))?", _FLAGS)
# Nothing is given back (`*+`): host and path would be tried in all their divisions, 8 s for 8 KB that are no URI.
_PATH = rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*+"
_URI = re.compile(rb"(?:https?://[^/?#]*+)?+(" + _PATH + rb")((?:\?[^#]*)?(?:#.*)?)", re.IGNORECASE)

METHODS = frozenset((b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"))
"""What libevent lets through to TensorFlow Serving; anything else is its page 501."""


REMEMBERED = 512
"""Bytes of a target that is looked up rather than read again: 1,024 targets of 63 KB would be kept for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Where a request leads: the verb (predict, classify, regress, metadata, status), the model and which version."""

    verb: str
    model: str
    version: int | None
    label: str | None


def split(target: bytes) -> tuple[bytes, bytes] | None:
    """Return a request target's path, and path and query together; None where it is no URI.

    >>> split(b"/v1/models/m:predict?x=1")
    (b'/v1/models/m:predict', b'/v1/models/m:predict?x=1')
    """
    return (_remembered_split if len(target) <= REMEMBERED else _split)(target)


def _split(target: bytes) -> tuple[bytes, bytes] | None:
    match = _URI.fullmatch(target)
    return (match[1], match[1] + match[2]) if match else None


def in_api(target: bytes) -> bool:
    """Tell whether a path is the API's: everything else is no page at all.

    >>> in_api(b"/v1/models/two_tower"), in_api(b"/favicon.ico")
    (True, False)
    """
    return target[:4].lower() == b"/v1/"


def route(method: bytes, target: bytes) -> Route:
    """Return where a request of the API leads; ``target`` is the path with its query, which becomes part of a name.

    >>> route(b"GET", b"/v1/models/als/versions/7").version
    7

    Raises:
        Refusal: nowhere; without a word where the version is too large a number, as TensorFlow Serving has it.
    """
    return (_remembered_route if len(method) + len(target) <= REMEMBERED else _route)(method, target)


def _route(method: bytes, target: bytes) -> Route:
    pattern = _PREDICTION if method == b"POST" else _MODEL if method == b"GET" else None
    match = pattern.fullmatch(target) if pattern else None
    if match is None:
        raise _malformed(method, target)
    name, version, label, verb = match.groups()
    number = version_number(_text(version)) if version else None
    if version and number is None:
        raise invalid("")
    if method == b"GET":
        verb = verb if verb == b"metadata" else b"status"
        if not name:
            raise invalid("Missing model name in request.")
    elif verb not in (b"predict", b"classify", b"regress"):  # the route ignores case, the verb does not
        raise _malformed(method, target)
    label = _text(unquote_to_bytes(label)) if label else None
    return Route(verb=_text(verb), model=_text(unquote_to_bytes(name)), version=number, label=label)


_remembered_split = lru_cache(maxsize=1024)(_split)
_remembered_route = lru_cache(maxsize=1024)(_route)


def _malformed(method: bytes, target: bytes) -> Refusal:
    return invalid(f"Malformed request: {_text(method)} {_text(target)}")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
