"""The client against `triptych serve` and against a version's folder: both answer as numpy does."""

from __future__ import annotations

import threading
from concurrent import futures

import numpy as np
import pytest
from standin import serving

from serving.client.client import Client, Ranked
from serving.errors import Failure


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
