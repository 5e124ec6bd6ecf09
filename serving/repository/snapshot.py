"""What is loaded at one instant, and how a request finds its version in it, in TensorFlow Serving's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from serving.engines.engine import Servable
from serving.wire.error_codes import Code, Refusal, invalid


class State(IntEnum):
    """Where a version is in its life, by its number on the wire."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, kw_only=True)
class VersionStatus:
    """What the status API says of one version."""

    version: int
    state: State
    code: Code = Code.OK
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The loaded versions, the labels and the statuses of every model, by its name; never changed once it is made."""

    servables: dict[str, dict[int, Servable]] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    statuses: dict[str, dict[int, VersionStatus]] = field(default_factory=dict)

    def find(self, model: str, *, version: int | None = None, label: str | None = None) -> Servable:
        """Return a loaded version: that one, the label's, or the latest.

        Raises:
            Refusal: there is none, in TensorFlow Serving's words.
        """
        if not model:
            raise invalid("ModelSpec has no name specified.")
        if label is not None:
            version = self.labels.get(model, {}).get(label)
            if version is None:
                raise invalid(f"Unrecognized servable version label: {label}")
        versions = self.servables.get(model, {})
        if version is None and versions:
            return versions[max(versions)]
        if version in versions:
            return versions[version]
        wanted = f"Latest({model})" if version is None else f"Specific({model}, {version})"
        raise Refusal(Code.NOT_FOUND, f"Servable not found for request: {wanted}")

    def status(self, model: str, *, version: int | None = None) -> list[VersionStatus]:
        """Return the status of one version, or of all of a model's that were ever wanted, the highest first.

        Raises:
            Refusal: none is known.
        """
        known = self.statuses.get(model, {})
        if version is not None:
            if version not in known:
                raise Refusal(Code.NOT_FOUND, f"Could not find version {version} of model {model}")
            return [known[version]]
        if not known:
            raise Refusal(Code.NOT_FOUND, f"Could not find any versions of model {model}")
        return [known[number] for number in sorted(known, reverse=True)]

    def models(self) -> list[str]:
        """Return the names of the models that have a version to answer with."""
        return sorted(name for name, versions in self.servables.items() if versions)

    def known(self) -> list[str]:
        """Return the names of the models of which a version has been seen, whether it loads or not."""
        return sorted(name for name, versions in self.statuses.items() if versions)
