"""Flags of the commands that train: what cannot be meant, or not of this data, is told, mostly before the training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import said as run
from command import text


@pytest.mark.parametrize("command", [["train", "lightfm"], ["evaluate", "two_tower"]])
def test_a_half_life_that_cannot_be_meant_is_told_before_the_training(tmp_path: Path, command: list[str]) -> None:
    path = text(tmp_path, "user_id,item\n" + "".join(f"{n % 9},{n % 7}\n" for n in range(60)))
    name = command[1]
    assert run(*command, "--half-life", "-1") == (1, f"{name}: half_life is -1.0, expected at least 0.0")
    assert run(*command, "--half-life", "inf") == (1, f"{name}: half_life is inf, expected a finite number")
    code, out = run(*command, "--data", str(path), "--half-life", "90")
    assert code == 1
    assert f"{name}: half_life 90 weighs interactions by their age, and the data has no timestamps" in out
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("command", [["train"], ["evaluate"], ["tune", "lightfm"], ["demo"]])
@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_seed_out_of_range_is_told_with_flag_and_range(command: list[str], seed: str) -> None:
    code, out = run(*command, "--seed", seed)
    assert code == 2
    assert f"Invalid value for '--seed': {seed} is not in the range 0<=x<=4294967295" in " ".join(out.split())


def test_seeds_that_go_past_the_last_are_refused() -> None:
    code, out = run("evaluate", "--seed", "4294967295", "--seeds", "2")
    assert (code, out) == (1, "--seed 4294967295 and 2 --seeds go past the last seed, 4294967295")


@pytest.mark.parametrize(
    ("rate", "sentence"),
    [
        ("1e6", "of the model hold NaN, infinity or more than 1e+15: try a lower learning rate"),
        ("1e36", "lightfm: Not all estimated parameters are finite"),
    ],
)
def test_a_model_that_leaves_the_numbers_behind_says_what_helps(tmp_path: Path, rate: str, sentence: str) -> None:
    rows = [f"{user},Film {item}" for user in range(12) for item in range(9) if (user * item) % 4 != 1]
    path = text(tmp_path, "user_id,item\n" + "\n".join(rows) + "\n")
    flags = ["--recipe", "tutorial", "--models", str(tmp_path / "models"), "--learning-rate", rate]
    code, out = run("train", "lightfm", "--data", str(path), *flags)
    assert code == 1
    assert sentence in out
    assert "lower" in out


@pytest.mark.parametrize("command", [["evaluate", "lightfm", "--protocol", "temporal"]])
def test_what_needs_times_is_refused_without(tmp_path: Path, command: list[str]) -> None:
    path = text(tmp_path, "user_id,item\n1,a\n1,b\n2,a\n2,b\n")
    code, out = run(*command, "--data", str(path))
    assert code == 1
    assert out == "temporal parts each user's rows by time, and the data has no timestamps: take random-80-20"


def test_tune_without_times_goes_on_with_random_80_20_alone_and_says_so(tmp_path: Path) -> None:
    rows = [f"{user},Film {item}" for user in range(30) for item in range(12) if (user * item) % 4 != 1]
    path = text(tmp_path, "user_id,item\n" + "\n".join(rows) + "\n")
    code, out = run("tune", "lightfm", "--data", str(path), "--trials", "1", "--json", str(tmp_path / "found.json"))
    assert code == 0, out
    said = "the data has no timestamps: what is maximized is ndcg@10 of a validation part of random-80-20 alone"
    assert said in " ".join(out.split())
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert list(found["ease"]) == ["random-80-20"]
    assert [sorted(trial) for trial in found["trials"]] == [["config", "random-80-20", "value"]]


@pytest.mark.parametrize("numbers", [["0"], ["5", "6"]])
def test_a_sample_of_users_that_cannot_be_meant_is_refused(numbers: list[str]) -> None:
    code, out = run("evaluate", *(part for number in numbers for part in ("--users", number)))
    found = " and ".join(numbers)
    assert (code, out) == (1, f"--users is {found}, expected one number, 1 or more, or a file of users")


def test_a_report_or_search_that_cannot_be_written_is_told_before_the_training(tmp_path: Path) -> None:
    data = text(tmp_path, "user_id,item\n" + "".join(f"u{n % 7},i{n % 5}\n" for n in range(35)))
    report = tmp_path / "report" / "report.html"
    report.mkdir(parents=True)
    flags = ["--recipe", "tutorial", "--no-baselines", "--report", str(tmp_path / "report")]
    code, out = run("evaluate", "lightfm", "--data", str(data), *flags)
    assert (code, out) == (1, f"{report} cannot be written: Is a directory; nothing was trained")
    code, out = run("tune", "lightfm", "--data", str(data), "--trials", "1", "--json", str(data / "tuned.json"))
    assert (code, out) == (1, f"{data}/tuned.json cannot be written: File exists; nothing was trained")


def test_the_figures_of_a_sample_are_not_recorded() -> None:
    code, out = run("evaluate", "lightfm", "--users", "5", "--record")
    assert (code, out) == (1, "--record keeps the figures of all users, expected no number of --users beside it")


def test_evaluate_takes_a_sample_of_users_and_a_file_of_their_tags(tmp_path: Path) -> None:
    rows = [f"u{user},i{item}" for user in range(20) for item in range(12) if user % 2 == item % 2]
    data = text(tmp_path, "user_id,item\n" + "\n".join(rows) + "\n")
    items = text(tmp_path, "item,g\n" + "".join(f"i{item},{item % 2}\n" for item in range(14)), "items.csv")
    users = text(tmp_path, "user_id,g\n" + "".join(f"u{user},{user % 2}\n" for user in range(22)), "users.csv")
    flags = ["--protocol", "new-items", "--recipe", "tutorial", "--items", str(items), "--users", str(users)]
    code, out = run("evaluate", "lightfm", "--data", str(data), *flags, "--users", "5", "--no-baselines")
    assert code == 0, out
    assert "describes 20 of 20 users, and 2 that have no interactions" in out
    assert "lightfm" in out
    code, out = run("evaluate", "lightfm", "--data", str(data), *flags, "--users", str(items))
    assert (code, out) == (1, "--users is given 2 times, expected one file, or a folder of files")


@pytest.mark.parametrize(
    ("flag", "value", "bound"), [("threads", 100_000, 1025), ("max_sampled", 2**31, 2**31)], ids=["threads", "sampled"]
)
def test_numbers_that_lightfm_cannot_take_are_refused(flag: str, value: int, bound: int) -> None:
    sentence = f"lightfm: {flag} is {value}, expected at least 1 and below {bound}"
    assert run("train", "lightfm", f"--{flag.replace('_', '-')}", str(value)) == (1, sentence)
