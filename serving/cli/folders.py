"""The commands on folders, offline: inspect, config, label. serving.cli adds them to `triptych`."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path

import click

from serving.cli.paths import PATH
from serving.errors import Failure
from serving.printable import printable


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=PATH)
@click.option("--answer", metavar="USER", help="Load each version and print what it answers this user.")
@click.option("--verbose", "-v", is_flag=True, help="Tell all: sizes, values, figures, packages, warm-up, twin.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all of it, instead of text.")
def inspect(*, paths: tuple[Path, ...], answer: str | None, verbose: bool, as_json: bool) -> None:
    r"""Tell offline what versions hold and whether they fit.

    Exit status 1 says that one cannot be read or breaks the contract.

    PATH is a version's folder, a model's (its newest version) or a models folder (each model's newest).
    Any SavedModel will do, and nothing of it is executed, except with --answer. What a server needs to load it is
    looked for, file by file and size by size. Of several paths, those that were never published are left out.

    \b
    triptych inspect models/*/*
    triptych inspect models/two_tower/7 --verbose
    triptych inspect models/two_tower/7 --json
    triptych inspect models/two_tower --answer 42
    """
    from serving.cli.inspection import report

    if not report(paths, user=answer, verbose=verbose, as_json=as_json):
        sys.exit(1)


@click.command()
@click.argument("models", metavar="MODELS_DIR", type=PATH)
@click.option(
    "--base-path",
    default="/models",
    show_default=True,
    help="The models folder as the server sees it: a path, or an address.",
)
@click.option("--out", type=PATH, help="Where the files go; the models folder if not given.")
@click.option("--label", "labels", multiple=True, help="Give this label to each model's newest version (repeatable).")
def config(*, models: Path, base_path: str, out: Path | None, labels: tuple[str, ...]) -> None:
    r"""Write TensorFlow Serving's files for a models folder.

    They are models.config, batching.config and monitoring.config. Labels that an earlier models.config gives are kept.

    \b
    triptych config models
    triptych config models --label stable --base-path /srv/models \
      --out docker/config
    triptych config models --base-path gs://bucket/models
    """
    from serving.config.config_files import write_configs

    for path in write_configs(models, base_path=base_path, out=out or models, labels=labels):
        click.echo(printable(path))


@click.command()
@click.argument("model")
@click.argument("changes", nargs=-1, required=True, metavar="LABEL=VERSION…")
@click.option(
    "--config",
    "path",
    type=PATH,
    default="models/models.config",
    show_default=True,
    help="The file to rewrite, in one step. A server sees that only in a mounted folder, not in a mounted file.",
)
@click.option("--models", type=PATH, help="The models folder; found by the file if not given.")
@click.option("--url", "urls", multiple=True, help="The REST address of a server that reads the file (repeatable).")
@click.option("--wait", default=120.0, show_default=True, help="Seconds a server of --url may take for each step.")
def label(
    *, model: str, changes: tuple[str, ...], path: Path, models: Path | None, urls: tuple[str, ...], wait: float
) -> None:
    r"""Move a model's version labels.

    They stand in the models.config that a running server reads again.
    A server refuses a label that moves to a version which it has not loaded. So it is two steps: the version, under the
    old labels, and once it is AVAILABLE the label. With --url both are taken, each is waited for, and the file is put
    back if it does not come. Without, the first is taken where it is needed, and the same command takes the second.

    A model that bears labels is served at those versions only: a version published later waits for its label.

    \b
    triptych label two_tower canary=7 stable=6 --url http://127.0.0.1:8501
    triptych label two_tower canary= --config models.config
    """
    from serving.config.labels import parse_changes
    from serving.config.rollout import Watched, move_labels

    if not wait >= 0:  # nor is NaN, for which no time would ever be over
        raise Failure(f"--wait is {wait:g}, expected seconds, 0 or more")
    # An exception, as Ctrl-C is one: on it the file is put back.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    watched = Watched(urls=urls, seconds=wait, say=lambda line: click.echo(printable(line), err=True)) if urls else None
    changed, further = move_labels(path, model, parse_changes(changes), models=models, watched=watched)
    labels = ", ".join(f"{name}={version}" for name, version in sorted(changed.version_labels.items()))
    click.echo(printable(f"{model}: {labels or 'no labels, the newest version answers'}"))
    if further:
        numbers = " and ".join(map(str, further))
        command = shlex.join(["triptych", "label", model, *changes, "--config", str(path)])
        command += f" --models {shlex.quote(str(models))}" if models else ""
        click.echo(f"to be loaded first: version {numbers}; once the server says AVAILABLE, the same moves the labels:")
        click.echo(printable(f"  {command}"))
