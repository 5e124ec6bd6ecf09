"""REST's bodies as documents: what RapidJSON reads and refuses, packed ones, and large ones."""

from __future__ import annotations

import gzip
import time

import pytest
from live import ask, predict

BEST = {"items": ["Alien (1979)", "Star Wars (1977)", "Contact (1997)"], "scores": [12.03125, 10.25, 9.625]}
MODEL = "/v1/models/conformance"


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": ["42"], "instances": ["1"]}',
        '{"instances": [{"user_id": "42", "user_id": "1"}]}',
        '{"instances": ["4\\u0032"], "colons": "::"}',
        '{"signature_name": "", "instances": ["42"]}',
        '{"instances": ["42"]}\0 whatever',
        '\ufeff{"instances": ["42"]}',
        ' \n\t{"instances"\r:["42"] } ',
        '{"instances": [{"b64": "NDI"}]}',
        '{"instances": [{"user_id": {"b64": "NDI="}}]}',
    ],
)
def test_what_rapidjson_accepts_is_accepted_and_the_first_of_two_keys_counts(server, body):
    answer = predict(server, "conformance", body)
    assert (answer.status, answer.json) == (200, {"predictions": [BEST]})


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": ["\\ud800"]}',
        '{"instances": ["\\ud800\\u0041"]}',
        '{"instances": [01]}',
        '{"instances": [1.]}',
        '{"instances": [.5]}',
        '{"instances": [+1]}',
        '{"instances": [1e]}',
        '{"instances": [1e309]}',
        '{"instances": ["a\nb"]}',
        '{"instances": ["\\x"]}',
        '{"instances": [tru]}',
        '{"instances": ["42",]}',
        '{"a" 1}',
        '{"a": 1,}',
        "{'a': 1}",
        '{"instances": [Nan]}',
        "\0",
        "   ",
        "[" * 100_000,
        '{"a":' * 100_000,
        "}",
        '{"a": 1]',
        '{"instances": ["42"] /* none */}',
        '{"instances": ["\\u12g4"]}',
        '{"instances": [' + "9" * 400 + "]}",
    ],
)
def test_what_rapidjson_refuses_is_a_parse_error(server, body):
    answer = predict(server, "conformance", body)
    assert answer.status == 400
    assert answer.error.startswith("JSON Parse error: ")


@pytest.mark.parametrize("behind", [" x", "}", "\0", "]]]", ',"instances":5', ' {"instances": []}', "\ud800"])
def test_what_follows_the_document_is_ignored_whatever_it_is(server, behind):
    body = b'{"instances": ["42"]}'
    answer = predict(server, "conformance", body + behind.encode("utf-8", "surrogatepass"))
    assert (answer.status, answer.body) == (200, predict(server, "conformance", body).body)
    assert ask(server, "POST", f"{MODEL}:regress", b'{"examples": []} x').error.endswith("is an empty array")


def test_a_packed_body_is_unpacked_and_a_bomb_is_not(server):
    packed = gzip.compress(b'{"instances": ["42"]}')
    headers = {"Content-Encoding": "gzip"}
    assert ask(server, "POST", f"{MODEL}:predict", packed, headers).json == {"predictions": [BEST]}
    bomb = gzip.compress(b" " * (65 << 20), compresslevel=1)
    assert "larger than" in ask(server, "POST", f"{MODEL}:predict", bomb, headers).error
    assert ask(server, "POST", f"{MODEL}:predict", b"junk", headers).error == "JSON Parse error: The document is empty"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"instances": ["42"], "a": "' + '\\":' * 1_000_000 + '"}', 200),
        ('{"instances": ["42"], "a": "' + '\\": ' * 1_000_000 + '"', 400),
        ('{"instances": ["42"], "a": ' + "[" * 3_000_000, 400),
        ('{"instances": [NaN, 0.' + "0" * 3_000_000 + "1" * 3_000_000 + "]}", 400),
    ],
)
def test_a_large_body_made_to_take_long_does_not(server, body, status):
    start = time.monotonic()
    assert predict(server, "conformance", body).status == status
    assert time.monotonic() - start < 10


def test_a_large_request_and_its_answer_pass_through_a_thread_whole(server):
    users = ["42", "1", "nobody"] * 30_000
    rows = predict(server, "conformance", {"instances": users}).json["predictions"]
    assert len(rows) == len(users)
    assert rows[-3] == rows[0] == BEST
