"""The `triptych` command: adds train, evaluate and what else needs TensorFlow to the commands of serving.cli."""

from __future__ import annotations

import sys

from serving.cli import app
from serving.errors import Failure


def main() -> None:
    """Run the command line; a Failure is one sentence on stderr and exit status 1."""
    try:
        app()
    except Failure as failure:
        print(f"triptych: {failure}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
