"""The contract: what every version of every model answers, to the letter.

The lowest module: standard library only, so that the client, the server, the exporter and the tests can all
hold themselves to one table. A shape is a tuple whose ``None`` is a free dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 2
"""The contract's own version, written into each manifest: raised when a name, dtype or meaning changes.

Version 2 added ``recommend_within`` and changed nothing else; versions of contract 1 are served and asked as before.
"""

VERSIONS = range(1, VERSION + 1)
"""The contracts that a version may keep and be served, asked and inspected."""

DEFAULT_K = 10
"""Items in a ``serving_default`` answer; fixed at export."""

PADDING = ""
"""What fills lists of ids up to their width, and an answer's places past what is left."""

LOWEST = -3.4028234663852886e38
"""The lowest float32: the score of a place that holds no item, and of an item that is not in the catalogue."""

K_TOO_SMALL = "k must be at least 1"
"""What a request with a ``k`` below 1 is refused with, by the client and by the local server.

The graph itself refuses one of which no row has another; a row beside others it answers with no item, since in
TensorFlow Serving's batches the others may be somebody else's.
"""

ROWS_DIFFER = "all inputs must have the same number of rows"
"""What a request is refused with whose inputs do not have as many rows as each other."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One named input or output: ``dtype`` is numpy's name (``string`` for byte strings)."""

    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature: its inputs and outputs by name."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


_ID = Tensor(dtype="string", shape=(None,))
_IDS = Tensor(dtype="string", shape=(None, None))
_K = Tensor(dtype="int32", shape=(None,))
_FLAG = Tensor(dtype="bool", shape=(None,))
_RANKED = {"item": _IDS, "score": Tensor(dtype="float32", shape=(None, None))}
_RECOMMEND = {"user_id": _ID, "k": _K, "exclude": _IDS, "unseen": _FLAG}

SIGNATURES = {
    "serving_default": Signature(
        inputs={"user_id": _ID},
        outputs={
            "item": Tensor(dtype="string", shape=(None, DEFAULT_K)),
            "score": Tensor(dtype="float32", shape=(None, DEFAULT_K)),
        },
    ),
    "recommend": Signature(inputs=_RECOMMEND, outputs={**_RANKED, "known": _FLAG}),
    "recommend_within": Signature(
        inputs={**_RECOMMEND, "among": _IDS, "tags": _IDS}, outputs={**_RANKED, "known": _FLAG}
    ),
    "similar": Signature(inputs={"item": _ID, "k": _K}, outputs=_RANKED),
    "recommend_from": Signature(inputs={"items": _IDS, "k": _K}, outputs=_RANKED),
    "score": Signature(inputs={"user_id": _ID, "item": _ID}, outputs={"score": Tensor(dtype="float32", shape=(None,))}),
}
"""The six signatures by name."""

SINCE = {"recommend_within": 2}
"""The version of the contract that added a signature; the others were there from the first."""


def signatures(version: object) -> dict[str, Signature]:
    """Return the signatures that a version of the contract asks for: today's, where it is none of ``VERSIONS``.

    >>> [name for name in signatures(2) if name not in signatures(1)]
    ['recommend_within']
    """
    number = version if isinstance(version, int) and version in VERSIONS else VERSION
    return {name: signature for name, signature in SIGNATURES.items() if SINCE.get(name, 1) <= number}


MANIFEST = "assets.extra/triptych.json"
"""What a version was made of, in its folder."""

TWIN = "assets.extra/onnx"
"""The folder of a version's ONNX graphs, one for each signature."""

TWIN_SUFFIX = "_out"
"""What a twin's output ends with where an input has the same name."""


def twin_output(signature: str, name: str) -> str:
    """Name an output as the twin names it: ONNX cannot give an input and an output one name, as ``similar`` does.

    The twin's outputs stand in the order of ``SIGNATURES``, so that zipping names and values does as well.

    >>> twin_output("similar", "item"), twin_output("recommend", "item")
    ('item_out', 'item')
    """
    return f"{name}{TWIN_SUFFIX}" if name in SIGNATURES[signature].inputs else name
