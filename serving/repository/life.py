"""A version's life as the repository follows it: to be tried, loaded, given up, unloaded, wanted anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serving.engines.engine import Servable
from serving.repository.snapshot import State, VersionStatus
from serving.wire.error_codes import Code


@dataclass(kw_only=True)
class Followed:
    """One version of a model, and how far it has come."""

    path: Path
    state: State = State.START
    servable: Servable | None = None
    attempts: int = 0
    retry_at: float = 0.0
    error: str = ""
    forgotten: bool = False  # it was not wanted for a while: wanted again, it begins anew

    def status(self, number: int) -> VersionStatus:
        """Return what the status API says of it."""
        code = Code.UNKNOWN if self.error else Code.OK
        return VersionStatus(version=number, state=self.state, code=code, message=self.error)
