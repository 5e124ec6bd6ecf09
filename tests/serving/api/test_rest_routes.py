"""REST's methods and paths: which lead where, what those that lead nowhere are told, HEAD and OPTIONS."""

from __future__ import annotations

import http.client
import socket

import pytest
from live import ask

MODEL = "/v1/models/conformance"


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/v1/", 400, "Malformed request: GET /v1/"),
        ("GET", "/v1/models/", 400, "Malformed request: GET /v1/models/"),
        ("GET", f"{MODEL}/", 400, f"Malformed request: GET {MODEL}/"),
        ("GET", "/v1/models/versions/1", 400, "Missing model name in request."),
        ("GET", "/v1/models/metadata", 404, "Could not find any versions of model metadata"),
        ("GET", f"{MODEL}?x=1", 404, "Could not find any versions of model conformance?x=1"),
        ("GET", "/v1/models/a%20b", 404, "Could not find any versions of model a b"),
        ("GET", f"{MODEL}/versions/x", 400, f"Malformed request: GET {MODEL}/versions/x"),
        ("GET", f"{MODEL}/versions/9/metadata", 404, "Servable not found for request: Specific(conformance, 9)"),
        ("GET", f"{MODEL}/labels/no/metadata", 400, "Unrecognized servable version label: no"),
        ("POST", f"{MODEL}:PREDICT", 400, f"Malformed request: POST {MODEL}:PREDICT"),
        ("POST", f"{MODEL}:predict?x=1", 400, f"Malformed request: POST {MODEL}:predict?x=1"),
        ("POST", f"{MODEL}/metadata", 400, f"Malformed request: POST {MODEL}/metadata"),
        ("PUT", f"{MODEL}:predict", 400, f"Malformed request: PUT {MODEL}:predict"),
        ("DELETE", MODEL, 400, f"Malformed request: DELETE {MODEL}"),
    ],
)
def test_a_route_that_leads_nowhere_says_so(server, method, path, status, error):
    answer = ask(server, method, path, "{}" if method in ("POST", "PUT") else None)
    assert (answer.status, answer.kind, answer.error) == (status, "application/json", error)


@pytest.mark.parametrize("label", ["stable", "canary", "none"])
def test_the_status_of_a_label_known_or_not_is_that_of_all_versions_as_tensorflow_serving_has_it(server, label):
    assert ask(server, "GET", f"{MODEL}/labels/{label}") == ask(server, "GET", MODEL)


@pytest.mark.parametrize("path", ["/V1/MODELS/conformance", "/v1/models/conf%6Frmance", f"{MODEL}/METADATA"])
def test_a_route_ignores_case_and_reads_escapes(server, path):
    answer = ask(server, "GET", path)
    assert [one["version"] for one in answer.json["model_version_status"]] == ["2", "1"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/x", 404),
        ("GET", "/v1?x", 404),
        ("GET", "/v1/models/a%zz", 400),
        ("FOO", MODEL, 501),
        ("TRACE", MODEL, 501),
    ],
)
def test_what_is_not_the_apis_gets_libevents_page(server, method, path, status):
    answer = ask(server, method, path)
    assert (answer.status, answer.kind) == (status, "text/html")
    assert answer.body.startswith(b"<HTML><HEAD>\n<TITLE>%d " % status)


@pytest.mark.parametrize(
    ("path", "status", "kind"), [(MODEL, 400, b"application/json"), ("/", 404, b"text/html"), ("/v1/a", 400, None)]
)
def test_head_is_answered_without_a_body_and_without_its_length(server, path, status, kind):
    with socket.create_connection((server.host, server.rest_port), timeout=20) as client:
        client.sendall(b"HEAD %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    assert (int(head.split()[1]), body) == (status, b"")
    assert b"content-length" not in head.lower()
    assert kind is None or b"\r\nContent-Type: %b\r\n" % kind in head


def test_options_is_refused_without_a_word_and_the_connection_stays(server):
    connection = http.client.HTTPConnection(server.host, server.rest_port, timeout=20)
    for path in (MODEL, f"{MODEL}:predict", "/v1/nothing"):
        connection.request("OPTIONS", path)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (400, b"")
        assert reply.getheader("Content-Type") == "text/html; charset=ISO-8859-1"
        assert (reply.getheader("Content-Length"), reply.getheader("Connection")) == ("0", None)
    connection.close()
    assert ask(server, "OPTIONS", "/").status == 404


@pytest.mark.parametrize("number", ["9223372036854775808", "99999999999999999999"])
@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("GET", "/metadata"), ("POST", ":predict")])
def test_a_version_too_large_for_a_number_is_refused_without_a_word(server, number, method, rest):
    answer = ask(server, method, f"{MODEL}/versions/{number}{rest}", "{}" if method == "POST" else None)
    assert (answer.status, answer.kind, answer.body) == (400, "application/json", b"")
