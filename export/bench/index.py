"""Measure the index against TFRS's own and against the product alone, on the same vectors, in one run.

Ours is what a version with these vectors would have: the plan is made as at export.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle

import export  # noqa: F401  isort: skip - selects Keras 2 before TFRS touches it

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs
from rich.table import Table

from export.graph.index import ANYTHING
from export.graph.plan import Plan, decide, index_of
from export.graph.query import table
from export.graph.scan import ScanBruteForce
from export.progress import page, say
from export.quality.timing import medians
from export.waist.factorized import Factorized
from export.waist.turn import Turn
from serving.contract import DEFAULT_K

SIZES = (1_664, 100_000, 1_000_000)
QUERIES = (1, 32)
KS = (DEFAULT_K, 100)
BATCHES = 16
"""Different batches of users that are asked for in turn; each answer is compared."""

SEED = 2

COLUMNS = (
    "items",
    "k",
    "queries",
    "TFRS",
    "ours",
    "product",
    "TFRS/ours",
    "ours/product",
    "head",
    "m",
    "fell back",
    "same",
)

UNIT = 2.0**-24
"""Float32's, by which a sum of n products is off n times at the most: see export.graph.scan."""

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Medians in seconds of the three, measured in turn, and what was seen of the answers.

    Attributes:
        tfrs: TFRS's BruteForce.
        product: queries and vectors multiplied, and no more.
        answers: rows that were asked for and compared.
        same: the share of these whose items are TFRS's in the same order; the others' scores are, but for rounding.
        scored: items that are scored exactly; None: there was no scan.
        fell_back: the share of the answers that the scan could not prove.
    """

    items: int
    queries: int
    k: int
    tfrs: float
    ours: float
    product: float
    answers: int
    same: float
    scored: int | None
    fell_back: float


class Contest:
    """The three over the same vectors."""

    def __init__(self, model: Factorized, plan: Plan | None) -> None:
        model = model if plan is None else Turn.of(model).turned(model)
        self.users = table(model.user_vectors)[:-1]
        columns = np.pad(np.column_stack([model.vectors, model.item_biases]), ((0, 0), (0, 1)))  # no popularity
        self.ours = index_of(plan).index(columns)
        self.product = tf.Variable(columns.T, trainable=False)
        self.theirs = tfrs.layers.factorized_top_k.BruteForce().index(tf.constant(columns))
        self.columns = columns

    def measure(self, *, queries: int, k: int) -> Measured:
        """Measure, and compare every answer.

        Raises:
            ArithmeticError: the two indexes answer a row differently.
        """
        theirs = tf.function(lambda asked: self.theirs(asked, k=k), autograph=False)
        ours = tf.function(lambda asked: self.ours.rank(asked, k), autograph=False)
        product = tf.function(lambda asked: tf.matmul(asked, self.product)[:, :1], autograph=False)
        rng = np.random.default_rng(SEED)
        batches = [tf.constant(rng.choice(self.users, queries)) for _ in range(BATCHES)]
        seconds = medians([partial(_run, graph, cycle(batches)) for graph in (theirs, ours, product)])
        scored, fell_back = self._scanned(batches, k)
        same = [self._compare(asked, theirs(asked)[1].numpy(), ours(asked)[1].numpy()) for asked in batches]
        return Measured(
            items=len(self.columns),
            queries=queries,
            k=k,
            tfrs=seconds[0],
            ours=seconds[1],
            product=seconds[2],
            answers=BATCHES * queries,
            same=sum(same) / (BATCHES * queries),
            scored=scored,
            fell_back=fell_back,
        )

    def _scanned(self, batches: Sequence[tf.Tensor], k: int) -> tuple[int | None, float]:
        """Count what is scored, and of the rows what a scan cannot prove; nothing where there is none for so many."""
        if not isinstance(self.ours, ScanBruteForce) or k > self.ours.most:
            return None, 0
        proven = [self.ours.scan(asked, ANYTHING, tf.fill([len(asked)], k), k)[2] for asked in batches]
        return int(self.ours.settled(k)), 1 - float(np.mean(proven))

    def _compare(self, asked: tf.Tensor, theirs: Ints, ours: Ints) -> int:
        """Count of `[b, k]` columns the rows that are TFRS's; others may differ by what float32 sums are wrong by."""
        differ = np.flatnonzero((theirs != ours).any(axis=1)).tolist()
        for row in differ:
            query = asked[row].numpy().astype(np.float64)
            wanted, got = (self.columns[columns] @ query for columns in (theirs[row], ours[row]))
            room = len(query) * UNIT * np.linalg.norm(query) * np.linalg.norm(self.columns[theirs[row]], axis=1).max()
            if len(set(ours[row].tolist())) < ours.shape[1] or np.abs(wanted - got).max() > 2 * room:
                raise ArithmeticError(
                    f"the indexes answer {query.tolist()} with {theirs[row].tolist()} and {ours[row].tolist()}"
                )
        return len(ours) - len(differ)


def print_bench(models: Iterable[Factorized], title: str) -> None:
    """Measure all catalogues and print the medians and their ratios."""
    made = Table(
        title=f"The best of {title}: medians in ms",
        caption="TFRS: its BruteForce; product: of queries and vectors alone, in our layout; m: items scored exactly; "
        "fell back: share of the rows that these do not prove; same: share with TFRS's items in TFRS's "
        "order, all others' scores being equal but for rounding",
    )
    for column in COLUMNS:
        made.add_column(column, justify="right")
    for model in models:
        plan = decide(model, [np.zeros(0, np.int64)] * len(model.user_vectors))
        contest = Contest(model, plan)
        for k in KS:
            for queries in QUERIES:
                say(f"measuring {len(model.vectors):,} items, {queries} queries, k = {k}")
                made.add_row(*_cells(contest.measure(queries=queries, k=min(k, len(model.vectors))), plan))
    page().print(made)


def _cells(m: Measured, plan: Plan | None) -> list[str]:
    times = [f"{1000 * seconds:.3f}" for seconds in (m.tfrs, m.ours, m.product)]
    scan = "", "", ""
    if plan is not None and m.scored is not None:
        scan = str(plan.head), str(m.scored), f"{m.fell_back:.3f}"
    ratios = f"{m.tfrs / m.ours:.2f}", f"{m.ours / m.product:.2f}"
    return [f"{m.items:,}", str(m.k), str(m.queries), *times, *ratios, *scan, f"{m.same:.3f}"]


def _run(graph: tf.types.experimental.PolymorphicFunction, batches: Iterator[tf.Tensor]) -> None:
    for answer in tf.nest.flatten(graph(next(batches))):
        answer.numpy()
