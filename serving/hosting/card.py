"""A version's model card: what it is, was made of, reaches and does not, from what the version itself carries.

Markdown below a YAML head in the words that model hubs read (license, tags, model-index). The values of the head are
written as JSON, which is YAML: a title with a colon in it stays a title.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from serving import contract
from serving.errors import Failure
from serving.version.inspect import Version

_MOVIELENS = {
    "license": "other",
    "license_name": "movielens",
    "license_link": "https://files.grouplens.org/datasets/movielens/ml-100k-README.txt",
}

_FIGURES = ("ndcg@10", "recall@10", "recall@100", "map@10", "mrr", "coverage@10")


def model_card(version: Version) -> str:
    """Write the card of a version.

    Raises:
        Failure: the version carries no manifest to tell of, or one of another shape.
    """
    manifest = version.manifest
    if not manifest or not isinstance(manifest.get("model"), str):
        raise Failure(f"{version.path} has no {contract.MANIFEST} that names its model: `triptych train` writes one")
    for name, part in _objects(manifest):
        if not isinstance(part, dict):
            raise Failure(f"{version.path} has {part!r:.80} as {name} in its {contract.MANIFEST}, expected an object")
    head = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in _head(manifest).items())
    return f"---\n{head}---\n" + "\n".join(_body(version, manifest)) + "\n"


def _objects(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give what is to be objects by its name; what lies inside of one only once that was found to be one."""
    yield from ((name, manifest.get(name, {})) for name in ("data", "config", "packages"))
    figures = manifest.get("figures") or {}
    yield "figures", figures
    for protocol, found in figures.items():
        yield f"figures of {protocol}", found
        yield f"baselines of {protocol}", found.get("baselines", {})
        yield from ((f"{name} of {protocol}", one) for name, one in found.get("baselines", {}).items())


def _head(manifest: Mapping[str, Any]) -> dict[str, Any]:
    data = manifest.get("data", {})
    return {
        **(_MOVIELENS if _is_movielens(data) else {}),
        "library_name": "tf-keras",
        "tags": ["recommendation", "collaborative-filtering", "tensorflow-serving", "onnx", manifest["model"]],
        **({"datasets": [f"movielens-{data['name']}"]} if _is_movielens(data) else {}),
        "metrics": ["ndcg@10"],
        **({"model-index": _index(manifest)} if manifest.get("figures") else {}),
    }


def _index(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    name = str(manifest.get("data", {}).get("name", "unknown"))
    results = [
        {
            "task": {"type": "recommendation", "name": "Top-k recommendation"},
            "dataset": {"type": name, "name": name, "split": protocol},
            "metrics": [{"type": one, "name": one, "value": found[one]} for one in _FIGURES if one in found],
        }
        for protocol, found in manifest["figures"].items()
    ]
    return [{"name": manifest["model"], "results": results}]


def _body(version: Version, manifest: Mapping[str, Any]) -> Iterator[str]:
    model, data = manifest["model"], manifest.get("data", {})
    yield f"# {model}, version {version.path.resolve().name}\n"
    yield f"Recommends items to users from who had what ({manifest.get('summary', 'a factorized model')}),"
    signatures = ", ".join(f"`{name}`" for name in version.signatures)
    yield f"exported as a TensorFlow SavedModel with the signatures {signatures}"
    yield f"{'and an ONNX twin of each' if version.twin else 'and no ONNX twin'}.\n"
    yield "## Data\n"
    found = {name: data.get(name) for name in ("users", "items", "interactions")}
    counts = ", ".join(f"{number:,} {name}" for name, number in found.items() if isinstance(number, int))
    yield f"{_data_name(data)}: {counts}; fingerprint `{data.get('fingerprint', 'not recorded')}`."
    yield f"{_licence(data)}\n"
    yield "## Recipe\n"
    yield f"`{manifest.get('recipe')}`, seed {manifest.get('seed')}, trained on all interactions:\n"
    yield "| hyper-parameter | value |\n|---|---|"
    yield from (f"| {name} | {value} |" for name, value in manifest.get("config", {}).items())
    yield "\n## Figures\n"
    yield from _figures(manifest)
    yield "\n## Limits\n"
    yield "- It knows the users and items of its data; an unknown user gets the most popular items, like everyone else."
    measured = ": see coverage above" if manifest.get("figures") else ""
    yield f"- It learns what people chose among what they were shown, and repeats its bias{measured}."
    yield "- Offline figures rank held-back choices; what people do when they are shown the lists was not measured."
    yield f"- A `k` below 1 is refused; at most {data.get('items', 'all')} items are ranked.\n"
    yield "## Made with\n"
    yield ", ".join(f"{name} {number}" for name, number in manifest.get("packages", {}).items())
    yield f"on {manifest.get('created', 'an unknown day')}, contract {manifest.get('contract')}."


def _figures(manifest: Mapping[str, Any]) -> Iterator[str]:
    if not manifest.get("figures"):
        yield "Not measured with these values on this data: `triptych evaluate --record` measures a recipe."
        return
    yield "Of the recipe, trained on a part of the data and scored on the rest; this version is trained on all of it.\n"
    yield f"| protocol | what | {' | '.join(_FIGURES)} |\n|---|---|{'---|' * len(_FIGURES)}"
    for protocol, found in manifest["figures"].items():
        seeds = f"{manifest['model']}, mean of {found.get('seeds')} seeds, on {found.get('machine')}"
        rows = {seeds: found, **{f"{name} (baseline)": one for name, one in found.get("baselines", {}).items()}}
        for what, row in rows.items():
            yield f"| {protocol} | {what} | {' | '.join(str(row.get(one, '')) for one in _FIGURES)} |"
    if not any("baselines" in found for found in manifest["figures"].values()):
        yield "\nNo baseline is recorded beside them: `triptych evaluate` measures some, too."


def _is_movielens(data: Mapping[str, Any]) -> bool:
    return str(data.get("name")) in ("100k", "1m")


def _data_name(data: Mapping[str, Any]) -> str:
    return f"MovieLens {data['name']}" if _is_movielens(data) else f"`{data.get('name', 'unknown')}`"


def _licence(data: Mapping[str, Any]) -> str:
    if _is_movielens(data):
        return (
            "MovieLens is GroupLens' (F. M. Harper and J. A. Konstan, 2015, https://doi.org/10.1145/2827872): for "
            "research, not to be redistributed, and not for commercial use without permission."
        )
    return "The licence of the data is not recorded: state it here before you publish this."
