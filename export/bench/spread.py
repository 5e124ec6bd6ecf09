"""Vectors to measure an index with: a version's own, spread to any number of items, and Gaussian ones.

Trained vectors lie in few directions, and what a score is made of in their leading components; of that lives the scan.
Gaussian ones have no leading components: they are the worst case. More items than a version has are its own, each many
times and each time moved: a trained vector plus noise that is shaped like the catalogue, of `NOISE` times its spread.
Noise of the same size in every component would be shaped like nothing that was trained.
"""

from __future__ import annotations

from pathlib import Path

import export  # noqa: F401  isort: skip - selects Keras 2, for the version is read by TensorFlow

import numpy as np

from export.bulk.embeddings import Vectors, read_vectors
from export.waist.factorized import Factorized, Floats
from serving.version.names import read_names

SEED = 1
COMPONENTS = 64
"""Components of Gaussian vectors."""

USERS = 512
"""Gaussian users: as many different queries."""

NOISE = 0.3
"""Standard deviation of what is added, as a share of the trained vectors' own, in whatever direction."""

BLOCK = 65_536
"""Items that are made at once."""


def gaussian(items: int) -> Factorized:
    """Draw every component by itself; no item has a bias.

    >>> gaussian(1000).vectors.shape
    (1000, 64)
    """
    rng = np.random.default_rng(SEED)
    vectors = rng.standard_normal((items, COMPONENTS), dtype=np.float32)
    return _model(rng.standard_normal((USERS, COMPONENTS), dtype=np.float32), vectors, np.zeros(items, np.float32))


def read(version: Path) -> Vectors:
    """Read what is to be spread from a version's folder.

    Raises:
        Failure: the version has no names or no vectors.
    """
    return read_vectors(version, items=len(read_names(version).items))


def spread(own: Vectors, items: int) -> Factorized:
    """Spread a version's items, biases included, to so many; its users are as they are."""
    rng = np.random.default_rng(SEED)
    made = np.empty((items, own.items.shape[1]), np.float32)
    shape = _root(np.cov(own.items, rowvar=False)).astype(np.float32)
    for at in range(0, items, BLOCK):
        some = made[at : at + BLOCK]
        noise = rng.standard_normal(some.shape, dtype=np.float32) @ shape
        some[:] = own.items[rng.integers(0, len(own.items), len(some))] + NOISE * noise
    return _model(own.users[:, :-1], made[:, :-1], made[:, -1])


def _root(covariance: np.ndarray) -> np.ndarray:
    """Find a `[d, d]` matrix by which standard normal rows get this covariance, of whatever rank it is."""
    values, axes = np.linalg.eigh(covariance)
    return np.asarray(np.sqrt(np.maximum(values, 0.0))[:, None] * axes.T)


def _model(users: Floats, vectors: Floats, biases: Floats) -> Factorized:
    zeros = np.zeros(len(users), np.float32)
    return Factorized(user_vectors=users, vectors=vectors, item_biases=biases, user_biases=zeros)
