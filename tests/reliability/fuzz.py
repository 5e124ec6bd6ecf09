"""`make fuzz`: send requests that were right once to a server of one's own, changed at random where their structure is.

The seeds are in tests/data/fuzz. Prints what was sent over each protocol and what came back; ends with 1 where the
server took a fault upon itself (a status of 500 and above but 503, or INTERNAL and the like), broke a connection off
without an answer, took longer than 5 s for one, or failed an honest client. What was sent then is printed, to be
kept among the seeds. `--seeds` of an earlier run send the same requests again.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import grpc
import psutil
from changes import changed_grpc, changed_rest
from live import process
from version import MODEL, write_models
from witness import Witness

SEEDS = Path(__file__).parent.parent / "data" / "fuzz"
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


if __name__ == "__main__":
    sys.exit(main())
