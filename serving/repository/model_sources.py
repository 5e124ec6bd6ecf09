"""What is to be served: models, base paths, version policies and labels, from a folder or a configuration file."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format

from serving.errors import Failure
from serving.printable import printable
from serving.proto import config_pb2
from serving.version.numbering import version_entries

log = logging.getLogger("triptych.repository")


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """One model to serve: the folder its versions appear in, which of them are wanted, and their labels.

    Attributes:
        latest: how many of the highest versions are wanted; 0: all of them.
        specific: exactly these versions are wanted, whatever ``latest`` says.
    """

    name: str
    base_path: Path
    latest: int = 1
    specific: frozenset[int] | None = None
    labels: dict[str, int] = field(default_factory=dict)

    def wanted(self) -> dict[int, Path]:
        """Scan the base path; return the wanted versions that are there. Entries that are no number do not exist.

        Raises:
            OSError: the base path cannot be listed.
        """
        found = version_entries(self.base_path)
        if self.specific is not None:
            return {version: path for version, path in found.items() if version in self.specific}
        chosen = sorted(found, reverse=True)[: self.latest or None]
        return {version: found[version] for version in chosen}


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]")

Sources = Callable[[], list[ModelSource]]
"""Lists the models to serve, anew at each poll."""


def from_folder(folder: Path) -> Sources:
    """Serve every subfolder as a model, with the default policy (the latest version); new ones appear by themselves."""
    told = set[str]()

    def sources() -> list[ModelSource]:
        if not folder.is_dir():
            raise Failure(f"no models folder at {folder}: `triptych train` makes one")
        entries = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        for entry in entries:
            if not is_name(entry.name) and entry.name not in told:
                # Made fit to be shown here: a handler that is not ours may fail at what is no text.
                log.error("%s is not served: its name is no UTF-8, expected one a request can name", printable(entry))
                told.add(entry.name)
        return [ModelSource(name=entry.name, base_path=entry) for entry in entries if is_name(entry.name)]

    return sources


def from_config(file: Path) -> Sources:
    """Serve what a TensorFlow Serving model configuration file lists."""

    def sources() -> list[ModelSource]:
        config = config_pb2.ModelServerConfig()
        read_text_proto(file, config)
        if config.WhichOneof("config") != "model_config_list":
            raise Failure(f"{file} holds no model_config_list: `triptych config` writes one")
        names = [model.name for model in config.model_config_list.config]
        if len(set(names)) < len(names):
            raise Failure(f"{file} lists a model twice: {', '.join(sorted({n for n in names if names.count(n) > 1}))}")
        addresses = [model for model in config.model_config_list.config if is_address(model.base_path)]
        for model in addresses:
            if model.name not in told:  # at every poll it would fill the log
                log.error(
                    "model %s is not served: %s is no folder of this machine, and only TensorFlow Serving reads "
                    "such an address",
                    model.name,
                    model.base_path,
                )
                told.add(model.name)
        return [_source(model, file) for model in config.model_config_list.config if model not in addresses]

    told = set[str]()
    return sources


def is_name(name: str) -> bool:
    r"""Tell whether a folder's name is a model's: not hidden, and UTF-8, as all requests and configurations are.

    >>> is_name("café"), is_name("caf\udce9"), is_name(".old")
    (True, False, False)
    """
    if name.startswith("."):
        return False
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_address(base_path: str) -> bool:
    """Tell whether a base path is one of another file system, `gs://bucket/models`, and no path of this machine.

    >>> is_address("s3://bucket/models"), is_address("/srv/models"), is_address("models://")
    (True, False, False)
    """
    return bool(_ADDRESS.match(base_path))


def monitoring_path(file: Path | None) -> str | None:
    """Return where a monitoring configuration file wants Prometheus' metrics, None for nowhere."""
    if file is None:
        return None
    config = config_pb2.MonitoringConfig()
    read_text_proto(file, config)
    if not config.prometheus_config.enable:
        return None
    return config.prometheus_config.path or "/monitoring/prometheus/metrics"


def read_text_proto(file: Path, message: config_pb2.ModelServerConfig | config_pb2.MonitoringConfig) -> None:
    """Fill a message from a text-proto file.

    Raises:
        Failure: the file cannot be read or is not such a message.
    """
    try:
        text_format.Parse(file.read_text(encoding="utf-8"), message)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read: {error}") from error
    except text_format.ParseError as error:
        raise Failure(f"{file} is no {type(message).__name__}: {error}") from error


def _source(model: config_pb2.ModelConfig, file: Path) -> ModelSource:
    if not model.name or not model.base_path:
        raise Failure(
            f"{file} lists a model without name or base_path: {text_format.MessageToString(model, as_one_line=True)}"
        )
    if not Path(model.base_path).is_absolute():
        raise Failure(
            f"{file} gives {model.name} the relative base_path {model.base_path}: TensorFlow Serving wants it absolute"
        )
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    return ModelSource(
        name=model.name,
        base_path=Path(model.base_path),
        latest=0 if choice == "all" else policy.latest.num_versions or 1,
        specific=frozenset(policy.specific.versions) if choice == "specific" else None,
        labels=dict(model.version_labels),
    )
