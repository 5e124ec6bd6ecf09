"""The recommender: a trained model as the one graph that answers the whole contract, the same for every model.

One product with one matrix ranks known users, unknown ones and those made up from what they like: export.graph.query.

What the graph may use is limited by what converts to ONNX: no ragged tensors, no linear solver, no slices with
``None``, and no dimension that is empty inside (inputs may be), hence a padding column at the end of every list.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import tensorflow as tf

from export.data.interactions import Interactions
from export.graph.fold_in import fold_in, whitening
from export.graph.history import Histories, HistoryVector
from export.graph.lists import Limit, distinct
from export.graph.parts import Ranked, part_of
from export.graph.plan import Plan, index_of
from export.graph.query import EXTRA, KEPT, KnownUsers, nothing_unless, popular_unless, table, with_bias
from export.graph.refusals import require
from export.graph.within import Within
from export.waist.factorized import Factorized, check
from export.waist.places import Places
from export.waist.turn import Turn, inverse_norms
from serving.contract import DEFAULT_K, LOWEST, PADDING, SIGNATURES

Answer = dict[str, tf.Tensor]

QUERIES = "queries"
"""What a checkpoint calls the users' queries, `[n_users + 1, d + 2]`; the items' columns are the index's matrices."""

TURN = "turn"
"""What a checkpoint calls the `[d, d]` matrix that users were multiplied by, where there is one: see Turn."""

STATE = (tf.Variable, tf.saved_model.experimental.TrackableResource)


def _specs(name: str) -> list[tf.TensorSpec]:
    return [tf.TensorSpec(t.shape, t.dtype, name=n) for n, t in SIGNATURES[name].inputs.items()]


class Recommender(tf.Module):
    """The six signatures of the contract over one trained model.

    Columns are int32 positions in the catalogue; ``index.size`` is the padding column, which names no item.
    """

    def __init__(
        self, model: Factorized, interactions: Interactions, plan: Plan | None = None, *, kept: int = KEPT
    ) -> None:
        super().__init__(name="recommender")
        check(model, interactions)
        self.history = None if model.history is None else HistoryVector(model.history)
        size, popularity = len(interactions.items), interactions.popularity().astype(np.float32)
        white = whitening(np.column_stack([model.vectors, model.item_biases, popularity]))
        norms, self.turn = inverse_norms(model.vectors), None
        if plan is not None:
            turn = Turn.of(model)
            model, white = turn.turned(model), turn.back(white)
            self.turn = tf.Variable(turn.users.astype(np.float32), trainable=False)
        columns = np.column_stack([model.vectors, model.item_biases, popularity])
        self.users, self.items = Places(interactions.users), Places(interactions.items)
        self.index = index_of(plan).index(columns, interactions.items)
        self.known = KnownUsers(table(model.user_vectors), self.index, kept=kept if plan is None else 0)
        self.whitening = tf.Variable(white, trainable=False)
        self.inverse_norms = tf.Variable(np.pad(norms, (0, self.index.columns - size)), trainable=False)
        self.user_biases = tf.Variable(np.append(model.user_biases, np.float32(0)), trainable=False)
        self.histories = Histories(interactions)
        self.within = Within(interactions, self.items)
        self.popular = len(interactions) > 0

    def save(self, path: Path) -> None:
        """Write the SavedModel with its six signatures into a new folder.

        Only what the signatures read is kept with them. Saved whole, Keras would trace and keep every layer's own
        functions beside them, which nothing calls.
        """
        signatures = {name: getattr(self, name).get_concrete_function() for name in SIGNATURES}
        kept = tf.Module()
        kept.state = [part for part in tf.train.TrackableView(self).descendants() if isinstance(part, STATE)]
        setattr(kept, QUERIES, self.known.queries)
        setattr(kept, TURN, self.turn)
        for name, matrices in self.index.matrices.items():
            for part, matrix in enumerate(matrices):
                setattr(kept, part_of(name, part), matrix)
        tf.saved_model.save(kept, str(path), signatures=signatures)

    @tf.function(autograph=False, input_signature=_specs("serving_default"))
    def serving_default(self, user_id: tf.Tensor) -> Answer:
        """Answer `[b]` user ids with their 10 best items, nothing left out."""
        user = self.users(user_id)
        score, column = self.known.rank(user, min(DEFAULT_K, self.index.size))
        item = self.index.identifiers(column)
        score += tf.expand_dims(tf.gather(self.user_biases, user), 1)
        if self.index.size < DEFAULT_K:
            missing = [tf.shape(user_id)[0], DEFAULT_K - self.index.size]
            item = tf.concat([item, tf.fill(missing, PADDING)], axis=1)
            score = tf.concat([score, tf.fill(missing, LOWEST)], axis=1)
        return self._unless_nobody({"item": item, "score": score}, user < self.users.size)

    @tf.function(autograph=False, input_signature=_specs("recommend"))
    def recommend(self, user_id: tf.Tensor, k: tf.Tensor, exclude: tf.Tensor, unseen: tf.Tensor) -> Answer:
        """Answer `[b]` user ids with their `[b]` k best items, without `[b, e]` items and, if asked, their own."""
        require(k, user_id, exclude, unseen)
        return self._recommend(user_id, k, exclude, unseen, None)

    @tf.function(autograph=False, input_signature=_specs("recommend_within"))
    def recommend_within(
        self, user_id: tf.Tensor, k: tf.Tensor, exclude: tf.Tensor, unseen: tf.Tensor, among: tf.Tensor, tags: tf.Tensor
    ) -> Answer:
        """Answer like recommend, only with items that `[b, n]` name, if any, and that have all of `[b, t]` tags."""
        require(k, user_id, exclude, unseen, among, tags)
        return self._recommend(user_id, k, exclude, unseen, self.within(among, tags, self.index.columns))

    @tf.function(autograph=False, input_signature=_specs("similar"))
    def similar(self, item: tf.Tensor, k: tf.Tensor) -> Answer:
        """Answer `[b]` items with the `[b]` k items of highest cosine; an unknown item has none."""
        require(k, item)
        column = self.items(item)
        norms = tf.convert_to_tensor(self.inverse_norms)  # gathered from what is read, as in export.graph.scan
        unit = self.index.vectors(column)[:, :-EXTRA] * tf.expand_dims(tf.gather(norms, column), 1)
        if self.turn is not None:  # to the axes where lengths are the embedding's, and from there as a query
            unit = tf.matmul(tf.matmul(unit, self.turn, transpose_b=True), self.turn)
        products, known = self.index.products(tf.pad(unit, [[0, 0], [0, EXTRA]])), column < self.index.size

        def cosines(part: int) -> tf.Tensor:
            scores = products(part) * self.index.parts[part].of(norms)
            return tf.where(tf.expand_dims(known, 1), scores, LOWEST)

        itself = Limit(left_out=tf.expand_dims(column, 1))
        return self._answer(*self.index.best(cosines, self._width(k), itself), k)

    @tf.function(autograph=False, input_signature=_specs("recommend_from"))
    def recommend_from(self, items: tf.Tensor, k: tf.Tensor) -> Answer:
        """Answer `[b, n]` liked items, each counted once, with the `[b]` k best other items."""
        require(k, items)
        liked = distinct(self.items(items), padding=self.index.size)
        answer = self._rank(partial(self.index.rank, self.taste(liked)), k, Limit(left_out=liked))
        return self._unless_nobody(answer, tf.reduce_any(liked < self.index.size, axis=1))

    def taste(self, liked: tf.Tensor) -> tf.Tensor:
        """Compute the queries of `[b, m]` columns of liked items, each once in its row: `[b, d + 2]`."""
        if self.history is None:
            query = fold_in(self.index.vectors(liked), self.whitening)
        else:
            vector = self.history(liked)
            query = with_bias(vector if self.turn is None else tf.matmul(vector, self.turn))
        return popular_unless(tf.reduce_any(liked < self.index.size, axis=1), query)

    @tf.function(autograph=False, input_signature=_specs("score"))
    def score(self, user_id: tf.Tensor, item: tf.Tensor) -> Answer:
        """Score `[b]` items for `[b]` user ids."""
        require(None, user_id, item)
        user, column = self.users(user_id), self.items(item)
        score = tf.reduce_sum(tf.gather(self.known.queries, user) * self.index.vectors(column), axis=1)
        score += tf.gather(self.user_biases, user)
        return self._unless_nobody({"score": tf.where(column < self.index.size, score, LOWEST)}, user < self.users.size)

    def _recommend(
        self, user_id: tf.Tensor, k: tf.Tensor, exclude: tf.Tensor, unseen: tf.Tensor, allowed: tf.Tensor | None
    ) -> Answer:
        """Rank for `[b]` user ids, where given only among the columns that `[b, columns]` allow."""
        user = self.users(user_id)
        left_out = tf.concat([self.items(exclude), self.histories(user, unseen)], axis=1)
        bias, limit = tf.gather(self.user_biases, user), Limit(left_out=left_out, allowed=allowed)
        answer = self._rank(partial(self.known.rank, user), k, limit, bias=bias)
        return {**self._unless_nobody(answer, user < self.users.size), "known": user < self.users.size}

    def _unless_nobody(self, answer: Answer, somebody: tf.Tensor) -> Answer:
        """Empty the rows of whoever is not `[b]` somebody, if there is no popularity to stand in."""
        return answer if self.popular else {name: nothing_unless(somebody, of) for name, of in answer.items()}

    def _rank(
        self, rank: Callable[..., Ranked], k: tf.Tensor, limit: Limit, *, bias: tf.Tensor | None = None
    ) -> Answer:
        """Answer what is ranked with its `[b]` k best that may be answered."""
        return self._answer(*rank(self._width(k), k=k, limit=limit), k, bias=bias)

    def _width(self, k: tf.Tensor) -> tf.Tensor:
        return tf.reduce_max(tf.concat([[1], tf.minimum(k, self.index.size)], axis=0))

    def _answer(self, score: tf.Tensor, column: tf.Tensor, k: tf.Tensor, *, bias: tf.Tensor | None = None) -> Answer:
        """Name `[b, max k]` columns, and pad each row past its own k and past what is left."""
        held = (tf.range(self._width(k)) < tf.expand_dims(k, 1)) & (score > LOWEST)
        score = score if bias is None else score + tf.expand_dims(bias, 1)
        item = self.index.identifiers(tf.where(held, column, self.index.size))  # chosen as numbers: strings are copied
        return {"item": item, "score": tf.where(held, score, LOWEST)}
