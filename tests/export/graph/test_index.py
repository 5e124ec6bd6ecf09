import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs
from hypothesis import given, settings
from hypothesis import strategies as st

from export.graph import parts
from export.graph.index import BlockBruteForce
from export.graph.parts import BLOCK, MOST_PARTS, PART, SMALL

SIZES = (1, 2, 17, SMALL, SMALL + 1, 17 * BLOCK, 17 * BLOCK + 1, 18 * BLOCK - 1, 20 * BLOCK + 37)
IN_PARTS = ((SMALL + 1, 16 * BLOCK), (18 * BLOCK - 1, 6 * BLOCK), (20 * BLOCK + 37, 4 * BLOCK))
D = 6


def whole(rng, shape, *, spread):
    """Whole numbers, whose products and sums are exact; the smaller the spread, the more scores are equal."""
    return rng.integers(-spread, spread + 1, shape).astype(np.float32)


@pytest.fixture(scope="module", params=[*((size, PART) for size in SIZES), *IN_PARTS])
def both(request):
    """TFRS's index and ours over the same candidates, full of equal scores."""
    size, part = request.param
    candidates = whole(np.random.default_rng(size), (size, D), spread=2)
    names = tf.constant([f"item {i}" for i in range(size)])
    theirs = tfrs.layers.factorized_top_k.BruteForce().index(tf.constant(candidates), names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART", part)
        ours = BlockBruteForce().index(candidates, names)
    assert (len(ours.parts) > 1) == (part < PART)
    return theirs, ours


@pytest.mark.parametrize("queries", [0, 1, 7])
def test_scores_items_and_order_are_tfrs_own_to_the_last_bit_with_ties_for_every_k(both, queries):
    theirs, ours = both
    asked = tf.constant(whole(np.random.default_rng(queries), (queries, D), spread=1))
    for k in {1, 2, 16, 17, 20, 21, BLOCK, BLOCK + 1, ours.size - 1, ours.size} & set(range(1, ours.size + 1)):
        expected, found = theirs(asked, k=k), ours(asked, k=k)
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1])


def test_equal_scores_everywhere_are_answered_in_index_order(both):
    _, ours = both
    k = min(ours.size, 700)
    scores, items = ours(tf.zeros([2, D]), k=k)
    assert np.array_equal(scores, np.zeros((2, k)))
    assert items.numpy().tolist() == [[f"item {i}".encode() for i in range(k)]] * 2


@settings(max_examples=150, derandomize=True, deadline=None)
@given(data=st.data())
def test_the_best_of_any_scores_are_found_in_blocks_of_any_fill(data):
    size = data.draw(st.integers(SMALL + 1, SMALL + 3 * BLOCK))
    ours = built(size, part=data.draw(st.sampled_from([PART, 8 * BLOCK])))
    scores = np.full((2, ours.columns), -5, np.float32)
    seed, levels = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(1, 50))
    scores[:, :size] = -np.random.default_rng(seed).integers(1, levels + 1, (2, size))
    k = data.draw(st.integers(1, size))
    values, columns = ours.best(lambda part: ours.parts[part].of(tf.constant(scores)), tf.constant(k))
    order = np.argsort(-scores[:, :size], axis=1, kind="stable")[:, :k]
    assert np.array_equal(columns, order)
    assert np.array_equal(values, np.take_along_axis(scores, order, axis=1))


def built(size, *, part=PART):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART", part)
        return BlockBruteForce().index(np.arange(size, dtype=np.float32)[:, None])


@pytest.mark.parametrize("size", [1, SMALL, SMALL + 1, 3 * PART - 1, 3 * PART, 10**7])
def test_parts_follow_each_other_are_bounded_and_end_with_padding(size):
    made = parts.parts(size)
    assert [part.start for part in made] == np.cumsum([0, *(part.columns for part in made)])[:-1].tolist()
    assert max(part.columns for part in made) <= PART or len(made) == MOST_PARTS
    assert (sum(part.size for part in made), min(part.size for part in made) > 0) == (size, True)
    assert [part.columns > part.size for part in made] == [False] * (len(made) - 1) + [True]


@pytest.mark.parametrize("part", [PART, BLOCK, 3 * BLOCK])
def test_vectors_are_read_from_the_part_they_lie_in(part):
    ours = built(SMALL + 300, part=part)
    columns = np.random.default_rng(part).integers(0, ours.columns, (3, 400)).astype(np.int32)
    assert np.array_equal(ours.vectors(tf.constant(columns))[..., 0], np.where(columns < ours.size, columns, 0))


@pytest.mark.parametrize("size", [17, SMALL + 5])
def test_k_above_the_catalogue_is_refused_as_tfrs_refuses_it(size):
    theirs = tfrs.layers.factorized_top_k.BruteForce().index(tf.zeros([size, 1]))
    for index in (theirs, *(built(size, part=part) for part in (PART, BLOCK))):
        with pytest.raises(tf.errors.InvalidArgumentError, match="input must have at least k columns"):
            index(tf.zeros([1, 1]), k=size + 1)


def test_without_identifiers_positions_are_answered_as_tfrs_answers_them():
    candidates, asked = tf.constant([[1.0], [3.0], [2.0]]), tf.constant([[1.0]])
    expected = tfrs.layers.factorized_top_k.BruteForce(k=2).index(candidates)(asked)
    found = BlockBruteForce(k=2).index(candidates)(asked)
    assert [tensor.numpy().tolist() for tensor in found] == [tensor.numpy().tolist() for tensor in expected]
    assert found[1].dtype == expected[1].dtype


def test_a_query_model_is_asked_first_and_a_dataset_can_be_indexed():
    double = tf.keras.Sequential([tf.keras.layers.Lambda(lambda x: 2 * x)])
    rows = tf.data.Dataset.from_tensor_slices((["a", "b"], [[1.0], [2.0]])).batch(1)
    scores, items = BlockBruteForce(double, k=2).index_from_dataset(rows)(tf.constant([[3.0]]))
    assert (scores.numpy().tolist(), items.numpy().tolist()) == ([[12.0, 6.0]], [[b"b", b"a"]])


@pytest.mark.parametrize(
    ("candidates", "identifiers", "message"),
    [
        (np.zeros(3, np.float32), None, "candidates have shape (3,), expected [n, d]"),
        (np.zeros((3, 2), np.float32), ["a"], "identifiers have shape (1,), expected [3]"),
    ],
)
def test_what_cannot_be_indexed_is_refused(candidates, identifiers, message):
    with pytest.raises(ValueError, match="expected") as refused:
        BlockBruteForce().index(candidates, identifiers)
    assert str(refused.value) == message


def test_an_empty_index_is_refused():
    with pytest.raises(ValueError, match="the index is empty"):
        BlockBruteForce()(tf.zeros([1, 2]))
