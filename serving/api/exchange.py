"""One request of the REST API, from its route to its answer: what is read or written where, and what it may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from serving.api.observer import Observer
from serving.api.predict import as_json, finish, metadata_json, status_response, verify_inputs
from serving.api.predictor import Asked, Predictor
from serving.api.routes import Route, route
from serving.api.threads import in_thread, stay
from serving.engines.budget import Share
from serving.engines.engine import Servable, Signature
from serving.engines.rows import price
from serving.engines.waiting import Outputs
from serving.http.messages import JSON, Request, Respond
from serving.json import examples
from serving.json import replies as json_replies
from serving.json import requests as json_requests
from serving.json.bodies import count_values, unpacked
from serving.wire.error_codes import HTTP, Code, Refusal, invalid
from serving.wire.tensors import TEXT

LARGE = 32 << 10
"""A larger body is read in a thread: its values would hold the event loop up, for some 3 ms."""

EXACT = 2 << 10
"""A larger body that only the exact reader can judge is read in a thread: it takes some 1 us for each byte."""

CAREFUL = 4
"""What a value counts for where the exact reader reads it."""

MANY = 8 << 10
"""An answer of more values is written in a thread."""

T = TypeVar("T")


class Host(Protocol):
    """What an exchange needs of the API that it belongs to."""

    predictor: Predictor
    observer: Observer
    body_limit: int


class Exchange:
    """One request of the API, from its route to its answer."""

    __slots__ = (
        "_api",
        "_pools",
        "_request",
        "_respond",
        "_route",
        "_rows",
        "_servable",
        "_share",
        "_signature",
        "_size",
        "_start",
    )

    _route: Route
    _servable: Servable
    _signature: Signature

    def __init__(self, api: Host, request: Request, respond: Respond) -> None:
        self._api = api
        self._pools = api.predictor.pools
        self._request = request
        self._respond = respond
        self._rows = False
        self._size = 0
        self._share = Share(api.predictor.account)
        self._start = time.perf_counter()

    def begin(self, target: bytes) -> None:
        """Find out what is asked and answer it."""
        try:
            self._route = route(self._request.method, target)
            verb = self._route.verb
            if verb == "predict" and len(self._request.body) <= LARGE and not self._request.encoding:
                self._go_on(self._read())
            elif verb == "predict":
                self._in_thread(self._pools.bodies, self._read, self._go_on)
            elif verb in ("classify", "regress"):
                self._in_thread(self._pools.exact, self._examples, self._reply)
            else:
                self._reply(metadata_json(self._find()) if verb == "metadata" else self._status())
        except Refusal as refusal:
            self._refuse(refusal)

    def _read(self) -> tuple[bytes, Asked | None]:
        body = self._body()
        decoded = json_requests.quick(body, self._inputs)
        return body, self._asked(decoded) if decoded else None

    def _go_on(self, read: tuple[bytes, Asked | None]) -> None:
        """Run what was read; what only the exact reader can is read by it, in its thread unless it is very small."""
        body, asked = read
        if asked is None and len(body) > EXACT:
            self._in_thread(self._pools.exact, lambda: self._exact(body), self._submit)
        else:
            self._submit(asked or self._exact(body))

    def _exact(self, body: bytes) -> Asked:
        self._share.need(CAREFUL * self._share.held)
        return self._asked(json_requests.exact(body, self._inputs, lambda: stay(self._request)))

    def _inputs(self, signature: str) -> dict[str, int]:
        """Find the version and the signature, in the midst of decoding: what is asked for decides what may be given."""
        self._servable = self._find()
        found = self._servable.signature(signature)
        if found is None:
            raise invalid(f'Serving signature name: "{signature or json_requests.DEFAULT}" not found in signature def')
        self._signature = found
        return found.inputs

    def _asked(self, decoded: json_requests.Decoded) -> Asked:
        verify_inputs(self._signature, decoded.inputs)
        self._rows = decoded.rows
        cost = price(self._signature, decoded.inputs, size=self._size)
        self._share.need(cost.request)
        return Asked(self._servable, self._signature, decoded.inputs, cost)

    def _submit(self, asked: Asked) -> None:
        self._api.predictor.submit(asked, self._request, self._done)

    def _done(self, outcome: Outputs | Refusal) -> None:
        try:
            outputs = finish(outcome, self._signature.outputs)
            if sum([array.size for array in outputs.values()]) > MANY:
                self._in_thread(self._pools.bodies, lambda: json_replies.encode(outputs, rows=self._rows), self._reply)
            else:
                self._reply(json_replies.encode(outputs, rows=self._rows))
        except Refusal as refusal:
            self._refuse(refusal)

    def _examples(self) -> bytes:
        body, share = self._body(), self._share
        share.need(CAREFUL * share.held)
        need, here = (lambda more: share.need(share.held + more)), (lambda: stay(self._request))
        return examples.answer(self._route.verb, body, self._find, need, here)

    def _find(self) -> Servable:
        where = self._route
        return self._api.predictor.repository.now.find(where.model, version=where.version, label=where.label)

    def _status(self) -> bytes:
        response = status_response(self._api.predictor.repository, self._route.model, self._route.version)
        return (as_json(response) + "\n").encode()

    def _body(self) -> bytes:
        """Return the body, unpacked if it came packed, once the values in it are known to be in the budget.

        Raises:
            Refusal: there are too many, or unpacked, it is larger than a body may be.
        """
        packed, body = b"gzip" in self._request.encoding, self._request.body
        stay(self._request)
        body = unpacked(body, limit=self._api.body_limit) if packed else body
        self._size = len(body)
        if self._size > EXACT:  # else it is read before anything else is, and then paid for by what was in it
            enough = self._api.predictor.account.budget.request
            self._share.need(count_values(body, enough=enough) + self._size // TEXT)
        return self._request.prepare(body) if self._request.prepare else body

    def _in_thread(self, pool: ThreadPoolExecutor, work: Callable[[], T], then: Callable[[T], None]) -> None:
        in_thread(pool, self._request, work, then, self._refuse)

    def _reply(self, body: bytes) -> None:
        self._share.release()
        self._observe(Code.OK)  # first: whoever has an answer finds it counted, whichever worker process he asks
        self._respond(200, JSON, body)

    def _refuse(self, refusal: Refusal) -> None:
        self._share.release()
        self._observe(refusal.code)
        self._respond(HTTP[refusal.code], JSON, json_replies.error(refusal.message) if refusal.message else b"")

    def _observe(self, code: Code) -> None:
        if self._api.observer.active:
            where, servable, signature = (getattr(self, name, None) for name in ("_route", "_servable", "_signature"))
            self._api.observer.request(
                entrypoint="REST",
                api=where.verb if where else "malformed",
                model=where.model if where else "",
                version=servable.version if servable else None,
                signature=signature.name if signature else "",
                code=code,
                seconds=time.perf_counter() - self._start,
            )
