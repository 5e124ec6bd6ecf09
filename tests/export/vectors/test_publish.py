"""Own vectors: what is published of them answers as numpy does, and what is none is refused in one sentence."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import triptych

from export.publishing.agreement import Answer, Arrays, session
from export.publishing.twin import twin
from serving.client import Client
from serving.contract import LOWEST, TWIN

USERS, ITEMS, WIDTH = 30, 50, 8
RNG = np.random.default_rng(5)
USER_VECTORS, ITEM_VECTORS = RNG.normal(size=(USERS, WIDTH)), RNG.normal(size=(ITEMS, WIDTH))
USER_BIASES, ITEM_BIASES = RNG.normal(size=USERS), RNG.normal(size=ITEMS)
FILMS = [f"Film {number}" for number in range(ITEMS)]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with contextlib.chdir(folder):
        return triptych("publish", *arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two random arrays: users' in an npz file, under whole numbers; items' in a Parquet file of lists."""
    made = tmp_path_factory.mktemp("own")
    np.savez(made / "users.npz", ids=np.arange(USERS), vectors=USER_VECTORS, biases=USER_BIASES)
    table = {"item": FILMS, "bias": ITEM_BIASES, "vector": list(ITEM_VECTORS.astype(np.float32))}
    pq.write_table(pa.table(table), made / "items.parquet")
    return made


@pytest.fixture(scope="module")
def published(folder: Path) -> Path:
    done = run(folder, "als", "--users", "users.npz", "--items", "items.parquet")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "models/als/1: 30 users, 50 items, 8 components"
    assert second.startswith("without interactions: unseen leaves nothing out, and a user that is not among these gets")
    return folder / "models/als/1"


def ranked(k: int) -> Arrays:
    """Rank in numpy: the k best of each user, unseen or not, and nothing for somebody unknown."""
    scores = USER_VECTORS @ ITEM_VECTORS.T + ITEM_BIASES
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, order, axis=1) + USER_BIASES[:, None]
    return {
        "item": np.vstack([np.array(FILMS, object)[order], np.full((1, k), "", object)]),
        "score": np.vstack([best, np.full((1, k), LOWEST)]),
        "known": np.arange(USERS + 1) < USERS,
    }


@pytest.mark.training
@pytest.mark.parametrize("engine", ["session", "twin"])
def test_two_random_arrays_answer_as_numpy_ranks_them(published: Path, engine: str) -> None:
    users = np.array([*map(str, range(USERS)), "nobody"], object)
    k, empty = np.full(USERS + 1, 7, np.int32), np.empty((USERS + 1, 0), object)
    inputs = {"user_id": users, "k": k, "exclude": empty, "unseen": np.arange(USERS + 1) % 2 == 0}

    def check(answer: Answer) -> None:
        found, expected = answer("recommend", inputs), ranked(7)
        assert found["item"].tolist() == expected["item"].tolist()
        assert found["known"].tolist() == expected["known"].tolist()
        np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-5, atol=1e-5)
        ten, expected = answer("serving_default", {"user_id": users}), ranked(10)
        assert ten["item"].tolist() == expected["item"].tolist()
        nothing = answer("recommend_from", {"items": np.array([["no such item"]], object), "k": k[:1]})
        assert set(nothing["item"].ravel()) == {""}
        scores = answer("score", {"user_id": users[-2:], "item": np.array(FILMS[:2], object)})["score"]
        own = USER_VECTORS[-1] @ ITEM_VECTORS[0] + ITEM_BIASES[0] + USER_BIASES[-1]
        np.testing.assert_allclose(scores, [own, LOWEST], rtol=1e-5)

    if engine == "session":
        with session(published) as saved:
            check(saved)
    else:
        check(twin(published / TWIN))


@pytest.mark.training
def test_the_manifest_says_that_they_were_trained_elsewhere(published: Path) -> None:
    manifest = json.loads((published / "assets.extra/triptych.json").read_text())
    assert (manifest["model"], manifest["recipe"], manifest["seed"]) == ("als", "own vectors", None)
    assert manifest["data"]["name"] == "users.npz, items.parquet"
    assert (manifest["data"]["users"], manifest["data"]["interactions"]) == (USERS, 0)


@pytest.mark.training
def test_with_interactions_what_a_user_has_is_left_out_and_an_unknown_one_gets_the_popular(folder: Path) -> None:
    rows = [("0", FILMS[3]), ("1", FILMS[3]), ("0", FILMS[4]), ("stranger", FILMS[3]), ("0", "no film of these")]
    (folder / "had.csv").write_text("who;film;rating\n" + "".join(f"{user};{item};5\n" for user, item in rows))
    (folder / "disliked.csv").write_text(f"who;film;rating\n1;{FILMS[9]};2\n")
    files = ["--interactions", "had.csv", "--interactions", "disliked.csv"]
    files += ["--columns", "user_id=who,item=film", "--min-rating", "4"]
    done = run(folder, "had", "--users", "users.npz", "--items", "items.parquet", *files)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == "2 of 5 interactions are of a user or an item without a vector"
    with Client((folder / "models/had/1").as_uri(), model="had") as client:
        known, unknown = client.recommend(["0", "stranger"], k=ITEMS, unseen=True)
    assert set(FILMS) - set(known.items) == {FILMS[3], FILMS[4]}
    assert unknown.items[:2] == (FILMS[3], FILMS[4])
    assert (unknown.scores[:3], unknown.known) == ((2.0, 1.0, 0.0), False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a/b"], "a model cannot be named 'a/b', expected letters, digits, - and _"),
        (["als", "--items", "narrow.npz"], "user vectors have 8 components and item vectors 2, expected as many"),
        (["als", "--items", "zero.npz"], "the item vectors are all zero, expected vectors that tell items apart"),
        (["als", "--interactions", "others.csv"], "no interaction is of a user and an item that have vectors: found"),
        (["als", "--interactions", "no.csv"], "no file no.csv"),
        pytest.param(
            ["als", "--interactions", "100k"],
            "found names like ['1'] and [\"'Til There Was You (1997)\"], expected names like",
            marks=pytest.mark.training,
        ),
        (
            ["als", "--interactions", "100k", "--columns", "item=film"],
            "--columns is for files of your own, and 100k is none",
        ),
        (["als", "--interactions", "others.csv", "--columns", "title=film"], "--columns names 'title'"),
        (["als", "--separator", ";"], "say how --interactions is read: name it, too"),
        (["als", "--config", "no.config"], "no.config"),
    ],
)
def test_what_cannot_be_published_is_refused_before_anything_is_written(
    folder: Path, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    np.savez(folder / "narrow.npz", ids=["a"], vectors=[[1, 2]])
    np.savez(folder / "zero.npz", ids=["a", "b"], vectors=np.zeros((2, 8)))
    (folder / "others.csv").write_text("user_id,item\nAnn,Fargo\n")
    done = triptych("publish", "--users", "users.npz", "--items", "items.parquet", "--models", "never", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert done.stderr.splitlines()[-1].startswith("triptych: ")
    assert "Traceback" not in done.stderr
    assert not (folder / "never").exists()


def test_the_help_offers_only_columns_that_interactions_have() -> None:
    said = triptych("publish", "--help").stdout.partition("--columns")[2].partition("--separator")[0]
    assert "user_id, item, rating, timestamp" in " ".join(said.split())
    assert [name for name in ("title", "items.item", "users.user_id") if name in said] == []
