"""Which names are versions, as TensorFlow Serving reads them: strings::safe_strto64 of every entry's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.repository.model_sources import ModelSource
from serving.version.numbering import version_entries, version_number

NUMBERS = {
    "7": 7,
    "0": 0,
    "00000007": 7,
    " 7 ": 7,
    "9223372036854775807": 9223372036854775807,
    "0" * 200 + "5": 5,
    "9223372036854775808": None,
    "9" * 20: None,
    "9" * 5000: None,
    "1.0": None,
    "v1": None,
    "1_000": None,
    "1e3": None,
    "٣": None,
    "²": None,
    "": None,
    "-1": None,
    "failed-3": None,
}


@pytest.mark.parametrize(("name", "number"), NUMBERS.items(), ids=[ascii(name)[:24] for name in NUMBERS])
def test_a_name_is_a_version_if_it_reads_as_a_64_bit_number(name: str, number: int | None) -> None:
    assert version_number(name) == number


def test_of_two_names_for_one_number_the_last_by_name_is_served_and_kinds_are_not_looked_at(tmp_path: Path) -> None:
    for name in ("007", "7", "v9", "10"):
        (tmp_path / name).mkdir()
    (tmp_path / "8").touch()
    (tmp_path / "9").symlink_to(tmp_path / "nowhere")
    assert version_entries(tmp_path) == {number: tmp_path / str(number) for number in (7, 8, 9, 10)}
    assert ModelSource(name="m", base_path=tmp_path, latest=2).wanted().keys() == {9, 10}
