"""Tell, offline, what a version folder holds and whether it keeps the contract; nothing of it is ever executed.

Works on any SavedModel, also on one that this project did not make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serving import contract
from serving.contract import MANIFEST, TWIN, Signature, Tensor
from serving.errors import Failure
from serving.proto import serving_pb2
from serving.version.damage import damage
from serving.version.manifest import read_manifest
from serving.version.saved_model import read_graph, signatures_of
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
        damage: What keeps a server from loading it, a sentence each; none: every file that is needed is there, whole.
        differences: What breaks the contract, a sentence each; none: it is kept.
        signatures: By name, also those that the contract does not ask for.
        sizes: Bytes on disk of the parts, and of all.
        manifest: What training wrote of itself: recipe, figures, data, packages; None where nothing was written.
        warmup: The warm-up records.
        twin: The signatures that the ONNX twin has.
    """

    path: Path
    damage: tuple[str, ...]
    differences: tuple[str, ...]
    signatures: dict[str, Signature]
    sizes: dict[str, int]
    manifest: dict[str, Any] | None
    warmup: tuple[WarmUp, ...]
    twin: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Tell whether a server can load it, and gets what the contract says."""
        return not self.damage and not self.differences


def inspect(folder: Path) -> Version:
    """Return what a version folder holds.

    Raises:
        Failure: it holds no SavedModel that could be read.
    """
    graph = read_graph(folder)
    signatures = signatures_of(graph.signature_def)
    manifest, unreadable = read_manifest(folder)
    expected = contract.signatures((manifest or {}).get("contract", contract.VERSION))
    warmup, warmup_faults = _warmup(folder, signatures)
    twin = tuple(sorted(path.stem for path in (folder / TWIN).glob("*.onnx")))
    lacking = [name for name in expected if twin and name not in twin]
    return Version(
        path=folder,
        damage=tuple(damage(folder, graph)),
        differences=(
            *differences(signatures, expected),
            *_manifest_faults(manifest, unreadable),
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
    """Say what of `expected` is missing, different or exceeded in `found`; further signatures are no difference.

    >>> differences({}, contract.SIGNATURES)[0]
    'there is no signature serving_default'
    """
    told = [f"there is no signature {name}" for name in expected if name not in found]
    for name in (name for name in expected if name in found):
        for side in ("inputs", "outputs"):
            tensors, wanted = getattr(found[name], side), getattr(expected[name], side)
            told += [f"{name}: {each}" for each in _between(tensors, wanted, word=side[:-1])]
    return told


def compare(versions: Sequence[Version]) -> list[str]:
    """Say where the other versions' signatures differ from the first one's, which are what is expected here."""
    if not versions:
        return []
    first, told = versions[0], list[str]()
    for other in versions[1:]:
        extra = [name for name in other.signatures if name not in first.signatures]
        told += [f"{other.path}: {each}" for each in differences(other.signatures, first.signatures)]
        told += [f"{other.path}: signature {name} is not expected" for name in extra]
    return told


def as_json(version: Version) -> dict[str, Any]:
    """Return all of it in JSON's types."""
    return {**asdict(version), "path": str(version.path), "keeps_contract": version.good}


def describe(tensor: Tensor) -> str:
    """Write a tensor's dtype and shape: ``string[?, 10]``.

    >>> describe(Tensor(dtype="string", shape=(None, 10)))
    'string[?, 10]'
    """
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


def _sizes(folder: Path) -> dict[str, int]:
    def size(path: Path) -> int:
        files = [path] if path.is_file() else path.rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())

    parts = {"graph": "saved_model.pb", "variables": "variables", "twin": TWIN}
    return {name: size(folder / part) for name, part in parts.items()} | {"total": size(folder)}


def _manifest_faults(manifest: Mapping[str, Any] | None, unreadable: str) -> list[str]:
    if manifest is None:
        return [unreadable] if unreadable else []
    version = manifest["contract"]
    known = version in contract.VERSIONS
    return [] if known else [f"{MANIFEST} is for contract {version}, expected 1 to {contract.VERSION}"]


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
