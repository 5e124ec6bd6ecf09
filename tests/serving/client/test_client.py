"""The client against a server whose every answer is known, over both protocols: what it sends, and what it gives."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from standin import ITEMS, LOWEST, POPULAR, SCORES, RefusedError, contract_answer

from serving.client.client import Client, Ranked, ServerError


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
