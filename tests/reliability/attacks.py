"""What strangers do to a server, as bounded attacks: each sends for some seconds and counts what came back."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from bodies import MB, body, head, large_requests
from grpc_attacks import grpc_bombs, grpc_calls_without_a_message, idle_sockets
from sending import Where, ask_in_turn, connected, exchange, keep, threads, trickle, until
from version import MODEL


def no_attack(where: Where, seconds: float) -> Counter[str]:
    """Leave the honest client alone with the machine and a reload: what its waits under attack compare with."""
    time.sleep(seconds)
    return Counter()


def large_bodies(where: Where, seconds: float) -> Counter[str]:
    """Ask for too much, from eight connections at once."""
    bodies = list(large_requests())
    return threads(8, lambda number: ask_in_turn(where, bodies[number % len(bodies) :] + bodies, until(seconds)))


def hung_up(where: Where, seconds: float) -> Counter[str]:
    """Send packed requests that take long, and leave at once."""
    packed = gzip.compress(b'{"instances":[' + b",".join([b"1"] * 100_000) + b"]}")
    counts: Counter[str] = Counter()
    for _ in until(seconds):
        with connected(where[0]) as client, suppress(OSError):
            client.sendall(head(len(packed), "Content-Encoding: gzip") + packed)
            counts["sent"] += 1
        time.sleep(0.02)
    return counts


def unfinished_bodies(where: Where, seconds: float) -> Counter[str]:
    """Send 104 bodies up to the last byte, and keep them waiting."""
    size = 16 * MB
    return keep(where, seconds, 104, head(size) + b'{"instances":["' + b"x" * (size - 1 - 15))


def pipelined_bodies(where: Where, seconds: float) -> Counter[str]:
    """Send 65 whole requests ahead on each of four connections."""
    long = b'{"instances":["' + b"x" * (15 * MB) + b'"]}'
    return keep(where, seconds, 4, *([head(len(long)) + long] * 65))


def tiny_chunks(where: Where, seconds: float) -> Counter[str]:
    """Send bodies in chunks of two bytes, and never end them."""
    return keep(where, seconds, 16, head(None) + b"2\r\nxx\r\n" * 2_000_000)


def readers_that_do_not_read(where: Where, seconds: float) -> Counter[str]:
    """Ask for large answers on sixty connections, and read none."""
    large = body("recommend", user_id=["42"] * 500, k=[2**31 - 1] * 500, exclude=[[""]] * 500, unseen=[False] * 500)
    return keep(where, seconds, 60, head(len(large)) + large)


def long_targets(where: Where, seconds: float) -> Counter[str]:
    """Ask for thousands of targets of 63 KB, each another."""

    def ask(number: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        for turn in until(seconds):
            target = f"/v1/models/{number}x{turn}" + "y" * 63_000
            counts += exchange(where[0], f"GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        return counts

    return threads(2, ask)


def costly_targets(where: Where, seconds: float) -> Counter[str]:
    """Ask for targets of 60 KB that are no URI, and could be divided into host and path in many ways."""
    target = b"http://" + b"a" * 30_000 + b"/" + b"b" * 30_000 + b'"'
    sent = b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\n\r\n"
    return threads(2, lambda number: sum((exchange(where[0], sent) for _ in until(seconds)), Counter()))


def endless_headers(where: Where, seconds: float) -> Counter[str]:
    """Begin a header on each of sixteen connections, and never end it."""
    return keep(where, seconds, 16, b"GET / HTTP/1.1\r\nA: " + b"x" * (60 * MB))


def sent_ahead(where: Where, seconds: float) -> Counter[str]:
    """Send thousands of small requests ahead, each of which takes as long as any that has no body."""
    one = f"GET /v1/models/{MODEL}/metadata HTTP/1.1\r\n".encode()
    sent = (one + b"\r\n") * 2000 + one + b"Connection: close\r\n\r\n"
    return threads(4, lambda number: sum((exchange(where[0], sent) for _ in until(seconds)), Counter()))


def one_byte_at_a_time(where: Where, seconds: float) -> Counter[str]:
    """Hold more connections than there may be, with a byte now and then."""
    return asyncio.run(trickle(where[0], 5000, seconds))


ATTACKS: dict[str, Callable[[Where, float], Counter[str]]] = {
    attack.__name__: attack
    for attack in (
        no_attack,
        large_bodies,
        hung_up,
        unfinished_bodies,
        pipelined_bodies,
        tiny_chunks,
        readers_that_do_not_read,
        long_targets,
        costly_targets,
        endless_headers,
        sent_ahead,
        one_byte_at_a_time,
        grpc_bombs,
        grpc_calls_without_a_message,
        idle_sockets,
    )
}
