"""What a body costs to be read and to be quoted in an error, where somebody has made it to cost much."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import orjson
import pytest
from tensorboard.compat.proto import meta_graph_pb2, types_pb2

from serving.engines.engine import Servable, Signature
from serving.json import examples, rapidjson, replies, text
from serving.wire.error_codes import Code, Refusal
from serving.wire.tensors import TEXT

MB = 1 << 20


def peak(work):
    """Do some work; return what comes of it, and the most bytes that it had at a time."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_white_space_before_what_is_no_token_is_gone_through_once():
    start = time.thread_time()
    with pytest.raises(rapidjson.ParseError, match=r"Invalid value\. at offset: 4"):
        rapidjson.parse(b'["a" ' + b" " * (15 * MB) + b"x")
    assert time.thread_time() - start < 1


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("parsed", "start"),
    [
        (lambda: rapidjson.parse(b'{"a":' * 20_000 + b"1" + b"}" * 20_000), '{\n    "a": {\n        "a": {'),
        (lambda: rapidjson.parse(b"[1]") * MB, "[1, 1, 1"),
        (lambda: rapidjson.parse(b'["' + "é".encode() * MB + b'"]'), '["ééé'),
    ],
    ids=["within each other", "many", "long"],
)
def test_an_error_quotes_what_a_person_reads_and_no_more(parsed, start):
    value = parsed()
    printed, most = peak(lambda: text.render(value))
    assert printed.startswith(start)
    assert len(printed) == text.MOST + len(text.CUT)
    assert printed.endswith(text.CUT)
    assert most < 16 * MB


def test_what_is_just_short_enough_is_quoted_whole():
    value = b"x" * (text.MOST - 2)
    assert text.render(value) == f'"{value.decode()}"'
    assert text.render(value + b"x") == f'"{value.decode()}x{text.CUT}'


def test_a_refusal_that_quotes_a_long_name_is_short_and_nothing_is_made_of_the_rest():
    name = "no input is called " + "\1" * (3 * MB)
    written, most = peak(lambda: replies.error(name))
    assert most < 16 * MB  # of 64 KB it takes 8; of all it would be 400 MB, on the event loop
    assert len(written) < 7 * text.MOST
    assert orjson.loads(written)["error"].endswith("\1" + text.CUT)


def test_an_examples_context_is_not_repeated_before_the_model_is_found_and_then_is_paid_for():
    body = b'{"context":{"a":"' + b"x" * MB + b'"},"examples":[' + b",".join([b"{}"] * 500) + b"]}"

    def none():
        raise Refusal(Code.NOT_FOUND, "none")

    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="none"):
            examples.answer("classify", body, none, lambda more: None)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 50 * MB

    signature = Signature(
        name="s",
        definition=meta_graph_pb2.SignatureDef(),
        inputs={"inputs": types_pb2.DT_STRING},
        outputs=("classes",),
        run=lambda inputs: {"classes": np.full((len(inputs["inputs"]), 1), b"c", object)},
    )
    asked = []
    servable = Servable(model="m", version=1, signatures={"serving_default": signature})
    answer = examples.answer("classify", body, lambda: servable, asked.append)
    assert orjson.loads(answer)["results"] == [[["c", 0.0]]] * 500
    assert asked[0] >= 500 * MB // TEXT


def test_a_document_nobody_waits_for_any_more_is_not_read_to_its_end():
    asked = []

    def stay():
        asked.append(1)
        if len(asked) == 3:
            raise Refusal(Code.CANCELLED, "the caller is gone")

    with pytest.raises(Refusal, match="the caller is gone"):
        rapidjson.parse(b"[" + b"1," * MB + b"1]", stay)


@pytest.mark.parametrize("rows", [True, False])
def test_a_large_reply_written_in_pieces_is_the_reply(rows):
    count = 3 * replies.PIECE // 4 + 1
    item = np.empty((count, 2), object)
    item[:] = [[f'Film {row} "é"', b""] for row in range(count)]
    score = np.linspace(-1, 1, 2 * count, dtype=np.float32).reshape(count, 2)
    known = np.arange(count) % 3 == 0
    columns = {"item": item.tolist(), "score": score, "known": known.tolist()}
    columns["item"] = [[one if isinstance(one, str) else one.decode() for one in row] for row in columns["item"]]
    whole = {"outputs": columns}
    if rows:
        names = ("item", "score", "known")
        whole = {"predictions": [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]}
    outputs = {"item": item, "score": score, "known": known}
    assert replies.encode(outputs, rows=rows) == orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)
