"""The scanning index: numpy's answers to the last bit where products are exact, whatever rules an item out."""

from collections import Counter
from functools import cache
from itertools import product

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from export.data.interactions import Interactions
from export.graph import parts
from export.graph.index import ANYTHING
from export.graph.lists import Limit
from export.graph.parts import BLOCK, PART, SMALL
from export.graph.plan import CANDIDATE_COST, GAIN, LEAST_ITEMS, index_of, plan
from export.graph.query import EXTRA
from export.graph.scan import MOST, ScanBruteForce
from export.waist.factorized import Factorized
from serving.contract import DEFAULT_K, LOWEST

HEAD, CANDIDATES, D = 3, 16, 9


def whole(rng, shape, *, spread):
    return rng.integers(-spread, spread + 1, shape).astype(np.float32)


def falling(rows, *, power):
    """Halve the components one after the other: exactly, and as trained vectors have it."""
    return rows * 2.0 ** -(np.arange(rows.shape[1]) * power).astype(np.float32)


def catalogue(rng, size, *, spread, power):
    """Whole numbers with everything in between: equal items, items of no length, some long and some short ones."""
    items = falling(whole(rng, (size, D + EXTRA), spread=spread), power=power)
    items[rng.integers(0, size, size // 5)] = items[0]
    items[rng.integers(0, size, size // 9)] = 0
    items[rng.integers(0, size, 3)] *= 64
    items[rng.integers(0, size, 3)] /= 64
    return items


def best(scores, k):
    """Answer as the index must: columns and scores, equal ones in the order of the catalogue."""
    columns = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return columns, np.take_along_axis(scores, columns, axis=1)


def test_whatever_is_left_out_and_however_many_are_asked_for_the_answer_is_numpys():
    seen = Counter()

    @settings(max_examples=150, derandomize=True, deadline=None)
    @given(data=st.data())
    def holds(data):
        rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
        size, rows = data.draw(st.sampled_from([CANDIDATES + 1, 300, 900, 2100])), data.draw(st.integers(0, 5))
        spread, power = data.draw(st.sampled_from([1, 4])), data.draw(st.sampled_from([0, 1]))
        huge, tiny = data.draw(st.sampled_from([(0, 0), (40, -80), (-80, 40), (30, 30)]))
        items = catalogue(rng, size, spread=spread, power=power) * np.float32(2.0**huge)
        queries = whole(rng, (rows, D + EXTRA), spread=2) * np.float32(2.0**tiny)
        index = parted(data.draw(st.sampled_from([PART, 3 * BLOCK, BLOCK])), items, k=10)
        scores = queries @ items.T
        kept = rng.random((rows, index.columns)) < data.draw(st.sampled_from([0.01, 0.5, 1.0]))
        top = np.argsort(-scores, axis=1, kind="stable")[:, : data.draw(st.sampled_from([0, 1, CANDIDATES]))]
        np.put_along_axis(kept, top, values=False, axis=1)  # all that the scan would have found, for one
        k = data.draw(st.sampled_from([1, 5, CANDIDATES // 2, CANDIDATES // 2 + 1, CANDIDATES + 1, 2 * CANDIDATES, 70]))
        k = min(k, size)
        asked, limit = tf.constant(queries), Limit(allowed=tf.constant(kept))
        if size == 300:  # said the other way
            out = np.where(kept, index.size, np.arange(index.columns, dtype=np.int32))
            limit = Limit(left_out=tf.constant(out.astype(np.int32)))

        def counted(*given, scan=index.scan):
            answer = scan(*given)
            seen.update((len(index.parts) > 1, row) for row in answer[2].numpy().tolist())
            return answer

        index.scan = counted
        found, columns = index.rank(asked, tf.constant(k), limit=limit)
        order, expected = best(np.where(kept[:, :size], scores, np.float32(LOWEST)), k)
        assert np.array_equal(found, expected)
        assert np.array_equal(np.where(expected > LOWEST, columns, -1), np.where(expected > LOWEST, order, -1))

    holds()
    # Rows that the candidates prove, and that fall back; of a whole catalogue and in parts.
    assert min(seen[place] for place in product((True, False), (True, False))) > 20, seen


def parted(part, items, *, k):
    """An index whose parts have at most so many columns, and all of whose parts have blocks if there are several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART", part)
        patch.setattr(parts, "SMALL", SMALL if part == PART else 2 * BLOCK)
        return ScanBruteForce(k=k, head=HEAD, candidates=CANDIDATES).index(items)


def test_the_length_of_what_is_not_scanned_is_bounded_where_its_squares_are_no_float32():
    items = np.zeros((300, D + EXTRA), np.float32)
    items[:, HEAD] = 2.0**40 * np.arange(300)  # the best are the last, and nothing of them is scanned
    index = ScanBruteForce(k=5, head=HEAD, candidates=CANDIDATES).index(items)
    query = np.zeros((1, D + EXTRA), np.float32)
    query[0, HEAD] = 2.0**-80
    scores, columns = index(tf.constant(query))
    assert columns.numpy().tolist() == [[299, 298, 297, 296, 295]]
    assert np.array_equal(scores, 2.0**-40 * columns.numpy())


@pytest.fixture(scope="module", params=[PART, 5 * BLOCK])
def trained(request):
    """An index over vectors whose length lies in front, as real numbers; and queries, half of them not like that."""
    rng = np.random.default_rng(5)
    items = falling(rng.standard_normal((3000, D + EXTRA), dtype=np.float32), power=1)
    items[:, -EXTRA:] = rng.standard_normal((3000, EXTRA), dtype=np.float32)
    like, unlike = (rng.standard_normal((20, D + EXTRA), dtype=np.float32) for _ in range(2))
    unlike[:, :HEAD] = 0
    like = falling(like, power=1)
    like[:, -EXTRA:], unlike[:, -EXTRA:] = [1, 0], 0
    return parted(request.param, items, k=5), items, like, unlike


def proven(index, queries, k=5):
    asked = tf.constant(queries)
    return index.scan(asked, ANYTHING, tf.fill([len(queries)], k), k)[2].numpy()


def test_rows_that_the_bound_cannot_prove_fall_back_and_are_answered_like_numpy(trained):
    index, items, like, unlike = trained
    assert proven(index, like).sum() > 10
    assert proven(index, unlike).sum() == 0
    for queries in (like, unlike):
        scores, columns = index(tf.constant(queries))
        order, expected = best(queries.astype(np.float64) @ items.T.astype(np.float64), 5)
        assert np.array_equal(columns, order)
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5)


def test_a_rows_answer_is_the_same_bits_whoever_else_is_in_the_batch(trained):
    index, _, like, unlike = trained
    among = np.concatenate([like, unlike])
    rank = tf.function(index.rank, [tf.TensorSpec([None, D + EXTRA]), tf.TensorSpec([], tf.int32)], autograph=False)
    for k in (1, 5, index.most):
        alone = [rank(tf.constant(query[None]), tf.constant(k)) for query in among]
        for rows in (np.arange(40), np.arange(40)[::-1], np.arange(10, 25)):  # some of each fall back
            asked = tf.constant(among[rows])
            scores, columns = rank(asked, tf.constant(k))
            beside, _ = rank(asked, tf.constant(index.most + 9))  # someone else asks for more
            for place, row in enumerate(rows):
                assert np.array_equal(scores[place], alone[row][0][0])
                assert np.array_equal(columns[place], alone[row][1][0])
                assert np.array_equal(beside[place, :k], alone[row][0][0])


@cache
def one_each(items):
    users = [f"user {place % 50:02}" for place in range(items)]
    return Interactions.from_ids(users, [f"item {place:06}" for place in range(items)])


def model(vectors, rng):
    users, biases = rng.standard_normal((50, vectors.shape[1]), dtype=np.float32), np.zeros(len(vectors), np.float32)
    made = Factorized(user_vectors=users, vectors=vectors, item_biases=biases, user_biases=biases[:50])
    return made, one_each(len(vectors))


def test_vectors_like_trained_ones_are_scanned_and_others_and_few_are_not():
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.standard_normal((48, 48)))[0].astype(np.float32)
    gaussian = rng.standard_normal((200_000, 48), dtype=np.float32)
    like, interactions = model(falling(gaussian, power=1) @ turn, rng)
    chosen = plan(like, interactions)
    assert chosen == plan(like, interactions)
    assert chosen.falls_back <= 0.01
    assert (chosen.head + 3) / 50 + chosen.candidates * CANDIDATE_COST / 200_000 <= chosen.cost + 1e-4 <= GAIN
    assert plan(*model(gaussian, rng)) is None
    assert plan(*model(falling(gaussian[: LEAST_ITEMS - 1], power=1) @ turn, rng)) is None
    like.vectors[7] = 1e9  # one item of enormous length makes every row fall back
    assert plan(like, interactions) is None


def test_whoever_asks_for_more_than_the_scan_pays_for_gets_the_full_product_at_once(monkeypatch):
    monkeypatch.setattr("export.graph.plan.CANDIDATE_COST", 20)  # as it is to many more items than these
    rng = np.random.default_rng(2)
    like = falling(rng.standard_normal((200_000, 48), dtype=np.float32), power=1)
    assert plan(*model(like, rng)).most == MOST
    vectors = 0.01 * rng.standard_normal((200_000, 48), dtype=np.float32)
    vectors[:24] = 0  # half of these are above all others for each user, and the others are all alike
    vectors[:24, :2] = 30 * rng.standard_normal((24, 2), dtype=np.float32)
    chosen = plan(*model(vectors, rng))
    assert chosen.most == DEFAULT_K
    index = index_of(chosen).index(np.pad(vectors, ((0, 0), (0, EXTRA))))
    assert index.most == DEFAULT_K
    users = tf.constant(np.pad(rng.standard_normal((3, 48), dtype=np.float32), ((0, 0), (0, EXTRA))))
    for k in (DEFAULT_K, 40):
        order, expected = best(users.numpy().astype(np.float64) @ index.vectors(tf.range(index.size)).numpy().T, k)
        scores, columns = index.rank(users, tf.constant(k))
        np.testing.assert_allclose(scores, expected, rtol=1e-5)
        assert k > DEFAULT_K or np.array_equal(columns, order)
