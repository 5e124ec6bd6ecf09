"""Predict over gRPC, apart from the call itself: a message to what is asked, and outputs to a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from serving.api.predict import find_signature, model_spec, read_inputs, verify_filter
from serving.api.predictor import Asked
from serving.engines.budget import Share
from serving.engines.engine import Servable, check_dtypes
from serving.engines.rows import price
from serving.engines.waiting import Outputs
from serving.proto import serving_pb2
from serving.repository.repository import Repository
from serving.wire.error_codes import Code, Refusal, invalid
from serving.wire.fields import count_fields
from serving.wire.tensors import TEXT, elements, write

M = TypeVar("M", bound=Message)

MOST_FIELDS = 1024
"""Fields of a message's outermost level: every input, output and metadata field that anyone asks for is one."""


class Notes:
    """What the observer is told about a call, filled in as it becomes known; and whether its caller is gone.

    Attributes:
        runs: whether its run waits or is under way: it holds the inputs then, whoever is gone.
    """

    gone = False
    on_leave: Callable[[], object] | None = None
    runs = False
    model = ""
    version: int | None = None
    signature = ""

    def leave(self) -> None:
        """Note that nobody waits any more."""
        self.gone = True
        if self.on_leave:
            self.on_leave()


def prepare(repository: Repository, data: bytes, notes: Notes, share: Share) -> tuple[Asked, tuple[str, ...]]:
    """Read a request: what is to be run, and the outputs asked for; the budget is asked before tensors are made."""
    request = parse(serving_pb2.PredictRequest, data)
    servable = find(repository, request, notes)
    signature = find_signature(servable, request.model_spec.signature_name)
    notes.signature = signature.name
    share.need(
        len(data) // TEXT + sum(elements(request.inputs[name]) for name in signature.inputs if name in request.inputs)
    )
    inputs = read_inputs(signature, request.inputs)
    names = verify_filter(signature, request.output_filter)
    check_dtypes(signature, inputs)
    cost = price(signature, inputs, size=len(data))
    share.need(cost.request)
    return Asked(servable, signature, inputs, cost), names


def answer(asked: Asked, outputs: Outputs) -> bytes:
    """Write the answer to a Predict request."""
    response = serving_pb2.PredictResponse(model_spec=model_spec(asked.servable, asked.signature.name))
    for name, array in outputs.items():
        write(array, response.outputs[name])
    return bytes(response.SerializeToString())


def find(
    repository: Repository, request: serving_pb2.PredictRequest | serving_pb2.GetModelMetadataRequest, notes: Notes
) -> Servable:
    """Return the version that a request names."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    notes.model = spec.name
    servable = repository.now.find(
        spec.name,
        version=spec.version.value if spec.HasField("version") else None,
        label=spec.version_label if spec.HasField("version_label") else None,
    )
    notes.version = servable.version
    return servable


def parse(kind: type[M], data: bytes) -> M:
    """Parse a message, or refuse it."""
    # A field has two bytes and more.
    if len(data) > 2 * MOST_FIELDS and count_fields(data, enough=MOST_FIELDS) > MOST_FIELDS:
        text = f"the {kind.__name__} has more than {MOST_FIELDS} fields (inputs, outputs asked for, metadata fields)"
        raise Refusal(Code.RESOURCE_EXHAUSTED, text)
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise invalid(f"the message is no {kind.__name__}: {error}") from None
    return message
