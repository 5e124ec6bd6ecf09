"""Carry one Predict request to anything that speaks TensorFlow Serving, and its answer or its error back.

Here is what both ways have in common: serving.client.rest and serving.client.grpc give the same arrays and the
same errors. What they try again is a connection that could not be made or that broke, a bounded number of times. A
request that was answered is asked again only where the answer was that the server is too busy: serving.client.patience.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import numpy as np
import numpy.typing as npt

from serving import contract
from serving.errors import Failure

Arrays = Mapping[str, npt.NDArray[Any]]
"""Inputs or outputs by name; strings are str objects."""


class ServerError(Failure):
    """The server answered with an error.

    Attributes:
        server: Its address.
        status: The HTTP status; over gRPC the one that TensorFlow Serving gives that code over REST.
        text: The server's own words.
    """

    def __init__(self, server: str, status: int, text: str, remark: str = "") -> None:
        words = " ".join(text.split())
        name = next((name for name in contract.SINCE if name in words and "not found" in words), "")
        super().__init__(f"{server} answered {status}: {words}{older_contract(name)}{remark and '; '}{remark}")
        self.server = server
        self.status = status
        self.text = text


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which version of which model is asked: the newest when neither version nor label is given."""

    model: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no request can say."""
        if self.version is not None and self.label is not None:
            raise Failure(f"version {self.version} and label {self.label} of {self.model}, expected one or none")


class Transport(Protocol):
    """What the client asks through."""

    def predict(self, target: Target, signature: str, inputs: Arrays) -> Arrays:
        """Return the signature's outputs in the contract's dtypes.

        Raises:
            ServerError: the server answered with an error.
            Failure: no connection, no answer in time, or an answer that is not the contract's.
        """

    def close(self) -> None:
        """Close the connections."""


def array(values: object, dtype: str) -> npt.NDArray[Any]:
    """Return `values` in one of the contract's dtypes, strings as str objects: "string" is no numpy name for them.

    >>> array(["42"], "string")
    array(['42'], dtype=object)
    """
    return np.array(values, dtype=object if dtype == "string" else dtype)


def text(strings: npt.NDArray[Any]) -> npt.NDArray[Any]:
    r"""Return a tensor of bytes, or of what is text already, as one of text.

    >>> text(np.array([b"Am\xc3\xa9lie", "Fargo"], object)).tolist()
    ['Amélie', 'Fargo']
    """
    decoded = [each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in strings.flat]
    return array(decoded, "string").reshape(strings.shape)


def checked(outputs: Arrays, signature: str, inputs: Arrays) -> Arrays:
    """Return `outputs` if they have the contract's ranks and a row for each row asked with.

    Raises:
        ValueError: they have not.
    """
    rows = len(next(iter(inputs.values())))
    for name, tensor in contract.SIGNATURES[signature].outputs.items():
        if outputs[name].ndim != len(tensor.shape) or len(outputs[name]) != rows:
            raise ValueError(f"{name} of shape {outputs[name].shape}, expected {rows} rows like {tensor.shape}")
    return outputs


def older_contract(signature: str) -> str:
    """Say what it means that a version lacks a signature, where that is one which the first contract had not.

    >>> older_contract("recommend"), older_contract("recommend_within")[:27]
    ('', '; it came with contract 2: ')
    """
    if signature not in contract.SINCE:
        return ""
    number = contract.SINCE[signature]
    return f"; it came with contract {number}: `triptych train` publishes a version that has it"


def split(server: str) -> SplitResult:
    """Return the parts of a server's address; one that nothing could connect to has none, not even a scheme.

    >>> split("http://[::1]:8501").hostname, split("http://[::1").hostname, split("http://h:99999").scheme
    ('::1', None, '')
    """
    with suppress(ValueError):  # a bracket that stays open, a port above 65535, a name with two dots in a row
        parts = urlsplit(server)
        (parts.hostname or "").encode("idna")
        if parts.port != 0:
            return parts
    return urlsplit("")


def split_http(server: str) -> SplitResult:
    """Return the parts of a REST address.

    >>> split_http("http://127.0.0.1:8501").port
    8501

    Raises:
        Failure: it is none.
    """
    parts = split(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(f"server {server!r}, expected http://HOST:PORT or https://HOST:PORT")
    return parts


def public(server: str) -> str:
    """Return an address without a user and a password, to be shown.

    >>> public("https://me:secret@models.example/tf/")
    'https://models.example/tf'
    """
    parts = split(server)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")


def is_loopback(server: str) -> bool:
    """Tell whether `server`, a URL, is this machine spoken to through itself.

    >>> is_loopback("http://127.0.0.1:8501"), is_loopback("grpc://models.example:8500")
    (True, False)
    """
    host = split(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def no_server(server: str) -> Failure:
    """Return what to raise when no connection could be made.

    >>> print(no_server("grpc://127.0.0.1:8500"))
    no server at grpc://127.0.0.1:8500: start one with `triptych serve`, or name another (--url, --grpc)
    """
    return Failure(f"no server at {server}: start one with `triptych serve`, or name another (--url, --grpc)")


def no_answer(server: str, timeout: float) -> Failure:
    """Return what to raise when the connection was there and the answer did not come.

    >>> print(no_answer("grpc://127.0.0.1:8500", 2.5))
    no answer from grpc://127.0.0.1:8500 within 2.5 s
    """
    return Failure(f"no answer from {server} within {timeout:g} s")


def no_contract(server: str, target: Target, signature: str) -> Failure:
    """Return what to raise when the answer is not what the contract says.

    >>> print(str(no_contract("grpc://127.0.0.1:8500", Target(model="als"), "recommend")).partition(", ")[2])
    expected item, score, known: see `triptych inspect`
    """
    return Failure(
        f"{server} answered {signature} of {target.model} with something else than the contract's outputs, "
        f"expected {', '.join(contract.SIGNATURES[signature].outputs)}: see `triptych inspect`"
    )
