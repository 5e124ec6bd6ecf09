"""Find the files that a path of one's own stands for: itself, or the parts in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from export.progress import say
from serving.errors import Failure

TEXT = (".csv", ".tsv", ".txt", ".dat", ".data")
PARQUET = (".parquet", ".pq")
COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""What a text file may be packed with, by suffix, as Arrow names it."""

MAGIC = b"PAR1"
"""What a Parquet file begins with."""

EXPECTED = ".csv, .tsv, .txt or .dat (also with .gz behind it), .parquet or .pq, or a folder of such files"

SHOWN = 5
"""Files that are named where some are not read."""


def find(path: str) -> Iterator[Path]:
    """List the files of a path, those of a folder in order of their names, whatever the case of their suffixes.

    In a folder, what starts with a dot or an underscore is left out, as Spark does with its ``_SUCCESS``, and so are
    parts without a byte, which Spark writes where it had no rows. What is no data by its suffix, no file, or a folder
    that is linked is left out, too, and that is said. A file that is named itself may do without a suffix: what it is
    packed with, or whether it is Parquet, its first bytes say.

    Raises:
        Failure: it is an address, there is nothing, nothing that could be read, or a link to nothing in a folder.
    """
    if not path:
        raise Failure(f"a file's name is empty, expected {EXPECTED}")
    if "://" in path or path.lower().startswith("s3:"):
        raise Failure(f"{path} is an address, expected a path on this machine: fetch it first")
    whole = Path(path)
    if whole.is_dir():
        yield from _parts(whole)
    elif not whole.exists():
        raise Failure(f"no file {path}, expected {EXPECTED}")
    elif not whole.is_file():
        raise Failure(f"{path} is no file but a pipe or a device, expected {EXPECTED}")
    elif not known(whole) and whole.suffix:
        raise Failure(f"{path} ends in {whole.suffix}, expected {EXPECTED}")
    else:
        yield whole


def is_parquet(path: Path) -> bool:
    """Tell a Parquet file from text, by its suffix or its first bytes."""
    if path.suffix.lower() in PARQUET:
        return True
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def known(path: Path) -> bool:
    """Tell whether a file can be read, by its suffix; ``ratings.gz`` is taken for text.

    >>> [known(Path(name)) for name in ("ratings.csv.gz", "ratings.gz", "ratings.xlsx")]
    [True, True, False]
    """
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower() if suffix in COMPRESSED else suffix
    return suffix in PARQUET or inner in TEXT or (suffix in COMPRESSED and not inner)


def _parts(folder: Path) -> list[Path]:
    found = [part for part in sorted(folder.rglob("*")) if not _hidden(part, folder)]
    parts = [part for part in found if part.is_symlink() or not part.is_dir()]
    if broken := [part for part in parts if not part.exists()]:
        raise Failure(f"{broken[0]} is a link to {broken[0].readlink()}, which is not there: mend or remove it")
    read = {part: None for part in parts if part.is_file() and known(part)}  # in order, and found at once
    held = [part for part in read if part.stat().st_size]
    if not held:
        others = f"{len(parts)} other files" if parts else "nothing"
        raise Failure(f"{folder} is a folder that holds {others}, expected {EXPECTED}")
    if other := [part for part in parts if part not in read]:
        links = {part: " (a link to a folder)" if part.is_dir() else "" for part in other[:SHOWN]}
        names = ", ".join(f"{part.relative_to(folder)}{link}" for part, link in links.items())
        more = f", … ({len(other):,} in all)" if len(other) > SHOWN else ""
        say(f"{folder} holds what is not read: {names}{more}; expected {EXPECTED}")
    return held


def _hidden(part: Path, folder: Path) -> bool:
    return any(name.startswith((".", "_")) for name in part.relative_to(folder).parts)
