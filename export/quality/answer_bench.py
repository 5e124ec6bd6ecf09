"""Measure what one lone request costs in process: each signature of a version, by its twin and by TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.table import Table

from export.progress import page
from export.publishing.agreement import Arrays
from export.publishing.twin import twin
from export.quality.timing import medians
from serving.client.transport import text
from serving.contract import TWIN
from serving.errors import Failure
from serving.proto import serving_pb2
from serving.version.saved_model import read_definitions
from serving.version.warmup_file import read_warmup
from serving.wire.tensors import from_proto


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Medians in seconds for one row of one signature, the two measured in turn."""

    signature: str
    twin: float
    session: float


def measure(version: Path) -> list[Measured]:
    """Ask each signature of a version what its warm-up asks, but for one row.

    The session is asked as the local server asks it: what `tf.compat.v1.Session.run` does for each feed in Python is no
    cost of the graph.

    Raises:
        Failure: it has no twin, or no warm-up requests.
    """
    requests = {request.model_spec.signature_name: _first_row(request) for request in read_warmup(version)}
    if not requests or not (version / TWIN).is_dir():
        raise Failure(f"{version} has no warm-up requests or no twin, expected a version of `triptych train`")
    from serving.engines import tensorflow

    definitions = read_definitions(version)
    ours, theirs = twin(version / TWIN), tensorflow.load(version, {name: definitions[name] for name in requests})
    return [
        Measured(signature=name, twin=first, session=second)
        for name, inputs in requests.items()
        for first, second in [medians([partial(ours, name, inputs), partial(theirs[name], inputs)])]
    ]


def print_bench(versions: Sequence[Path]) -> None:
    """Measure all versions and print microseconds."""
    table = Table("version", "signature", title="One row, in process: medians in microseconds", title_justify="left")
    for column in ("twin", "TensorFlow session", "session/twin"):
        table.add_column(column, justify="right")
    for version in versions:
        for m in measure(version):
            times = [f"{1e6 * m.twin:.1f}", f"{1e6 * m.session:.1f}", f"{m.session / m.twin:.2f}"]
            table.add_row(f"{version.parent.name}/{version.name}", m.signature, *times)
    page().print(table)


def _first_row(request: serving_pb2.PredictRequest) -> Arrays:
    arrays = {name: from_proto(tensor) for name, tensor in request.inputs.items()}
    rows = {name: array[:1] for name, array in arrays.items() if array is not None}
    return {name: text(row) if row.dtype == object else row for name, row in rows.items()}
