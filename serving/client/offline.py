"""Ask a version folder in this process, without a server: by the server's own engine."""

from __future__ import annotations

from pathlib import Path

from serving.client.transport import Arrays, ServerError, Target, checked, no_contract, older_contract, text
from serving.engines import engine
from serving.errors import Failure
from serving.wire.error_codes import HTTP, Refusal


class Offline:
    """A version folder, loaded at the first question."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servable: engine.Servable | None = None

    def predict(self, target: Target, signature: str, inputs: Arrays) -> Arrays:
        """See serving.client.transport.Transport; whatever version or label is asked for, the folder answers."""
        if self._servable is None:
            self._servable = self._load()
        found = self._servable.signature(signature)
        if found is None:
            said = f"{self._folder} has no signature {signature}: see `triptych inspect`"
            raise Failure(said + older_contract(signature))
        try:
            outputs = found.run(dict(inputs))
            outputs = {name: text(each) if each.dtype == object else each for name, each in outputs.items()}
            return checked(outputs, signature, inputs)
        except Refusal as refusal:
            raise ServerError(str(self._folder), HTTP[refusal.code], refusal.message) from refusal
        except (KeyError, ValueError) as error:
            raise no_contract(str(self._folder), target, signature) from error

    def close(self) -> None:
        """See serving.client.transport.Transport."""
        self._servable = None

    def _load(self) -> engine.Servable:
        try:
            return engine.load(self._folder.parent.name, 0, self._folder)
        except Failure as failure:
            if isinstance(failure.__cause__, ImportError):
                what = "has no ONNX twin of all its signatures, and TensorFlow, which would run it, is not installed"
                raise Failure(f"{self._folder} {what}") from failure
            raise
