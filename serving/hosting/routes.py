"""A platform's two routes before TensorFlow Serving's API: health, and predictions of the one model that is hosted."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from serving.errors import Failure
from serving.hosting.platforms import Platform
from serving.http.messages import JSON, Handler, Request, Respond
from serving.repository.repository import Repository


class HostedRoutes:
    """Answers the platform's routes; every other request is the API's own.

    A prediction is TensorFlow Serving's request and reply. Vertex AI passes ``instances`` and ``parameters`` on and
    nothing else, so that a signature other than the default one is named as ``parameters.signature_name``.
    """

    def __init__(self, api: Handler, platform: Platform, repository: Repository) -> None:
        """Choose the model.

        Raises:
            Failure: the one that is named is none, or there are several and none is named.
        """
        self._api = api
        self._repository = repository
        self._health, self._predict = platform.health.encode(), platform.predict.encode()
        self._model = _choose(platform.model, repository.now.known())
        self._target = f"/v1/models/{quote(self._model, safe='')}:predict".encode()

    def __call__(self, request: Request, respond: Respond) -> None:
        """Answer a request, now or later."""
        path = request.target.partition(b"?")[0]
        if path == self._health and request.method == b"GET":
            answers = self._model in self._repository.now.models()
            respond(200 if answers else 503, JSON, b"{}")
        elif path == self._predict and request.method == b"POST":
            request.target, request.prepare = self._target, _with_signature
            self._api(request, respond)
        else:
            self._api(request, respond)


def _choose(named: str, known: list[str]) -> str:
    if named and named not in known:
        raise Failure(f"TRIPTYCH_MODEL is {named!r}, expected one of: {', '.join(known)}")
    if not named and len(known) > 1:
        raise Failure(f"{len(known)} models ({', '.join(known)}) and one route: name the model with TRIPTYCH_MODEL")
    return named or known[0]


def _with_signature(body: bytes) -> bytes:
    if b'"parameters"' not in body:
        return body
    try:
        document: Any = orjson.loads(body)
        name = document["parameters"]["signature_name"]
    except (ValueError, KeyError, TypeError):  # the API says what is wrong with it, if anything is
        return body
    return orjson.dumps({"signature_name": name, **document})
