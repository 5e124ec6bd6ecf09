"""`make soak`: attack a server of one's own, each attack for some seconds with an honest client beside it, and reload.

Prints for each attack what was sent and what came back, the server's peak memory and what the honest client saw; ends
with 1 where a bound of docs/reliability.md is not kept.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
from attacks import ATTACKS
from live import process
from sending import Where
from version import MODEL, publish_again, write_models
from witness import Witness, megabytes

MOST_MEGABYTES, LONGEST_WAIT = 1024, 0.5
REST_SECONDS = 60
"""How long after an attack memory and descriptors may take to be back where they were before all of them."""

MORE_MEGABYTES, MORE_DESCRIPTORS = 64, 8
"""What counts as back: versions come and go meanwhile, and the C library keeps some of what was free."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="how long each attack lasts")
    parser.add_argument("--only", nargs="*", choices=sorted(ATTACKS), help="these attacks, not all")
    parser.add_argument("--models", type=Path, help="a folder that an earlier run left, instead of a new one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        models = options.models or Path(scratch)
        if not (models / MODEL).is_dir():
            write_models(models)
        with process("--models", str(models)) as (running, where):
            threading.Thread(target=lambda: [None for _ in running.stderr], daemon=True).start()
            watched = psutil.Process(running.pid)
            ports = (where.rest_port, where.grpc_port)
            kept = []
            before = megabytes(watched), watched.num_fds()
            print(HEADING, flush=True)
            for name in options.only or ATTACKS:
                kept.append(attack(name, ports, watched, models, options.seconds, before))
            running.send_signal(signal.SIGTERM)
            kept.append(running.wait(30) == 0)
    return 0 if all(kept) else 1


HEADING = f"{'attack':<28} peak MB  asked  full failed  p50 ms  p99 ms longest  server  back in  MB  fds  counts"


def attack(
    name: str, ports: Where, watched: psutil.Process, models: Path, seconds: float, before: tuple[float, int]
) -> bool:
    """Run one attack, with a reload in the middle; say whether the bounds were kept."""
    counts: list[Counter[str]] = []
    with Witness(ports[0], MODEL, watched) as witness:
        attacker = threading.Thread(target=lambda: counts.append(ATTACKS[name](ports, seconds)))
        attacker.start()
        time.sleep(seconds / 2)
        publish_again(models)
        attacker.join()
    seen, (came,) = witness.honest, counts
    assert seen is not None, "the honest client never came back"
    rested, told_of_rest = at_rest(watched, before)
    waits = " ".join(f"{1e3 * one:>7.1f}" for one in (seen.p50, seen.p99, seen.longest, seen.server))
    told = f"{seen.answered + seen.full + seen.failed:>6} {seen.full:>5} {seen.failed:>6} {waits}"
    print(f"{name:<28} {witness.peak:>7.0f} {told} {told_of_rest}  {dict(sorted(came.items()))}", flush=True)
    errors = sum(count for status, count in came.items() if status[:1] == "5" and status != "503")
    bounded = witness.peak < MOST_MEGABYTES and seen.server < LONGEST_WAIT
    return bounded and rested and not (errors or seen.failed)


def at_rest(watched: psutil.Process, before: tuple[float, int]) -> tuple[bool, str]:
    """Wait for memory and descriptors to come back; say whether they did, and as text how long it took and to what."""
    start = time.monotonic()
    while True:
        took, memory, descriptors = time.monotonic() - start, megabytes(watched), watched.num_fds()
        back = memory < before[0] + MORE_MEGABYTES and descriptors <= before[1] + MORE_DESCRIPTORS
        if back or took > REST_SECONDS:
            return back, f"{f'{took:.0f} s' if back else 'not':>8} {memory:>3.0f} {descriptors:>4}"
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
