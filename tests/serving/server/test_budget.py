"""A stranger's request costs what it should: refused before it is built, dropped when nobody waits, freed when over."""

from __future__ import annotations

import gc
import gzip
import json
import os
import signal
import socket
import struct
import threading
import time
import weakref
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import grpc
import numpy as np
import psutil
import pytest
from live import ask, live, predict, process
from tensorboard.compat.proto import types_pb2

from serving import contract
from serving.client.grpc import predict_request
from serving.client.transport import Target, array
from serving.engines import engine, onnx
from serving.engines.batching import INLINE_SECONDS, THREADS
from serving.engines.budget import Account, Budget, Share
from serving.engines.waiting import Waiting
from serving.engines.weights import Weights
from serving.errors import Failure
from serving.http.messages import Limits, Request
from serving.json import examples
from serving.proto import serving_pb2
from serving.server.rpc_server import RpcLimits
from serving.version.regular_files import MOST_FILES, check_regular
from serving.wire.error_codes import Code, Refusal

BUDGET = Budget(request=20_000, in_flight=40_000)
LIMITS = Limits(body=2 << 20, buffered=8 << 20, request_seconds=2, answer_seconds=2, linger_seconds=0.5, connections=60)
RPC = RpcLimits(calls=4, age_seconds=1, grace_seconds=1)
BODY = b'{"instances": ["1"]}'


def models(tiny_version):
    return tiny_version.folder.parent.parent


@pytest.fixture(scope="module")
def server(tiny_version):
    with live(models=models(tiny_version), budget=BUDGET, limits=LIMITS, rpc=RPC) as where:
        yield where


def columns(signature, **inputs):
    return json.dumps({"signature_name": signature, "inputs": inputs})


def within(tag, count, rows=1):
    lists = {"exclude": [[""]] * rows, "among": [[""]] * rows, "tags": [[tag] * count] * rows}
    return columns("recommend_within", user_id=["1"] * rows, k=[3] * rows, unseen=[False] * rows, **lists)


def recommend(rows, k, exclude=("",)):
    return columns(
        "recommend", user_id=["1"] * rows, k=[k] * rows, exclude=[list(exclude)] * rows, unseen=[False] * rows
    )


@pytest.mark.parametrize(
    ("body", "elements"),
    [
        (json.dumps({"instances": ["1"] * 30_000}), 30_001),
        (json.dumps({"instances": ["1"] * 2000}), 22_000),
        (recommend(700, 2**31 - 1), 30_800),
        (columns("recommend_from", items=[[""] * 2000], k=[1]), 32_002),
        (within("genre:Comedy", 3500), 3500 + 5 * 3501),
        ('{"instances": ["1"], "a": [' + ",".join(["{}"] * 30_000) + "]}", 60_000),
        ('{"instances": [' + ",".join(["1"] * 6000) + "]}", 24_008),
    ],
)
def test_a_request_that_stands_for_too_much_is_refused_with_the_numbers(server, body, elements):
    answer = predict(server, "plain", body)
    assert answer.status == 429
    told = int(answer.error.split()[4])
    assert elements <= told < 1.2 * elements + 1000, answer.error
    assert "more than one may have: 20000" in answer.error


@pytest.mark.parametrize(
    "body",
    [
        recommend(100, 2**31 - 1),
        recommend(1, 3, [""] * 15_000),
        within("", 3500),
        within("genre:Comedy", 10, rows=500),
    ],
)
def test_what_is_within_the_budget_is_answered(server, body):
    assert predict(server, "plain", body).status == 200


def message(signature, **inputs):
    """Write a Predict request whose tensors have one value each, whatever their shape."""
    request = serving_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "plain", signature
    for name, (shape, value) in inputs.items():
        tensor = request.inputs[name]
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        if isinstance(value, bytes):
            tensor.dtype = types_pb2.DT_STRING
            tensor.string_val.append(value)
        else:
            tensor.dtype = types_pb2.DT_INT32
            tensor.int_val.append(value)
    return request.SerializeToString()


@pytest.mark.parametrize(
    "sent",
    [
        message("serving_default", user_id=([1_000_000], b"1")),
        message("serving_default", user_id=([1000], b"1" * 10_000)),
        message("recommend_from", items=([1, 5_000_000], b""), k=([1], 1)),
        message("similar", item=([700], b"Film 1 (1991)"), k=([700], 2**31 - 1)),
    ],
    ids=["a million rows of one", "a thousand long rows", "five million items", "all items for each row"],
)
def test_a_small_message_that_stands_for_much_is_refused_before_it_is_made(server, sent):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        with pytest.raises(grpc.RpcError) as refused:
            call(sent, timeout=20)
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "more than one may have: 20000" in refused.value.details()
        assert call(message("serving_default", user_id=([1], b"1")), timeout=20)


def test_the_account_holds_what_is_in_flight_and_keeps_a_part_for_small_requests():
    account = Account(BUDGET)
    shares = [Share(account) for _ in range(4)]
    shares[0].need(20_000)
    shares[1].need(15_000)
    with pytest.raises(Refusal, match=r"2000 elements while 35000 of 40000 are in flight: try again") as refused:
        shares[2].need(2000)
    assert refused.value.code == Code.RESOURCE_EXHAUSTED
    shares[2].need(1000)
    shares[0].release()
    shares[3].need(19_000)
    shares[1].need(1)
    assert account.held == 20_001
    for share in shares:
        share.release()
    assert account.held == 0
    with pytest.raises(Refusal):
        shares[0].need(1)


def test_work_that_goes_on_after_its_caller_has_gone_holds_nothing():
    account = Account(BUDGET)
    share = Share(account)
    refused = []

    def work():
        try:
            share.need(5)
        except Refusal as refusal:
            refused.append(refusal)

    with account.lock:
        threads = [threading.Thread(target=work), threading.Thread(target=share.release)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)  # both have begun, in whatever order they end
    for thread in threads:
        thread.join()
    assert account.held == share.held == 0
    assert [refusal.code for refusal in refused] in ([], [Code.CANCELLED])


def test_a_version_says_itself_how_large_its_catalogue_is(tiny_version, conformance_twin):
    own = engine.load("m", 1, tiny_version.folder).signatures
    assert {signature.catalogue for signature in own.values()} == {40}
    foreign = engine.load("m", 1, conformance_twin / "1").signatures
    assert {signature.catalogue for signature in foreign.values()} == {0}


def test_memory_that_cannot_be_had_is_not_the_callers_fault(tmp_path):
    import onnx as onnx_library
    from onnx import TensorProto, helper
    from tensorboard.compat.proto import meta_graph_pb2

    graph = helper.make_graph(
        [helper.make_node("ConstantOfShape", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx_library.save(made, str(tmp_path / "s.onnx"))
    definition = meta_graph_pb2.SignatureDef()
    definition.inputs["x"].dtype, definition.outputs["y"].dtype = types_pb2.DT_INT64, types_pb2.DT_FLOAT
    run = onnx.load(tmp_path / "s.onnx", "s", definition, Weights())
    assert run({"x": np.array([3])})["y"].tolist() == [0, 0, 0]
    with pytest.raises(Refusal) as refused:
        run({"x": np.array([1 << 45])})
    assert refused.value.code == Code.RESOURCE_EXHAUSTED


def connected(server):
    return socket.create_connection(("127.0.0.1", server.rest_port), timeout=20)


def head(length, path=b"/v1/models/plain:predict"):
    return b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (path, length)


def test_a_request_has_its_time_from_the_first_byte_however_steadily_it_comes(server):
    with connected(server) as client:
        client.settimeout(0.2)
        answer, sent = b"", 0
        for byte in head(10_000) + b"x" * 10_000:
            client.sendall(bytes([byte]))
            sent += 1
            try:
                answer = client.recv(100)
                break
            except TimeoutError:
                pass
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert sent < 100  # one each 0.2 s, and the time is over after 2


def test_line_ends_between_requests_do_not_keep_a_connection(tiny_version):
    limits = Limits(idle_seconds=1)
    with live(models=models(tiny_version), limits=limits) as where, connected(where) as client:
        end = time.monotonic() + 8
        client.settimeout(0.2)
        with pytest.raises((ConnectionError, EOFError)):  # noqa: PT012
            while time.monotonic() < end:
                client.sendall(b"\r\n")
                try:
                    if client.recv(1) == b"":
                        raise EOFError
                except TimeoutError:
                    pass


def test_unfinished_bodies_of_all_connections_have_one_budget_and_the_oldest_give_way(tiny_version):
    limits = replace(LIMITS, request_seconds=60)
    with live(models=models(tiny_version), limits=limits) as where, ExitStack() as stack:
        clients = [stack.enter_context(connected(where)) for _ in range(12)]
        for client in clients:
            client.sendall(head(1_500_000) + b"x" * 1_000_000)
            time.sleep(0.05)
        assert predict(where, "plain", BODY).status == 200
        assert [client.recv(100)[9:12] for client in clients[:4]] == [b"503"] * 4
        for client in clients[4:]:  # the others may go on
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(100)


def test_a_body_in_tiny_chunks_is_refused_once_it_is_many(server):
    with connected(server) as client:
        chunks = (
            b"POST /v1/models/plain:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 30_000
        )
        threading.Thread(target=lambda: client.sendall(chunks)).start()
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_connections_memory_goes_with_it_and_not_with_the_next_collection(tiny_version):
    from serving.http.connection import Connection

    made = []
    original = Connection.connection_made

    def note(self, transport):
        made.append(weakref.ref(self))
        original(self, transport)

    Connection.connection_made = note
    gc.disable()
    try:
        with live(models=models(tiny_version), limits=LIMITS) as where:
            with connected(where) as client:
                client.sendall(head(10_000) + b"x" * 9000)
                time.sleep(0.3)
            assert predict(where, "plain", BODY).status == 200
            end = time.monotonic() + 5
            while any(one() for one in made) and time.monotonic() < end:
                time.sleep(0.05)
            assert [one() for one in made] == [None, None]
    finally:
        gc.enable()
        Connection.connection_made = original


@pytest.mark.parametrize("value", ['"1"', "1"], ids=["read quickly", "read exactly"])
def test_a_large_request_goes_with_its_answer_and_not_with_the_next_collection(server, value):
    body = '{"instances": [' + ",".join([value] * 1500) + "]}" + " " * (64 << 10)
    gc.collect()
    gc.disable()
    try:
        assert predict(server, "plain", body).status == (200 if value == '"1"' else 400)
        end = time.monotonic() + 5
        while (left := [one for one in gc.get_objects() if type(one) is Request]) and time.monotonic() < end:
            del left
            time.sleep(0.05)
        assert not left
    finally:
        gc.enable()


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


def test_a_pipe_in_a_version_is_told_and_holds_up_neither_reloads_nor_the_end(tiny_version, tmp_path):
    import shutil

    (tmp_path / "good").mkdir()
    shutil.copytree(tiny_version.folder, tmp_path / "good" / "1")
    (tmp_path / "bad" / "1").mkdir(parents=True)
    os.mkfifo(tmp_path / "bad" / "1" / "saved_model.pbtxt")
    with pytest.raises(Failure, match=r"saved_model.pbtxt is a pipe, a socket or a device"):
        engine.load("bad", 1, tmp_path / "bad" / "1")
    with process("--models", str(tmp_path)) as (running, where):
        assert predict(where, "good", BODY).status == 200
        assert ask(where, "GET", "/v1/models/bad").json["model_version_status"][0]["state"] == "LOADING"
        shutil.copytree(tiny_version.folder, tmp_path / "coming")
        (tmp_path / "coming").rename(tmp_path / "good" / "2")
        end = time.monotonic() + 20
        while predict(where, "good", BODY, version=2).status != 200:
            assert time.monotonic() < end
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0


def test_a_pipe_behind_a_link_is_told_and_a_link_back_or_to_a_whole_disk_is_not_followed_for_ever(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    os.mkfifo(tmp_path / "elsewhere" / "recommend.onnx")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "assets.extra").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failure, match=r"assets.extra/recommend.onnx is a pipe, a socket or a device"):
        check_regular(tmp_path / "linked")

    (tmp_path / "round" / "variables").mkdir(parents=True)
    (tmp_path / "round" / "variables" / "back").symlink_to(tmp_path / "round")
    check_regular(tmp_path / "round")

    (tmp_path / "many").mkdir()
    for number in range(MOST_FILES + 1):
        (tmp_path / "many" / str(number)).touch()
    (tmp_path / "round" / "many").symlink_to(tmp_path / "many")
    with pytest.raises(Failure, match=r"round holds more than 10000 files, or links to as many"):
        check_regular(tmp_path / "round")


def test_memory_of_a_large_answer_is_given_back(tiny_version):
    large = json.dumps({"instances": ["1"] * 80_000})
    with process("--models", str(models(tiny_version))) as (running, where):
        watched = psutil.Process(running.pid)
        assert predict(where, "plain", BODY).status == 200
        before = watched.memory_info().rss
        assert predict(where, "plain", large).status == 200
        end = time.monotonic() + 60  # a try that was missed comes 25 s later
        while watched.memory_info().rss - before > 100 << 20:
            assert time.monotonic() < end
            time.sleep(0.2)
