"""Ask a version itself, before anyone else does: its warm-up requests, and how large its catalogue is.

What it takes to answer them is what its first requests are foreseen to take.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import numpy as np
from tensorboard.compat.proto import meta_graph_pb2

from serving.wire.error_codes import Refusal
from serving.wire.tensors import Array, strings

Run = Callable[[dict[str, Array]], dict[str, Array]]
"""From a signature's inputs to all of its outputs; raises Refusal where the graph does."""

LARGEST = 2**31 - 1


TIMES = 3
"""Runs that are timed: the fastest counts, since whatever else the machine does meanwhile only makes them slower."""


def seconds_a_row(run: Run, inputs: dict[str, Array]) -> float:
    """Run a signature, as the first run prepares what all others find ready, then time it; return what a row takes."""
    run(inputs)
    fastest = math.inf
    for _ in range(TIMES):
        start = time.perf_counter()
        run(inputs)
        fastest = min(fastest, time.perf_counter() - start)
    first = next(iter(inputs.values()), None)
    return fastest / max(len(first) if first is not None and first.ndim else 1, 1)


def catalogue(runs: Mapping[str, Run]) -> int:
    """Return how many items a version ranks, 0 if it does not answer ``recommend`` as the contract has it.

    Asked for more than there are, it answers with all of them. Its manifest says so too, but not every version has one,
    and a request's price is not to be what a file says.
    """
    recommend = runs.get("recommend")
    inputs = {
        "user_id": strings([""], (1,)),
        "k": np.array([LARGEST], np.int32),
        "exclude": strings([""], (1, 1)),
        "unseen": np.array([False]),
    }
    try:
        item = recommend(inputs)["item"] if recommend else None
    except (Refusal, KeyError):  # a signature of that name that is none of ours
        return 0
    return int(item.shape[1]) if item is not None and item.ndim == 2 else 0


def width_of(definition: meta_graph_pb2.SignatureDef) -> int:
    """Return the elements of an answer's row: of its widest output, unknown sizes taken for 1."""
    widths = [1]
    for info in definition.outputs.values():
        widths.append(math.prod(dim.size for dim in info.tensor_shape.dim[1:] if dim.size > 0))
    return max(widths)
