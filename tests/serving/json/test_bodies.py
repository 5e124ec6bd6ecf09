"""A body's marks outside strings are counted as a reader finds them, across pieces and whatever the strings hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto import types_pb2

from serving.json import bodies, requests

TEXTS = st.text(alphabet='a:"\\,[]{}é ', max_size=8)
DOCUMENTS = st.recursive(TEXTS, lambda some: st.lists(some, max_size=4) | st.dictionaries(TEXTS, some, max_size=4))


def keys(document):
    if isinstance(document, dict):
        return len(document) + sum(map(keys, document.values()))
    return sum(map(keys, document)) if isinstance(document, list) else 0


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]), st.sampled_from([1, 3, bodies.PIECE]))
def test_every_key_has_one_colon_outside_strings(document, escaped, indent, piece):
    whole, bodies.PIECE = bodies.PIECE, piece
    try:
        body = json.dumps(document, ensure_ascii=escaped, indent=indent).encode()
        assert bodies.outside_strings(body, b":") == bodies.count_keys(body) == keys(document)
    finally:
        bodies.PIECE = whole


@pytest.mark.parametrize("length", [0, 2 * bodies.LARGE])
def test_a_key_that_comes_twice_is_left_to_the_exact_reader_however_large_the_body(length):
    rest = '"' + "::" * length + '"]}'
    for start, quickly in (('{"instances":[', True), ('{"instances":[],"instances":[', False)):
        found = requests.quick((start + rest).encode(), lambda _: {"user_id": types_pb2.DT_STRING})
        assert (found is not None) == quickly
