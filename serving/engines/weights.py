"""The weights of a twin, read once for all of its graphs.

ONNX Runtime maps a file of weights. Who then cuts the file off kills the process by SIGBUS at the next request, and who
copies another over it changes what a version answers that was proven. So they are read, into memory of this process, at
the cost of that memory once for each worker process: the file's pages could be shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from serving.version.twin_files import Outside, tensors_outside


class Weights:
    """What has been read of one version; the values it has given must live as long as the sessions that have them."""

    def __init__(self) -> None:
        self._read: dict[tuple[Path, int, int], npt.NDArray[Any]] = {}

    def values(self, graph: Path) -> dict[str, ort.OrtValue]:
        """Return the tensors that a graph keeps beside it, by name, without a copy for each graph.

        Raises:
            Failure: they are not there, or not whole.
        """
        return {
            one.name: ort.OrtValue.ortvalue_from_numpy(self._bytes(one).view(one.dtype).reshape(one.shape))
            for one in tensors_outside(graph)
        }

    def _bytes(self, one: Outside) -> npt.NDArray[Any]:
        """Read what a tensor is of its file, and nothing behind it: there may be a hole of any size."""
        place = (one.file, one.offset, one.size)
        if place not in self._read:
            self._read[place] = np.fromfile(one.file, np.uint8, count=one.size, offset=one.offset)
        return self._read[place]


class Session(ort.InferenceSession):
    """A session that keeps the weights it was given: ONNX Runtime only points to them."""

    def __init__(self, graph: Path, options: ort.SessionOptions, weights: Weights) -> None:
        self._weights = weights.values(graph)
        for name, value in self._weights.items():
            options.add_initializer(name, value)
        super().__init__(str(graph), options, providers=["CPUExecutionProvider"])
        self._names = [one.name for one in self.get_outputs()]

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], run_options: Any = None
    ) -> list[npt.NDArray[Any]]:
        """Run the graph at once: what ONNX Runtime's own method looks at before takes 5 us of a request's 30."""
        outputs: list[npt.NDArray[Any]] = self._sess.run(output_names or self._names, input_feed, run_options)
        return outputs
