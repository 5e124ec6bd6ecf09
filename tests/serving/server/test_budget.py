"""A stranger's request costs what it should: one that stands for too much is refused before it is built."""

from __future__ import annotations

import json
import threading
import time

import grpc
import numpy as np
import pytest
from live import predict
from predict_requests import columns, message, recommend
from tensorboard.compat.proto import types_pb2

from serving.engines import engine, onnx
from serving.engines.budget import Account, Budget, Share
from serving.engines.weights import Weights
from serving.wire.error_codes import Code, Refusal

BUDGET = Budget(request=20_000, in_flight=40_000)


def within(tag, count, rows=1):
    lists = {"exclude": [[""]] * rows, "among": [[""]] * rows, "tags": [[tag] * count] * rows}
    return columns("recommend_within", user_id=["1"] * rows, k=[3] * rows, unseen=[False] * rows, **lists)


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
