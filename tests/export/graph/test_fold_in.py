"""Folding in: what somebody has becomes the vector that implicit matrix factorization would give."""

import numpy as np
import tensorflow as tf

from export.graph.fold_in import ALPHA, RIDGE, fold_in, whitening


def test_fold_in_solves_the_normal_equations_of_implicit_matrix_factorization():
    rng = np.random.default_rng(3)
    items = (rng.standard_normal((300, 12)) * np.geomspace(0.1, 10, 12)).astype(np.float32)
    items[:, 10:] *= 100, 0
    scale = np.array([1] * 10 + [np.sqrt((items[:, :10] ** 2).sum() / 10 / (items[:, 10] ** 2).sum()), 0])
    scaled = items * scale
    liked = scaled[[3, 50, 51, 200, 299]]
    gram = scaled.T @ scaled
    ridge = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    exact = np.linalg.solve(gram + ridge + ALPHA * liked.T @ liked, (1 + ALPHA) * liked.sum(axis=0))
    asked = np.vstack([items[[3, 50, 51, 200, 299]], np.zeros((3, 12), np.float32)])
    found = fold_in(tf.constant(asked[None]), tf.constant(whitening(items)))
    np.testing.assert_allclose(found[0], exact * scale, rtol=1e-5, atol=1e-8)
