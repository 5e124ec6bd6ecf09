"""The REST API for the contract as an OpenAPI 3.1 document, made from `serving.contract`: it cannot fall behind.

It says what a server of ours or TensorFlow Serving answers for versions of Triptych; of TensorFlow Serving's own API it
leaves out Classify and Regress, which such versions have no signature for.
"""

from __future__ import annotations

from typing import Any

from serving import contract
from serving.contract import Signature, Tensor

Json = dict[str, Any]

_TYPES: dict[str, Json] = {
    "string": {"type": "string"},
    "int32": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "float32": {"type": "number"},
    "bool": {"type": "boolean"},
}


def document(server: str = "http://127.0.0.1:8501") -> Json:
    """Return the document, of a server at this address.

    >>> document("http://127.0.0.1:9501")["servers"]
    [{'url': 'http://127.0.0.1:9501'}]
    """
    which = {
        "": [],
        "/versions/{version}": [_parameter("version", "integer")],
        "/labels/{label}": [_parameter("label")],
    }
    paths: Json = {}
    for part, further in which.items():
        path, parameters = f"/v1/models/{{model}}{part}", [_parameter("model"), *further]
        paths[path] = {"parameters": parameters, "get": _get("Tell which versions are loaded", "Status")}
        paths[f"{path}/metadata"] = {"parameters": parameters, "get": _get("Tell the signatures", "Metadata")}
        paths[f"{path}:predict"] = {"parameters": parameters, "post": _predict()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Triptych",
            "version": str(contract.VERSION),
            "summary": "Recommenders behind TensorFlow Serving's REST API: one contract, the same for all models.",
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


def _predict() -> Json:
    rows, columns = ([f"{name}.{part}" for name in contract.SIGNATURES] for part in ("rows", "columns"))
    answers = [f"{name}.{part}" for name in contract.SIGNATURES for part in ("predictions", "outputs")]
    return {
        "summary": "Ask a signature: by rows (instances, predictions) or by columns (inputs, outputs)",
        "requestBody": {"required": True, "content": _content({"anyOf": [_ref(name) for name in (*rows, *columns)]})},
        "responses": {"200": _response("The answer", {"anyOf": [_ref(name) for name in answers]}), "default": _error()},
    }


def _get(summary: str, schema: str) -> Json:
    return {"summary": summary, "responses": {"200": _response(summary, _ref(schema)), "default": _error()}}


def _schemas() -> Json:
    text = {"type": "string"}
    version = {"version": text, "state": text, "status": {"type": "object"}}
    status = _object({"model_version_status": {"type": "array", "items": _object(version)}})
    schemas = {"Error": _object({"error": text}), "Status": status, "Metadata": _metadata()}
    for name, signature in contract.SIGNATURES.items():
        schemas |= {f"{name}.{part}": schema for part, schema in _signature(name, signature).items()}
    return schemas


def _metadata() -> Json:
    spec = _object({"name": {"type": "string"}, "signature_name": {"type": "string"}, "version": {"type": "string"}})
    return _object({"model_spec": spec, "metadata": {"type": "object"}})


def _signature(name: str, signature: Signature) -> Json:
    """Describe what is asked and answered, by rows and by columns; of one tensor its name may be, or is, left out."""
    inputs, outputs = signature.inputs, signature.outputs
    row, columns = _object(_named(inputs, row=True)), _object(_named(inputs, row=False))
    if len(inputs) == 1:
        row, columns = ({"anyOf": [each, *each["properties"].values()]} for each in (row, columns))
    prediction, output = _object(_named(outputs, row=True)), _object(_named(outputs, row=False))
    if len(outputs) == 1:
        prediction, output = (next(iter(each["properties"].values())) for each in (prediction, output))
    asked = {"signature_name": {"const": name}}
    required = [] if name == "serving_default" else ["signature_name"]
    return {
        "rows": _object(asked | {"instances": {"type": "array", "items": row}})
        | {"required": [*required, "instances"]},
        "columns": _object(asked | {"inputs": columns}) | {"required": [*required, "inputs"]},
        "predictions": _object({"predictions": {"type": "array", "items": prediction}}),
        "outputs": _object({"outputs": output}),
    }


def _named(tensors: dict[str, Tensor], *, row: bool) -> Json:
    return {name: _tensor(tensor, rank=len(tensor.shape) - row) for name, tensor in tensors.items()}


def _tensor(tensor: Tensor, *, rank: int) -> Json:
    schema = _TYPES[tensor.dtype]
    for _ in range(rank):
        schema = {"type": "array", "items": schema}
    return schema


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _response(description: str, schema: Json) -> Json:
    return {"description": description, "content": _content(schema)}


def _error() -> Json:
    return _response("An error in words, with the status that TensorFlow Serving gives it", _ref("Error"))


def _parameter(name: str, kind: str = "string") -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
