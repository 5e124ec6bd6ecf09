"""The contract: what every version of every model answers, to the letter.

The lowest module: standard library only, so that the client, the server, the exporter and the tests can all
hold themselves to one table. A shape is a tuple whose ``None`` is a free dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1
"""The contract's own version, written into each manifest: raised when a name, dtype or meaning changes."""

DEFAULT_K = 10
"""Items in a ``serving_default`` answer; fixed at export."""

PADDING = ""
"""What fills ``exclude`` and ``items`` inputs up to their width, and an answer's places past what is left."""

LOWEST = -3.4028234663852886e38
"""The lowest float32: the score of a place that holds no item, and of an item that is not in the catalogue."""

K_TOO_SMALL = "k must be at least 1"
"""What a request with a ``k`` below 1 is refused with, by the graph and, as ONNX knows no assertion, by the server."""

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

SIGNATURES = {
    "serving_default": Signature(
        inputs={"user_id": _ID},
        outputs={
            "item": Tensor(dtype="string", shape=(None, DEFAULT_K)),
            "score": Tensor(dtype="float32", shape=(None, DEFAULT_K)),
        },
    ),
    "recommend": Signature(
        inputs={"user_id": _ID, "k": _K, "exclude": _IDS, "unseen": _FLAG},
        outputs={**_RANKED, "known": _FLAG},
    ),
    "similar": Signature(inputs={"item": _ID, "k": _K}, outputs=_RANKED),
    "recommend_from": Signature(inputs={"items": _IDS, "k": _K}, outputs=_RANKED),
    "score": Signature(inputs={"user_id": _ID, "item": _ID}, outputs={"score": Tensor(dtype="float32", shape=(None,))}),
}
"""The five signatures by name."""


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
