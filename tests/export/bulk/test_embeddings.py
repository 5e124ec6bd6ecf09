"""The vectors that are written rank as the version does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from command import triptych
from conftest import Tiny

from export.publishing.names import write_names
from serving.client import Client

pytestmark = pytest.mark.training


def column(path: Path, name: str) -> list[object]:
    return pq.read_table(path).column(name).to_pylist()


def test_the_dot_products_of_what_is_written_are_the_scores_of_the_version(tiny_version: Tiny, tmp_path: Path) -> None:
    version = tmp_path / "1"
    shutil.copytree(tiny_version.folder, version)
    write_names(version, tiny_version.interactions)
    done = triptych("embeddings", str(version), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    users, items = (
        column(tmp_path / "out" / "users.parquet", "user_id"),
        column(tmp_path / "out" / "items.parquet", "item"),
    )
    assert (users, items) == (tiny_version.interactions.users.tolist(), tiny_version.interactions.items.tolist())
    left = np.array(column(tmp_path / "out" / "users.parquet", "vector"))
    right = np.array(column(tmp_path / "out" / "items.parquet", "vector"))
    assert f"wrote {len(users)} users and {len(items)} items, {left.shape[1]} components each" in done.stdout
    with Client(version.as_uri(), model="tiny") as client:
        scores = client.score(np.repeat(users, len(items)).tolist(), items * len(users))
    biases = tiny_version.model.user_biases[:, None]
    np.testing.assert_allclose(left @ right.T + biases, np.reshape(scores, (len(users), len(items))), atol=1e-4)


def test_the_projector_gets_a_line_of_text_for_each_vector_the_most_popular_first(
    tiny_version: Tiny, tmp_path: Path
) -> None:
    version = tmp_path / "1"
    shutil.copytree(tiny_version.folder, version)
    write_names(version, tiny_version.interactions)
    assert triptych("embeddings", str(version), "--out", str(tmp_path)).returncode == 0
    names = (tmp_path / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    popularity = tiny_version.interactions.popularity()
    assert names == tiny_version.interactions.items[np.argsort(-popularity, kind="stable")].tolist()
    vectors = np.loadtxt(tmp_path / "vectors.tsv", delimiter="\t")
    assert vectors.shape == tiny_version.model.vectors.shape


def test_a_version_without_names_is_refused_in_a_sentence(tiny_version: Tiny, tmp_path: Path) -> None:
    done = triptych("embeddings", str(tiny_version.folder), "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no assets.extra/names.json" in done.stderr
    assert not (tmp_path / "out").exists()
