"""Read a version's warm-up records: the requests a server answers to itself before it calls the version available.

The file is a TFRecord of PredictionLog, `assets.extra/tf_serving_warmup_requests`; the `tensorboard` wheel reads the
framing and holds the checksums.
"""

from __future__ import annotations

from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.tensorflow_stub import errors, pywrap_tensorflow

from serving.errors import Failure
from serving.proto import serving_pb2

WARMUP = "assets.extra/tf_serving_warmup_requests"


def read_warmup(folder: Path) -> list[serving_pb2.PredictRequest]:
    """Return a version's warm-up requests; none when it has no such file.

    Raises:
        Failure: a record is cut off, does not match its checksum, or is no Predict request.
    """
    path = folder / WARMUP
    requests: list[serving_pb2.PredictRequest] = []
    if not path.is_file():
        return requests
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
