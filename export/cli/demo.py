"""The main job in one command: data, the models trained and published, served, and one user's lists shown."""

from __future__ import annotations

import shlex
import shutil
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from export.models.registry import MODELS
from export.progress import say
from serving.client.client import Client, Ranked
from serving.explore.own_server import serving
from serving.printable import printable

NEXT = """
Next:{activate}
  triptych explore{where}            # the same on a page in the browser
  triptych serve{where} &            # serve what was trained, and ask:
  triptych recommend --user {user} --model {model} --unseen"""

ACTIVATE = "\n  source .venv/bin/activate   # puts triptych on the path"


def show(user: str, *, models: Path) -> None:
    """Serve a models folder on free ports, ask it for one user over REST, print the lists, and stop the server.

    Asked is for what the user has not had: whatever they rated is what a model knows best, and no recommendation.

    Raises:
        Failure: the server does not start, or does not answer.
    """
    with serving(models) as url:
        say(f"serving {models} at {url} and asking for user {printable(user)}")
        lists = {}
        for name, model in MODELS.items():
            with Client(url, model=name) as client:
                (lists[name],) = client.recommend([user], k=model.shown, unseen=True)
    console = Console(highlight=False)
    console.print(_side_by_side(user, lists))
    console.print(Text(_notes(user, lists)))
    where = "" if models == Path("models") else f" --models {printable(shlex.quote(str(models)))}"
    asked = {"user": printable(shlex.quote(user)), "model": next(iter(lists)), "where": where}
    commands = NEXT.format(activate="" if shutil.which("triptych") else ACTIVATE, **asked)
    console.print(Text(commands), soft_wrap=True)  # broken into lines, a comment's end would be run when it is copied


def _side_by_side(user: str, lists: dict[str, Ranked]) -> Table:
    table = Table(title=Text(f"the best unseen items for user {printable(user)}"))
    table.add_column("", justify="right")
    for model in lists:
        table.add_column(model)
        table.add_column("score", justify="right")
    columns = [list(zip(ranked.items, ranked.scores, strict=True)) for ranked in lists.values()]
    for place, row in enumerate(zip_longest(*columns), start=1):
        cells = (cell for pair in row for cell in ((Text(printable(pair[0])), _score(pair[1])) if pair else ("", "")))
        table.add_row(str(place), *cells)
    return table


def _score(score: float) -> str:
    """Write popularity, a whole number, as one."""
    return f"{score:.0f}" if score.is_integer() else f"{score:.3f}"


def _notes(user: str, lists: dict[str, Ranked]) -> str:
    """Say what the table leaves open: whom the models know, why lists differ in length, what a score is."""
    counts = {name: len(ranked.items) for name, ranked in lists.items()}
    shorter = [f"{counts[name]} of {name}" for name in counts if counts[name] < max(counts.values())]
    rows = f"{', '.join(shorter)} as the tutorials show; -k asks for more. " if shorter else ""
    if not any(ranked.known for ranked in lists.values()):
        return (
            f"No model knows user {printable(user)}: these are the most popular items, and the score is how many "
            f"people have each. {rows}"
        )
    return f"{rows}Scores of different models cannot be compared."
