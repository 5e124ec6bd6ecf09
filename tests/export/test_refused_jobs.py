"""Jobs that cannot be done: refused in one sentence, and with nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import triptych

pytestmark = pytest.mark.training


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "{tmp}/empty.csv"], "is empty, expected a header"),
        (["--data", "{tmp}/columns.csv"], "has no column 'user_id'"),
        (["--data", "{tmp}/nowhere.csv"], "no file "),
        (["--data", "2m"], "no MovieLens of size '2m'"),
        (["--epochs", "0"], "two_tower: epochs is 0, expected at least 1"),
        (
            ["two_tower", "--recipe", "tutorial", "--loss", "catalogue"],
            "dropout and future are 0, expected one above 0",
        ),
        (["wide_deep", "--dropout", "0", "--future", "0"], "wide_deep: dropout and future are 0, expected one above 0"),
        (["lightfm", "--batch", "9"], "--batch is no hyper-parameter of lightfm"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_in_one_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "columns.csv").write_text("user,item\n1,Fargo\n")
    given = [argument.format(tmp=tmp_path) for argument in arguments]
    done = triptych("train", "--models", tmp_path / "models", *given)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert done.stderr.startswith("triptych: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "models").exists()


def test_a_training_that_would_hide_nothing_to_be_found_is_refused(tmp_path: Path) -> None:
    """Parted by time alone, and there is none: the loss would be zero, and the model as it began."""
    (tmp_path / "own.csv").write_text("user_id,item\n1,Fargo\n1,Heat\n2,Fargo\n")
    options = "--dropout", "0", "--data", tmp_path / "own.csv", "--models", tmp_path / "models"
    done = triptych("train", "wide_deep", *options)
    assert (done.returncode, done.stdout) == (1, "")
    told = done.stderr.splitlines()[-1]
    assert told.startswith("triptych: dropout is 0, and the data has no times for future to part by, expected")
