"""What a request is refused with: TensorFlow's status codes, and the HTTP status each one becomes."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """A status code by its number on the wire; gRPC's and TensorFlow's are the same."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
"""The HTTP status TensorFlow Serving's REST API answers each code with."""


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """A request's answer when it is not OK: a code and the text the caller gets.

    The text is a str in which bytes that are no UTF-8 are kept as surrogate escapes, as they came in.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refusal:
    """Build the commonest refusal: INVALID_ARGUMENT.

    >>> invalid("no such input").code.name
    'INVALID_ARGUMENT'
    """
    return Refusal(Code.INVALID_ARGUMENT, message)
