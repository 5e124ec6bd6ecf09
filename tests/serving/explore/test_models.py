"""What the page of `triptych explore` shows of each model, in a real browser: what tells it off, what stands behind it.

Its colour, what its list has in common with the others', its manifest, and what it lacks.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter

from browser import DESKTOP, listed, open_for, picture, section
from live import explore
from playwright.sync_api import Locator, expect

from export.quality.plots import COLOURS, FURTHER
from serving.contract import MANIFEST

MODELS = ("two_tower", "wide_deep", "lightfm")
EDGES = "found => found.map((each) => getComputedStyle(each).borderTopColor)"
BACKGROUNDS = "found => found.map((each) => getComputedStyle(each).backgroundColor)"


def colours(shown: Locator) -> set[str]:
    """Read the colours that tell a model off a part of the page: of the edge above a list, and of bars."""
    edges = shown.and_(shown.page.locator(".model")).evaluate_all(EDGES)
    return {*edges, *shown.locator(".bar, hr").evaluate_all(BACKGROUNDS)}


def rgb(colour: str) -> str:
    """Write ``#rrggbb`` as a browser computes it."""
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour.removeprefix("#")))


def test_a_model_has_its_colour_of_the_report_whichever_others_are_shown(page, page_at, browser, server):
    open_for(page, page_at)
    wanted = {model: {rgb(colour)} for model, colour in (COLOURS | {"foreign": FURTHER}).items()}
    assert {model: colours(section(page, model)) for model in (*MODELS, "foreign")} == wanted
    with explore("--url", server, "--model", "lightfm") as (_, address), browser.new_page() as alone:
        open_for(alone, address)
        assert colours(section(alone, "lightfm")) == wanted["lightfm"]
        section(alone, "lightfm").locator(".title").first.click()
        expect(alone.get_by_role("dialog").locator(".bar")).not_to_have_count(0)
        assert colours(alone.get_by_role("dialog")) == wanted["lightfm"]


def test_models_of_somebody_else_are_told_apart_from_ours_and_each_other(browser, server):
    names = (*MODELS, "one", "another", "a third")
    given = [argument for name in names for argument in ("--model", name)]
    with explore("--url", server, *given) as (_, address), browser.new_page() as page:
        open_for(page, address)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert len(set().union(*(colours(section(page, name)) for name in names))) == len(names)


def test_what_lists_have_in_common_is_marked_and_counted(page, page_at):
    open_for(page, page_at)
    lists = {model: listed(page, model) for model in MODELS}
    counts = Counter(item for ranking in lists.values() for item, _ in ranking)
    for model in MODELS:
        rows = section(page, model).locator(".rank").all()
        marks = [row.locator(".common").all_inner_texts() for row in rows]
        wanted = [[f"in {counts[item]} lists"] if counts[item] > 1 else [] for item, _ in lists[model]]
        assert [[" ".join(text.split()) for text in mark] for mark in marks] == wanted
    summary = page.locator("#summary").inner_text()
    assert int(summary.split()[0]) == sum(count == len(MODELS) for count in counts.values())


def test_a_version_of_the_first_contract_says_that_it_cannot_filter(browser, first_contract):
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    with explore("--models", str(first_contract.folder.parents[1])) as (_, page_at):
        open_for(page, page_at)
        told = "None of these versions can filter by tag: that takes contract 2 (recommend_within)."
        expect(page.locator("#tag-hint")).to_have_text(told)
        expect(page.get_by_label("Only with this tag")).to_be_hidden()
    context.close()


def test_behind_vectors_of_ones_own_there_is_neither_a_seed_nor_a_value(browser, folder, tmp_path):
    shutil.copytree(folder / "lightfm", tmp_path / "lightfm")
    file = tmp_path / "lightfm" / "1" / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | {"recipe": "own vectors", "seed": None, "config": {}}))
    with explore("--models", str(tmp_path)) as (_, address), browser.new_page() as page:
        open_for(page, address)
        section(page, "lightfm").get_by_text("What stands behind this list").click()
        behind = section(page, "lightfm").locator("details").last
        expect(behind.get_by_role("row", name="Recipe")).to_have_text("Recipeown vectors")
        expect(behind.get_by_role("rowheader")).to_have_text(["Version", "Recipe", "Data", "Packages"])


def test_a_manifest_of_which_only_the_contract_is_right_does_not_stop_the_page(browser, folder, tmp_path):
    shutil.copytree(folder / "lightfm", tmp_path / "lightfm")
    odd = {"contract": 2, "data": None, "config": [1], "packages": "none", "figures": {"temporal": 0.2}}
    (tmp_path / "lightfm" / "1" / MANIFEST).write_text(json.dumps(odd))
    with explore("--models", str(tmp_path)) as (_, address), browser.new_page() as page:
        open_for(page, address)
        section(page, "lightfm").get_by_text("What stands behind this list").click()
        behind = section(page, "lightfm").locator("details").last
        rows = ["Version1, contract 2", re.compile("protocol"), re.compile(r"^temporal\W{3}$")]
        expect(behind.get_by_role("row")).to_have_text(rows)


def test_what_stands_behind_a_list_is_told_from_its_manifest(page, page_at, tiny_interactions):
    open_for(page, page_at)
    section(page, "two_tower").get_by_text("What stands behind this list").click()
    behind = section(page, "two_tower").locator("details").last
    expect(behind).to_contain_text("tutorial, seed 7")
    data = tiny_interactions
    counts = f"{len(data.users)} users, {len(data.items)} items, {len(data)} interactions"
    expect(behind).to_contain_text(f"ratings.csv: {counts}")
    expect(behind).to_contain_text("No figures: this data with these values was not measured")
    picture(page, "behind")


def test_a_model_of_somebody_else_says_what_it_lacks(page, page_at):
    open_for(page, page_at)
    told = "This model has no signature recommend, so it cannot answer here. It has serving_default."
    expect(section(page, "foreign")).to_contain_text(told)
