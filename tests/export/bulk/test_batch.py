"""Lists for everyone: the same as a server answers, whole after a stop, refused before the work."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command import triptych
from conftest import Tiny

from export.bulk import batch as module
from export.bulk.batch import Job, batch
from export.graph.query import KEPT
from export.graph.recommender import Recommender
from export.publishing.names import write_names
from export.publishing.twin import write_twin
from serving.client import Client
from serving.contract import TWIN
from serving.errors import Failure


@pytest.fixture
def version(tiny_version: Tiny, tmp_path: Path) -> Path:
    """A model's folder with one version that has its names."""
    folder = tmp_path / "models" / "two_tower" / "1"
    shutil.copytree(tiny_version.folder, folder)
    write_names(folder, tiny_version.interactions)
    return folder


def rows(out: Path) -> list[tuple[str, tuple[str, ...], tuple[float, ...], bool]]:
    return [
        (row["user_id"], tuple(row["items"]), tuple(row["scores"]), row["known"])
        for row in pq.read_table(out).to_pylist()
    ]


def answers(version: Path, users: list[str], *, k: int, unseen: bool) -> list[tuple[object, ...]]:
    with Client(version.as_uri(), model="two_tower") as client:
        lists = client.recommend(users, k=k, unseen=unseen)
    return [(user, ranked.items, ranked.scores, ranked.known) for user, ranked in zip(users, lists, strict=True)]


def test_the_command_writes_what_the_version_answers_each_user(version: Path, tiny_version: Tiny) -> None:
    out = version.parents[2] / "lists.parquet"
    models = str(version.parents[1])
    done = triptych("batch", "two_tower", "--models", models, "--out", str(out), "-k", "7", "--unseen")
    assert done.returncode == 0, done.stderr
    users = tiny_version.interactions.users.tolist()
    assert done.stdout == f"wrote the lists of {len(users)} users to {out}\n"
    assert rows(out) == answers(version, users, k=7, unseen=True)
    assert sorted(path.name for path in out.parent.iterdir()) == ["lists.parquet", "models"]


def test_only_the_users_of_the_file_get_lists_in_its_order(version: Path, tmp_path: Path) -> None:
    (tmp_path / "users.txt").write_text("7\nnobody\n3\n")
    out = tmp_path / "lists.parquet"
    done = triptych("batch", str(version), "--out", str(out), "-k", "3", "--users", str(tmp_path / "users.txt"))
    assert done.returncode == 0, done.stderr
    assert rows(out) == answers(version, ["7", "nobody", "3"], k=3, unseen=False)
    assert [known for *_, known in rows(out)] == [True, False, True]


def test_a_file_of_users_may_come_from_windows_and_an_id_may_hold_what_python_takes_for_a_line_break(
    version: Path, tmp_path: Path
) -> None:
    (tmp_path / "users.txt").write_bytes("\ufeff7\r\nno\x85bo\u2028dy\x0c\r\n3".encode())
    out = tmp_path / "lists.parquet"
    done = triptych("batch", str(version), "--out", str(out), "-k", "3", "--users", str(tmp_path / "users.txt"))
    assert done.returncode == 0, done.stderr
    assert rows(out) == answers(version, ["7", "no\x85bo\u2028dy\x0c", "3"], k=3, unseen=False)
    assert [known for *_, known in rows(out)] == [True, False, True]


def test_a_run_that_was_stopped_asks_only_for_what_is_missing(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", 8)
    job, out = Job(version=version, k=5, unseen=False), tmp_path / "lists.parquet"
    asked = []
    original = Client.recommend

    def stops(self: Client, users: list[str], **options: object) -> object:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(users)
        return original(self, users, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Client, "recommend", stops)
        with pytest.raises(KeyboardInterrupt):
            batch(job, out)
    assert not out.exists()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "lists.parquet.parts").glob("*.parquet")}
    assert len(before) == 2
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)
        batch(job, out)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "lists.parquet.parts").glob("*.parquet")}
    assert {name: after[name] for name in before} == before
    assert rows(out) == answers(version, [str(u) for u, *_ in rows(out)], k=5, unseen=False)
    assert len(rows(out)) == 30


def test_what_another_job_left_is_not_taken_for_this_one(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, parts = tmp_path / "lists.parquet", tmp_path / "lists.parquet.parts"
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)
        batch(Job(version=version, k=2, unseen=False), out)
    assert len(list(parts.glob("*.parquet"))) == 1
    batch(Job(version=version, k=4, unseen=False), out)
    assert {len(items) for _, items, *_ in rows(out)} == {4}


def test_what_another_version_in_the_same_place_was_asked_is_asked_anew(
    version: Path, tiny_version: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `rollback` and `train`: the graph is the same to the byte, the weights are others."""
    out, job = tmp_path / "lists.parquet", Job(version=version, k=3, unseen=False)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)
        batch(job, out)
    before, graph = rows(out), (version / "saved_model.pb").read_bytes()
    shutil.rmtree(version)
    turned = replace(tiny_version.model, vectors=-tiny_version.model.vectors)
    recommender = Recommender(turned, tiny_version.interactions, kept=KEPT)
    recommender.save(version)
    write_twin(version, version / TWIN)
    write_names(version, tiny_version.interactions)
    (version / "saved_model.pb").write_bytes(graph)
    batch(job, out)
    assert rows(out) == answers(version, [user for user, *_ in before], k=3, unseen=False) != before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nope", "--out", "{tmp}/x"], "no version at nope nor in models/nope"),
        (["{version}", "--out", "{tmp}/no/where"], "{tmp}/no/where cannot be written: No such file or directory"),
        (["{version}", "--out", "{tmp}/x", "--users", "{tmp}/empty"], "no users to make lists for"),
        (["{version}", "--out", "{tmp}/x", "--users", "{tmp}/hole"], "line 2 of {tmp}/hole is empty"),
        (["{nameless}", "--out", "{tmp}/x"], "has no assets.extra/names.json"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(
    version: Path, tiny_version: Tiny, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "hole").write_text("7\n\n3\n")
    places = {"tmp": tmp_path, "version": version, "nameless": tiny_version.folder}
    done = triptych("batch", *(argument.format(**places) for argument in arguments))
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence.format(**places) in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_a_folder_that_no_earlier_run_has_left_is_not_touched(version: Path, tmp_path: Path) -> None:
    mine = tmp_path / "lists.parquet.parts" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("precious")
    done = triptych("batch", version, "--out", tmp_path / "lists.parquet")
    assert (done.returncode, mine.read_text()) == (1, "precious")
    assert done.stderr == (
        f"triptych: {mine.parent} is where blocks would lie and holds something else: move it, or name another --out\n"
    )


def test_names_that_are_broken_are_refused(version: Path, tmp_path: Path) -> None:
    for text in ("", "[]", '{"users": [1], "items": [], "tags": []}', "[" * 100_000):
        (version / "assets.extra" / "names.json").write_text(text)
        with pytest.raises(Failure, match=r"names\.json"):
            batch(Job(version=version, k=2, unseen=False), tmp_path / "x")
