"""What the client is given: what is meant without a doubt is asked, and anything else is refused before it is sent."""

from __future__ import annotations

import numpy as np
import pytest

from serving.client.client import Client
from serving.errors import Failure


@pytest.mark.parametrize("k", [0, [3, -1]])
def test_a_k_below_1_is_refused_before_any_server_is_asked(client, server, k):
    for ask in (client.recommend, client.similar, lambda rows, k: client.recommend_from([[row] for row in rows], k=k)):
        with pytest.raises(Failure, match=r"^k must be at least 1, found (0|-1)$"):
            ask(["42", "7"], k=k)
    assert server.seen == []


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
