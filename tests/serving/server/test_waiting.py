"""Requests that wait: dropped when nobody waits for them, refused when they are too many, ended when never sent."""

from __future__ import annotations

import gc
import gzip
import json
import socket
import struct
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import grpc
import pytest
from live import ask, live, predict
from predict_requests import connected, head, message, recommend

from serving import contract
from serving.client.grpc import predict_request
from serving.client.transport import Target, array
from serving.engines import engine
from serving.engines.batching import INLINE_SECONDS, THREADS
from serving.engines.budget import Account
from serving.engines.waiting import Waiting
from serving.http.messages import Limits, Request
from serving.json import examples
from serving.server.rpc_server import RpcLimits

BODY = b'{"instances": ["1"]}'


def models(tiny_version):
    return tiny_version.folder.parent.parent


def test_work_of_those_who_have_left_is_dropped_and_a_new_version_answers_at_once(tiny_version, tmp_path):
    packed = gzip.compress(b'{"instances":[' + b",".join([b"1"] * 120_000) + b"]}")
    with live(models=models(tiny_version)) as where:
        for _ in range(20):
            with connected(where) as client:
                client.sendall(head(len(packed)).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + packed)
        start = time.monotonic()
        for kind in ("plain", "item_biases", "user_biases", "history"):
            assert predict(where, kind, BODY).status == 200
        assert predict(where, "plain", json.dumps({"instances": ["1"] * 9000})).status in (200, 429)
        assert time.monotonic() - start < 20


@pytest.mark.parametrize("verb", ["classify", "regress"])
def test_examples_of_those_who_have_left_are_not_read_any_further(tiny_version, monkeypatch, verb):
    read, begun, go, real = [], threading.Event(), threading.Event(), examples._example

    def example(value):
        read.append(value)
        begun.set()
        assert go.wait(20)
        return real(value)

    monkeypatch.setattr(examples, "_example", example)
    body, path = b'{"examples": [{"a": 1}, {"a": 2}, {"a": 3}]}', f"/v1/models/plain:{verb}"
    with live(models=models(tiny_version)) as where:
        with connected(where) as client:
            client.sendall(head(len(body), path.encode()) + body)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert begun.wait(20)
        until(lambda: any(one.gone for one in gc.get_objects() if type(one) is Request))
        go.set()
        assert ask(where, "POST", path, b'{"examples": [{"a": 4}]}').status == 400  # in its turn; no such signature
    assert [value.members[0][1] for value in read] == [1, 4]


def waiting():
    return [one for one in gc.get_objects() if type(one) is Waiting]


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def blocked(monkeypatch):
    """Let no graph answer `recommend` before the event is set."""
    real, go = engine.load, threading.Event()

    def held(signature):
        # It is foreseen to take long enough for a thread: on the event loop it would hold everybody up.
        return replace(signature, run=lambda inputs: (go.wait(60), signature.run(inputs))[1], seconds=INLINE_SECONDS)

    def load(*args, **options):
        servable = real(*args, **options)
        signatures = servable.signatures
        return replace(servable, signatures=signatures | {"recommend": held(signatures["recommend"])})

    monkeypatch.setattr(engine, "load", load)
    yield go
    go.set()


@contextmanager
def over_rest(where, body):
    with connected(where) as client:
        client.sendall(head(len(body)) + body.encode())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        yield


@contextmanager
def over_grpc(where, body):
    inputs = json.loads(body)["inputs"]
    wanted = contract.SIGNATURES["recommend"].inputs
    columns = {name: array(inputs[name], tensor.dtype) for name, tensor in wanted.items()}
    message = predict_request(Target(model="plain"), "recommend", columns).SerializeToString()
    with grpc.insecure_channel(f"127.0.0.1:{where.grpc_port}") as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict").future(message)
        yield
        call.cancel()


@pytest.mark.parametrize("opened", [over_rest, over_grpc])
def test_a_request_whose_caller_leaves_before_its_turn_goes_at_once_and_one_that_runs_is_held_to_its_end(
    tiny_version, blocked, opened
):
    gc.collect()
    with live(models=models(tiny_version), batching=False) as where:
        (account,) = (one for one in gc.get_objects() if type(one) is Account)
        with ExitStack() as stack:
            for number in range(THREADS + 5):
                stack.enter_context(opened(where, recommend(1, 3, [""] * 50)))
                until(lambda number=number: len(waiting()) == number + 1)
            each = account.held / (THREADS + 5)
        until(lambda: len(waiting()) == THREADS)
        until(lambda: account.held == THREADS * each)
        blocked.set()
        until(lambda: not waiting() and account.held == 0)
        assert predict(where, "plain", BODY).status == 200


def test_a_call_that_is_never_sent_has_the_time_of_a_rest_request():
    assert RpcLimits().age_seconds + RpcLimits().grace_seconds == Limits().request_seconds


def test_calls_beyond_the_limit_are_refused_until_others_are_answered(tiny_version, blocked):
    gc.collect()
    with live(models=models(tiny_version), rpc=RpcLimits(calls=4)) as where, ExitStack() as stack:
        for number in range(4):
            stack.enter_context(over_grpc(where, recommend(1, 3)))
            until(lambda number=number: len(waiting()) == number + 1)
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{where.grpc_port}"))
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        with pytest.raises(grpc.RpcError) as refused:
            call(message("serving_default", user_id=([1], b"1")), timeout=20)
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        blocked.set()
        until(lambda: not waiting())
        until(lambda: answered(call))


def answered(call):
    try:
        return call(message("serving_default", user_id=([1], b"1")), timeout=20)
    except grpc.RpcError:
        return None


def test_calls_that_are_never_sent_end_by_themselves(server):
    silent = threading.Event()

    def nothing():
        silent.wait(60)
        yield from ()

    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        never = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
        held = [never.future(nothing()) for _ in range(4)]
        for one in held:
            with pytest.raises(grpc.RpcError):
                one.result(timeout=30)
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        until(lambda: answered(call))
        silent.set()
