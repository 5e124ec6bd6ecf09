"""What hosting platforms ask of a container, and the archives that they take, held to their published descriptions."""

from __future__ import annotations

import gc
import gzip
import json
import re
import shutil
import socket
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime as ort
import orjson
import pytest
import yaml
from click.testing import CliRunner
from command import triptych
from live import ask, live, predict

from export.publishing.agreement import requests
from serving.api.exchange import LARGE
from serving.cli.commands import app
from serving.contract import MANIFEST, SIGNATURES, twin_output
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


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


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


def test_what_is_packed_for_sagemaker_is_served_as_sagemaker_unpacks_it(tiny_version, tmp_path):
    models = tmp_path / "two_tower"
    for number in ("6", "7"):
        shutil.copytree(tiny_version.folder, models / number)
    (tmp_path / "a.unfinished").write_bytes(b"what a run that was killed left")
    for name in ("a", "b"):
        assert run("pack", models / "6", models / "7", "--out", tmp_path / name) == f"{tmp_path / name}\n"
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with tarfile.open(tmp_path / "a", "r:gz") as archive:
        assert {name.split("/")[0] for name in archive.getnames()} == {"6", "7"}
        assert "7/saved_model.pb" in archive.getnames()
        archive.extractall(tmp_path / "model", filter="data")
    with live(models=tmp_path / "model", platform=hosted()) as where:
        assert ask(where, "GET", "/ping").status == 200
        found = ask(where, "POST", "/invocations", '{"instances": ["1"]}').json["predictions"][0]["item"]
    with live(models=tiny_version.folder.parent.parent) as where:
        assert predict(where, "user_biases", {"instances": ["1"]}).json["predictions"][0]["item"] == found


def test_what_is_packed_for_triton_is_a_model_for_each_signature_that_answers_alone(tiny_version, tmp_path):
    shutil.copytree(tiny_version.folder, tmp_path / "tiny" / "7")
    out = tmp_path / "repository"
    (out / "tiny_score" / "7.unfinished").mkdir(parents=True)  # as a run leaves it that was killed
    printed = run("pack", tmp_path / "tiny", "--for", "triton", "--out", out).split()
    assert printed == [str(out / f"tiny_{name}") for name in sorted(SIGNATURES)]
    triton = {"string": "TYPE_STRING", "int32": "TYPE_INT32", "bool": "TYPE_BOOL", "float32": "TYPE_FP32"}
    for name, signature in SIGNATURES.items():
        text = (out / f"tiny_{name}" / "config.pbtxt").read_text()
        assert text.splitlines()[:3] == [f'name: "tiny_{name}"', 'backend: "onnxruntime"', "max_batch_size: 0"]
        found = re.findall(
            r'^(input|output) \{ name: "(\w+)" data_type: (\w+) dims: \[ (.*) \] \}$', text, re.MULTILINE
        )
        given = {(side, tensor): (kind, len(dims.split(","))) for side, tensor, kind, dims in found}
        inputs = {("input", one): (triton[t.dtype], len(t.shape)) for one, t in signature.inputs.items()}
        outputs = {
            ("output", twin_output(name, one)): (triton[t.dtype], len(t.shape)) for one, t in signature.outputs.items()
        }
        assert given == inputs | outputs
    asked = dict(requests(tiny_version.interactions))
    for name, inputs in asked.items():
        session = ort.InferenceSession(out / f"tiny_{name}" / "7" / "model.onnx", providers=["CPUExecutionProvider"])
        expected = getattr(tiny_version.recommender, name)(**inputs)
        answer = dict(zip(SIGNATURES[name].outputs, session.run(None, inputs), strict=True))
        np.testing.assert_allclose(answer["score"], expected["score"].numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{m}/a/1", "{m}/b/1"], "versions of a, b, expected those of one model"),
        (["{m}/a/1", "--out", "{m}/there"], "there is there already, expected the name of a new file"),
        (["{m}/a/1", "--for", "triton", "--out", "{m}/out"], "no ONNX twin in .*: export this version again"),
        (["{m}/notes"], "notes is no version folder, expected one with a number for a name"),
        (["{m}/none"], "none is no folder"),
    ],
)
def test_what_cannot_be_packed_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    for folder in ("a/1", "b/1", "notes"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "saved_model.pb").touch()
    (tmp_path / "there").touch()
    with pytest.raises(Failure, match=sentence):
        run("pack", *(each.format(m=tmp_path) for each in arguments))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "notes", "there"]


FIGURES = {
    "random-80-20": {
        "seeds": 5,
        "machine": "a machine",
        "ndcg@10": 0.4502,
        "recall@10": 0.245,
        "baselines": {"popular": {"ndcg@10": 0.2085}},
    }
}


def manifest(**change) -> dict:
    data = {"name": "100k", "fingerprint": "4f0e", "users": 943, "items": 1664, "interactions": 100000}
    made = {"contract": 1, "model": "two_tower", "recipe": "tuned", "config": {"epochs": 3}, "seed": 42, "data": data}
    return {**made, "figures": FIGURES, "packages": {"numpy": "2.4"}, "created": "2026-11-25T10:00:00Z", **change}


def card(folder: Path, content: dict | None) -> tuple[dict, str]:
    if content is not None:
        (folder / MANIFEST).write_text(json.dumps(content))
    head, _, body = run("card", folder).removeprefix("---\n").partition("---\n")
    return yaml.safe_load(head), body


def test_a_model_card_has_the_head_that_hubs_read_and_the_figures_with_their_baselines(tiny_version, tmp_path):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    head, body = card(folder, manifest(summary="two towers"))
    assert (head["license"], head["license_name"], head["datasets"]) == ("other", "movielens", ["movielens-100k"])
    (result,) = head["model-index"][0]["results"]
    assert head["model-index"][0]["name"] == "two_tower"
    assert result["dataset"] == {"type": "100k", "name": "100k", "split": "random-80-20"}
    assert {one["type"]: one["value"] for one in result["metrics"]} == {"ndcg@10": 0.4502, "recall@10": 0.245}
    assert "# two_tower, version 7" in body
    assert "from who had what (two towers)," in body
    assert "| random-80-20 | two_tower, mean of 5 seeds, on a machine | 0.4502 | 0.245 |" in body
    assert "| random-80-20 | popular (baseline) | 0.2085 |" in body
    for part in (
        "943 users, 1,664 items, 100,000 interactions",
        "`tuned`, seed 42",
        "| epochs | 3 |",
        "not for commerc",
    ):
        assert part in body
    run("card", folder, "--out", tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text() == run("card", folder)
    with pytest.raises(Failure, match=r"card\.md is there already, expected the name of a new file"):
        run("card", folder, "--out", tmp_path / "card.md")


def test_a_card_claims_no_licence_and_no_figure_that_a_version_does_not_carry(tiny_version, tmp_path):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    head, body = card(folder, manifest(figures=None, data={"name": "shop: orders.csv"}))
    assert {"license", "datasets", "model-index"}.isdisjoint(head)
    assert "The licence of the data is not recorded" in body
    assert "Not measured with these values on this data" in body
    (folder / MANIFEST).unlink()
    with pytest.raises(Failure, match="that names its model: `triptych train` writes one"):
        card(folder, None)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"data": []}, "[] as data"),
        ({"data": None}, "None as data"),
        ({"config": 3}, "3 as config"),
        ({"packages": [1]}, "[1] as packages"),
        ({"figures": ["a"]}, "['a'] as figures"),
        ({"figures": {"random-80-20": 0.45}}, "0.45 as figures of random-80-20"),
        ({"figures": {"p": {"baselines": ["x"]}}}, "['x'] as baselines of p"),
        ({"figures": {"p": {"baselines": {"popular": 1}}}}, "1 as popular of p"),
    ],
    ids=str,
)
def test_a_manifest_of_another_shape_is_one_sentence_and_no_card(tiny_version, tmp_path, change, part):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    (folder / MANIFEST).write_text(json.dumps(manifest(**change)))
    refused = triptych("card", folder, "--out", tmp_path / "card.md")
    assert refused.stderr == f"triptych: {folder} has {part} in its {MANIFEST}, expected an object\n"
    assert not (tmp_path / "card.md").exists()


def test_a_model_that_is_no_name_has_no_card_and_what_is_no_number_is_not_counted(tiny_version, tmp_path):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    (folder / MANIFEST).write_text(json.dumps(manifest(model=["a"])))
    assert "that names its model" in triptych("card", folder).stderr
    _, body = card(folder, manifest(data={"name": "100k", "users": "many", "items": 1664}))
    assert "MovieLens 100k: 1,664 items; fingerprint" in body


def test_a_card_on_a_terminal_is_text_whatever_the_manifest_holds(tiny_version, tmp_path):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    (folder / MANIFEST).write_text(json.dumps(manifest(model="x\x1b]0;owned\x07", config={"\u202ea": "b\r\x9b"})))
    told = triptych("card", folder).stdout
    assert [char for char in set(told) if char != "\n" and not char.isprintable()] == []
    assert r"# x\x1b]0;owned\x07, version 7" in told
    assert r"| \u202ea | b\r\x9b |" in told
