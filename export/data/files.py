"""Find the files that a path of one's own stands for: itself, or the parts in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from serving.errors import Failure

TEXT = (".csv", ".tsv", ".txt", ".dat", ".data")
PARQUET = (".parquet", ".pq")
COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""What a text file may be packed with, by suffix, as Arrow names it."""

MAGIC = b"PAR1"
"""What a Parquet file begins with."""

EXPECTED = ".csv, .tsv, .txt or .dat (also with .gz behind it), .parquet or .pq, or a folder of such files"


def find(path: str) -> Iterator[Path]:
    """List the files of a path, those of a folder in order of their names, whatever the case of their suffixes.

    In a folder, what starts with a dot or an underscore is left out, as Spark does with its ``_SUCCESS``, and so are
    what is no data by its suffix and parts without a byte, which Spark writes where it had no rows. A file that is
    named itself may do without a suffix: what it is packed with, or whether it is Parquet, its first bytes say.

    Raises:
        Failure: it is an address, there is nothing, or nothing that could be read.
    """
    if not path:
        raise Failure(f"a file's name is empty, expected {EXPECTED}")
    if "://" in path or path.lower().startswith("s3:"):
        raise Failure(f"{path} is an address, expected a path on this machine: fetch it first")
    whole = Path(path)
    if whole.is_dir():
        parts = [part for part in sorted(whole.rglob("*")) if part.is_file() and not _hidden(part, whole)]
        held = [part for part in parts if known(part) and part.stat().st_size]
        if not held:
            found = f"{len(parts)} other files" if parts else "nothing"
            raise Failure(f"{path} is a folder that holds {found}, expected {EXPECTED}")
        yield from held
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
    """Tell whether a file can be read, by its suffix; ``ratings.gz`` is taken for text."""
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower() if suffix in COMPRESSED else suffix
    return suffix in PARQUET or inner in TEXT or (suffix in COMPRESSED and not inner)


def _hidden(part: Path, folder: Path) -> bool:
    return any(name.startswith((".", "_")) for name in part.relative_to(folder).parts)
