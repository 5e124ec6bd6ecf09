"""A folder of models to be configured, with much in it that is no version."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def models(tmp_path) -> Path:
    for name in ("two_tower/6", "two_tower/7", "two_tower/10", "lightfm/1", "two_tower/.staging-11", "two_tower/12"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "saved_model.pb").touch()
    (tmp_path / "models/two_tower/12/saved_model.pb").unlink()
    (tmp_path / "models/notes").mkdir()
    return tmp_path / "models"
