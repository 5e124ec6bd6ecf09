"""HTTP itself: keep-alive, pipelining, chunks, 100-continue, and what is cut off or no request at all."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest
from live import live, predict
from predict_requests import BODY, LIMITS, connected, reply, request


@pytest.fixture(scope="module")
def server(tiny_version):
    with live(models=tiny_version.folder.parent.parent, limits=LIMITS) as where:
        yield where


def test_one_connection_answers_one_request_after_the_other(server):
    with connected(server) as client, client.makefile("rb") as file:
        answers = []
        for _ in range(3):
            client.sendall(request())
            answers.append(reply(file))
    assert [status for status, _, _ in answers] == [200] * 3
    assert len({body for _, _, body in answers}) == 1
    assert all(b"connection" not in headers for _, headers, _ in answers)


def test_requests_sent_ahead_are_answered_in_order(server):
    users = [b"1", b"2", b"nobody"] * 100
    bodies = [b'{"instances": ["%b"]}' % user for user in users]
    expected = {user: predict(server, "plain", body).body for user, body in zip(users, bodies, strict=True)}
    with connected(server) as client, client.makefile("rb") as file:
        threading.Thread(target=client.sendall, args=(b"".join(map(request, bodies)),)).start()
        assert [reply(file)[2] for _ in users] == [expected[user] for user in users]


def test_answers_on_the_spot_do_not_pile_up(server):
    with connected(server) as client, client.makefile("rb") as file:
        threading.Thread(target=client.sendall, args=(b"GET /v1/models/none HTTP/1.1\r\n\r\n" * 3000,)).start()
        assert {reply(file)[0] for _ in range(3000)} == {404}


def test_a_request_may_come_byte_by_byte_or_in_chunks(server):
    expected = predict(server, "plain", BODY).body
    with connected(server) as client, client.makefile("rb") as file:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request():
            client.sendall(bytes([byte]))
        assert reply(file)[2] == expected
        head = b"POST /v1/models/plain:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head + b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % len(BODY[5:]) + BODY[5:] + b"\r\n0\r\n\r\n")
        assert reply(file)[2] == expected


def test_a_client_that_asks_whether_to_go_on_is_told(server):
    with connected(server) as client, client.makefile("rb") as file:
        whole = request(BODY, b"Expect: 100-continue")
        client.sendall(whole[: -len(BODY)])
        assert file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert file.readline() == b"\r\n"
        client.sendall(BODY)
        assert reply(file)[0] == 200


@pytest.mark.parametrize("sent", [request(BODY, version=b"1.0"), request(BODY, b"Connection: close")])
def test_a_connection_is_closed_where_the_client_wants_it(server, sent):
    with connected(server) as client, client.makefile("rb") as file:
        client.sendall(sent)
        status, headers, _ = reply(file)
        assert (status, headers[b"connection"], file.read()) == (200, b"close", b"")


def test_a_client_that_ends_its_side_still_gets_its_answer(server):
    with connected(server) as client, client.makefile("rb") as file:
        client.sendall(request())
        client.shutdown(socket.SHUT_WR)
        assert reply(file)[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", 501),
        (b"GET /v1/models/x HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (
            b"POST /v1/models/x:predict HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"GET /v1/models/\xc3\xa9 HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT x:1 HTTP/1.1\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 5000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", 431),
        (request(b"x" * 100_001), 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"2710\r\n" + b"x" * 10_000 + b"\r\n") * 11, 413),
    ],
)
def test_what_is_no_request_gets_one_page_and_no_more(server, sent, status):
    with connected(server) as client, client.makefile("rb") as file:
        threading.Thread(target=ignore_reset, args=(client, sent)).start()
        found, headers, body = reply(file)
        assert (found, headers[b"content-type"], headers[b"connection"]) == (status, b"text/html", b"close")
        assert body.startswith(b"<HTML><HEAD>\n<TITLE>%d " % status)
        assert file.read() == b""


def ignore_reset(client, sent):
    with suppress(OSError):
        client.sendall(sent)


def test_an_upgrade_is_not_taken_up(server):
    with connected(server) as client, client.makefile("rb") as file:
        client.sendall(b"GET /v1/models/plain HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert reply(file)[0] == 200
        assert file.read() == b""


def test_clients_cut_off_anywhere_leave_the_server_answering(server):
    whole = request()
    for size in range(0, len(whole), 3):
        with connected(server) as client:
            client.sendall(whole[:size])
    assert predict(server, "plain", BODY).status == 200
