"""Errors that a server answers, and answers that are none: a sentence for each, with the server's words in it."""

from __future__ import annotations

import grpc
import pytest
from standin import RefusedError

from serving.client.client import Client, ServerError
from serving.errors import Failure
from serving.wire.error_codes import HTTP


def test_an_answered_error_carries_the_servers_words_and_is_not_asked_again(client, server):
    def refuse(signature: str, inputs: object) -> None:
        raise RefusedError(400, "INVALID_ARGUMENT", "no such\n\tthing")

    server.answer = refuse
    with pytest.raises(ServerError, match=r"answered 400: no such thing$") as caught:
        client.recommend(["42"])
    assert (caught.value.status, caught.value.text) == (400, "no such\n\tthing")
    assert len(server.seen) == 1


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


def test_every_grpc_code_has_an_http_status():
    assert {code.name: code.value for code in HTTP} == {code.name: code.value[0] for code in grpc.StatusCode}
