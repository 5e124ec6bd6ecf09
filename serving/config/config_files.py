"""Read and write the three text-proto files that TensorFlow Serving takes at start-up, and move version labels.

    tensorflow_model_server --model_config_file=models.config --model_config_file_poll_wait_seconds=1
        --monitoring_config_file=monitoring.config
        [--enable_batching --batching_parameters_file=batching.config]

Labels need their versions loaded, so a model that bears labels is served by an explicit list of versions; one without
is served at its newest version, taken up as soon as it is published.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from google.protobuf import text_format

from serving.config.labels import check_name, relabel, unready, versions_of
from serving.errors import Failure
from serving.proto.config_pb2 import (
    BatchingParameters,
    ModelConfig,
    ModelServerConfig,
    MonitoringConfig,
    PrometheusConfig,
)
from serving.repository.model_sources import is_address, is_name, read_text_proto
from serving.version.find import no_versions

MODELS, BATCHING, MONITORING = "models.config", "batching.config", "monitoring.config"
"""The files' names."""

MAX_BATCH = 256

METRICS_PATH = "/monitoring/prometheus/metrics"

MODELS_COMMENT = """\
# Written by `triptych config` and `triptych label`: comments of your own would not survive.
# Read again while the server runs with --model_config_file_poll_wait_seconds. A label that the server knows moves only
# to a version that is AVAILABLE already: else the server takes nothing of this file up. `triptych label` keeps to that.
# A new label may name any version, with --allow_version_labels_for_unavailable_models=true, which a start needs, too.
"""

MONITORING_COMMENT = "# Prometheus scrapes the REST port at this path.\n"

BATCHING_COMMENT = """\
# Used only with --enable_batching, which does not pay at MovieLens' size: one query over 1,664 items takes less time
# than a batch takes to gather. It pays with a large catalogue, where one pass over the item vectors serves the batch.
#   max_batch_size          rows in a batch; a single request with more is refused (serving.client sends 256 at most)
#   batch_timeout_micros    0: a request that finds a free thread never waits; batches form from what queues meanwhile
#   num_batch_threads       as many as the server has cores
#   max_enqueued_batches    further requests are refused with UNAVAILABLE, rather than answered too late
#   allowed_batch_sizes     left out: the graph takes any batch, so rounding up would only cost
#   pad_variable_length_inputs  `exclude` and `items` differ in width from request to request. A narrower one is widened
#                           with its very first element, in all of its rows, and an empty one fails the batch; so the
#                           first element has to be "" (serving.client sends it so).
# What a batch does to its other callers, and only a proxy in front of the server can keep out (docs/operations.md):
#   an input that is empty inside (`"exclude": [[]]`) fails everybody in its batch
#   a request of no rows (`"inputs": {"user_id": []}`) is never scheduled; enough of them block every REST thread
# A `k` below 1 harms nobody: its row is answered with no item when others are in the batch, else it is refused.
"""


def read_model_config(path: Path) -> ModelServerConfig:
    """Read a --model_config_file; like TensorFlow Serving, refuse one with a field that there is not.

    Raises:
        Failure: the file cannot be read or parsed.
    """
    config = ModelServerConfig()
    read_text_proto(path, config)
    return config


def write_configs(models: Path, *, base_path: str, out: Path, labels: Sequence[str] = ()) -> list[Path]:
    """Write the three files for a models folder; what an earlier models.config says of a model's labels is kept.

    Args:
        models: The models folder, as it is here.
        base_path: The same folder, as the server sees it.
        out: Where the files go; made when it is not there.
        labels: Given to each model's newest version.

    Raises:
        Failure: there is no version under the models folder, a label that is kept names a version that is gone, one
            would move to a version that no server has loaded, or `base_path` is relative, which TensorFlow Serving
            refuses.
    """
    if not base_path.startswith("/") and not is_address(base_path):
        expected = "an absolute path or an address such as gs://bucket/models, as the server sees the models folder"
        raise Failure(f"base path {base_path!r}, expected {expected}")
    for label in labels:
        check_name(label)
    folders = [folder for folder in sorted(models.glob("*/")) if is_name(folder.name)]
    found = {folder.name: versions for folder in folders if (versions := versions_of(folder))}
    if not found:
        raise Failure(f"nothing to serve: {no_versions(models)}")
    earlier = read_model_config(out / MODELS) if (out / MODELS).is_file() else ModelServerConfig()
    before = {model.name: model for model in earlier.model_config_list.config}
    config = ModelServerConfig()
    for name, versions in found.items():
        model = config.model_config_list.config.add()
        model.CopyFrom(before.get(name, ModelConfig()))
        model.name, model.base_path, model.model_platform = name, f"{base_path.rstrip('/')}/{name}", "tensorflow"
        changes = dict.fromkeys(labels, versions[-1])
        if unready(model, changes, versions):
            moves = " ".join(f"{label}={version}" for label, version in changes.items())
            raise Failure(
                f"a server would refuse the labels {moves} of {name}: `triptych label {name} {moves}` moves them"
            )
        relabel(model, changes, versions=versions)
    out.mkdir(parents=True, exist_ok=True)
    write_model_config(out / MODELS, config)
    replace(out / BATCHING, BATCHING_COMMENT + text_format.MessageToString(_batching()))
    monitoring = MonitoringConfig(prometheus_config=PrometheusConfig(enable=True, path=METRICS_PATH))
    replace(out / MONITORING, MONITORING_COMMENT + text_format.MessageToString(monitoring))
    return [out / MODELS, out / BATCHING, out / MONITORING]


def find_model(path: Path, name: str, *, models: Path | None) -> tuple[ModelServerConfig, ModelConfig, list[int]]:
    """Read a models.config; return it, its entry of a model, and the versions of it that there are.

    Args:
        path: The models.config.
        name: The model.
        models: The models folder as it is here; None: the model's base path where that is a folder here, else the
            folder that models.config lies in.

    Raises:
        Failure: there is no such file, it has no such model, or no version is there.
    """
    if not path.exists():
        raise Failure(f"there is no {path}: `triptych config MODELS_DIR` writes one")
    config = read_model_config(path)
    known = {model.name: model for model in config.model_config_list.config}
    if name not in known:
        raise Failure(f"{path} has no model {name}, expected one of: {', '.join(known) or 'none'}")
    base = Path(known[name].base_path)
    folder = models / name if models else base if base.is_dir() else path.parent / name
    versions = versions_of(folder)
    if not versions:
        raise Failure(f"no version of {name} under {folder}: name the models folder with --models")
    return config, known[name], versions


def write_model_config(path: Path, config: ModelServerConfig) -> None:
    """Write a --model_config_file in one step, so that a server that is just reading it sees it whole."""
    replace(path, MODELS_COMMENT + text_format.MessageToString(config))


def replace(path: Path, content: str) -> None:
    """Write a file beside its place and put it there by one rename, readable by a server that is another user."""
    try:
        with _beside(path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def _beside(path: Path) -> Iterator[IO[str]]:
    """Open a new file beside a path; it is gone afterwards unless it was moved to its place."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def _batching() -> BatchingParameters:
    parameters = BatchingParameters(pad_variable_length_inputs=True)
    parameters.max_batch_size.value = MAX_BATCH
    parameters.batch_timeout_micros.value = 0
    parameters.num_batch_threads.value = 4
    parameters.max_enqueued_batches.value = 64
    return parameters
