"""The command `triptych explore`: the page in the browser on which people try models."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serving.cli.paths import PATH
from serving.cli.serve import PORT

if TYPE_CHECKING:
    from serving.explore.upstream import Upstream

LINUX_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")


@click.command()
@click.option("--url", help="REST address of a running server, TensorFlow Serving or ours; else one is started.")
@click.option("--models", type=PATH, help="Models folder, for names and figures.  [default: models]")
@click.option("--model", "given", multiple=True, help="Show this model only; may be repeated.  [default: the folder's]")
@click.option(
    "--port", type=PORT, default=8600, show_default=True, help="Port of the page, on this machine only; 0: a free one."
)
@click.option("--open/--no-open", "open_it", default=True, show_default=True, help="Open the page in the browser.")
def explore(*, url: str | None, models: Path | None, given: tuple[str, ...], port: int, open_it: bool) -> None:
    r"""Try the models side by side on a page in the browser.

    Pick a user, or be someone new, and see what each model recommends. The page listens on this machine only.

    \b
    triptych explore
    triptych explore --url http://127.0.0.1:8501 --no-open
    """
    import webbrowser
    from contextlib import nullcontext
    from threading import Thread

    from serving.errors import Failure
    from serving.explore.own_server import serving
    from serving.explore.page import Explorer, listen
    from serving.explore.upstream import Upstream

    folder = models or Path("models")
    if not folder.is_dir() and (url is None or models is not None):
        raise Failure(f"{folder} is no folder: train models with `triptych train`, or name a running server with --url")
    with serving(folder) if url is None else nullcontext(url) as server:
        upstream = Upstream(server)
        explorer = Explorer(upstream=upstream, folder=folder if folder.is_dir() else None, given=given)
        with listen(explorer, port) as page:
            address = f"http://127.0.0.1:{page.server_address[1]}/"
            click.echo(f"the page is at {address} and asks {upstream.public}; Ctrl-C ends it")
            Thread(target=_say_if_away, args=(upstream,), daemon=True).start()
            if open_it and _has_screen():
                webbrowser.open(address)
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # through `serving`, which ends its server
            try:
                page.serve_forever()
            except KeyboardInterrupt:
                click.echo()


def _say_if_away(upstream: Upstream) -> None:
    """Tell in the terminal too, and not on the page alone, that nobody answers there, or not yet."""
    from serving.errors import Failure

    try:
        upstream.ask("GET", "/")
    except Failure as failure:
        click.echo(f"triptych: {failure}; the page asks it again each time", err=True)


def _has_screen() -> bool:
    """Tell whether a browser could open in a window; without one, Linux would start one in this terminal."""
    return sys.platform != "linux" or any(map(os.environ.get, LINUX_SCREENS))
