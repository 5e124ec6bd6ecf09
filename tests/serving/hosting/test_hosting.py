"""What hosting platforms ask of a container, held to their published descriptions."""

from __future__ import annotations

import gc
import gzip
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from live import ask, live, predict

from serving.api.exchange import LARGE
from serving.engines.batching import THREADS
from serving.errors import Failure
from serving.hosting import platforms, routes
from serving.hosting.platforms import Platform, find_platform
from serving.http.messages import Request

VERTEX = {
    "AIP_HTTP_PORT": "8080",
    "AIP_HEALTH_ROUTE": "/v1/endpoints/7/deployedModels/8",
    "AIP_PREDICT_ROUTE": "/v1/endpoints/7/deployedModels/8:predict",
}


def test_vertex_ai_is_known_by_its_variables_and_sagemaker_by_its_argument(tmp_path, monkeypatch):
    monkeypatch.setattr(platforms, "SAGEMAKER_MODELS", tmp_path / "model")
    assert find_platform({}, started_as_serve=False) is None
    vertex = find_platform({**VERTEX, "TRIPTYCH_MODEL": "lightfm"}, started_as_serve=False)
    health, predicted = VERTEX["AIP_HEALTH_ROUTE"], VERTEX["AIP_PREDICT_ROUTE"]
    assert vertex == Platform(port=8080, health=health, predict=predicted, model="lightfm")
    sagemaker = Platform(port=8080, health="/ping", predict="/invocations")
    assert find_platform({}, started_as_serve=True) == sagemaker
    (tmp_path / "model" / "7").mkdir(parents=True)
    found = find_platform({"SAGEMAKER_BIND_TO_PORT": "9090"}, started_as_serve=True)
    assert found == Platform(port=9090, health="/ping", predict="/invocations", models=tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"AIP_HTTP_PORT": "http"}, "AIP_HTTP_PORT is 'http', expected a port from 0 to 65535"),
        ({"AIP_HEALTH_ROUTE": ""}, "AIP_HEALTH_ROUTE is '', expected a path as in /health"),
    ],
)
def test_what_a_variable_should_not_hold_is_one_sentence(change, sentence):
    with pytest.raises(Failure, match=sentence):
        find_platform({**VERTEX, **change}, started_as_serve=False)


def hosted(**options) -> Platform:
    return Platform(port=0, health="/ping", predict="/invocations", **options)


def test_the_routes_of_a_platform_answer_as_the_api_does(tiny_versions):
    models = tiny_versions["plain"].folder.parent.parent
    rows = [{"user_id": "1", "k": 2, "exclude": [""], "unseen": False}]
    with live(models=models, platform=hosted(model="plain")) as where:
        assert (ask(where, "GET", "/ping").status, ask(where, "GET", "/ping?x=1").body) == (200, b"{}")
        assert ask(where, "POST", "/ping", "{}").status == 404
        for body in ({"instances": ["1"]}, {"signature_name": "recommend", "instances": rows}, {"instances": 5}):
            wanted = predict(where, "plain", body)
            found = ask(where, "POST", "/invocations", json.dumps(body))
            assert (found.status, found.kind, found.body) == (wanted.status, wanted.kind, wanted.body)
        with_parameters = {"instances": rows, "parameters": {"signature_name": "recommend"}}  # Vertex AI passes no more
        wanted = predict(where, "plain", {"signature_name": "recommend", "instances": rows})
        assert ask(where, "POST", "/invocations", json.dumps(with_parameters)).body == wanted.body
        packed = gzip.compress(json.dumps(with_parameters).encode())
        headers = {"Content-Encoding": "gzip"}
        assert ask(where, "POST", "/invocations", packed, headers).body == wanted.body
        assert ask(where, "POST", "/invocations", '{"parameters": 5, "instances": ["1"]}').status == 200
        assert ask(where, "POST", "/invocations", '{"parameters": ').status == 400


def test_versions_in_the_current_folder_are_of_a_model_named_as_it(tiny_version, monkeypatch):
    monkeypatch.chdir(tiny_version.folder.parent)
    (source,) = platforms.sources(Path())()
    assert (source.name, source.wanted()) == (tiny_version.folder.parent.name, {1: Path("1")})


@contextmanager
def watched(monkeypatch, hold=None):
    """Note what the routes read and in which thread; what holds the word ``hold`` is read once ``go`` is set."""
    seen, go = [], threading.Event()

    def loads(body):
        seen.append((body, threading.current_thread().name.partition("_")[0]))
        assert hold is None or hold not in body or go.wait(20)
        return orjson.loads(body)

    monkeypatch.setattr(routes, "orjson", SimpleNamespace(loads=loads, dumps=orjson.dumps))
    try:
        yield seen, go
    finally:
        go.set()


def for_vertex(user: str, *, padding: int = 0) -> bytes:
    body = {"instances": [{"user_id": user}], "parameters": {"signature_name": "serving_default"}}
    return json.dumps(body).encode() + b" " * padding


def test_a_large_body_is_read_in_a_thread_for_a_platforms_route_too(tiny_versions, monkeypatch):
    models = tiny_versions["plain"].folder.parent.parent
    small, large, packed = for_vertex("1"), for_vertex("1", padding=LARGE), gzip.compress(for_vertex("2"))
    with live(models=models, platform=hosted(model="plain")) as where, watched(monkeypatch) as (seen, _):
        answers = [ask(where, "POST", "/invocations", body) for body in (small, large)]
        answers.append(ask(where, "POST", "/invocations", packed, {"Content-Encoding": "gzip"}))
    assert [answer.status for answer in answers] == [200] * 3
    assert answers[0].body == answers[1].body
    on_loop, *in_threads = [thread for _, thread in seen]
    assert in_threads == ["body", "body"] != [on_loop] * 2
    assert [body for body, _ in seen] == [small, large, for_vertex("2")]


def test_what_waits_for_a_platforms_route_is_not_read_once_its_caller_has_hung_up(tiny_versions, monkeypatch):
    models = tiny_versions["plain"].folder.parent.parent
    gc.collect()
    with (
        live(models=models, platform=hosted(model="plain")) as where,
        watched(monkeypatch, hold=b"stays") as (seen, go),
        ThreadPoolExecutor(THREADS) as others,
    ):
        body = for_vertex("stays", padding=LARGE)
        staying = [others.submit(ask, where, "POST", "/invocations", body) for _ in range(THREADS)]
        wait_until(lambda: len(seen) == THREADS)  # every thread that reads is taken
        left = for_vertex("leaves", padding=LARGE)
        with socket.create_connection((where.host, where.rest_port), timeout=20) as client:
            client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(left) + left)
            wait_until(lambda: len(waiting()) == THREADS + 1)
        wait_until(lambda: any(request.gone for request in waiting()) or len(waiting()) == THREADS)
        go.set()
        assert [one.result().status for one in staying] == [200] * THREADS
        assert ask(where, "POST", "/invocations", for_vertex("last", padding=LARGE)).status == 200
    assert [b"leaves" in body for body, _ in seen] == [False] * (THREADS + 1)


@pytest.mark.parametrize(("befalls", "status"), [(MemoryError(), 429), (ZeroDivisionError(), 500)])
def test_what_befalls_a_thread_that_reads_is_an_answer_and_no_hung_connection(
    tiny_versions, monkeypatch, befalls, status
):
    def loads(_):
        raise befalls

    models = tiny_versions["plain"].folder.parent.parent
    with live(models=models, platform=hosted(model="plain")) as where:
        monkeypatch.setattr(routes, "orjson", SimpleNamespace(loads=loads))
        answer = ask(where, "POST", "/invocations", for_vertex("1", padding=LARGE))
        told = {429: "there is no memory left for this request: try again", 500: "Internal error"}[status]
        assert (answer.status, answer.error) == (status, told)
        assert predict(where, "plain", {"instances": ["1"]}).status == 200


def waiting() -> list[Request]:
    return [one for one in gc.get_objects() if type(one) is Request and one.target.startswith(b"/")]


def wait_until(true) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_of_several_models_one_is_to_be_named(tiny_versions):
    models = tiny_versions["plain"].folder.parent.parent
    with (
        pytest.raises(Failure, match=r"4 models \(.*\) and one route: name the model"),
        live(models=models, platform=hosted()),
    ):
        pass
    with (
        pytest.raises(Failure, match="TRIPTYCH_MODEL is 'nope', expected one of: history, item_biases"),
        live(models=models, platform=hosted(model="nope")),
    ):
        pass
