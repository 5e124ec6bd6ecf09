"""The `triptych` program in this process: what it prints and ends with, without the seconds that one of its own takes.

For what the commands do. Where the process is what counts (signals, exit, what is imported, limits of the system, what
C++ writes), it is run as people do.
"""

from __future__ import annotations

from subprocess import CompletedProcess

from click.testing import CliRunner

from export.cli.commands import app
from serving.errors import Failure
from serving.printable import printable


def triptych(*arguments: object) -> CompletedProcess[str]:
    """Run a command; a Failure, or what the system refuses, is the sentence that main() makes of it.

    Any other exception fails the test.
    """
    given = [str(argument) for argument in arguments]
    done = CliRunner(env={"COLUMNS": None}).invoke(app, given)  # in a pipe a line is a line
    told = done.stderr
    if isinstance(done.exception, Failure | OSError):
        told += f"triptych: {printable(done.exception)}\n"
    elif done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return CompletedProcess(given, done.exit_code, done.stdout, told)
