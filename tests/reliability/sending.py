"""How strangers send: in threads, on many connections at once, a byte at a time; each counts what came back."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress

from bodies import MB, head

Where = tuple[int, int]
"""A server's REST and gRPC ports."""


def until(seconds: float) -> Iterator[int]:
    end, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        yield turn
        turn += 1


def threads(count: int, work: Callable[[int], Counter[str]]) -> Counter[str]:
    results: list[Counter[str]] = []
    threads = [threading.Thread(target=lambda number=number: results.append(work(number))) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(results, Counter())


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=40)


def ask_in_turn(where: Where, bodies: list[bytes], turns: Iterable[int]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for turn in turns:
        one = bodies[turn % len(bodies)]
        counts += exchange(where[0], head(len(one), "Connection: close") + one)
    return counts


def exchange(port: int, sent: bytes) -> Counter[str]:
    """Send something on a connection of its own and read all that comes; count the status."""
    counts: Counter[str] = Counter(sent=1)
    first = b""
    try:
        with connected(port) as client:
            with suppress(OSError):  # refused before all of it is sent: the answer is there all the same
                client.sendall(sent)
            while data := client.recv(1 << 16):
                first = first or data
    except OSError:
        counts["reset"] += not first
    if first:
        counts[first.split(b" ", 2)[1].decode()] += 1
    return counts


def keep(where: Where, seconds: float, count: int, *sent: bytes) -> Counter[str]:
    """Open connections, send on each what is given as far as the server takes it, and keep them to the end."""
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            with suppress(OSError):
                clients.append(stack.enter_context(connected(where[0])))
        left = {client: [memoryview(one) for one in sent] for client in clients}
        for client in clients:
            client.setblocking(False)
        for _ in until(seconds):
            for client, parts in left.items():
                _push(client, parts, counts)
            time.sleep(0.05)
    counts["connections"] = len(clients)
    return counts


def _push(client: socket.socket, parts: list[memoryview], counts: Counter[str]) -> None:
    try:
        while parts:
            parts[0] = parts[0][client.send(parts[0][: 4 * MB]) :]
            if not parts[0]:
                parts.pop(0)
                counts["sent"] += 1
    except BlockingIOError:
        return
    except OSError:
        parts.clear()
        counts["closed"] += 1


async def trickle(port: int, count: int, seconds: float) -> Counter[str]:
    counts: Counter[str] = Counter()

    async def one() -> None:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            end = time.monotonic() + seconds
            for byte in head(10):
                if time.monotonic() > end or reader.at_eof():
                    break
                writer.write(bytes([byte]))
                counts["sent"] += 1
                await asyncio.sleep(5)
            writer.close()

    await asyncio.gather(*(one() for _ in range(count)))
    counts["connections"] = count
    return counts
