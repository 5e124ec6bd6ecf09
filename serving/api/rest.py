"""TensorFlow Serving's REST API over a repository: predict, classify and regress, metadata, status, metrics."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from serving.api.observer import Observer
from serving.api.predict import Predictor, as_json, finish, model_spec, signature_map, status_response, verify_inputs
from serving.api.routes import METHODS, Route, in_api, route, split
from serving.engines.batching import Outputs
from serving.engines.engine import Servable, Signature
from serving.http.messages import HTML, JSON, UNTYPED, Request, Respond, page
from serving.json import examples
from serving.json import replies as json_replies
from serving.json import requests as json_requests
from serving.wire.error_codes import HTTP, Code, Refusal, invalid

LARGE = 256 << 10
"""A larger body, or an answer of more values, is read or written in a thread: it would hold the event loop up."""

T = TypeVar("T")

log = logging.getLogger("triptych.rest")


class RestApi:
    """The handler of every HTTP request; runs on the event loop it is made in."""

    def __init__(self, predictor: Predictor, observer: Observer, *, body_limit: int) -> None:
        self.predictor = predictor
        self.observer = observer
        self.body_limit = body_limit
        self.loop = asyncio.get_running_loop()

    def __call__(self, request: Request, respond: Respond) -> None:
        """Answer a request, now or when its batch has run."""
        uri = split(request.target)
        if request.method not in METHODS or uri is None:
            status = 400 if request.method in METHODS else 501
            respond(status, HTML, page(status))
        elif uri[0] == self.observer.path:
            self._metrics(uri[1], respond)
        elif not in_api(uri[1]):
            respond(404, HTML, page(404))
        elif request.method == b"OPTIONS":
            respond(400, UNTYPED, b"")
        else:
            _Exchange(self, request, respond).begin(uri[1])

    def _metrics(self, target: bytes, respond: Respond) -> None:
        if self.observer.path is None or target == self.observer.path:
            respond(200, b"text/plain", self.observer.exposition())
        else:
            respond(400, b"text/plain", b"Unexpected path: %b. Should be %b" % (target, self.observer.path))


class _Exchange:
    """One request of the API, from its route to its answer."""

    __slots__ = ("_api", "_request", "_respond", "_route", "_rows", "_servable", "_signature", "_start")

    _route: Route
    _servable: Servable
    _signature: Signature

    def __init__(self, api: RestApi, request: Request, respond: Respond) -> None:
        self._api = api
        self._request = request
        self._respond = respond
        self._rows = False
        self._start = time.perf_counter()

    def begin(self, target: bytes) -> None:
        """Find out what is asked and answer it."""
        try:
            self._route = route(self._request.method, target)
            verb = self._route.verb
            if verb == "predict" and len(self._request.body) <= LARGE and not self._request.encoding:
                self._submit(self._decode())
            elif verb == "predict":
                self._in_thread(self._decode, self._submit)
            elif verb in ("classify", "regress"):
                self._in_thread(self._examples, self._reply)
            else:
                self._reply(self._metadata() if verb == "metadata" else self._status())
        except Refusal as refusal:
            self._refuse(refusal)

    def _decode(self) -> json_requests.Decoded:
        return json_requests.decode(self._body(), self._inputs)

    def _inputs(self, signature: str) -> dict[str, int]:
        """Find the version and the signature, in the midst of decoding: what is asked for decides what may be given."""
        self._servable = self._find()
        found = self._servable.signature(signature)
        if found is None:
            raise invalid(f'Serving signature name: "{signature or json_requests.DEFAULT}" not found in signature def')
        self._signature = found
        return found.inputs

    def _submit(self, decoded: json_requests.Decoded) -> None:
        verify_inputs(self._signature, decoded.inputs)
        self._rows = decoded.rows
        self._api.predictor.submit(self._servable, self._signature, decoded.inputs, self._done)

    def _done(self, outcome: Outputs | Refusal) -> None:
        try:
            outputs = finish(outcome, self._signature.outputs)
            if sum(array.size for array in outputs.values()) > LARGE:
                self._in_thread(lambda: json_replies.encode(outputs, rows=self._rows), self._reply)
            else:
                self._reply(json_replies.encode(outputs, rows=self._rows))
        except Refusal as refusal:
            self._refuse(refusal)

    def _examples(self) -> bytes:
        return examples.answer(self._route.verb, self._body(), self._find)

    def _find(self) -> Servable:
        where = self._route
        return self._api.predictor.repository.now.find(where.model, version=where.version, label=where.label)

    def _metadata(self) -> bytes:
        servable = self._find()
        spec, signatures = as_json(model_spec(servable)), as_json(signature_map(servable))
        return f'{{\n"model_spec":{spec}\n,\n"metadata": {{"signature_def": {signatures}\n}}\n}}\n'.encode()

    def _status(self) -> bytes:
        response = status_response(self._api.predictor.repository, self._route.model, self._route.version)
        return (as_json(response) + "\n").encode()

    def _body(self) -> bytes:
        """Return the body, unpacked if it came packed; what does not unpack is empty, as in TensorFlow Serving.

        Raises:
            Refusal: unpacked, it is larger than a body may be.
        """
        if b"gzip" not in self._request.encoding:
            return self._request.body
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            body = unpacker.decompress(self._request.body, self._api.body_limit)
        except zlib.error:
            return b""
        if unpacker.unconsumed_tail:
            raise invalid(f"the unpacked body is larger than {self._api.body_limit} bytes")
        return body if unpacker.eof else b""

    def _in_thread(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do the work in a thread, and what follows on the event loop."""

        def finished(future: Future[T]) -> None:
            self._api.loop.call_soon_threadsafe(follow, future)

        def follow(future: Future[T]) -> None:
            try:
                then(future.result())
            except Refusal as refusal:
                self._refuse(refusal)
            except Exception:
                log.exception("%s failed", self._route)
                self._refuse(Refusal(Code.INTERNAL, "Internal error"))

        self._api.predictor.pool.submit(work).add_done_callback(finished)

    def _reply(self, body: bytes) -> None:
        self._respond(200, JSON, body)
        self._observe(Code.OK)

    def _refuse(self, refusal: Refusal) -> None:
        body = json_replies.error(refusal.message) if refusal.message else b""
        self._respond(HTTP[refusal.code], JSON, body)
        self._observe(refusal.code)

    def _observe(self, code: Code) -> None:
        if self._api.observer.active:
            where = getattr(self, "_route", None)
            servable, signature = getattr(self, "_servable", None), getattr(self, "_signature", None)
            self._api.observer.request(
                entrypoint="REST",
                api=where.verb if where else "malformed",
                model=where.model if where else "",
                version=servable.version if servable else None,
                signature=signature.name if signature else "",
                code=code,
                seconds=time.perf_counter() - self._start,
            )
