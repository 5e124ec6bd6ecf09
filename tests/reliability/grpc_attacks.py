"""What strangers do to the gRPC port, as bounded attacks."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import grpc
from bodies import MB
from sending import Where, keep, threads, until
from tensorboard.compat.proto import types_pb2
from version import MODEL

from serving.proto import serving_pb2


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
            for turn in until(seconds):
                counts["sent"] += 1
                try:
                    call(requests[(number + turn) % len(requests)], timeout=20)
                    counts["OK"] += 1
                except grpc.RpcError as error:
                    counts[error.code().name] += 1
        return counts

    return threads(8, ask)


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
    return keep((where[1], 0), seconds, 2000)


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
