"""The one exception that is meant for people: the command line prints it as a sentence, not as a traceback."""

from __future__ import annotations


class Failure(Exception):  # noqa: N818 - read as what it is: `raise Failure("no version of …")`
    """What was found, what was expected and what helps, in one sentence: lower case, no full stop, the value in it."""
