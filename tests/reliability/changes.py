"""How a request that was right once is changed at random, where its structure is."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from version import MODEL

from serving.proto import serving_pb2

ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 1e39, 2**31 - 1, 2**63, 10**25, float("nan"), float("inf")),
    *("", "42", "\0", "\ud800", "é" * 50, "x" * 3000, [], {}, [[]], [[], [1]], {"b64": "NDI="}, {"b64": "@"}, [None]),
]
ODD_PATHS = ["", '"', "%zz", "?x", "#", "\\", "//", "%00"]
SIZES = [-2, -1, 0, 1, 2, 3, 255, 70_000, 1 << 20, 1 << 33, (1 << 63) - 1]


def changed_rest(rng: random.Random, seed: dict[str, Any]) -> tuple[str, bytes]:
    """Change a request in one to four places: a value of its document, bytes of its text, or its path."""
    document, path = copy.deepcopy(seed), f"/v1/models/{MODEL}:{rng.choice(['predict'] * 8 + ['classify', 'regress'])}"
    for _ in range(rng.randint(1, 3)):
        changed_value(rng, document)
    text = json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if rng.random() < 0.4:
        text = changed_bytes(rng, text)
    if rng.random() < 0.05:
        path = f"http://{'a' * rng.choice([1, 20_000])}{path}{'b' * rng.choice([0, 20_000])}{rng.choice(ODD_PATHS)}"
    elif rng.random() < 0.1:
        path = path.replace("/", rng.choice(["//", "/%2f", "/versions/9/", "/labels/x"]), 1 + rng.randint(0, 2))
    return path, text


def changed_value(rng: random.Random, document: Any) -> None:
    """Replace, double, drop or nest one value somewhere in a document."""
    places = list(places_of(document))
    if not places:
        return
    parent, key = rng.choice(places)
    change = rng.randrange(6)
    if change == 0 and isinstance(parent, dict):
        parent[rng.choice([str(key) + "x", "", "instances", "inputs", "signature_name", "b64"])] = parent[key]
    elif change == 1:
        del parent[key]
    elif change == 2 and isinstance(parent, list):
        parent[key:key] = [parent[key]] * rng.choice([1, 2, 300])
    elif change == 3:
        for _ in range(rng.choice([1, 1, 1, 1, 300])):
            parent[key] = [parent[key]] if rng.random() < 0.5 else {rng.choice(["a", "b64", str(key)]): parent[key]}
    elif change == 4 and isinstance(parent[key], list | str):
        parent[key] *= rng.choice([2, 2, 2, 500])
    else:
        parent[key] = copy.deepcopy(rng.choice(ODD))


def places_of(document: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else []
    for key in keys:
        yield document, key
        yield from places_of(document[key])


def changed_bytes(rng: random.Random, text: bytes) -> bytes:
    """Flip, cut out, repeat or insert bytes."""
    at = rng.randrange(len(text) + 1)
    to = min(len(text), at + rng.choice([1, 1, 2, 8, 40]))
    changes: list[Callable[[], bytes]] = [
        lambda: text[:at] + rng.randbytes(to - at) + text[to:],
        lambda: text[:at] + text[to:],
        lambda: text[:to] + text[at:to] * rng.choice([1, 30]) + text[to:],
        lambda: text[:at] + rng.choice([b"\0", b"\xff", b"\xef\xbb\xbf", b"{", b"]", b'"', b",", b"NaN"]) + text[at:],
    ]
    return rng.choice(changes)()


def changed_grpc(rng: random.Random, method: str, seed: bytes) -> bytes:
    """Change a message in its fields where it is a Predict request, or in its bytes."""
    if not method.endswith("/Predict") or rng.random() < 0.3:
        return changed_bytes(rng, seed)
    request = serving_pb2.PredictRequest.FromString(seed)
    for _ in range(rng.randint(1, 3)):
        changed_tensor(rng, request.inputs[rng.choice([*request.inputs, "zzz"])])
    if rng.random() < 0.02:
        for number in range(rng.choice([10, 5000])):
            request.inputs[str(number)].dtype = 7
    if rng.random() < 0.2:
        request.output_filter.append(rng.choice(["item", "score", "zzz", ""]))
    return bytes(request.SerializeToString())


def changed_tensor(rng: random.Random, tensor: Any) -> None:
    """Change a tensor's dtype, its shape or its values."""
    change = rng.randrange(6)
    if change == 0:
        tensor.dtype = rng.choice([-1, *range(0, 30), 101, 999])
    elif change == 1:
        for _ in range(rng.choice([1, 1, 1, 40, 3000])):
            tensor.tensor_shape.dim.add(size=rng.choice(SIZES))
    elif change == 2 and tensor.tensor_shape.dim:
        rng.choice(tensor.tensor_shape.dim).size = rng.choice(SIZES)
    elif change == 3:
        tensor.tensor_content = rng.randbytes(rng.choice([0, 1, 4, 40]))
    elif change == 4:
        tensor.string_val.extend([rng.randbytes(rng.choice([0, 2, 3000]))] * rng.choice([1, 3]))
    else:
        tensor.int_val.extend([rng.choice([0, -1, 2**31 - 1])] * rng.choice([1, 3]))
