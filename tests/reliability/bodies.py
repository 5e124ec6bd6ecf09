"""What strangers send: bodies that ask for more than they weigh, and the heads of requests."""

from __future__ import annotations

import json
from collections.abc import Iterator

from version import MODEL

PATH = f"/v1/models/{MODEL}:predict"
MB = 1 << 20


def body(signature: str = "serving_default", **inputs: object) -> bytes:
    return json.dumps({"signature_name": signature, "inputs": inputs}, separators=(",", ":")).encode()


def head(length: int | None, *extra: str) -> bytes:
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", *extra]
    lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def large_requests() -> Iterator[bytes]:
    """Bodies that ask for more than they weigh."""
    film = "Film 1, The (1990)"
    yield body(user_id=["42"] * 1_000_000)
    yield body(user_id=["42"] * 50_000)
    yield body(
        "recommend", user_id=["42"] * 10_000, k=[2**31 - 1] * 10_000, exclude=[[""]] * 10_000, unseen=[True] * 10_000
    )
    yield body("recommend", user_id=["42"] * 500, k=[2**31 - 1] * 500, exclude=[[""]] * 500, unseen=[True] * 500)
    yield body("recommend_from", items=[[""] * 5_000_000], k=[10])
    yield body("recommend_from", items=[[film] * 60_000], k=[10])
    yield body("recommend_from", items=[[film] * 5000] * 150, k=[10] * 150)
    yield body("recommend", user_id=["42"], k=[10], exclude=[[film] * 100_000], unseen=[False])
    yield _within([["genre:0"] * 100_000])
    yield _within([["genre:0"] * 4000])
    yield b'{"instances":[' + b",".join([b"1"] * 120_000) + b"]}"
    yield b'{"instances":["42"],"a":[' + b",".join([b"{}"] * 3_000_000) + b"]}"
    yield b'{"instances":["' + b":,[" * 3_000_000 + b'"]}'
    yield b'{"instances":1,"inputs":' + b'{"a":' * 90_000 + b"1" + b"}" * 90_000 + b"}"
    yield b'{"instances":["42"' + b" " * (15 * MB) + b"x"
    yield b'{"instances":["' + rb"\u00e9" * 2_500_000 + b'"]} x'


def _within(tags: list[list[str]]) -> bytes:
    return body("recommend_within", user_id=["42"], k=[10], exclude=[[""]], unseen=[False], among=[[""]], tags=tags)
