"""Which versions have to stay however old they are: those that a models.config labels, or has a server load."""

from __future__ import annotations

from pathlib import Path

from export.progress import say
from serving.config.config_files import MODELS, read_model_config
from serving.errors import Failure


def held(folder: Path, config: Path | None = None) -> dict[int, str]:
    """Say of a model's versions why they are not to be removed; of others nothing.

    Args:
        folder: the model's folder, ``models/<model>``.
        config: a models.config beside the one in the models folder, which is always asked where there is one.

    Raises:
        Failure: a models.config cannot be read, be it the one that is named or one that is there.
    """
    reasons: dict[int, str] = {}
    default = folder.parent / MODELS
    for path in ([default] if default.exists() else []) + ([config] if config else []):
        for model in read_model_config(path).model_config_list.config:
            if folder.name not in (model.name, Path(model.base_path).name):
                continue
            for version in model.model_version_policy.specific.versions:
                reasons.setdefault(version, f"{path} lists it")
            reasons |= {version: f"{path} labels it {label}" for label, version in sorted(model.version_labels.items())}
    return reasons


def removable(folder: Path, old: list[int], config: Path | None) -> list[int]:
    """Return those of a model's old versions that nothing holds, and say of the others what does."""
    try:
        reasons = held(folder, config)
    except Failure as failure:  # it was whole before the work began: better too many versions than one too few
        reasons = dict.fromkeys(old, str(failure))
    for number in sorted(reasons.keys() & set(old)):
        say(f"kept version {number} of {folder.name}: {reasons[number]}")
    return [number for number in old if number not in reasons]
