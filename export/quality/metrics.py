"""What a ranking is worth: the usual figures of one user's list, each over a block of users.

Every function takes `[b, n]` hits: whether the item at each place, best first, is one that is to be found; and `[b]`
how many there are to be found, at least one each. It answers `[b]`, a figure per user; a table shows their mean.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def ndcg(hits: Bools, relevant: Ints, k: int) -> Floats:
    """Compute normalized discounted cumulative gain: a hit at place r is worth 1/log2(r + 1), the best list is 1.

    Järvelin and Kekäläinen 2002, with gains of 0 and 1. Hits at places 1 and 3 of two to be found:
    (1 + 1/2) / (1 + 1/log2 3) = 1.5 / 1.6309.

    >>> ndcg(np.array([[True, False, True]]), np.array([2]), 3).round(4).tolist()
    [0.9197]
    """
    gain = 1 / np.log2(np.arange(2, k + 2))
    return (hits[:, :k] @ gain[: hits.shape[1]]) / np.cumsum(gain)[np.minimum(relevant, k) - 1]


def recall(hits: Bools, relevant: Ints, k: int) -> Floats:
    """Compute the share found of what is to be found.

    Two of four:

    >>> recall(np.array([[True, False, True]]), np.array([4]), 3).tolist()
    [0.5]
    """
    return np.asarray(hits[:, :k].sum(axis=1) / relevant)


def precision(hits: Bools, relevant: Ints, k: int) -> Floats:
    """Compute the share of the k places that are hits, also where fewer than k are to be found.

    One of four:

    >>> precision(np.array([[True, False, False, False]]), np.array([1]), 4).tolist()
    [0.25]
    """
    return np.asarray(hits[:, :k].sum(axis=1) / k)


def average_precision(hits: Bools, relevant: Ints, k: int) -> Floats:
    """Compute the mean, over all that could be found in k places, of the precision at each hit's place.

    Hits at places 1 and 3 of three to be found: (1/1 + 2/3 + 0) / 3.

    >>> average_precision(np.array([[True, False, True]]), np.array([3]), 3).round(4).tolist()
    [0.5556]
    """
    found = hits[:, :k]
    at = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    return np.asarray((at * found).sum(axis=1) / np.minimum(relevant, k))


def hit_rate(hits: Bools, relevant: Ints, k: int) -> Floats:
    """Tell whether there is any hit among the k.

    The second user has none:

    >>> hit_rate(np.array([[False, True], [False, False]]), np.array([1, 1]), 2).tolist()
    [1.0, 0.0]
    """
    return np.asarray(hits[:, :k].any(axis=1), np.float64)


def reciprocal_rank(first: Ints) -> Floats:
    """Compute one over the place, from 1, of the first hit in the whole ranking: `[b]`; the mean of it is MRR.

    >>> reciprocal_rank(np.array([1, 4])).tolist()
    [1.0, 0.25]
    """
    return np.asarray(1 / first)


def coverage(top: Ints, n_items: int) -> float:
    """Compute the share of the catalogue that is recommended to anyone, from `[users, k]` items; -1 is none.

    Three of four:

    >>> coverage(np.array([[0, 1, -1], [1, 3, 0]]), 4)
    0.75
    """
    return len(np.unique(top[top >= 0])) / n_items
