"""Move version labels in a model's configuration: what a roll-out and a roll-back are to a server that is running."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from serving.errors import Failure
from serving.proto.config_pb2 import ModelConfig
from serving.version.numbering import version_folders, version_number


def versions_of(folder: Path) -> list[int]:
    """List the version numbers in a model's folder, ascending."""
    return list(version_folders(folder))


def parse_changes(changes: Sequence[str]) -> dict[str, int | None]:
    """Read ``canary=7`` (the label goes to this version) and ``canary=`` (the label goes).

    >>> parse_changes(["stable=6", "canary="])
    {'stable': 6, 'canary': None}

    Raises:
        Failure: one is neither, or no name of a label, or a label is named twice.
    """
    parsed: dict[str, int | None] = {}
    for change in changes:
        label, equals, version = change.partition("=")
        number = version_number(version)
        if not label or not equals or (version and number is None):
            raise Failure(f"{change!r} is no label, expected LABEL=VERSION as in canary=7, or LABEL= to take it away")
        if label in parsed:
            raise Failure(f"label {label} is named twice, expected each once")
        if version:
            check_name(label)
        parsed[label] = number
    return parsed


def check_name(label: str) -> None:
    """Refuse what no request could name: a label is a part of a path, and one that is empty could not be taken away.

    Raises:
        Failure: it is empty, or has white space, ``/``, ``:`` or ``=`` in it.
    """
    if not re.fullmatch(r"[^\s/:=]+", label):
        raise Failure(f"{label!r} is no name of a label, expected one without white space, '/', ':' and '='")


def listed(model: ModelConfig, versions: Sequence[int]) -> set[int]:
    """Return which of the versions that are there a server loads for this model.

    >>> listed(ModelConfig(), [6, 7])
    {7}
    """
    policy = model.model_version_policy
    if policy.WhichOneof("policy_choice") == "specific":
        return set(policy.specific.versions).intersection(versions)
    return set(versions if policy.HasField("all") else versions[-(policy.latest.num_versions or 1) :])


def moved(model: ModelConfig, changes: Mapping[str, int | None]) -> set[int]:
    """Return the versions to which labels that there are would move; one that is new is not moved.

    >>> moved(ModelConfig(version_labels={"stable": 6}), {"stable": 7, "canary": 8})
    {7}
    """
    labels, wanted = model.version_labels, {label: to for label, to in changes.items() if to is not None}
    return {version for label, version in wanted.items() if labels.get(label, version) != version}


def unready(model: ModelConfig, changes: Mapping[str, int | None], versions: Sequence[int]) -> list[int]:
    """List the versions that labels would move to and that no server has been told to load yet.

    A server checks labels before it loads what the same file asks for: a label that it knows moves only to a version
    that already answers, or it refuses the whole file, every time it reads it. A label that is new may go anywhere.

    >>> unready(ModelConfig(version_labels={"stable": 6}), {"stable": 7}, [6, 7, 8])
    [7]
    """
    return sorted(moved(model, changes) - listed(model, versions))


def load_beside(model: ModelConfig, further: Iterable[int], versions: Sequence[int]) -> None:
    """Have a server load further versions, beside those that it has and under the labels that there are."""
    model.model_version_policy.specific.versions[:] = sorted({*listed(model, versions), *further})


def relabel(model: ModelConfig, changes: Mapping[str, int | None], *, versions: Sequence[int]) -> None:
    """Give labels to versions, or take them away, and have the server load what the labels need.

    The versions that had labels before stay loaded until the next change (before the first one: the newest). A server
    moves a label only once its version is loaded; if the version it had went at the same time, requests that name the
    label would fail in between. It costs the memory of one version more.

    Raises:
        Failure: a label would name a version that is not there, or one to be taken away was not there.
    """
    if not changes and not model.version_labels:
        return
    labels = dict(model.version_labels)
    loaded = set(labels.values()) or {max(versions)}
    for label, version in changes.items():
        if version is None and label not in labels:
            raise Failure(f"{model.name} has no label {label}, expected one of: {', '.join(sorted(labels)) or 'none'}")
        if version is None:
            del labels[label]
        else:
            labels[label] = version
    for label, version in labels.items():
        if version not in versions:
            there = ", ".join(map(str, versions))
            raise Failure(f"{model.name} has no version {version} for label {label}, expected one of {there}")
    model.version_labels.clear()
    model.version_labels.update(labels)
    model.ClearField("model_version_policy")  # the default: the newest
    if labels:
        model.model_version_policy.specific.versions[:] = sorted({*labels.values(), *loaded.intersection(versions)})
