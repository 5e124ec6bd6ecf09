"""Ask a version folder in this process, without a server: the twin where there is one, else TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving import contract
from serving.errors import Failure
from serving.transport import Arrays, Target, checked, text

Run = Callable[[Arrays], list[Any]]
"""Takes the inputs, returns the outputs in the contract's order."""


class Offline:
    """A version folder; each signature is loaded when it is first asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, Run] = {}

    def predict(self, target: Target, signature: str, inputs: Arrays) -> Arrays:
        """See serving.transport.Transport; whatever version or label is asked for, the folder answers."""
        if "k" in inputs and min(inputs["k"]) < 1:  # assertions do not convert, so the twin does not refuse it
            raise Failure(f"k is {min(inputs['k'])}, expected at least 1")
        if signature not in self._loaded:
            self._loaded[signature] = self._load(signature)
        try:
            values = [text(value) if value.dtype == object else value for value in self._loaded[signature](inputs)]
            outputs = dict(zip(contract.SIGNATURES[signature].outputs, values, strict=True))
            return checked(outputs, signature, inputs)
        except Exception as error:  # whatever the two runtimes raise: the folder may hold anything
            raise Failure(f"{self._folder} did not answer {signature}: {' '.join(str(error).split())}") from error

    def close(self) -> None:
        """See serving.transport.Transport."""
        self._loaded.clear()

    def _load(self, signature: str) -> Run:
        twin = self._folder / "assets.extra" / "onnx" / f"{signature}.onnx"
        try:
            return _load_twin(twin) if twin.is_file() else _load_tensorflow(self._folder, signature)
        except Failure:
            raise
        except Exception as error:
            raise Failure(f"{self._folder} could not be loaded: {' '.join(str(error).split())}") from error


def _load_twin(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, dict(inputs))


def _load_tensorflow(folder: Path, signature: str) -> Run:
    try:
        import tensorflow as tf
    except ImportError:
        raise Failure(f"{folder} has no ONNX twin of {signature}, and TensorFlow is not installed to run it") from None
    model = tf.saved_model.load(str(folder))
    if signature not in model.signatures:
        raise Failure(f"{folder} has no signature {signature}, expected one of the contract's: see `triptych inspect`")
    ask, tensors = model.signatures[signature], contract.SIGNATURES[signature]

    def run(inputs: Arrays) -> list[Any]:
        columns = {name: tf.constant(column.tolist(), tensors.inputs[name].dtype) for name, column in inputs.items()}
        outputs = ask(**columns)
        return [outputs[name].numpy() for name in tensors.outputs]

    return run
