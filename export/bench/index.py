"""Measure the index against TFRS's own and against the product alone, on the same vectors, in one run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import export  # noqa: F401  isort: skip - selects Keras 2 before TFRS touches it

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
from rich.console import Console
from rich.table import Table

from export.graph.index import BlockBruteForce
from export.quality.timing import medians
from serving.contract import DEFAULT_K

SIZES = (1_664, 100_000, 1_000_000)
QUERIES = (1, 32)
COMPONENTS = 64
SEED = 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Medians in seconds of the three, measured in turn."""

    items: int
    queries: int
    tfrs: float
    ours: float
    product: float


def measure(*, items: int, queries: int) -> Measured:
    """Measure the 10 best of random float32 vectors for random queries.

    The three take turns, so that whatever else the machine does falls on all of them alike.

    Raises:
        ArithmeticError: the two indexes do not give the same items in the same order.
    """
    rng = np.random.default_rng(SEED)
    vectors = rng.standard_normal((items, COMPONENTS), dtype=np.float32)
    asked = tf.constant(rng.standard_normal((queries, COMPONENTS), dtype=np.float32))
    theirs = tfrs.layers.factorized_top_k.BruteForce(k=DEFAULT_K).index(tf.constant(vectors))
    ours = BlockBruteForce(k=DEFAULT_K).index(vectors)
    product = tf.function(lambda queries: ours.scores(queries)[:, :1], autograph=False)
    graphs = [tf.function(theirs, autograph=False), tf.function(ours, autograph=False), product]
    if not np.array_equal(graphs[0](asked)[1], graphs[1](asked)[1]):
        raise ArithmeticError(f"the indexes answer {queries} queries over {items} items differently")
    seconds = medians([partial(_run, graph, asked) for graph in graphs])
    return Measured(items=items, queries=queries, tfrs=seconds[0], ours=seconds[1], product=seconds[2])


def print_bench() -> None:
    """Measure all sizes and print the medians and their ratios."""
    table = Table(
        title=f"The {DEFAULT_K} best of random float32 vectors of {COMPONENTS} components: medians in ms",
        caption="TFRS: its BruteForce; product: of queries and vectors alone, in our layout",
    )
    for column in ("items", "queries", "TFRS", "ours", "product", "TFRS/ours", "ours/product"):
        table.add_column(column, justify="right")
    for items in SIZES:
        for queries in QUERIES:
            m = measure(items=items, queries=queries)
            times = [f"{1000 * seconds:.3f}" for seconds in (m.tfrs, m.ours, m.product)]
            table.add_row(f"{items:,}", str(queries), *times, f"{m.tfrs / m.ours:.2f}", f"{m.ours / m.product:.2f}")
    Console().print(table)


def _run(graph: tf.types.experimental.PolymorphicFunction, asked: tf.Tensor) -> None:
    for answer in tf.nest.flatten(graph(asked)):
        answer.numpy()
