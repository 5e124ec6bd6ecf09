"""Read a version's warm-up records: the requests a server answers to itself before it calls the version available.

The file is a TFRecord of PredictionLog, `assets.extra/tf_serving_warmup_requests`; the `tensorboard` wheel reads the
framing and holds the checksums. It would allocate whatever length a record claims, so the lengths are looked at first.
"""

from __future__ import annotations

import os
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.tensorflow_stub import errors, pywrap_tensorflow

from serving.errors import Failure
from serving.proto import serving_pb2

WARMUP = "assets.extra/tf_serving_warmup_requests"

MOST_BYTES = 256 << 20
"""A few requests are some kilobytes."""

MOST_RECORDS = 1000
"""TensorFlow Serving's limit."""

_LENGTH, _FRAME = 8, 16
"""Bytes of a record's length, and of all that stands around it: the length, its checksum, the record's checksum."""


def read_warmup(folder: Path) -> list[serving_pb2.PredictRequest]:
    """Return a version's warm-up requests; none when it has no such file.

    Raises:
        Failure: a record is cut off, does not match its checksum, or is no Predict request.
    """
    path = folder / WARMUP
    requests: list[serving_pb2.PredictRequest] = []
    if not path.is_file():
        return requests
    _check_lengths(path)
    reader = pywrap_tensorflow.PyRecordReader_New(str(path))
    try:
        while True:
            reader.GetNext()
            log = serving_pb2.PredictionLog.FromString(reader.record())
            if not log.HasField("predict_log"):
                raise Failure(f"warm-up record {len(requests) + 1} holds no Predict request, expected nothing else")
            requests.append(log.predict_log.request)
    except errors.OutOfRangeError:  # the end
        return requests
    except (errors.DataLossError, DecodeError) as error:
        raise Failure(f"warm-up record {len(requests) + 1} is broken: {error}") from error
    finally:
        reader.file_handle.close()


def _check_lengths(path: Path) -> None:
    left, number = path.stat().st_size, 0
    if left > MOST_BYTES:
        raise Failure(f"the warm-up file holds {left} bytes, expected {MOST_BYTES} at most")
    with path.open("rb") as file:
        while left >= _LENGTH:
            number += 1
            if number > MOST_RECORDS:
                raise Failure(
                    f"there are more than {MOST_RECORDS} warm-up records, and TensorFlow Serving takes no more"
                )
            length = int.from_bytes(file.read(_LENGTH), "little")
            if length > left - _FRAME:
                raise Failure(f"warm-up record {number} is broken: it claims {length} bytes, and the file ends before")
            file.seek(length + _FRAME - _LENGTH, os.SEEK_CUR)
            left -= length + _FRAME
