"""The server that the page asks: anything that speaks TensorFlow Serving's REST API, TensorFlow Serving or ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import quote

import requests

from serving.client.transport import is_loopback, public, split_http
from serving.errors import Failure

SECONDS = 10.0
"""How long an answer is waited for."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer as it came: HTTP status, bytes of JSON, and the milliseconds it took."""

    status: int
    body: bytes
    milliseconds: float

    def json(self) -> Any:
        """Return what the body says; None for what is no JSON, or nested too deeply to be read."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Upstream:
    """One server by its REST address; may be asked from several threads.

    Attributes:
        url: the address as it was given.
        public: the same without a user and a password, to be shown.
    """

    def __init__(self, url: str) -> None:
        """Prepare to ask ``http://HOST:PORT``; nothing is asked yet.

        Raises:
            Failure: the address is none.
        """
        split_http(url)
        self.url = url.rstrip("/")
        self.public = public(url)
        self._session = requests.Session()
        # A proxy named in the environment cannot reach a server that listens on this machine's loopback only.
        self._session.trust_env = not is_loopback(url)

    def ask(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """Send one request on and wait for its answer, which may be an error of the server's.

        Raises:
            Failure: there is no server, or it does not answer in time.
        """
        start = perf_counter()
        try:
            reply = self._session.request(method, self.url + path, data=body, timeout=SECONDS, allow_redirects=False)
        except requests.Timeout as error:
            raise Failure(f"the server at {self.public} did not answer within {SECONDS:.0f} s") from error
        except (requests.RequestException, ValueError) as error:  # ValueError: it redirects to what is no address
            raise Failure(f"no server answers at {self.public}: start one with `triptych serve`") from error
        return Reply(status=reply.status_code, body=reply.content, milliseconds=(perf_counter() - start) * 1e3)

    def predict(self, model: str, signature: str, instances: list[dict[str, Any]]) -> list[Any] | None:
        """Ask a signature in row format; the predictions, or None where the server refuses.

        Raises:
            Failure: as `ask`.
        """
        body = json.dumps({"signature_name": signature, "instances": instances}).encode()
        reply = self.ask("POST", f"/v1/models/{quote(model, safe='')}:predict", body)
        answer = reply.json()
        found = answer.get("predictions") if isinstance(answer, dict) and reply.status == requests.codes.ok else None
        return found if isinstance(found, list) else None
