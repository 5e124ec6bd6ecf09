"""A side, which is own vectors and their names in one file: read whatever keeps it, and refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from export.vectors import files
from export.vectors.sides import Side
from serving.errors import Failure


def parquet(**columns: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pq.write_table(pa.table(columns), folder / "side.parquet")
        return folder / "side.parquet"

    return write


def npz(**arrays: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.savez(folder / "side.npz", **arrays)  # type: ignore[arg-type]
        return folder / "side.npz"

    return write


def one_array(folder: Path) -> Path:
    np.save(folder / "one.npy", ONES)
    return (folder / "one.npy").rename(folder / "side.npz")


def with_another_byte(folder: Path) -> Path:
    np.savez_compressed(folder / "side.npz", ids=["a", "b"], vectors=ONES)
    content = bytearray((folder / "side.npz").read_bytes())
    content[content.index(b"ids.npy") + 40] ^= 255
    (folder / "side.npz").write_bytes(content)
    return folder / "side.npz"


def text(name: str, content: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder / name

    return write


ONES = np.ones((2, 3))


@pytest.mark.parametrize(
    "write",
    [
        npz(ids=["b", "a"], vectors=np.array([[3, 4], [1, 2]]), biases=[1, 0]),
        parquet(id=["b", "a"], bias=[1.0, 0.0], vector=[[3.0, 4.0], [1.0, 2.0]]),
        parquet(user_id=["b", "a"], bias=[1, 0], first=[3, 1], second=[4.0, 2.0]),
    ],
)
def test_a_side_is_read_and_sorted_whatever_it_is_kept_in(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    side = Side.of("users", *files.read(write(tmp_path)))
    assert side.names.tolist() == ["a", "b"]
    assert (side.vectors.tolist(), side.biases.tolist()) == ([[1, 2], [3, 4]], [0, 1])
    assert (side.vectors.dtype, side.biases.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda folder: folder / "no.npz", "no file "),
        (text("side.csv", "id,x\n"), "ends in .csv, expected .parquet or .npz"),
        (text("side.npz", ""), "side.npz cannot be read: "),
        (one_array, "side.npz cannot be read: it holds one array and no name"),
        (with_another_byte, "side.npz cannot be read: "),
        (text("side.parquet", "PAR1"), "side.parquet cannot be read: "),
        (npz(ids=["a"], vector=[[1]]), "holds ids, vector, expected ids, vectors and perhaps biases"),
        (npz(ids=np.array(["a", 1], object), vectors=ONES), "it holds Python objects, expected text or numbers"),
        (npz(ids=["a", "b"], vectors=np.ones((2, 3, 1))), "have shape [2, 3, 1], expected [n, d] with n = 2 names"),
        (npz(ids=["a"], vectors=ONES), "have shape [2, 3], expected [n, d] with n = 1 names"),
        (npz(ids=["a", "b"], vectors=np.ones((2, 0))), "have shape [2, 0], expected [n, d]"),
        (npz(ids=["a", "b"], vectors=ONES, biases=[1]), "the biases of {path} have shape [1], expected [n] with n = 2"),
        (npz(ids=["a", "b"], vectors=ONES * 1j), "are of type complex128, expected numbers"),
        (npz(ids=["a", "b"], vectors=[[1, 2], [3, np.nan]]), "row 2 ('b'): nan is no number up to 1e+15"),
        (npz(ids=["a", "b"], vectors=[[1e39], [3]]), "row 1 ('a'): 1e+39 is no number up to 1e+15"),
        (npz(ids=["a", "b"], vectors=ONES, biases=[1, np.inf]), "row 2 ('b'): inf is no number"),
        (npz(ids=["a", "b"], vectors=[[1e20, 1], [3, 4]]), "row 1 ('a'): 1e+20 is no number up to 1e+15"),
        (npz(ids=["a", "b" * 1001], vectors=ONES), "row 2: the name has 1,001 characters, expected 1,000 at the most"),
        (npz(ids=["a", "\ud800"], vectors=ONES), "row 2: the name is '\\ud800', expected text that UTF-8 can write"),
        (npz(ids=["a", "a"], vectors=ONES), "'a' is in row 1 and in row 2, expected each once"),
        (npz(ids=["a", ""], vectors=ONES), "row 2: the name is empty, expected one"),
        (parquet(id=["a", "b\0"], x=[1.0, 2.0]), r"row 2: the name is 'b\x00', expected no NUL at its end"),
        (npz(ids=[1.5, 2], vectors=ONES), "are of type float64, expected text or whole numbers"),
        (npz(ids=[["a", "b"]], vectors=ONES), "have shape [1, 2], expected [n], at least one"),
        (npz(ids=np.array([], str), vectors=np.ones((0, 3))), "have shape [0], expected [n], at least one"),
        (parquet(id=pa.array([], pa.string()), x=pa.array([], pa.float32())), "have shape [0], expected [n]"),
        (parquet(id=["a"], name=["Ann"], x=[1.0]), "column 'name' is string, expected one of id, user_id, item"),
        (parquet(id=["a"], user_id=["a"], x=[1.0]), "has columns id, user_id, x, expected one of id, user_id, item"),
        (parquet(x=[1.0]), "has columns x, expected one of id, user_id, item"),
        (parquet(id=["a"]), "has columns id, expected one of id, user_id, item"),
        (parquet(id=["a"], vector=[[1.0]], x=[1.0]), "has columns id, vector, x, expected one of"),
        (parquet(id=["a", "b"], vector=[[1.0], [1.0, 2.0]]), "row 2: 2 components, expected 1 as in row 1"),
        (parquet(id=["a", "b"], vector=[[1.0, 2.0], [None, 2.0]]), "row 2: a component is missing, expected 2 numbers"),
        (parquet(id=["a", None], x=[1.0, 2.0]), "row 2: column 'id' is empty"),
        (parquet(id=["a", "b"], x=[1.0, None]), "row 2: column 'x' is empty"),
    ],
)
def test_what_is_no_side_is_refused_in_one_sentence(
    tmp_path: Path, write: Callable[[Path], Path], sentence: str
) -> None:
    path = write(tmp_path)
    with pytest.raises(Failure) as raised:
        Side.of(str(path), *files.read(path))
    assert sentence.format(path=path) in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
