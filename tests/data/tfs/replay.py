"""Replays recorded TensorFlow Serving transcripts against a server and prints every difference.

usage: replay.py rest BASE_URL rest.jsonl
       replay.py grpc HOST:PORT grpc.jsonl      (needs tensorflow-serving-api)

A reply agrees when
  * its status (HTTP code, or gRPC code) and content type are the recorded ones;
  * its JSON is equal, floats to 1e-5 relative, key order and white space free;
  * an error's text is equal once white space is folded, with three exceptions that no client can rely on:
    a message raised inside the graph (recorded with `[[{{node`) may be any non-empty text,
    after `JSON Parse error:` the wording and the offset are free,
    and after `Missing named input:` any missing input may be the one that is named.
Exit status 0 when every reply agrees, 1 otherwise; the last line is `agree N of M`.
"""

import http.client
import json
import math
import re
import sys
import urllib.parse

GRAPH = ("[[{{", "Expects arg[", "ndims must be")


def same(a, b, path="$"):
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            return f"{path}: keys {sorted(b)} expected {sorted(a)}"
        return next((d for k in a if (d := same(a[k], b[k], f"{path}.{k}"))), None)
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return f"{path}: {len(b)} elements, expected {len(a)}"
        return next((d for i, (x, y) in enumerate(zip(a, b)) if (d := same(x, y, f"{path}[{i}]"))), None)
    number = lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)
    if number(a) and number(b):
        if a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-6):
            return None
    elif a == b and type(a) is type(b):
        return None
    return f"{path}: {b!r}, expected {a!r}"


def same_error(want, got):
    if not isinstance(got, str) or not got.strip():
        return f"no error text, expected {want!r}"
    if any(mark in want for mark in GRAPH):
        return None
    for prefix in ("JSON Parse error:", "Missing named input:"):
        if want.startswith(prefix):
            return None if got.startswith(prefix) else f"{got!r}, expected '{prefix} …'"
    fold = lambda text: re.sub(r"\s+", " ", text).strip()
    return None if fold(want) == fold(got) else f"error {fold(got)!r}, expected {fold(want)!r}"


def rest(base, row):
    url, ask, want = urllib.parse.urlparse(base), row["request"], row["response"]
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
    body = None if ask["body"] is None else ask["body"].encode()
    connection.request(ask["method"], ask["path"], body, ask["headers"])
    reply = connection.getresponse()
    text = reply.read().decode("utf-8", "replace")
    if reply.status != want["status"]:
        return f"status {reply.status}, expected {want['status']}: {' '.join(text.split())[:160]}"
    kind = lambda value: (value or "").split(";")[0].strip()
    if kind(reply.getheader("Content-Type")) != kind(want["content_type"]):
        return f"content type {reply.getheader('Content-Type')}, expected {want['content_type']}"
    if kind(want["content_type"]) != "application/json":
        return None
    try:
        got = json.loads(text)
    except ValueError as error:
        return f"not JSON: {error}: {text[:120]}"
    expected = json.loads(want["body"])
    if want["status"] != 200:
        return same_error(expected["error"], got.get("error") if isinstance(got, dict) else None)
    return same(expected, got)


def grpc_caller(target):
    import grpc
    from google.protobuf import json_format
    from tensorflow_serving.apis import get_model_metadata_pb2 as metadata
    from tensorflow_serving.apis import get_model_status_pb2 as status
    from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

    channel = grpc.insecure_channel(target)
    stubs = {
        "Predict": (prediction_service_pb2_grpc.PredictionServiceStub(channel), predict_pb2.PredictRequest),
        "GetModelMetadata": (
            prediction_service_pb2_grpc.PredictionServiceStub(channel),
            metadata.GetModelMetadataRequest,
        ),
        "GetModelStatus": (model_service_pb2_grpc.ModelServiceStub(channel), status.GetModelStatusRequest),
    }

    def call(_, row):
        stub, kind = stubs[row["method"]]
        request = json_format.ParseDict(row["request"], kind())
        try:
            reply = getattr(stub, row["method"])(request, timeout=20)
        except grpc.RpcError as error:
            if error.code().name != row["code"]:
                return f"{error.code().name}, expected {row['code']}: {error.details()[:160]}"
            return same_error(row["details"], error.details())
        if row["code"] != "OK":
            return f"OK, expected {row['code']}"
        return same(
            tensors(row["response"]), tensors(json_format.MessageToDict(reply, preserving_proto_field_name=True))
        )

    return call


def tensors(value):
    """The same message with each TensorProto as {dtype, shape, values}: its wire encoding is free."""
    if isinstance(value, dict):
        if "dtype" in value and "tensor_shape" in value and "name" not in value:
            import tensorflow as tf
            from google.protobuf import json_format
            from tensorflow.core.framework import tensor_pb2

            array = tf.make_ndarray(json_format.ParseDict(value, tensor_pb2.TensorProto()))
            flat = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in array.reshape(-1).tolist()]
            return {"dtype": value["dtype"], "shape": list(array.shape), "values": flat}
        return {key: tensors(item) for key, item in value.items()}
    return [tensors(item) for item in value] if isinstance(value, list) else value


def main():
    protocol, target, path = sys.argv[1:]
    call = rest if protocol == "rest" else grpc_caller(target)
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    agree = 0
    for row in rows:
        try:
            difference = call(target, row)
        except Exception as error:  # a dropped connection is a difference like any other
            difference = f"{type(error).__name__}: {error}"
        agree += difference is None
        if difference:
            print(f"{row['name']}: {difference}")
    print(f"agree {agree} of {len(rows)}")
    return agree != len(rows)


if __name__ == "__main__":
    sys.exit(main())
