"""Ask again where a server is too busy just now: a bounded number of times, with a growing pause, and then say so.

TensorFlow Serving refuses what it has no thread or no place in a queue for (RESOURCE_EXHAUSTED, UNAVAILABLE; over REST
429 and 503), and it has refused it before doing anything. Every request of the contract only reads, so that asking
again cannot do anything twice either.
"""

from __future__ import annotations

import random
import time

from serving.client.transport import Arrays, ServerError, Target, Transport

BUSY = (429, 503)
"""What RESOURCE_EXHAUSTED and UNAVAILABLE are over HTTP, whichever way they came."""

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds before each further attempt, at most: up to half is left out at random, so that callers come back apart."""


class Patient:
    """A transport that asks another one again."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def predict(self, target: Target, signature: str, inputs: Arrays) -> Arrays:
        """See serving.client.transport.Transport; each attempt may take the time-out that was asked for."""
        start = time.monotonic()
        for pause in PAUSES:
            try:
                return self._transport.predict(target, signature, inputs)
            except ServerError as error:
                if error.status not in BUSY:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # nosec B311
        try:
            return self._transport.predict(target, signature, inputs)
        except ServerError as error:
            if error.status not in BUSY:
                raise
            tried = f"asked {len(PAUSES) + 1} times in {time.monotonic() - start:.1f} s, it is too busy"
            raise ServerError(error.server, error.status, error.text, tried) from error

    def close(self) -> None:
        """See serving.client.transport.Transport."""
        self._transport.close()
