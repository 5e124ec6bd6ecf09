"""Ask anything that speaks TensorFlow Serving for the six signatures of the contract, over REST or gRPC.

    with Client("http://127.0.0.1:8501", model="two_tower") as two_tower:
        for user, answer in zip(users, two_tower.recommend(users, k=5, unseen=True)):
            print(user, answer.items, answer.scores)

The answers are the same over both, from TensorFlow Serving and from `triptych serve`. Any number of users may be asked
for at once: they are sent in requests of bounded size, and a server that is too busy is asked again a few times. What
goes wrong is a serving.errors.Failure; an error that the server answered is a ServerError, which carries its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from serving.client.columns import Ids, flags, ids, lists, of_each, padded, whole_numbers
from serving.client.connect import connect
from serving.client.transport import Arrays, ServerError, Target, array
from serving.contract import DEFAULT_K, K_TOO_SMALL, PADDING
from serving.errors import Failure

__all__ = ["Client", "Ranked", "ServerError"]


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """One ranking, best first, without the places that hold no item.

    Attributes:
        items: At most k of them.
        scores: One for each item.
        known: Whether the model knows the user; None where the signature does not say.
    """

    items: tuple[str, ...]
    scores: tuple[float, ...]
    known: bool | None = None


class Client:
    """Asks one model of one server; to be used as a context manager, or closed."""

    def __init__(
        self,
        server: str,
        *,
        model: str,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 5.0,
        rows: int = 256,
    ) -> None:
        """Prepare to ask; the first request connects.

        Args:
            server: http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT; or file:///FOLDER, a version folder that
                is loaded and asked in this process.
            model: Its name on the server.
            version: This version and no other.
            label: The version that bears this label; the newest when neither is given.
            timeout: Seconds for each attempt at each request, not for all of them.
            rows: Users, or items, in one request.

        Raises:
            Failure: the address is none, both version and label are given, or `rows` is below 1.
        """
        if rows < 1:
            raise Failure(f"{rows} rows in a request, expected at least 1")
        self._target = Target(model=model, version=version, label=label)
        self._rows = rows
        self._transport = connect(server, timeout=timeout)

    def top(self, users: Ids) -> list[Ranked]:
        """Return each user's best items, as many as were fixed at export (signature `serving_default`)."""
        asked = ids(users)
        return self._ranked("serving_default", {"user_id": array(asked, "string")}, ks=[DEFAULT_K] * len(asked))

    def recommend(
        self,
        users: Ids,
        *,
        k: int | Iterable[int] = DEFAULT_K,
        exclude: Ids | Iterable[Ids] = (),
        unseen: bool | Iterable[bool] = False,
        among: Ids | Iterable[Ids] = (),
        tags: Ids | Iterable[Ids] = (),
    ) -> list[Ranked]:
        """Return each user's k best items; a user the model does not know gets the most popular ones.

        Of a version that was published without interactions, which knows no popularity, such a user gets nothing.

        Args:
            users: Their ids; whole numbers are written out.
            k: For all users, or one for each.
            exclude: Leave these items out, for all users, or a list for each; empty: none for anybody.
            unseen: Leave out what the user already had when the model was trained; for all users, or one for each.
            among: Rank these items only, for all users, or a list for each; where none is named, all are ranked, and
                where only unknown ones are, none.
            tags: Rank only items with every one of these, such as `genre:Comedy`; for all users, or a list for each.

        Raises:
            ServerError: the server answered with an error: an unknown model, or, for among and tags, a version of the
                first contract, which has no `recommend_within`.
            Failure: no connection, no answer in time, a k below 1, lists of different lengths, or what is no list, id
                or k.
        """
        asked = ids(users)
        ks = whole_numbers(k, len(asked))
        columns = {
            "user_id": array(asked, "string"),
            "k": array(ks, "int32"),
            "exclude": padded(of_each(exclude, len(asked))),
            "unseen": array(flags(unseen, len(asked)), "bool"),
        }
        within = {"among": of_each(among, len(asked)), "tags": of_each(tags, len(asked))}
        if not any(map(any, within.values())):
            return self._ranked("recommend", columns, ks=ks)
        return self._ranked("recommend_within", {**columns, **{n: padded(rows) for n, rows in within.items()}}, ks=ks)

    def similar(self, items: Ids, *, k: int | Iterable[int] = DEFAULT_K) -> list[Ranked]:
        """Return for each item the k others that are most like it, by the cosine of their embeddings."""
        asked = ids(items)
        ks = whole_numbers(k, len(asked))
        return self._ranked("similar", {"item": array(asked, "string"), "k": array(ks, "int32")}, ks=ks)

    def recommend_from(self, histories: Iterable[Ids], *, k: int | Iterable[int] = DEFAULT_K) -> list[Ranked]:
        """Return k items for each list of liked items: for people who are no users yet."""
        liked = lists(histories)
        ks = whole_numbers(k, len(liked))
        return self._ranked("recommend_from", {"items": padded(liked), "k": array(ks, "int32")}, ks=ks)

    def score(self, users: Ids, items: Ids) -> list[float]:
        """Return the score of each user with the item at the same place; the lowest float32 for an unknown item."""
        answers = self._predict("score", {"user_id": array(ids(users), "string"), "item": array(ids(items), "string")})
        return [float(score) for answer in answers for score in answer["score"]]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ranked(self, signature: str, columns: Arrays, *, ks: Sequence[int]) -> list[Ranked]:
        if ks and min(ks) < 1:  # a server that batches would answer such a row with nothing, not with a refusal
            raise Failure(f"{K_TOO_SMALL}, found {min(ks)}")
        rows = (row for answer in self._predict(signature, columns) for row in _rows(answer))
        return [_cut(items, scores, known, k) for (items, scores, known), k in zip(rows, ks, strict=True)]

    def _predict(self, signature: str, columns: Arrays) -> Iterator[Arrays]:
        counts = {name: len(column) for name, column in columns.items()}
        if len(set(counts.values())) > 1:
            raise Failure(f"{signature} asked with {counts}, expected as many of each")
        for start in range(0, max(counts.values()), self._rows):
            part = {name: column[start : start + self._rows] for name, column in columns.items()}
            yield self._transport.predict(self._target, signature, part)


def _rows(answer: Arrays) -> Iterator[tuple[Sequence[str], Sequence[float], bool | None]]:
    known = answer["known"].tolist() if "known" in answer else [None] * len(answer["item"])
    return zip(answer["item"].tolist(), answer["score"].tolist(), known, strict=True)


def _cut(items: Sequence[str], scores: Sequence[float], known: bool | None, k: int) -> Ranked:
    # An answer can be wider than its k (batched with others it is as wide as the widest); past its end it is padded.
    kept = [(item, score) for item, score in zip(items[:k], scores, strict=False) if item != PADDING]
    return Ranked(items=tuple(item for item, _ in kept), scores=tuple(score for _, score in kept), known=known)
