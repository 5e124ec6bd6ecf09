"""`make fuzz`: send requests that were right once to a server of one's own, changed at random where their structure is.

The seeds are in tests/data/fuzz. Prints what was sent over each protocol and what came back; ends with 1 where the
server took a fault upon itself (a status of 500 and above but 503, or INTERNAL and the like), broke a connection off
without an answer, took longer than 5 s for one, or failed an honest client. What was sent then is printed, to be
kept among the seeds. `--seeds` of an earlier run send the same requests again.
"""

from __future__ import annotations

import argparse
import base64
import copy
import http.client
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
from live import process
from version import MODEL, write_models
from witness import Witness

from serving.proto import serving_pb2

SEEDS = Path(__file__).parent.parent / "data" / "fuzz"
ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 1e39, 2**31 - 1, 2**63, 10**25, float("nan"), float("inf")),
    *("", "42", "\0", "\ud800", "é" * 50, "x" * 3000, [], {}, [[]], [[], [1]], {"b64": "NDI="}, {"b64": "@"}, [None]),
]
ODD_PATHS = ["", '"', "%zz", "?x", "#", "\\", "//", "%00"]
SIZES = [-2, -1, 0, 1, 2, 3, 255, 70_000, 1 << 20, 1 << 33, (1 << 63) - 1]
FAULTS = {"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS", "broken off", "slow"}
SLOW = 5.0
"""Seconds beyond which an answer is a fault: the largest request there may be takes some 2."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long each protocol is fuzzed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42], help="one run over each protocol for each")
    parser.add_argument("--models", type=Path, help="a folder that an earlier run left, instead of a new one")
    options = parser.parse_args()
    sys.setrecursionlimit(20_000)  # for documents within each other
    with tempfile.TemporaryDirectory() as scratch:
        models = options.models or Path(scratch)
        if not (models / MODEL).is_dir():
            write_models(models)
        with process("--models", str(models)) as (running, where):
            threading.Thread(target=lambda: [None for _ in running.stderr], daemon=True).start()
            watched = psutil.Process(running.pid)
            ports = {"REST": (fuzz_rest, where.rest_port), "gRPC": (fuzz_grpc, where.grpc_port)}
            kept = []
            for seed, (name, (fuzz, port)) in itertools.product(options.seeds, ports.items()):
                with Witness(where.rest_port, MODEL, watched) as witness:
                    counts = fuzz(port, random.Random(seed), time.monotonic() + options.seconds)
                seen = witness.honest
                faults = {one: many for one, many in counts.items() if many and is_fault(one)}
                print(f"{name}: {counts.pop('sent')} sent, seed {seed}: {dict(sorted(counts.items()))}")
                print(f"  faults {faults}, peak {witness.peak:.0f} MB, honest client {seen}", flush=True)
                kept.append(not faults and seen is not None and not seen.failed)
            return 0 if all(kept) and running.poll() is None else 1


def is_fault(came: str) -> bool:
    return came in FAULTS or (came.isdigit() and int(came) >= 500 and came != "503")


def fuzz_rest(port: int, rng: random.Random, end: float) -> Counter[str]:
    seeds = [json.loads(line) for line in (SEEDS / "rest.jsonl").read_text(encoding="utf-8").splitlines()]
    counts: Counter[str] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
    while time.monotonic() < end:
        path, sent = changed_rest(rng, rng.choice(seeds))
        counts["sent"] += 1
        start, came = time.monotonic(), ""
        for _ in range(2):  # the connection may have been closed after the answer before, as that said
            try:
                connection.request("POST", path, sent)
                answer = connection.getresponse()
                answer.read()
                came = str(answer.status)
                break
            except (OSError, http.client.HTTPException):
                connection.close()
                came = "broken off"
        note(counts, came, time.monotonic() - start, path, sent)
    return counts


def note(counts: Counter[str], came: str, seconds: float, where: str, sent: bytes) -> None:
    """Count what came, and print what was sent where it is a fault."""
    counts[came] += 1
    counts["slow"] += seconds > SLOW
    if is_fault(came) or seconds > SLOW:
        print(f"{came} after {seconds:.1f} s: {where[:200]!r} {sent[:2000]!r}", file=sys.stderr)


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


def fuzz_grpc(port: int, rng: random.Random, end: float) -> Counter[str]:
    lines = (SEEDS / "grpc.jsonl").read_text(encoding="utf-8").splitlines()
    seeds = [(seed["method"], base64.b64decode(seed["request"])) for seed in map(json.loads, lines)]
    counts: Counter[str] = Counter()
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", -1)]) as channel:
        while time.monotonic() < end:
            method, seed = rng.choice(seeds)
            sent = changed_grpc(rng, method, seed)
            counts["sent"] += 1
            start, came = time.monotonic(), "OK"
            try:
                channel.unary_unary(method)(sent, timeout=40)
            except grpc.RpcError as error:
                came = error.code().name
            note(counts, came, time.monotonic() - start, method, sent)
    return counts


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


if __name__ == "__main__":
    sys.exit(main())
