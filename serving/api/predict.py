"""Predict, metadata and status as both APIs see them: which version, which signature, which tensors, which refusals."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format, wrappers_pb2
from google.protobuf.message import Message
from tensorboard.compat.proto import tensor_pb2

from serving.engines.engine import Servable, Signature, check_dtypes, check_outputs
from serving.engines.waiting import Outputs
from serving.proto import serving_pb2
from serving.repository.repository import Repository
from serving.wire.error_codes import Code, Refusal, invalid
from serving.wire.tensors import Array, from_proto

if TYPE_CHECKING:
    pass

SIGNATURE_DEF = "signature_def"


def find_signature(servable: Servable, name: str) -> Signature:
    """Return the signature Predict is to run."""
    signature = servable.signature(name)
    if signature is None:
        text = f'Serving signature key "{name or "serving_default"}" not found.'
        raise Refusal(Code.FAILED_PRECONDITION, text)
    return signature


def verify_count(signature: Signature, given: Collection[str]) -> None:
    """Refuse another number of inputs than the signature's."""
    if len(given) != len(signature.inputs):
        sent, wanted = set(given), set(signature.inputs)
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{_join(sent)}}}) != "
            f"len({{{_join(wanted)}}}). Sent extra: {{{_join(sent - wanted)}}}. "
            f"Missing but required: {{{_join(wanted - sent)}}}."
        )


def read_inputs(signature: Signature, given: Mapping[str, tensor_pb2.TensorProto]) -> dict[str, Array]:
    """Read a request's tensors; one that it leaves out is the signature's default, where there is one.

    Raises:
        Refusal: too many or too few, another name than the signature's, or what is no tensor.
    """
    defaults = signature.definition.defaults
    if len(given) > len(signature.inputs) or not defaults:
        verify_count(signature, given)
    inputs = {}
    for name in signature.inputs:
        if name not in given and name not in defaults:
            raise invalid(
                f"Signature input alias: {name}(feed name: {signature.definition.inputs[name].name}) not found in "
                f"request and no default value provided. Inputs expected to be in the request {{{_join(given)}}}, "
                f"or default input alias set: {_join(defaults)}"
            )
        array = from_proto(given[name] if name in given else defaults[name])
        if array is None:
            raise invalid(f"tensor parsing error: {name}")
        inputs[name] = array
    if not set(given) <= set(inputs):
        used = _join(set(given) & set(inputs))
        raise invalid(f"Inputs contains invalid name. Used request inputs: {used}, request input: {_join(given)}")
    return inputs


def verify_filter(signature: Signature, names: Iterable[str]) -> tuple[str, ...]:
    """Return the outputs a request asks for: all of them where it names none."""
    chosen: list[str] = []
    for name in names:
        if name not in signature.outputs:
            expected = _join(signature.outputs)
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{expected}}}."
            )
        if name in chosen:
            raise invalid(f"duplicate output tensor alias: {name}")
        chosen.append(name)
    return tuple(chosen) or signature.outputs


def model_spec(servable: Servable, signature: str = "") -> serving_pb2.ModelSpec:
    """Say which version answered."""
    version = wrappers_pb2.Int64Value(value=servable.version)
    return serving_pb2.ModelSpec(name=servable.model, version=version, signature_name=signature)


def signature_map(servable: Servable) -> serving_pb2.SignatureDefMap:
    """Return every signature of a version, as metadata gives them."""
    return serving_pb2.SignatureDefMap(
        signature_def={name: signature.definition for name, signature in servable.signatures.items()}
    )


_METADATA: weakref.WeakKeyDictionary[Servable, bytes] = weakref.WeakKeyDictionary()


def metadata_json(servable: Servable) -> bytes:
    """Return the metadata of a version as the REST API gives it; written once, as it takes half a millisecond."""
    if servable not in _METADATA:
        _METADATA[servable] = _metadata_json(servable)
    return _METADATA[servable]


def _metadata_json(servable: Servable) -> bytes:
    spec, signatures = as_json(model_spec(servable)), as_json(signature_map(servable))
    return f'{{\n"model_spec":{spec}\n,\n"metadata": {{"signature_def": {signatures}\n}}\n}}\n'.encode()


def status_response(repository: Repository, model: str, version: int | None) -> serving_pb2.GetModelStatusResponse:
    """Return what is known of a model's versions; a label narrows nothing, as in TensorFlow Serving."""
    response = serving_pb2.GetModelStatusResponse()
    for one in repository.now.status(model, version=version):
        status = serving_pb2.StatusProto(error_code=one.code.name, error_message=one.message)
        response.model_version_status.add(version=one.version, state=one.state.name, status=status)
    return response


def finish(outcome: Outputs | Refusal, names: Iterable[str]) -> Outputs:
    """Return the outputs that were asked for, or raise what refused them."""
    if isinstance(outcome, Refusal):
        raise outcome
    return check_outputs(outcome, names)


def verify_inputs(signature: Signature, inputs: dict[str, Array]) -> None:
    """Refuse a number of inputs and dtypes that are not the signature's."""
    verify_count(signature, inputs)
    check_dtypes(signature, inputs)


def as_json(message: Message) -> str:
    """Write a message as TensorFlow Serving's REST API does: names as in the .proto file, defaults spelt out."""
    return json_format.MessageToJson(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        indent=1,
        ensure_ascii=False,
    )


def _join(names: Iterable[Any]) -> str:
    return ",".join(sorted(names))
