"""Tell, offline, what a version folder holds and whether it keeps the contract; nothing of it is ever executed.

Works on any SavedModel, also on one that this project did not make.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serving import contract
from serving.contract import MANIFEST, TWIN, Signature, Tensor
from serving.errors import Failure
from serving.proto import serving_pb2
from serving.version.numbering import version_folders
from serving.version.saved_model import is_saved_model, read_signatures
from serving.version.warmup_file import read_warmup


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """One warm-up record: the request a server answers before it calls the version available."""

    signature: str
    inputs: tuple[str, ...]
    rows: int


@dataclass(frozen=True, kw_only=True)
class Version:
    """What one version folder holds.

    Attributes:
        path: The folder.
        differences: What breaks the contract, a sentence each; none: it is kept.
        signatures: By name, also those that the contract does not ask for.
        sizes: Bytes on disk of the parts, and of all.
        manifest: What training wrote of itself: recipe, metrics, data, packages; None where nothing was written.
        warmup: The warm-up records.
        twin: The signatures that the ONNX twin has.
    """

    path: Path
    differences: tuple[str, ...]
    signatures: dict[str, Signature]
    sizes: dict[str, int]
    manifest: dict[str, Any] | None
    warmup: tuple[WarmUp, ...]
    twin: tuple[str, ...]


def find(path: Path) -> list[Path]:
    """Return the version folders that `path` means: itself, a model's newest, or each model's newest.

    Raises:
        Failure: it means none.
    """
    if is_saved_model(path):
        return [path]
    newest = [version for folder in (path, *sorted(path.glob("*/"))) if (version := _newest(folder))]
    if not newest:
        what = "holds no version" if path.is_dir() else "is no folder"
        raise Failure(f"{path} {what}, expected a version folder, a model's folder or a models folder")
    return newest


def inspect(folder: Path) -> Version:
    """Return what a version folder holds.

    Raises:
        Failure: it holds no SavedModel that could be read.
    """
    signatures = read_signatures(folder)
    manifest, manifest_faults = _manifest(folder / MANIFEST)
    expected = contract.signatures((manifest or {}).get("contract", contract.VERSION))
    warmup, warmup_faults = _warmup(folder, signatures)
    twin = tuple(sorted(path.stem for path in (folder / TWIN).glob("*.onnx")))
    lacking = [name for name in expected if twin and name not in twin]
    return Version(
        path=folder,
        differences=(
            *differences(signatures, expected),
            *manifest_faults,
            *warmup_faults,
            *(f"the ONNX twin has no {name}" for name in lacking),
        ),
        signatures=signatures,
        sizes=_sizes(folder),
        manifest=manifest,
        warmup=warmup,
        twin=twin,
    )


def differences(found: Mapping[str, Signature], expected: Mapping[str, Signature]) -> list[str]:
    """Say what of `expected` is missing, different or exceeded in `found`; further signatures are no difference."""
    told = [f"there is no signature {name}" for name in expected if name not in found]
    for name in (name for name in expected if name in found):
        for side in ("inputs", "outputs"):
            tensors, wanted = getattr(found[name], side), getattr(expected[name], side)
            told += [f"{name}: {each}" for each in _between(tensors, wanted, word=side[:-1])]
    return told


def compare(versions: Sequence[Version]) -> list[str]:
    """Say where the other versions' signatures differ from the first one's, which are what is expected here."""
    first, told = versions[0], list[str]()
    for other in versions[1:]:
        extra = [name for name in other.signatures if name not in first.signatures]
        told += [f"{other.path}: {each}" for each in differences(other.signatures, first.signatures)]
        told += [f"{other.path}: signature {name} is not expected" for name in extra]
    return told


def as_json(version: Version) -> dict[str, Any]:
    """Return all of it in JSON's types."""
    return {**asdict(version), "path": str(version.path), "keeps_contract": not version.differences}


def describe(tensor: Tensor) -> str:
    """Write a tensor's dtype and shape: ``string[?, 10]``."""
    return f"{tensor.dtype}[{', '.join('?' if size is None else str(size) for size in tensor.shape)}]"


def _between(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, word: str) -> list[str]:
    return [
        *(f"{word} {name} is missing, expected {describe(expected[name])}" for name in expected if name not in found),
        *(
            f"{word} {name} is {describe(found[name])}, expected {describe(expected[name])}"
            for name in expected
            if name in found and found[name] != expected[name]
        ),
        *(f"{word} {name} {describe(found[name])} is not expected" for name in found if name not in expected),
    ]


def _newest(folder: Path) -> Path | None:
    return next(reversed(version_folders(folder).values()), None)


def _sizes(folder: Path) -> dict[str, int]:
    def size(path: Path) -> int:
        files = [path] if path.is_file() else path.rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())

    parts = {"graph": "saved_model.pb", "variables": "variables", "twin": TWIN}
    return {name: size(folder / part) for name, part in parts.items()} | {"total": size(folder)}


def _manifest(path: Path) -> tuple[dict[str, Any] | None, list[str]]:
    if not path.is_file():
        return None, []
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["contract"]
    except (ValueError, KeyError, TypeError) as error:
        return None, [f"{MANIFEST} cannot be read: {error!r}"]
    if version not in contract.VERSIONS:
        return manifest, [f"{MANIFEST} is for contract {version}, expected 1 to {contract.VERSION}"]
    return manifest, []


def _warmup(folder: Path, signatures: Mapping[str, Signature]) -> tuple[tuple[WarmUp, ...], list[str]]:
    try:
        requests = read_warmup(folder)
    except Failure as failure:
        return (), [str(failure)]
    records = tuple(_record(request) for request in requests)
    return records, [
        f"warm-up record {number} {fault}"
        for number, record in enumerate(records, start=1)
        if (fault := _fault(record, signatures))
    ]


def _fault(record: WarmUp, signatures: Mapping[str, Signature]) -> str:
    """Say why a server could not answer the record, and so not load the version."""
    if record.signature not in signatures:
        return f"asks {record.signature}, expected a signature of this version"
    expected = sorted(signatures[record.signature].inputs)
    if list(record.inputs) == expected:
        return ""
    return f"asks {record.signature} with [{', '.join(record.inputs)}], expected [{', '.join(expected)}]"


def _record(request: serving_pb2.PredictRequest) -> WarmUp:
    rows = {tensor.tensor_shape.dim[0].size for tensor in request.inputs.values() if tensor.tensor_shape.dim}
    return WarmUp(
        signature=request.model_spec.signature_name or "serving_default",
        inputs=tuple(sorted(request.inputs)),
        rows=max(rows, default=0),
    )
