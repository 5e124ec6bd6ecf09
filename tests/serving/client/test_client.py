"""The client against a server whose every answer is known, over both protocols, and against `triptych serve`."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import threading
import time
from concurrent import futures
from typing import Any

import grpc
import numpy as np
import pytest
from standin import (
    ITEMS,
    LOWEST,
    POPULAR,
    SCORES,
    RefusedError,
    StandIn,
    contract_answer,
    grpc_handler,
    serving,
    stand_in,
)

from serving.client.client import Client, Ranked, ServerError
from serving.client.patience import PAUSES
from serving.client.transport import is_loopback
from serving.errors import Failure
from serving.wire.error_codes import HTTP


@pytest.fixture
def server():
    with stand_in() as server:
        yield server


@pytest.fixture(params=["rest", "grpc"])
def client(request, server):
    with Client(getattr(server, request.param), model="two_tower", timeout=5) as client:
        yield client


def float32(*values: float) -> tuple[float, ...]:
    return tuple(float(np.float32(value)) for value in values)


def test_recommend_answers_each_row_with_its_own_k_exclusions_and_known(client):
    answers = client.recommend(
        ["42", "7", "nobody", "42"],
        k=[2, 3, 1, 99],
        exclude=[[], ["映画", "Heat (1995)"], [], [*ITEMS[1:6], "unheard of"]],
        unseen=[True, True, True, False],
    )
    assert answers == [
        Ranked(items=("Fargo (1996)", "Amélie (2001)"), scores=(3.5, 3.0), known=True),
        Ranked(items=('A "quoted" one', "Contact (1997)", "Amélie (2001)"), scores=(3.0, 2.25, 2.0), known=True),
        Ranked(items=("Alien (1979)",), scores=float32(0.5), known=False),
        Ranked(items=("Alien (1979)", "Heat (1995)"), scores=(4.0, -1.0), known=True),
    ]


def test_among_and_tags_are_for_all_users_or_for_each(client):
    everyone = client.recommend(["42", "7"], k=9, among=["Fargo (1996)", "映画", "Heat (1995)", "unheard of"])
    assert [answer.items for answer in everyone] == [ITEMS[1::4] + ITEMS[6:], ("Heat (1995)", "映画", "Fargo (1996)")]
    each = client.recommend(["42", "7", "nobody"], among=[[], ["unheard of"], ["Fargo (1996)"]], unseen=True)
    assert [answer.items for answer in each] == [ITEMS[1:], (), ("Fargo (1996)",)]
    each = client.recommend(["42", "42", "42"], tags=[["genre:Comedy"], [], ["genre:Comedy", "year:1979"]], k=7)
    assert [answer.items for answer in each] == [("Fargo (1996)", "映画"), ITEMS, ()]
    (both,) = client.recommend(["42"], tags=["genre:Comedy"], among=ITEMS[:2], exclude=[["Heat (1995)"]])
    assert both == Ranked(items=("Fargo (1996)",), scores=(3.5,), known=True)


def test_a_version_of_the_first_contract_has_no_recommend_within_and_that_is_said(client, server):
    def first_contract(signature, inputs):
        if signature == "recommend_within":
            raise RefusedError(400, "FAILED_PRECONDITION", f'Serving signature key "{signature}" not found.')
        return contract_answer(signature, inputs)

    server.answer = first_contract
    assert client.recommend(["42"], k=1)[0].items == ITEMS[:1]
    with pytest.raises(ServerError, match=r"not found\.; it came with contract 2: `triptych train` publishes"):
        client.recommend(["42"], tags=["genre:Comedy"])


def test_scores_are_float32_whichever_way_they_came(client):
    (answer,) = client.recommend(["nobody"], k=7)
    assert answer == Ranked(items=ITEMS, scores=float32(*POPULAR), known=False)


def test_the_other_signatures_answer_too(client):
    assert client.top(["42"]) == [Ranked(items=ITEMS[:4], scores=float32(*SCORES["42"][:4]))]
    assert client.similar(["Alien (1979)"], k=2) == [Ranked(items=ITEMS[1:3], scores=float32(*POPULAR[1:3]))]
    assert client.recommend_from([["Alien (1979)", "Amélie (2001)"], []], k=2) == [
        Ranked(items=("Fargo (1996)", "Contact (1997)"), scores=float32(0.4, 0.25)),
        Ranked(items=("Alien (1979)", "Fargo (1996)"), scores=float32(0.5, 0.4)),
    ]
    assert client.score(["42", "7", "42"], ["映画", "映画", "unheard of"]) == [*float32(0.1, 3.5), LOWEST]


def test_what_is_sent_is_the_contract_with_padding_as_the_first_element(client, server):
    client.recommend(["42", "7"], k=3)
    client.recommend(["42", "7"], k=3, exclude=[["a"], ["b", "c"]], unseen=True)
    client.recommend(["42", "7"], k=3, tags=["x"], among=[["a"], ["b", "c"]])
    client.recommend_from([[], []], k=3)
    sent = {"user_id": ["42", "7"], "k": [3, 3]}
    assert [(signature, inputs) for _, signature, inputs in server.seen] == [
        ("recommend", {**sent, "exclude": [[""], [""]], "unseen": [False, False]}),
        ("recommend", {**sent, "exclude": [["", "", "a"], ["", "b", "c"]], "unseen": [True, True]}),
        (
            "recommend_within",
            {
                **sent,
                "exclude": [[""], [""]],
                "unseen": [False, False],
                "among": [["", "", "a"], ["", "b", "c"]],
                "tags": [["", "x"], ["", "x"]],
            },
        ),
        ("recommend_from", {"items": [[""], [""]], "k": [3, 3]}),
    ]


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_many_users_are_sent_in_requests_of_bounded_size_and_answered_in_order(server, protocol):
    users = ["42", "7", "nobody"] * 20
    with Client(getattr(server, protocol), model="two_tower", rows=16) as client:
        answers = client.recommend(users, k=1)
        assert client.recommend([]) == []
    assert [len(inputs["user_id"]) for _, _, inputs in server.seen] == [16, 16, 16, 12]
    assert [answer.items[0] for answer in answers] == ["Alien (1979)", "Heat (1995)", "Alien (1979)"] * 20
    assert [answer.known for answer in answers] == [True, True, False] * 20


@pytest.mark.parametrize(
    ("choice", "rest_path", "grpc_spec"),
    [
        ({}, "/v1/models/wide_deep:predict", "wide_deep/"),
        ({"version": 7}, "/v1/models/wide_deep/versions/7:predict", "wide_deep/7"),
        ({"label": "canary"}, "/v1/models/wide_deep/labels/canary:predict", "wide_deep/canary"),
    ],
)
def test_a_version_or_a_label_can_be_asked(server, choice, rest_path, grpc_spec):
    for address in (server.rest, server.grpc):
        with Client(address, model="wide_deep", **choice) as client:
            client.top(["42"])
    assert [where for where, _, _ in server.seen] == [rest_path, grpc_spec]


def test_an_answered_error_carries_the_servers_words_and_is_not_asked_again(client, server):
    def refuse(signature: str, inputs: object) -> None:
        raise RefusedError(400, "INVALID_ARGUMENT", "no such\n\tthing")

    server.answer = refuse
    with pytest.raises(ServerError, match=r"answered 400: no such thing$") as caught:
        client.recommend(["42"])
    assert (caught.value.status, caught.value.text) == (400, "no such\n\tthing")
    assert len(server.seen) == 1


@pytest.mark.parametrize("k", [0, [3, -1]])
def test_a_k_below_1_is_refused_before_any_server_is_asked(client, server, k):
    for ask in (client.recommend, client.similar, lambda rows, k: client.recommend_from([[row] for row in rows], k=k)):
        with pytest.raises(Failure, match=r"^k must be at least 1, found (0|-1)$"):
            ask(["42", "7"], k=k)
    assert server.seen == []


BUSY = [(503, "UNAVAILABLE", "the queue is full"), (429, "RESOURCE_EXHAUSTED", "Server Threadpool Exhausted")]


@pytest.mark.parametrize("refusal", BUSY, ids=["unavailable", "exhausted"])
def test_a_busy_server_is_asked_again_with_growing_pauses_and_then_it_is_said(client, server, refusal):
    times: list[float] = []

    def busy(signature: str, inputs: object) -> None:
        times.append(time.monotonic())
        raise RefusedError(*refusal)

    server.answer = busy
    sentence = rf"answered {refusal[0]}: {refusal[2]}; asked 6 times in \d+\.\d s, it is too busy$"
    with pytest.raises(ServerError, match=sentence) as caught:
        client.top(["42"])
    assert (caught.value.status, caught.value.text, len(server.seen)) == (refusal[0], refusal[2], 6)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert all(pause >= atleast / 2 for pause, atleast in zip(pauses, PAUSES, strict=True))


@pytest.mark.parametrize("refusal", BUSY, ids=["unavailable", "exhausted"])
def test_a_server_that_was_busy_for_a_moment_answers_and_nobody_hears_of_it(client, server, refusal):
    refused = iter([True, True, False])

    def busy_at_first(signature: str, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if next(refused):
            raise RefusedError(*refusal)
        return contract_answer(signature, inputs)

    server.answer = busy_at_first
    assert client.top(["42"])[0].items == ITEMS[:4]
    assert len(server.seen) == 3


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_an_unknown_model_is_a_404_with_the_servers_words(server, protocol):
    with (
        Client(getattr(server, protocol), model="nobody") as client,
        pytest.raises(ServerError, match=r"answered 404: Servable not found for request: Latest\(nobody\)$"),
    ):
        client.top(["42"])


@pytest.mark.parametrize(
    "outputs",
    [
        {"output_1": [[1.0]], "output_2": [["a"]]},
        {"item": [["a"]], "score": [[1.0]]},
        {"item": ["a"], "score": [[1.0]], "known": [True]},
        {"item": [["a"], ["b"]], "score": [[1.0], [1.0]], "known": [True, True]},
    ],
)
def test_an_answer_that_is_not_the_contracts_is_one_sentence(client, server, outputs):
    server.answer = lambda signature, inputs: outputs
    with pytest.raises(Failure, match="something else than the contract's outputs, expected item, score, known: see"):
        client.recommend(["42"])


def test_an_answer_that_is_not_json_is_one_sentence(server):
    def garbage(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "5")
        handler.end_headers()
        handler.wfile.write(b"<html")

    server.raw = garbage
    with Client(server.rest, model="two_tower") as client, pytest.raises(Failure, match="something else than"):
        client.top(["42"])


def test_an_error_that_is_not_json_keeps_its_text(server):
    def proxy(handler):
        handler.send_response(502)
        handler.send_header("Content-Length", "11")
        handler.send_header("Retry-After", "1")
        handler.end_headers()
        handler.wfile.write(b"no upstream")

    server.raw = proxy
    with (
        Client(server.rest, model="two_tower") as client,
        pytest.raises(ServerError, match="answered 502: no upstream"),
    ):
        client.top(["42"])
    assert len(server.seen) == 1


def test_an_answer_cut_off_is_one_sentence(server):
    def half(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "500")
        handler.end_headers()
        handler.wfile.write(b"{")
        handler.close_connection = True

    server.raw = half
    with Client(server.rest, model="two_tower") as client, pytest.raises(Failure, match="broke off"):
        client.top(["42"])


@pytest.mark.parametrize(
    ("status", "header", "body"),
    [
        (302, ("Location", "http://["), b"{}"),
        (302, ("Location", "http://a\xff"), b"{}"),
        (200, ("X", ""), b"[" * 200_000),
        (500, ("X", ""), b"[" * 200_000),
    ],
    ids=["no address", "no text", "deep", "deep error"],
)
def test_what_cannot_be_read_at_all_is_one_sentence(server, status, header, body):
    def odd(handler):
        handler.send_response(status)
        handler.send_header(*header)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.raw = odd
    with Client(server.rest, model="two_tower") as client, pytest.raises(Failure):
        client.top(["42"])


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_a_server_too_slow_is_one_sentence_and_is_asked_once(server, protocol):
    asked, release = threading.Event(), threading.Event()

    def slow(signature, inputs):
        asked.set()
        release.wait(20)
        return contract_answer(signature, inputs)

    server.answer = slow
    with (
        Client(getattr(server, protocol), model="two_tower", timeout=0.2) as client,
        pytest.raises(Failure, match=r"no answer from .* within 0\.2 s$"),
    ):
        client.top(["42"])
    assert asked.wait(20)  # what was sent may be read only after its sender has given up
    release.set()
    assert len(server.seen) == 1


def test_a_connection_that_breaks_before_the_answer_is_made_again(server):
    def hang_up_twice(handler):
        if len(server.seen) <= 2:
            handler.close_connection = True
        else:
            handler.reply(200, {"outputs": {"item": [["a"]], "score": [[1.0]]}})

    server.raw = hang_up_twice
    with Client(server.rest, model="two_tower") as client:
        assert client.top(["42"]) == [Ranked(items=("a",), scores=(1.0,))]
    assert len(server.seen) == 3


def test_a_connection_that_always_breaks_is_given_up_after_four_attempts(server):
    server.raw = lambda handler: setattr(handler, "close_connection", True)
    with Client(server.rest, model="two_tower") as client, pytest.raises(Failure, match="no server at http"):
        client.top(["42"])
    assert len(server.seen) == 4


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_no_server_is_one_sentence_soon(scheme):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"{scheme}://127.0.0.1:{unused.getsockname()[1]}"
        start = time.monotonic()
        with Client(address, model="two_tower", timeout=30) as client, pytest.raises(Failure) as caught:
            client.top(["42"])
    assert str(caught.value).startswith(f"no server at {address}: start one with `triptych serve`")
    assert time.monotonic() - start < 10


def test_a_grpc_server_that_comes_back_is_found_again():
    def start(port: int) -> tuple[grpc.Server, int]:
        server = grpc.server(futures.ThreadPoolExecutor(1))
        server.add_generic_rpc_handlers([grpc_handler(StandIn())])
        port = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        return server, port

    server, port = start(0)
    with Client(f"grpc://127.0.0.1:{port}", model="two_tower", timeout=20) as client:
        first = client.top(["42"])
        server.stop(None).wait(5)
        server, _ = start(port)
        assert client.top(["42"]) == first
    server.stop(None).wait(5)


@pytest.mark.parametrize("address", ["127.0.0.1:8501", "ftp://127.0.0.1", "http://", ""])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(Failure, match="expected http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT"):
        Client(address, model="two_tower")


def test_what_cannot_be_asked_is_refused_before_it_is_sent(client, server):
    with pytest.raises(Failure, match="expected as many of each"):
        client.recommend(["42"], k=[1, 2])
    with pytest.raises(Failure, match="expected as many of each"):
        client.score(["42"], [])
    with pytest.raises(Failure, match="expected as many of each"):
        client.recommend(["42"], among=[["a"], ["b"]])
    with pytest.raises(Failure, match=r"'genre:Comedy' where a list is asked for, expected \['genre:Comedy'\]"):
        client.recommend(["42"], tags="genre:Comedy")
    with pytest.raises(Failure, match="expected text that UTF-8 can carry"):
        client.top(["\ud800"])
    with pytest.raises(Failure, match="expected one or none"):
        Client("http://127.0.0.1:1", model="m", version=1, label="stable")
    with pytest.raises(Failure, match="0 rows in a request"):
        Client("http://127.0.0.1:1", model="m", rows=0)
    assert server.seen == []


MEANT = {
    "ids that are whole numbers": ({"users": [42, np.int64(7)]}, {"users": ["42", "7"]}),
    "ids as bytes": ({"users": [b"42"]}, {"users": ["42"]}),
    "an array of ids": ({"users": np.array(["42", "7"])}, {"users": ["42", "7"]}),
    "the keys of a table": ({"users": dict.fromkeys(("42", "7")).keys()}, {"users": ["42", "7"]}),
    "numpy's k": ({"users": ["42"], "k": np.int64(2)}, {"users": ["42"], "k": 2}),
    "an array of k": ({"users": ["42", "7"], "k": np.array([1, 2])}, {"users": ["42", "7"], "k": [1, 2]}),
    "an array that is one k": ({"users": ["42"], "k": np.array(2)}, {"users": ["42"], "k": 2}),
    "a k of 3.0": ({"users": ["42"], "k": 3.0}, {"users": ["42"], "k": 3}),
    "a k beyond 32 bits": ({"users": ["42"], "k": 10**10}, {"users": ["42"], "k": 7}),
    "one list to exclude": ({"users": ["42", "7"], "exclude": ["Heat (1995)"]}, {"exclude": [["Heat (1995)"]] * 2}),
    "an array to exclude": ({"users": ["42"], "exclude": np.array([["Heat (1995)"]])}, {"exclude": [["Heat (1995)"]]}),
    "numpy's unseen": ({"users": ["42"], "unseen": np.True_}, {"users": ["42"], "unseen": True}),
}


@pytest.mark.parametrize("name", MEANT)
def test_what_is_meant_without_a_doubt_is_asked(client, name):
    given, plain = MEANT[name]
    users = plain.get("users", given.get("users"))
    assert client.recommend(**given) == client.recommend(**{**plain, "users": users})


REFUSED = {
    "'42' where a list is asked for, expected ['42']": lambda client: client.recommend("42"),
    "b'42' where a list is asked for, expected [b'42']": lambda client: client.top(b"42"),
    "42 where a list is asked for, expected [42]": lambda client: client.top(42),
    "None where a list is asked for, expected [None]": lambda client: client.similar(None),
    "'Fargo (1996)' where a list is asked for, expected [['Fargo (1996)'], …], a list for each row": lambda client: (
        client.recommend_from(["Fargo (1996)"])
    ),
    "'Fargo' where a list is asked for, expected [[…], …], a list for each row": lambda client: client.recommend_from(
        "Fargo"
    ),
    "'Heat (1995)' where a list is asked for, expected ['Heat (1995)']": lambda client: client.recommend(
        ["42"], exclude="Heat (1995)"
    ),
    "'b' where a list is asked for, expected [['b'], …], a list for each row": lambda client: client.recommend(
        ["42"], exclude=[["a"], "b"]
    ),
    "id 4.2, expected text or a whole number": lambda client: client.recommend([4.2]),
    "id None, expected text or a whole number": lambda client: client.recommend([None]),
    "id True, expected text or a whole number": lambda client: client.score([True], ["a"]),
    "id b'\\xff', expected text that UTF-8 can carry": lambda client: client.recommend([b"\xff"]),
    "k 2.5, expected a whole number, at least 1": lambda client: client.recommend(["42"], k=2.5),
    "k '3', expected a whole number, at least 1": lambda client: client.recommend(["42"], k="3"),
    "k nan, expected a whole number, at least 1": lambda client: client.similar(["a"], k=float("nan")),
    "k inf, expected a whole number, at least 1": lambda client: client.similar(["a"], k=[float("inf")]),
    "k None, expected a whole number, at least 1": lambda client: client.recommend_from([["a"]], k=None),
    "k True, expected a whole number, at least 1": lambda client: client.recommend(["42"], k=True),
    "unseen 'no', expected True or False, for all or for each": lambda client: client.recommend(["42"], unseen="no"),
    "recommend asked with {'user_id': 1, 'k': 2, 'exclude': 1, 'unseen': 1}, expected as many of each": (
        lambda client: client.recommend(["42"], k=np.array([1, 2]))
    ),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_is_none_is_refused_with_what_is_expected_before_it_is_sent(client, server, sentence):
    with pytest.raises(Failure) as caught:
        REFUSED[sentence](client)
    assert (str(caught.value), server.seen) == (sentence, [])


def test_every_grpc_code_has_an_http_status():
    assert {code.name: code.value for code in HTTP} == {code.name: code.value[0] for code in grpc.StatusCode}


def test_a_proxy_in_the_environment_is_not_asked_for_a_server_on_this_machine(client, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("grpc_proxy", "http://127.0.0.1:1")
    assert client.top(["42"])[0].items == ITEMS[:4]


@pytest.mark.parametrize(
    "server", ["http://127.0.0.1:8501", "https://[::1]/", "http://localhost", "grpc://127.9.9.9:1"]
)
def test_this_machine_is_known_by_its_addresses(server):
    assert is_loopback(server)
    assert not is_loopback(server.replace("127", "10").replace("::1", "::2").replace("localhost", "localhost.example"))


def test_importing_the_client_loads_no_tensorflow_and_asking_over_rest_no_grpc(server):
    code = f"""
import sys
from serving.client.client import Client
with Client({server.rest!r}, model="two_tower") as client:
    client.top(["42"])
print([name for name in ("tensorflow", "grpc", "onnxruntime", "lightfm") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "[]\n"


@pytest.fixture(scope="module")
def real(tiny_version):
    """`triptych serve` on a model with biases: its addresses, and the oracle of what it is to answer."""
    from export.publishing.oracle import Oracle

    with serving("--models", tiny_version.folder.parents[1]) as (rest, rpc):
        addresses = {"rest": rest, "grpc": rpc, "file": tiny_version.folder.as_uri()}
        yield addresses, tiny_version, Oracle(tiny_version.model, tiny_version.interactions)


def cut(answer) -> list[tuple[list[str], list[float]]]:
    """Give each row of the oracle's without its padding."""
    rows = zip(answer["item"].tolist(), answer["score"].tolist(), strict=True)
    return [([item for item in items if item], scores[: sum(map(bool, items))]) for items, scores in rows]


def agree(answers: list[Ranked], oracle) -> None:
    assert [list(answer.items) for answer in answers] == [items for items, _ in cut(oracle)]
    for answer, (_, scores) in zip(answers, cut(oracle), strict=True):
        assert list(answer.scores) == pytest.approx(scores, abs=1e-5)


def agree_but_for_ties(answers: list[Ranked], oracle) -> None:
    """Cosines and fold-ins differ in the last digits of float32, so whole catalogues are compared item by item."""
    for answer, (items, scores) in zip(answers, cut(oracle), strict=True):
        found = dict(zip(answer.items, answer.scores, strict=True))
        assert found == pytest.approx(dict(zip(items, scores, strict=True)), abs=1e-5)
        assert list(answer.scores) == sorted(answer.scores, reverse=True)


@pytest.mark.parametrize("protocol", ["rest", "grpc", "file"])
def test_triptych_serve_and_a_folder_answer_the_client_as_numpy_does_for_every_user(real, protocol):
    addresses, version, oracle = real
    users = [*version.interactions.users.tolist(), "nobody"]
    items = version.interactions.items.tolist()
    ks = [1 + place % 12 for place in range(len(users))]
    excluded = [items[place % 5 : place % 5 + place % 3] for place in range(len(users))]
    unseen = [place % 2 == 0 for place in range(len(users))]
    with Client(addresses[protocol], model=version.folder.parent.name, rows=7, timeout=60) as client:
        agree(client.top(users), oracle.serving_default(users))
        answers = client.recommend(users, k=ks, exclude=excluded, unseen=unseen)
        expected = oracle.recommend(users, ks, excluded, unseen)
        agree(answers, expected)
        assert [answer.known for answer in answers] == expected["known"].tolist()
        among = [items[place % 4 : place % 4 + 3 * (place % 9)] for place in range(len(users))]
        tags = [["genre:Comedy", "genre:Drama"][: place % 3] for place in range(len(users))]
        answers = client.recommend(users, k=ks, exclude=excluded, unseen=unseen, among=among, tags=tags)
        expected = oracle.recommend_within(users, ks, excluded, unseen, among, tags)
        agree(answers, expected)
        assert [answer.known for answer in answers] == expected["known"].tolist()
        others = [*items, "unheard of"]
        agree_but_for_ties(client.similar(others, k=99), oracle.similar(others, [99] * len(others)))
        agree_but_for_ties(
            client.recommend_from([items[:3], []], k=99), oracle.recommend_from([items[:3], []], [99, 99])
        )
        pairs = [(user, item) for user in users[:9] for item in (*items[:5], "unheard of")]
        scores = client.score([user for user, _ in pairs], [item for _, item in pairs])
    expected = oracle.score([user for user, _ in pairs], [item for _, item in pairs])["score"]
    assert scores == pytest.approx(expected.tolist(), rel=1e-6)


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_a_hundred_clients_at_once_with_lists_of_unlike_widths_each_get_their_own_answer(real, protocol):
    addresses, version, oracle = real
    users, items = version.interactions.users.tolist(), version.interactions.items.tolist()
    every_tag = sorted({tag for tags in version.interactions.item_tags for tag in tags})
    together = threading.Barrier(100)

    def ask(number: int) -> list[tuple[str, ...]]:
        rng = np.random.default_rng(number)
        rows = 1 + number % 3
        among = [rng.choice([*items, "unheard of"], (number * 7) % 90).tolist() for _ in range(rows)]
        tags = [rng.choice(every_tag, number % 4).tolist() for _ in range(rows)]
        who, ks = rng.choice([*users, "nobody"], rows).tolist(), rng.integers(1, 20, rows).tolist()
        with Client(addresses[protocol], model=version.folder.parent.name, timeout=60) as client:
            together.wait(60)
            found = [client.recommend(who, k=ks, among=among, tags=tags, unseen=True) for _ in range(3)]
        lists = [[names or [""] for names in column] for column in (among, tags)]
        expected = oracle.recommend_within(who, ks, [[""]] * rows, [True] * rows, *lists)
        for answers in found:
            agree(answers, expected)
        return [answer.items for answer in found[0]]

    with futures.ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(100)))
    assert sum(bool(items) for rows in answers for items in rows) > 50


def test_a_version_of_the_first_contract_is_served_and_asked_and_says_what_it_lacks(first_contract):
    with serving("--models", first_contract.folder.parents[1]) as (rest, rpc):
        for address in (rest, rpc, first_contract.folder.as_uri()):
            with Client(address, model="first", timeout=60) as client:
                assert client.recommend(["1"], k=3)[0].known
                with pytest.raises(Failure, match=r"recommend_within.*; it came with contract 2: `triptych train`"):
                    client.recommend(["1"], among=["日本"])
