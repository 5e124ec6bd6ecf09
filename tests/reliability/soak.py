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
from attacks import ATTACKS, Where
from live import process
from version import MODEL, publish_again, write_models
from witness import Witness, megabytes

MOST_MEGABYTES, LONGEST_WAIT = 1024, 0.5
REST_SECONDS = 60
"""How long after the last attack memory and descriptors may take to be back where they were."""


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
            before = megabytes(watched), watched.num_fds()
            print(HEADING, flush=True)
            kept = [attack(name, ports, watched, models, options.seconds) for name in options.only or ATTACKS]
            kept.append(at_rest(watched, before))
            running.send_signal(signal.SIGTERM)
            kept.append(running.wait(30) == 0)
    return 0 if all(kept) else 1


HEADING = f"{'attack':<30} peak MB  asked  full failed  p50 ms  p99 ms  longest  counts"


def attack(name: str, ports: Where, watched: psutil.Process, models: Path, seconds: float) -> bool:
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
    waits = f"{1e3 * seen.p50:>7.1f} {1e3 * seen.p99:>7.1f} {1e3 * seen.longest:>8.1f}"
    told = f"{seen.answered + seen.full + seen.failed:>6} {seen.full:>5} {seen.failed:>6} {waits}"
    print(f"{name:<30} {witness.peak:>7.0f} {told}  {dict(sorted(came.items()))}", flush=True)
    errors = sum(count for status, count in came.items() if status[:1] == "5" and status != "503")
    return not (errors or seen.failed) and witness.peak < MOST_MEGABYTES and seen.longest < LONGEST_WAIT


def at_rest(watched: psutil.Process, before: tuple[float, int]) -> bool:
    """Wait for memory and descriptors to come back; say whether they did."""
    end = time.monotonic() + REST_SECONDS
    while time.monotonic() < end:
        now = megabytes(watched), watched.num_fds()
        if now[0] < before[0] + 100 and now[1] <= before[1] + 20:
            break
        time.sleep(1)
    took = REST_SECONDS - max(0.0, end - time.monotonic())
    print(
        f"before {before[0]:.0f} MB, {before[1]} descriptors; {took:.0f} s after {now[0]:.0f} MB, {now[1]} descriptors"
    )
    return now[0] < before[0] + 100 and now[1] <= before[1] + 20


if __name__ == "__main__":
    sys.exit(main())
