"""Text from outside, made fit to be shown: a line stays one line, and nothing in it is an order to a terminal.

Every edge at which the program writes for people goes through here: log lines, error sentences, what commands print.
Names of models, users and items, the words of other servers and the content of files are others' to choose.
"""

from __future__ import annotations

import logging
import unicodedata

_JOINERS = "\u200c\u200d"
"""Not seen themselves, but Persian, Hindi and many emoji are misspelt without them."""


def printable(text: object) -> str:
    r"""Return a text with each character that does not show, a space apart, as its escape: `\n`, `\x1b`, `\u202e`.

    >>> print(printable("Fargo\n(1996)\u202e"))
    Fargo\n(1996)\u202e
    """
    line = str(text)
    return line if line.isprintable() else "".join(map(_shown, line))


def word(text: object) -> str:
    r"""Return a text as one word, `\x20` for a space: a name in a log line cannot pass for the line's next field.

    >>> print(word("Fargo (1996)\n"))
    Fargo\x20(1996)\n
    """
    return "".join(r"\x20" if char.isspace() and char.isprintable() else char for char in printable(text))


class LineFormatter(logging.Formatter):
    """Formats a record as one line; a traceback's lines follow, indented, so that none passes for a record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the record's line."""
        return printable(super().formatMessage(record))

    def formatException(self, ei) -> str:  # type: ignore[no-untyped-def]  # noqa: N802
        """Return the traceback's lines."""
        return "\n".join(f"  {printable(line)}" for line in super().formatException(ei).splitlines())


def _shown(char: str) -> str:
    if char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Zs":
        return char
    return char.encode("unicode_escape").decode()
