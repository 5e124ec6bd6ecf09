"""What requests may take together: counted in elements, asked for before anything of a request is built or run.

An element is a string, a number or a place in an answer: with everything that is made of it on the way (the JSON value,
the Python object, the engine's copy, the text of the answer) it is allowed `BYTES` of memory. Bytes alone say little:
57 of them can name a tensor of a million strings, and a k of ten digits asks for the whole catalogue.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from serving.wire.error_codes import Code, Refusal

BYTES = 320
"""Memory allowed for an element; not measured. docs/reliability.md has the peaks of whole attacks, which are."""

SMALL = 1024
"""Elements up to which a request may use what is kept back from large ones, so that these do not shut it out."""

KEPT_BACK = 8
"""The share of what may be in flight that is kept back: one part in so many."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Elements of one request, and of all that is in flight."""

    request: int = 1 << 20
    in_flight: int = 3 << 19


class Account:
    """Everything in flight; used from any thread.

    Attributes:
        held: elements in flight now.
        lock: held by a share that changes it.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.held = 0
        self.lock = threading.Lock()
        self._kept_back = budget.in_flight // KEPT_BACK

    def check(self, wanted: int, others: int) -> None:
        """Refuse a request so many elements while the others hold theirs.

        Raises:
            Refusal: it is more than one request may have, or than is left.
        """
        limit = self.budget.in_flight - (self._kept_back if wanted > SMALL else 0)
        if wanted > self.budget.request or others + wanted > limit:
            raise self._refusal(wanted, others)

    def _refusal(self, wanted: int, others: int) -> Refusal:
        if wanted > self.budget.request:
            text = f"the request stands for {wanted} elements (rows, list places, answers), more than one may have: "
            return Refusal(Code.RESOURCE_EXHAUSTED, f"{text}{self.budget.request}; ask in parts, or for a smaller k")
        text = f"the request stands for {wanted} elements while {others} of {self.budget.in_flight} are in flight"
        return Refusal(Code.RESOURCE_EXHAUSTED, f"{text}: try again")


class Share:
    """One request's part of the account, from its first look at the body to its answer."""

    __slots__ = ("_account", "_over", "held")

    def __init__(self, account: Account) -> None:
        self._account = account
        self._over = False
        self.held = 0

    def need(self, elements: int) -> None:
        """Hold so many elements, in place of what was held before.

        Raises:
            Refusal: that is too many, or everything was given back already: nobody waits for the work any more.
        """
        account = self._account
        with account.lock:
            if self._over:
                raise Refusal(Code.CANCELLED, "the caller is gone")
            others = account.held - self.held
            if elements > self.held:
                account.check(elements, others)
            self.held = elements
            account.held = others + elements

    def release(self) -> None:
        """Give everything back, for good."""
        account = self._account
        with account.lock:
            self._over = True
            account.held -= self.held
            self.held = 0
