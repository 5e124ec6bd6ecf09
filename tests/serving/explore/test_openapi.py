"""The OpenAPI document: valid, the contract's, and what a live server takes and gives."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from serving import contract
from serving.explore import openapi
from serving.explore.upstream import Upstream

INPUTS: dict[str, Any] = {
    "user_id": ["7", "nobody"],
    "k": [3, 2],
    "exclude": [["Film 3 (1993)"], [""]],
    "unseen": [True, False],
    "item": ["Film 3 (1993)", "no such film"],
    "items": [["Film 3 (1993)"], [""]],
    "among": [[""], [""]],
    "tags": [[""], [""]],
}


def schema(name: str) -> Draft202012Validator:
    """The validator of one schema of the document."""
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", **openapi.document()})


def post(url: str, body: object) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=20) as reply:
        return json.load(reply)


def test_the_document_is_valid_and_the_page_serves_it_for_the_server_that_it_asks(page_at, server):
    validate(openapi.document())
    with urllib.request.urlopen(f"{page_at}/openapi.json", timeout=20) as reply:
        assert json.load(reply) == openapi.document(server)
    assert openapi.document(server)["servers"] == [{"url": server}]


def test_a_password_in_the_address_is_not_in_the_document():
    assert Upstream("https://me:secret@host:8501/base/").public == "https://host:8501/base"


@pytest.mark.parametrize("name", contract.SIGNATURES)
@pytest.mark.parametrize("model", ["two_tower", "lightfm"])
def test_a_live_server_takes_and_gives_what_it_says(server, model, name):
    columns = {key: INPUTS[key] for key in contract.SIGNATURES[name].inputs}
    rows = [{key: column[row] for key, column in columns.items()} for row in range(2)]
    for asked, answered, body in [
        ("rows", "predictions", {"signature_name": name, "instances": rows}),
        ("columns", "outputs", {"signature_name": name, "inputs": columns}),
    ]:
        schema(f"{name}.{asked}").validate(body)
        schema(f"{name}.{answered}").validate(post(f"{server}/v1/models/{model}:predict", body))


@pytest.mark.parametrize("name", contract.SIGNATURES)
def test_what_is_missing_misspelt_or_of_another_type_is_not_in_it(name):
    columns = {key: INPUTS[key] for key in contract.SIGNATURES[name].inputs}
    for wrong in [
        {"signature_name": "other", "inputs": columns},
        {"signature_name": name},
        {"signature_name": name, "inputs": {}},
        {"signature_name": name, "inputs": columns | {"users": ["7"]}},
        {"signature_name": name, "inputs": {key: [1.5] for key in columns}},
    ]:
        assert not schema(f"{name}.columns").is_valid(wrong)


def test_states_metadata_and_errors_are_what_it_says(server):
    for path, name in [("two_tower", "Status"), ("two_tower/versions/1", "Status"), ("two_tower/metadata", "Metadata")]:
        with urllib.request.urlopen(f"{server}/v1/models/{path}", timeout=20) as reply:
            schema(name).validate(json.load(reply))
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{server}/v1/models/nope:predict", {"instances": ["7"]})
    with refused.value as reply:
        schema("Error").validate(json.load(reply))
