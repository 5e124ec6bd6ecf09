"""`python -m export.cli`: the `triptych` program where its script is not installed."""

from export.cli.commands import main

if __name__ == "__main__":
    main()
