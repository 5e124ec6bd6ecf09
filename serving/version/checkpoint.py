"""Hold a SavedModel's variables to what their index says of them, without loading any.

`variables.index` is a table of sorted strings, LevelDB's format: blocks of keys that share prefixes, an index block
that says where the blocks lie, and a footer that says where the index block lies. Its values are messages: a header
that counts the data files, then for each tensor the file, the offset and the bytes. TensorFlow writes it uncompressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError

from serving.proto import files_pb2

INDEX = "variables/variables.index"
MOST = 256 << 20
"""Bytes of an index that are read; a million tensors take less."""

_FOOTER, _MAGIC = 48, 0xDB4775248B80FB57


def checkpoint_faults(folder: Path) -> list[str]:
    """Say which files of a version's checkpoint are missing, cut off or unreadable."""
    try:
        shards, ends = _read(folder / INDEX)
    except FileNotFoundError:
        return [f"there is no {INDEX}, and the graph has variables"]
    except OSError as error:
        return [f"{INDEX} cannot be read: {error.strerror}"]
    except (ValueError, IndexError, DecodeError):
        return [f"{INDEX} is cut off or no checkpoint's index"]
    told = []
    for shard, end in sorted(ends.items()):
        name = f"variables/variables.data-{shard:05d}-of-{shards:05d}"
        if not (folder / name).is_file():
            told.append(f"there is no {name}, and {INDEX} names it")
        elif (held := (folder / name).stat().st_size) < end:
            told.append(f"{name} holds {held} bytes, expected at least {end}")
    return told


def _read(path: Path) -> tuple[int, dict[int, int]]:
    """Return how many data files there are, and of each that is used where its last tensor ends."""
    if path.stat().st_size > MOST:
        raise ValueError("too large")
    data = path.read_bytes()
    footer = data[-_FOOTER:]
    if len(footer) < _FOOTER or int.from_bytes(footer[-8:], "little") != _MAGIC:
        raise ValueError("no footer")
    _, at = _handle(footer, 0)
    index, _ = _handle(footer, at)
    shards, ends = 0, {0: 0}
    for _, where in _entries(_block(data, index)):
        for key, value in _entries(_block(data, _handle(where, 0)[0])):
            if not key:
                shards = files_pb2.BundleHeaderProto.FromString(value).num_shards
            else:
                entry = files_pb2.BundleEntryProto.FromString(value)
                ends[entry.shard_id] = max(ends.get(entry.shard_id, 0), entry.offset + entry.size)
    return shards, ends


def _block(data: bytes, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    if offset + size >= len(data) or data[offset + size]:
        raise ValueError("no uncompressed block")
    return data[offset : offset + size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """List a block's keys and values; behind them stand the places where no prefix is shared, which a search needs."""
    restarts = int.from_bytes(block[-4:], "little")
    end, at, key = len(block) - 4 * (restarts + 1), 0, b""
    if end < 0:
        raise ValueError("no restarts")
    while at < end:
        shared, at = _varint(block, at)
        added, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + added]
        at += added
        if at + length > end:
            raise ValueError("cut off")
        yield key, block[at : at + length]
        at += length


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("no number")
