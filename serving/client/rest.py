"""Carry Predict requests over TensorFlow Serving's REST API."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Self
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from serving import contract
from serving.client.transport import (
    Arrays,
    ServerError,
    Target,
    array,
    checked,
    is_loopback,
    no_answer,
    no_contract,
    no_server,
    public,
)
from serving.errors import Failure

RETRIES = 3
"""Further attempts at a connection, after 0, 0.2 and 0.4 s."""


class Rest:
    """TensorFlow Serving's REST API in its column format: `server` is http://HOST:PORT or https://HOST:PORT."""

    def __init__(self, server: str, *, timeout: float) -> None:
        self._server, self._shown = server.rstrip("/"), public(server)
        self._timeout = timeout
        self._session = requests.Session()
        # A proxy named in the environment cannot reach a server that listens on this machine's loopback only.
        self._session.trust_env = not is_loopback(server)
        retries = _ConnectionRetry(RETRIES, status=0, redirect=0, backoff_factor=0.1, allowed_methods=None)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retries))

    def predict(self, target: Target, signature: str, inputs: Arrays) -> Arrays:
        """See serving.client.transport.Transport."""
        url = self._server + predict_path(target)
        body = {"signature_name": signature, "inputs": {name: column.tolist() for name, column in inputs.items()}}
        try:
            reply = self._session.post(url, json=body, timeout=self._timeout, allow_redirects=False)
        except (requests.RequestException, ValueError) as error:  # ValueError: it redirects to what is no address
            raise self._failure(error) from None  # its sentence says it, and urllib3 takes ninety lines
        if reply.status_code != requests.codes.ok:
            raise ServerError(self._shown, reply.status_code, _error_text(reply))
        try:
            return checked(_outputs(reply.content, signature), signature, inputs)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise no_contract(self._shown, target, signature) from error

    def close(self) -> None:
        """See serving.client.transport.Transport."""
        self._session.close()

    def _failure(self, error: Exception) -> Failure:
        late = isinstance(error, requests.ReadTimeout) or (error.args and isinstance(error.args[0], ReadTimeoutError))
        if late:
            return no_answer(self._shown, self._timeout)
        if isinstance(error, requests.ConnectionError):
            return no_server(self._shown)
        return Failure(f"the answer of {self._shown} broke off: {error}")


def predict_path(target: Target) -> str:
    """Return the path that a predict request is posted to.

    >>> predict_path(Target(model="als", label="stable"))
    '/v1/models/als/labels/stable:predict'
    """
    path = f"/v1/models/{quote(target.model, safe='')}"
    if target.version is not None:
        path += f"/versions/{target.version}"
    elif target.label is not None:
        path += f"/labels/{quote(target.label, safe='')}"
    return f"{path}:predict"


class _ConnectionRetry(Retry):
    """Retries a connection that failed; not an answer that is late, nor one that asks to come back later."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return False


def _outputs(content: bytes, signature: str) -> Arrays:
    tensors = contract.SIGNATURES[signature].outputs
    columns = json.loads(content)["outputs"]  # this reader takes the NaN and Infinity that TensorFlow Serving writes
    if len(tensors) == 1:  # a single output comes without its name
        columns = dict.fromkeys(tensors, columns)
    return {name: array(columns[name], tensor.dtype) for name, tensor in tensors.items()}


def _error_text(reply: requests.Response) -> str:
    try:
        return str(json.loads(reply.content)["error"])
    except (ValueError, TypeError, KeyError, RecursionError):  # a proxy in between answers in its own way
        return reply.text or reply.reason
