"""The load generator against servers whose speed and errors are known, and against `triptych serve`."""

from __future__ import annotations

import re
import socket
import time
from functools import partial

import pytest
from click.testing import CliRunner
from standin import RefusedError, contract_answer, serving, stand_in

from serving.bench import load_generator, serve_bench
from serving.bench.load_generator import Load
from serving.cli.commands import app
from serving.errors import Failure


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Warm up for no longer than these tests need: at full speed it takes both cores, and says nothing here."""
    monkeypatch.setattr(load_generator, "WARMUP_SECONDS", 0.05)


@pytest.fixture
def server():
    with stand_in() as server:
        yield server


def test_latency_rate_and_errors_are_what_the_server_makes_them(server):
    def slow_for_odd_users(signature, inputs):
        (user,) = inputs["user_id"]
        if int(user) % 2:
            raise RefusedError(503, "UNAVAILABLE", "no")
        time.sleep(0.02)
        return contract_answer(signature, inputs)

    server.answer = slow_for_odd_users
    path = "/v1/models/two_tower:predict"
    bodies = [b'{"signature_name": "serving_default", "instances": ["%d"]}' % user for user in range(1, 5)]
    requests = serve_bench._grpc_requests("two_tower", "serving_default", users(4))
    for load in (
        partial(load_generator.load_rest, server.rest, path, bodies),
        partial(load_generator.load_grpc, server.grpc, requests),
    ):
        server.seen.clear()
        start = time.monotonic()
        run = load(clients=1, seconds=0.5)
        took = time.monotonic() - start
        assert 20 <= run.p50 <= run.p99
        assert run.rate <= 50
        # One client asks for odd and even users in turn: as many errors as answers, in 0.5 s or more.
        assert run.rate * 0.5 - 1 <= run.errors <= run.rate * took + 1
        assert run.errors <= sum(int(inputs["user_id"][0]) % 2 for _, _, inputs in server.seen)
        assert run.clients == 1
        assert run.generator > 0


def users(count):
    return [{"user_id": serve_bench.array([str(user)], "string")} for user in range(1, count + 1)]


def test_a_server_that_hangs_up_is_counted_as_errors_and_the_run_ends(server):
    server.raw = lambda handler: setattr(handler, "close_connection", True)
    body = b'{"signature_name": "serving_default", "instances": ["1"]}'
    run = load_generator.load_rest(server.rest, "/v1/models/two_tower:predict", [body], clients=2, seconds=0.3)
    assert run.rate == 0
    assert run.errors > 0


def test_a_server_that_never_answers_is_counted_as_errors_and_no_connection_is_left(monkeypatch):
    monkeypatch.setattr(load_generator, "WARMUP_SECONDS", 0.0)
    monkeypatch.setattr(load_generator, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run = load_generator.load_rest(url, "/", [b"{}"], clients=2, seconds=0.1)
    assert (run.rate, run.errors) == (0, 2)


def test_a_server_that_is_not_there_is_counted_as_errors_and_the_run_ends():
    run = load_generator.load_rest("http://127.0.0.1:9", "/", [b"{}"], clients=2, seconds=0.2)
    assert run.rate == 0
    assert run.errors > 0


def test_requests_ask_for_each_user_in_turn_as_people_do(server):
    serve_bench.measure(
        [server.rest], model="lightfm", signature="recommend", users=3, seconds=0.05, on_load=lambda _: None
    )
    asked = [inputs for _, _, inputs in server.seen[1:]]
    expected = {"k": [10], "exclude": [[""]], "unseen": [False]}
    assert asked[:4] == [{"user_id": [user], **expected} for user in ("1", "2", "3", "1")]


def test_recommend_within_is_asked_with_the_tags_that_are_named(server):
    serve_bench.measure(
        [server.rest],
        model="lightfm",
        signature="recommend_within",
        tags=["genre:Comedy"],
        users=1,
        seconds=0.05,
        on_load=lambda _: None,
    )
    expected = {"k": [10], "exclude": [[""]], "unseen": [False], "among": [[""]], "tags": [["genre:Comedy"]]}
    assert server.seen[1][1:] == ("recommend_within", {"user_id": ["1"], **expected})


def test_tags_asked_of_another_signature_are_refused(server):
    arguments = ["bench", "serve", "--url", server.rest, "--tag", "genre:Comedy"]
    with pytest.raises(
        Failure, match="tags genre:Comedy asked of serving_default, expected them with --signature reco"
    ):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert server.seen == []


def test_ratios_are_of_the_first_server_to_the_second():
    def run(server, clients, rate):
        return Load(server=server, clients=clients, rate=rate, p50=1 / rate, p99=2 / rate, errors=0, generator=0.1)

    loads = [run("a", 1, 300.0), run("b", 1, 100.0), run("a", 8, 500.0), run("b", 8, 1000.0)]
    assert serve_bench.ratios(loads) == [
        (1, 3.0, pytest.approx(1 / 3), pytest.approx(1 / 3)),
        (8, 0.5, pytest.approx(2.0), pytest.approx(2.0)),
    ]


def test_bench_serve_prints_a_line_for_each_run_and_the_ratio_of_two_servers(tiny_version):
    with serving("--models", tiny_version.folder.parents[1]) as (rest, rpc):
        model = tiny_version.folder.parent.name
        addresses = ["--url", rest, "--grpc", rpc.removeprefix("grpc://")]
        arguments = ["bench", "serve", *addresses, "--model", model, "--users", "30", "--seconds", "0.2"]
        lines = CliRunner().invoke(app, arguments, catch_exceptions=False).output.splitlines()
    assert lines[0] == serve_bench.HEADING
    runs = [line.split() for line in lines[1:7]]
    assert [(run[0], run[6]) for run in runs] == [(clients, url) for clients in ("1", "8", "32") for url in (rest, rpc)]
    assert all(float(run[1].replace(",", "")) > 0 for run in runs)
    assert {run[4] for run in runs} == {"0"}
    ratio = r"clients: [\d.]+ times the requests/s, [\d.]+ the p50, [\d.]+ the p99$"
    assert [bool(re.search(ratio, line)) for line in lines[7:]] == [True] * 3


def test_bench_serve_of_an_unknown_model_is_one_sentence_before_anything_is_measured(server):
    with pytest.raises(Failure, match=r"answered 404: Servable not found for request: Latest\(nope\)"):
        serve_bench.measure(
            [server.rest], model="nope", signature="recommend", users=1, seconds=1, on_load=lambda _: None
        )
