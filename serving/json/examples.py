"""Classify and regress: JSON examples to serialized tf.Example, one input and one or two outputs by fixed names.

None of this project's signatures is of that kind, so what a caller gets here is TensorFlow Serving's reason why not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from google.protobuf import text_format
from tensorboard.compat.proto import types_pb2

from serving.engines.engine import Servable, Signature
from serving.json import rapidjson
from serving.json import requests as json_requests
from serving.json import text as json_text
from serving.json.decimals import decimal
from serving.json.rapidjson import MISSING, Object
from serving.json.values import base64_value, is_base64, lossless
from serving.proto import serving_pb2
from serving.wire.error_codes import Code, Refusal, invalid
from serving.wire.tensors import TEXT, Array, strings


def answer(
    verb: str,
    body: bytes,
    find: Callable[[], Servable],
    need: Callable[[int], None],
    stay: Callable[[], None] = rapidjson.stay,
) -> bytes:
    """Answer a classify or regress request; ``need`` is asked for the elements that reading it did not account for.

    ``stay`` is as in `rapidjson.parse`.

    Raises:
        Refusal: in the order of TensorFlow Serving's checks: JSON, examples, model, signature, values.
    """
    document = json_requests.parse(body, stay)
    name = json_requests.signature_name(document)
    context, examples = _examples(document, stay)
    servable = find()
    signature = servable.signature(name)
    if signature is None:
        raise invalid(f"No signature was found with the name: {name or json_requests.DEFAULT}")
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    check = _check_classify if verb == "classify" else _check_regress
    check(signature)
    count = len(examples)
    need(count * (1 + signature.width + len(context) // TEXT))  # each has the whole context before it
    outputs = signature.run({"inputs": strings([context + one for one in examples], (count,))})
    results = _classes(outputs, count) if verb == "classify" else _values(outputs, count)
    return b'{\n    "results": [' + b", ".join(results) + b"\n    ]\n}"


def _check_classify(signature: Signature) -> None:
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if "inputs" not in signature.inputs:
        raise _precondition(f"No classification inputs found in SignatureDef: {_debug(signature)}")
    if not {"classes", "scores"} & set(signature.outputs):
        raise _precondition(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {_debug(signature)}"
        )


def _check_regress(signature: Signature) -> None:
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    for kind, names in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        if kind not in names:
            raise _precondition(f"No regression {kind} found in SignatureDef: {_debug(signature)}")


def _precondition(message: str) -> Refusal:
    return Refusal(Code.FAILED_PRECONDITION, message)


def _debug(signature: Signature) -> str:
    return text_format.MessageToString(signature.definition, as_utf8=False)


def _examples(document: Object, stay: Callable[[], None]) -> tuple[bytes, list[bytes]]:
    """Return the context and each example serialized: one behind the other, parsed as one message, they are merged."""
    context = document.get(b"context")
    prefix = b"" if context is MISSING else _example(context)
    given = document.get(b"examples")
    if given is MISSING:
        raise _format(document, "When method is classify, key 'examples' is expected and was not found")
    if not isinstance(given, list):
        raise _format(document, "Expecting 'examples' value to be an list/array")
    if not given:
        raise _format(document, "'examples' value is an empty array")
    examples = []
    for one in given:
        stay()
        examples.append(_example(one))
    return prefix, examples


def _format(document: Object, problem: str) -> Refusal:
    return invalid(f"JSON Value: {json_text.render(document)} {problem}")


def _example(value: Any) -> bytes:
    if not isinstance(value, Object):
        raise invalid(f"Example must be JSON object but got JSON {_type(value)}")
    example = serving_pb2.Example()
    for key, content in value.members:
        name = key.split(b"\0")[0].decode("utf-8", "replace")  # a C string to TensorFlow Serving
        feature = serving_pb2.Feature()
        for item in content if isinstance(content, list) else [content]:
            _add(feature, name, item)
        example.features.feature[name].CopyFrom(feature)
    return example.SerializeToString()


def _add(feature: serving_pb2.Feature, name: str, item: Any) -> None:
    if item is None or isinstance(item, list) or (isinstance(item, Object) and not is_base64(item)):
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {_type(item)}")
    kind = "float" if isinstance(item, float) else "int64" if isinstance(item, int) else "bytes"
    before = feature.WhichOneof("kind")
    if before not in (None, f"{kind}_list"):
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {before.removesuffix('_list')}")
    if kind == "float" and not lossless(item, types_pb2.DT_FLOAT):
        raise invalid(f"Cannot convert JSON value: {json_text.render(item)} to float without loss of precision.")
    if kind == "int64" and item >= 1 << 63:
        raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
    value = base64_value(item) if isinstance(item, Object) else int(item) if kind == "int64" else item
    getattr(feature, f"{kind}_list").value.append(value)


def _type(value: Any) -> str:
    return {type(None): "Null", list: "Array", Object: "Object", bytes: "String", bool: str(value)}.get(
        type(value), "Number"
    )


def _classes(outputs: dict[str, Array], count: int) -> list[bytes]:
    given = [outputs[name] for name in ("classes", "scores") if name in outputs]
    for name, array in zip((n for n in ("classes", "scores") if n in outputs), given, strict=True):
        if array.ndim != 2:
            raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
        if len(array) != count:
            raise invalid(f"Expected {name} output batch size of {count}. Got: {len(array)}")
    width = given[0].shape[1]
    labels = outputs.get("classes", np.full((count, width), b"", dtype=object))
    scores = outputs.get("scores", np.zeros((count, width), dtype=np.float32))
    if labels.shape != scores.shape:
        raise invalid(
            f"Tensors class and score should match in dim_size(1). Got {labels.shape[1]} vs. {scores.shape[1]}"
        )
    pairs = [
        [_pair(label, score) for label, score in zip(*row, strict=True)] for row in zip(labels, scores, strict=True)
    ]
    return [b"[" + b", ".join(row) + b"]" for row in pairs]


def _pair(label: Any, score: Any) -> bytes:
    text = label if isinstance(label, bytes) else label.encode("utf-8", "surrogateescape")
    return b"[" + json_text.quote(text) + b", " + decimal(float(score), single=True).encode() + b"]"


def _values(outputs: dict[str, Array], count: int) -> list[bytes]:
    array = outputs["outputs"]
    if not (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)):
        raise invalid(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape(array)}"
        )
    if len(array) != count:
        raise invalid(f"Input batch size did not match output batch size: {count} vs. {len(array)}")
    return [decimal(float(value), single=True).encode() for value in array.ravel()]


def _shape(array: Array) -> str:
    return f"[{','.join(map(str, array.shape))}]"
