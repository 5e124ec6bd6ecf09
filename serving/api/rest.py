"""TensorFlow Serving's REST API over a repository: predict, classify and regress, metadata, status, metrics."""

from __future__ import annotations

from serving.api.exchange import Exchange
from serving.api.observer import Observer
from serving.api.predictor import Predictor
from serving.api.routes import METHODS, in_api, split
from serving.http.messages import HTML, UNTYPED, Request, Respond, page


class RestApi:
    """The handler of every HTTP request; runs on the event loop."""

    def __init__(self, predictor: Predictor, observer: Observer, *, body_limit: int) -> None:
        self.predictor = predictor
        self.observer = observer
        self.body_limit = body_limit

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
            Exchange(self, request, respond).begin(uri[1])

    def _metrics(self, target: bytes, respond: Respond) -> None:
        if self.observer.path is None or target == self.observer.path:
            respond(200, b"text/plain", self.observer.exposition())
        else:
            respond(400, b"text/plain", b"Unexpected path: %b. Should be %b" % (target, self.observer.path))
