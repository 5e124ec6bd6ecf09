"""Print what `triptych inspect` found: one block for each version, then how they compare; or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from serving import contract
from serving.client.client import Client, Ranked
from serving.contract import Tensor
from serving.errors import Failure
from serving.version import inspect
from serving.version.inspect import Version


def report(paths: Sequence[Path], *, user: str | None, as_json: bool) -> bool:
    """Print what the folders hold; return whether all of them could be read and keep the contract.

    Args:
        paths: Version folders, models' folders or models folders.
        user: Whom each version is then asked for; None: none is loaded.
        as_json: JSON instead of text.
    """
    versions, failures = _inspect(paths)
    answers: dict[Path, Ranked] = {}
    for version in versions if user is not None else ():
        try:
            answers[version.path] = _ask(version.path, str(user))
        except Failure as failure:
            failures.append(str(failure))
    kept = not failures and not any(version.differences for version in versions)
    if as_json:
        print(json.dumps(_as_json(versions, answers, failures), indent=2))
    else:
        print("\n".join(_as_text(versions, answers)))
        print("".join(f"triptych: {failure}\n" for failure in failures), end="", file=sys.stderr)
    return kept


def _inspect(paths: Sequence[Path]) -> tuple[list[Version], list[str]]:
    versions, failures = list[Version](), list[str]()
    for path in paths:
        try:
            versions += [inspect.inspect(folder) for folder in inspect.find(path)]
        except Failure as failure:  # one broken folder does not keep the others from being seen
            failures.append(str(failure))
    return versions, failures


def _ask(folder: Path, user: str) -> Ranked:
    with Client(folder.resolve().as_uri(), model=folder.parent.name) as client:
        return client.recommend([user])[0]


def _as_json(versions: Sequence[Version], answers: Mapping[Path, Ranked], failures: Sequence[str]) -> dict[str, Any]:
    return {
        "versions": [
            inspect.as_json(version) | ({"answer": asdict(answers[version.path])} if version.path in answers else {})
            for version in versions
        ],
        "between": inspect.compare(versions),
        "failures": failures,
    }


def _as_text(versions: Sequence[Version], answers: Mapping[Path, Ranked]) -> Iterator[str]:
    for version in versions:
        yield f"{version.path} {'breaks' if version.differences else 'keeps'} the contract"
        yield from (f"  ! {difference}" for difference in version.differences)
        yield from (f"  {name:<16} {value}" for name, value in _facts(version) if value)
        if version.path in answers:
            yield from _ranking(answers[version.path])
    if len(versions) > 1:
        between = inspect.compare(versions)
        yield f"The signatures of these {len(versions)} versions {'differ' if between else 'are the same'}"
        yield from (f"  ! {difference}" for difference in between)


def _facts(version: Version) -> Iterator[tuple[str, str]]:
    for name, signature in version.signatures.items():
        further = "" if name in contract.SIGNATURES else " (not in the contract)"
        yield name, f"{_tensors(signature.inputs)} -> {_tensors(signature.outputs)}{further}"
    yield "size", ", ".join(f"{part} {decimal(size)}" for part, size in version.sizes.items())
    manifest = version.manifest or {}
    for name in ("contract", "model", "recipe", "config", "seed", "data", "metrics", "packages", "created"):
        yield name, _value(manifest.get(name))
    yield "warm-up", ", ".join(f"{record.signature} ({record.rows} rows)" for record in version.warmup) or "none"
    yield "twin", ", ".join(version.twin) or "none"


def _tensors(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {inspect.describe(tensor)}" for name, tensor in tensors.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(each)}" for name, each in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _ranking(answer: Ranked) -> Iterator[str]:
    if answer.known is False:
        yield "  an unknown user gets the most popular items"
    for place, (item, score) in enumerate(zip(answer.items, answer.scores, strict=True), start=1):
        yield f"  {place:>2} {score:>10.4f}  {item}"
