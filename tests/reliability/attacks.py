"""What strangers do to a server, as bounded attacks: each sends for some seconds and counts what came back."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress

import grpc
from tensorboard.compat.proto import types_pb2
from version import MODEL

from serving.proto import serving_pb2

Where = tuple[int, int]
"""A server's REST and gRPC ports."""

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


def no_attack(where: Where, seconds: float) -> Counter[str]:
    """Leave the honest client alone with the machine and a reload: what its waits under attack compare with."""
    time.sleep(seconds)
    return Counter()


def large_bodies(where: Where, seconds: float) -> Counter[str]:
    """Ask for too much, from eight connections at once."""
    bodies = list(large_requests())
    return _threads(8, lambda number: _ask_in_turn(where, bodies[number % len(bodies) :] + bodies, _until(seconds)))


def hung_up(where: Where, seconds: float) -> Counter[str]:
    """Send packed requests that take long, and leave at once."""
    packed = gzip.compress(b'{"instances":[' + b",".join([b"1"] * 100_000) + b"]}")
    counts: Counter[str] = Counter()
    for _ in _until(seconds):
        with _connected(where[0]) as client, suppress(OSError):
            client.sendall(head(len(packed), "Content-Encoding: gzip") + packed)
            counts["sent"] += 1
        time.sleep(0.02)
    return counts


def unfinished_bodies(where: Where, seconds: float) -> Counter[str]:
    """Send 104 bodies up to the last byte, and keep them waiting."""
    size = 16 * MB
    return _keep(where, seconds, 104, head(size) + b'{"instances":["' + b"x" * (size - 1 - 15))


def pipelined_bodies(where: Where, seconds: float) -> Counter[str]:
    """Send 65 whole requests ahead on each of four connections."""
    long = b'{"instances":["' + b"x" * (15 * MB) + b'"]}'
    return _keep(where, seconds, 4, *([head(len(long)) + long] * 65))


def tiny_chunks(where: Where, seconds: float) -> Counter[str]:
    """Send bodies in chunks of two bytes, and never end them."""
    return _keep(where, seconds, 16, head(None) + b"2\r\nxx\r\n" * 2_000_000)


def readers_that_do_not_read(where: Where, seconds: float) -> Counter[str]:
    """Ask for large answers on sixty connections, and read none."""
    large = body("recommend", user_id=["42"] * 500, k=[2**31 - 1] * 500, exclude=[[""]] * 500, unseen=[False] * 500)
    return _keep(where, seconds, 60, head(len(large)) + large)


def long_targets(where: Where, seconds: float) -> Counter[str]:
    """Ask for thousands of targets of 63 KB, each another."""

    def ask(number: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        for turn in _until(seconds):
            target = f"/v1/models/{number}x{turn}" + "y" * 63_000
            counts += _exchange(where[0], f"GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        return counts

    return _threads(2, ask)


def costly_targets(where: Where, seconds: float) -> Counter[str]:
    """Ask for targets of 60 KB that are no URI, and could be divided into host and path in many ways."""
    target = b"http://" + b"a" * 30_000 + b"/" + b"b" * 30_000 + b'"'
    sent = b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\n\r\n"
    return _threads(2, lambda number: sum((_exchange(where[0], sent) for _ in _until(seconds)), Counter()))


def endless_headers(where: Where, seconds: float) -> Counter[str]:
    """Begin a header on each of sixteen connections, and never end it."""
    return _keep(where, seconds, 16, b"GET / HTTP/1.1\r\nA: " + b"x" * (60 * MB))


def sent_ahead(where: Where, seconds: float) -> Counter[str]:
    """Send thousands of small requests ahead, each of which takes as long as any that has no body."""
    one = f"GET /v1/models/{MODEL}/metadata HTTP/1.1\r\n".encode()
    sent = (one + b"\r\n") * 2000 + one + b"Connection: close\r\n\r\n"
    return _threads(4, lambda number: sum((_exchange(where[0], sent) for _ in _until(seconds)), Counter()))


def one_byte_at_a_time(where: Where, seconds: float) -> Counter[str]:
    """Hold more connections than there may be, with a byte now and then."""
    return asyncio.run(_trickle(where[0], 5000, seconds))


def grpc_bombs(where: Where, seconds: float) -> Counter[str]:
    """Ask over gRPC for a million rows in 57 bytes, for whole catalogues, for wide lists."""
    requests = [
        _predict("serving_default", user_id=(types_pb2.DT_STRING, [1_000_000], ["42"])),
        _predict("serving_default", user_id=(types_pb2.DT_STRING, [40_000], ["42"])),
        _predict("serving_default", user_id=(types_pb2.DT_STRING, [1000], ["x" * MB])),
        _predict(
            "recommend_from", items=(types_pb2.DT_STRING, [1, 5_000_000], [""]), k=(types_pb2.DT_INT32, [1], [10])
        ),
        _predict(
            "recommend",
            user_id=(types_pb2.DT_STRING, [10_000], ["42"]),
            k=(types_pb2.DT_INT32, [10_000], [2**31 - 1]),
            exclude=(types_pb2.DT_STRING, [10_000, 1], [""]),
            unseen=(types_pb2.DT_BOOL, [10_000], [True]),
        ),
        b"".join(b"\x12\x0a\x0a\x06%06x\x12\x00" % number for number in range(340_000)),
    ]

    def ask(number: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{where[1]}", options=options) as channel:
            call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            for turn in _until(seconds):
                counts["sent"] += 1
                try:
                    call(requests[(number + turn) % len(requests)], timeout=20)
                    counts["OK"] += 1
                except grpc.RpcError as error:
                    counts[error.code().name] += 1
        return counts

    return _threads(8, ask)


def grpc_calls_without_a_message(where: Where, seconds: float) -> Counter[str]:
    """Begin thousands of calls, and send nothing in them."""
    counts: Counter[str] = Counter()
    waiting = threading.Event()

    def nothing() -> Iterator[bytes]:
        waiting.wait(seconds)
        yield from ()

    with ExitStack() as stack:
        for _ in range(10):
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{where[1]}", options=options))
            call = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
            for _ in range(100):
                call.future(nothing())
                counts["sent"] += 1
        time.sleep(seconds)
        waiting.set()
    return counts


def idle_sockets(where: Where, seconds: float) -> Counter[str]:
    """Connect to the gRPC port and say nothing."""
    return _keep((where[1], 0), seconds, 2000)


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


def _until(seconds: float) -> Iterator[int]:
    end, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        yield turn
        turn += 1


def _threads(count: int, work: Callable[[int], Counter[str]]) -> Counter[str]:
    results: list[Counter[str]] = []
    threads = [threading.Thread(target=lambda number=number: results.append(work(number))) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(results, Counter())


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=40)


def _ask_in_turn(where: Where, bodies: list[bytes], turns: Iterable[int]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for turn in turns:
        one = bodies[turn % len(bodies)]
        counts += _exchange(where[0], head(len(one), "Connection: close") + one)
    return counts


def _exchange(port: int, sent: bytes) -> Counter[str]:
    """Send something on a connection of its own and read all that comes; count the status."""
    counts: Counter[str] = Counter(sent=1)
    first = b""
    try:
        with _connected(port) as client:
            with suppress(OSError):  # refused before all of it is sent: the answer is there all the same
                client.sendall(sent)
            while data := client.recv(1 << 16):
                first = first or data
    except OSError:
        counts["reset"] += not first
    if first:
        counts[first.split(b" ", 2)[1].decode()] += 1
    return counts


def _keep(where: Where, seconds: float, count: int, *sent: bytes) -> Counter[str]:
    """Open connections, send on each what is given as far as the server takes it, and keep them to the end."""
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            with suppress(OSError):
                clients.append(stack.enter_context(_connected(where[0])))
        left = {client: [memoryview(one) for one in sent] for client in clients}
        for client in clients:
            client.setblocking(False)
        for _ in _until(seconds):
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


async def _trickle(port: int, count: int, seconds: float) -> Counter[str]:
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


def _predict(signature: str, **inputs: tuple[int, list[int], list[object]]) -> bytes:
    request = serving_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = MODEL, signature
    fields = {types_pb2.DT_STRING: "string_val", types_pb2.DT_INT32: "int_val", types_pb2.DT_BOOL: "bool_val"}
    for name, (dtype, shape, values) in inputs.items():
        tensor = request.inputs[name]
        tensor.dtype = dtype
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        getattr(tensor, fields[dtype]).extend(encoded)
    return bytes(request.SerializeToString())
