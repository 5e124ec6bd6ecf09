"""Print what `triptych inspect` found: a line for each version, what is wrong with it, the signatures once; or JSON."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from serving import contract
from serving.client.client import Client, Ranked
from serving.contract import Tensor
from serving.errors import Failure
from serving.printable import printable
from serving.version import inspect
from serving.version.find import UNPUBLISHED, find
from serving.version.inspect import Version

FIGURE, PROTOCOL = "ndcg@10", "random-80-20"
"""The figure that a version's line shows, and of which protocol."""


def report(paths: Sequence[Path], *, user: str | None, verbose: bool, as_json: bool) -> bool:
    """Print what the folders hold; return whether all can be read and loaded and keep the contract.

    Args:
        paths: Version folders, models' folders or models folders. Of several, as a shell's pattern finds them, what
            was never published is no version; alone it is looked at, since somebody wants to know why.
        user: Whom each version is then asked for; None: none is loaded.
        verbose: All that is known of a version, not only its line.
        as_json: JSON instead of text.
    """
    left_out = [path for path in paths if len(paths) > 1 and path.name.startswith(UNPUBLISHED)]
    versions, failures = _inspect([path for path in paths if path not in left_out])
    answers: dict[Path, Ranked] = {}
    for version in versions if user is not None else ():
        try:
            answers[version.path] = _ask(version.path, str(user))
        except Failure as failure:
            failures.append(str(failure))
    if as_json:
        print(json.dumps(_as_json(versions, answers, failures, left_out), indent=2))
    else:
        _print(_as_text(versions, answers, left_out, verbose=verbose))
        print("".join(f"triptych: {printable(failure)}\n" for failure in failures), end="", file=sys.stderr)
    return not failures and all(version.good for version in versions)


def _inspect(paths: Sequence[Path]) -> tuple[list[Version], list[str]]:
    versions, failures = list[Version](), list[str]()
    for path in paths:
        try:
            versions += [inspect.inspect(folder) for folder in find(path)]
        except (Failure, OSError) as failure:  # one broken folder does not keep the others from being seen
            failures.append(str(failure))
    return versions, failures


def _ask(folder: Path, user: str) -> Ranked:
    with Client(folder.resolve().as_uri(), model=folder.parent.name) as client:
        return client.recommend([user])[0]


def _as_json(
    versions: Sequence[Version], answers: Mapping[Path, Ranked], failures: Sequence[str], left_out: Sequence[Path]
) -> dict[str, Any]:
    return {
        "versions": [
            inspect.as_json(version) | ({"answer": asdict(answers[version.path])} if version.path in answers else {})
            for version in versions
        ],
        "between": inspect.compare(versions),
        "unpublished": [str(path) for path in left_out],
        "failures": failures,
    }


def _print(lines: Iterator[str]) -> None:
    """Print lines, on a terminal broken between words: a terminal breaks them anywhere. In a pipe a line is a line."""
    width = shutil.get_terminal_size(fallback=(0, 0)).columns
    for line in map(printable, lines):
        hang = " " * (len(line) - len(line.lstrip()) + 4)
        wrapped = textwrap.wrap(
            line, max(width, 20), subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
        )
        print("\n".join(wrapped) if width else line)


def _as_text(
    versions: Sequence[Version], answers: Mapping[Path, Ranked], left_out: Sequence[Path], *, verbose: bool
) -> Iterator[str]:
    for version in versions:
        yield _headline(version)
        yield from (f"  ! {each}" for each in (*version.damage, *version.differences))
        if verbose:
            yield from (f"  {name:<10} {value}" for name, value in _facts(version) if value)
        if version.path in answers:
            yield from _ranking(answers[version.path])
    if any(map(_figure, versions)):
        yield f"{FIGURE} was measured of the recipe, by {PROTOCOL}; --verbose tells all figures"
    yield from (f"{path} was not published, and no server reads it" for path in left_out)
    between = inspect.compare(versions)
    if len(versions) > 1:
        yield f"The signatures of these {len(versions)} versions {'differ' if between else 'are the same'}"
        yield from (f"  ! {difference}" for difference in between)
    if verbose or not answers:  # who asks for an answer knows how
        yield from _signatures(versions if between else versions[:1])


def _headline(version: Version) -> str:
    verdict = "keeps the contract" if version.good else "breaks the contract"
    manifest = version.manifest or {}
    facts = [_value(manifest.get("recipe")), decimal(version.sizes["total"]), _figure(version)]
    return f"{version.path} {'cannot be loaded' if version.damage else verdict}: {', '.join(filter(None, facts))}"


def _figure(version: Version) -> str:
    """Show the one figure that versions are compared by; nothing where it was not measured."""
    found: object = version.manifest
    for name in ("figures", PROTOCOL, FIGURE):
        found = found.get(name) if isinstance(found, dict) else None
    return "" if found is None else f"{FIGURE} {_value(found)}"


def _facts(version: Version) -> Iterator[tuple[str, str]]:
    yield "size", ", ".join(f"{part} {decimal(size)}" for part, size in version.sizes.items())
    manifest = version.manifest or {}
    for name in ("contract", "model", "summary", "recipe", "config", "passes", "index", "seed", "data"):
        yield name, _value(manifest.get(name))
    figures = manifest.get("figures")
    for protocol, measured in figures.items() if isinstance(figures, dict) else ():
        yield "figures", f"{protocol}: {_value(measured)}"
    for name in ("packages", "created", "copy_of"):
        yield name, _value(manifest.get(name))
    yield "warm-up", ", ".join(f"{record.signature} ({record.rows} rows)" for record in version.warmup) or "none"
    yield "twin", ", ".join(version.twin) or "none"


def _signatures(versions: Sequence[Version]) -> Iterator[str]:
    for version in versions:
        if len(versions) > 1:
            yield f"The signatures of {version.path}"
        for name, signature in version.signatures.items():
            further = "" if name in contract.SIGNATURES else " (not in the contract)"
            yield f"  {name:<16} {_tensors(signature.inputs)} -> {_tensors(signature.outputs)}{further}"


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
        yield f"  an unknown user gets {'the most popular items' if answer.items else 'nothing'}"
    for place, (item, score) in enumerate(zip(answer.items, answer.scores, strict=True), start=1):
        yield f"  {place:>2} {score:>10.4f}  {item}"
