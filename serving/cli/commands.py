"""The `triptych` command, the part that needs neither TensorFlow nor LightFM; export.cli adds training to it.

Every command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import click

from serving.cli import exploring, folders, hosting, serve


class Commands(click.Group):
    r"""Shows examples line by line: click's one character for that is two in a raw docstring, `\b`."""

    group_class = type

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, the help of its docstring as click reads it."""
        cmd.help = cmd.help and cmd.help.replace("\\b\n", "\b\n")
        super().add_command(cmd, name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="triptych")
def app() -> None:
    """Train three recommenders, serve them behind one TensorFlow Serving signature, ask them."""


for command in (
    folders.inspect,
    folders.config,
    folders.label,
    serve.serve,
    exploring.explore,
    hosting.pack,
    hosting.card,
):
    app.add_command(command)


@app.command()
@click.option("--user", required=True, help="The user's id.")
@click.option("--model", required=True, help="The model's name on the server.")
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="How many items.")
@click.option("--url", default="http://127.0.0.1:8501", show_default=True, help="The server's REST address.")
@click.option("--grpc", metavar="HOST:PORT", help="The server's gRPC address, asked instead of --url.")
@click.option("--unseen", is_flag=True, help="Leave out what the user already had when the model was trained.")
@click.option("--exclude", multiple=True, metavar="ITEM", help="Leave this item out; may be repeated.")
@click.option("--among", metavar="FILE", help="Rank only the items in this file, one a line; - reads standard input.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Rank only items with this tag; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def recommend(
    *,
    user: str,
    model: str,
    k: int,
    url: str,
    grpc: str | None,
    unseen: bool,
    exclude: tuple[str, ...],
    among: str | None,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    r"""Ask a running server for a user's best items.

    The server may be TensorFlow Serving or ours.

    \b
    triptych recommend --user 42 --model two_tower -k 5
    triptych recommend --user 42 --model lightfm --unseen \
      --exclude "Fargo (1996)" --grpc 127.0.0.1:8500
    triptych recommend --user 42 --model two_tower --among in-stock.txt \
      --tag genre:Comedy --tag genre:Romance
    """
    import json
    import logging

    from serving.cli.item_file import read_items
    from serving.client.client import Client

    items = read_items(among) if among is not None else []
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # each retry is a warning there; the outcome is told below
    with Client(f"grpc://{grpc}" if grpc else url, model=model) as client:
        (answer,) = client.recommend([user], k=k, exclude=[exclude], unseen=unseen, among=items, tags=tags)
    if as_json:
        ranking = [{"item": item, "score": score} for item, score in zip(answer.items, answer.scores, strict=True)]
        click.echo(json.dumps({"model": model, "user": user, "known": answer.known, "ranking": ranking}, indent=2))
        return
    from serving.cli.ranking_table import print_ranking

    print_ranking(answer, title=f"{model}, user {user}")


@app.group(cls=Commands)
def bench() -> None:
    """Measure servers and indexes."""


@bench.command(name="serve")
@click.option("--url", "urls", multiple=True, help="A server's REST address; may be repeated.")
@click.option("--grpc", "targets", multiple=True, metavar="HOST:PORT", help="A server's gRPC address; may be repeated.")
@click.option("--model", default="two_tower", show_default=True, help="The model's name on every server.")
@click.option(
    "--signature",
    type=click.Choice(["serving_default", "recommend", "recommend_within"]),
    default="serving_default",
    show_default=True,
    help="What is asked, each time for 10 items.",
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Asked of recommend_within; may be repeated.")
@click.option("--users", default=943, show_default=True, help="Users 1 to this are asked for in turn.")
@click.option("--seconds", default=3.0, show_default=True, help="How long each run is counted.")
def bench_serve(
    *,
    urls: tuple[str, ...],
    targets: tuple[str, ...],
    model: str,
    signature: str,
    tags: tuple[str, ...],
    users: int,
    seconds: float,
) -> None:
    r"""Load servers with 1, 8 and 32 clients.

    They speak TensorFlow Serving's APIs; of two the ratio is printed.
    The last column is the share of one core that the load generator itself took.

    \b
    triptych bench serve --url http://127.0.0.1:8501 --grpc 127.0.0.1:8500
    triptych bench serve --url http://127.0.0.1:8501 --url http://127.0.0.1:9501 \
      --signature recommend
    triptych bench serve --signature recommend_within --tag genre:Comedy
    """
    servers = [*urls, *(f"grpc://{target}" for target in targets)] or ["http://127.0.0.1:8501"]
    from serving.bench import serve_bench

    click.echo(serve_bench.HEADING)
    loads = serve_bench.measure(
        servers,
        model=model,
        signature=signature,
        tags=tags,
        users=users,
        seconds=seconds,
        on_load=lambda load: click.echo(serve_bench.describe(load)),
    )
    if len(servers) == 2:
        for clients, rate, p50, p99 in serve_bench.ratios(loads):
            click.echo(f"{clients:>7} clients: {rate:.2f} times the requests/s, {p50:.2f} the p50, {p99:.2f} the p99")
