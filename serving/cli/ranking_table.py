"""Show answers to people: the tables of the command line."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from serving.client.client import Ranked
from serving.printable import printable


def print_ranking(answer: Ranked, *, title: str) -> None:
    """Print one ranking, and above it, for a user the model does not know, whose items these are."""
    table = Table("", "item", "score", title=Text(printable(title)), title_justify="left")
    table.columns[0].justify = table.columns[2].justify = "right"
    for place, (item, score) in enumerate(zip(answer.items, answer.scores, strict=True), start=1):
        table.add_row(str(place), Text(printable(item)), f"{score:.4f}")
    console = Console()
    if answer.known is False and not answer.items:
        console.print("The model does not know this user, and of what is popular nothing is left to show.")
        return
    if not answer.items:
        console.print("No item is left: none has all the tags, or is among those given and not left out.")
        return
    if answer.known is False:
        console.print("The model does not know this user: these are the most popular items.")
    console.print(table)
