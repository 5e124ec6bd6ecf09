"""What people do on the page of `triptych explore`, in a real browser, against a real server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium, picture
from live import explore, live
from playwright.sync_api import Browser, Locator, Page, expect

from export.quality.plots import COLOURS, FURTHER
from serving.client import Client
from serving.contract import MANIFEST

TAGS = ("genre:Western", "genre:Comedy")
MODELS = ("two_tower", "wide_deep", "lightfm")
EDGES = "found => found.map((each) => getComputedStyle(each).borderTopColor)"
BACKGROUNDS = "found => found.map((each) => getComputedStyle(each).backgroundColor)"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, page_at: str) -> Iterator[Page]:
    """The page, watched: nothing goes wrong in it, and nothing is asked elsewhere."""
    context = browser.new_context(viewport=DESKTOP, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(10_000)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(page_at) else faults.append(request.url))
    yield page
    context.close()
    assert faults == []


def open_for(page: Page, address: str, user: str = "7") -> None:
    page.goto(f"{address}/#user={user}")
    expect(page.locator(".rank")).not_to_have_count(0)


def listed(page: Page, model: str) -> list[tuple[str, str]]:
    """Read a model's list off the page: items and scores as they are written."""
    rows = section(page, model).locator(".rank")
    return list(zip(rows.locator(".title").all_inner_texts(), rows.locator(".score").all_inner_texts(), strict=True))


def section(page: Page, model: str) -> Locator:
    return page.get_by_role("region", name=model, exact=True)


def settled(page: Page, model: str, answer: object) -> None:
    """Wait until a model's list is what a client is answered."""
    expect(section(page, model).locator(".title")).to_have_text(list(answer.items))
    expect(section(page, model).locator(".score")).to_have_text(written(answer.scores))


def written(scores: Sequence[float]) -> list[str]:
    """Write scores as the page does: three decimals, a half away from zero; whole numbers, popularity, without."""
    digits = Decimal("1") if all(float(score).is_integer() for score in scores) else Decimal("0.001")
    return [str(Decimal(score).quantize(digits, ROUND_HALF_UP)) for score in scores]


def colours(shown: Locator) -> set[str]:
    """Read the colours that tell a model off a part of the page: of the edge above a list, and of bars."""
    edges = shown.and_(shown.page.locator(".model")).evaluate_all(EDGES)
    return {*edges, *shown.locator(".bar, hr").evaluate_all(BACKGROUNDS)}


def rgb(colour: str) -> str:
    """Write ``#rrggbb`` as a browser computes it."""
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour.removeprefix("#")))


def accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_user_gets_the_lists_of_all_models_side_by_side_unseen_items_only(page, page_at, server):
    open_for(page, page_at)
    for model in MODELS:
        with Client(server, model=model) as client:
            settled(page, model, client.recommend(["7"], k=10, unseen=True)[0])
        expect(section(page, model)).to_contain_text("It knows user 7.")
        expect(section(page, model)).to_contain_text(re.compile(r"version 1 · recipe tutorial · answered in [\d.]+ ms"))
    accessible(page)
    picture(page, "user-light")
    page.emulate_media(color_scheme="dark")
    accessible(page)
    picture(page, "user-dark")


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


def test_a_click_leaves_an_item_out_and_another_takes_it_back(page, page_at, server):
    open_for(page, page_at)
    item, _ = listed(page, "two_tower")[0]
    section(page, "two_tower").get_by_role("button", name=f"Leave out {item}").click()
    for model in MODELS:
        with Client(server, model=model) as client:
            settled(page, model, client.recommend(["7"], unseen=True, exclude=[[item]])[0])
    page.get_by_role("button", name=f"Take back {item}").click()
    with Client(server, model="two_tower") as client:
        settled(page, "two_tower", client.recommend(["7"], unseen=True)[0])


def test_how_many_and_seen_ones_too(page, page_at, server):
    open_for(page, page_at)
    page.get_by_label("How many").fill("3")
    page.get_by_label("only unseen ones").uncheck()
    for model in MODELS:
        with Client(server, model=model) as client:
            settled(page, model, client.recommend(["7"], k=3)[0])


def test_tags_filter_what_is_listed_and_are_taken_off_again(page, page_at, server):
    open_for(page, page_at)
    for tag in TAGS:
        page.get_by_label("Only with this tag").fill(tag)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name=f"Remove {tag}")).to_be_visible()
    for model in MODELS:
        with Client(server, model=model) as client:
            wanted = client.recommend(["7"], unseen=True, tags=TAGS)[0]
            assert 0 < len(wanted.items) < 10
            settled(page, model, wanted)
    accessible(page)
    picture(page, "filter")
    for tag in TAGS:
        page.get_by_role("button", name=f"Remove {tag}").click()
    with Client(server, model="two_tower") as client:
        settled(page, "two_tower", client.recommend(["7"], unseen=True)[0])


def test_a_version_of_the_first_contract_says_that_it_cannot_filter(browser, first_contract):
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    with explore("--models", str(first_contract.folder.parents[1])) as (_, page_at):
        open_for(page, page_at)
        told = "None of these versions can filter by tag: that takes contract 2 (recommend_within)."
        expect(page.locator("#tag-hint")).to_have_text(told)
        expect(page.get_by_label("Only with this tag")).to_be_hidden()
    context.close()


def test_someone_unknown_is_told_so_and_markup_stays_text(page, page_at, server):
    open_for(page, page_at)
    page.get_by_label("User", exact=True).fill("<b>nobody</b>")
    page.keyboard.press("Enter")
    told = "It does not know user <b>nobody</b>: these are the most popular items"
    expect(section(page, "lightfm")).to_contain_text(told)
    page.get_by_label("How many").fill("100")
    page.keyboard.press("Enter")
    with Client(server, model="lightfm") as client:
        settled(page, "lightfm", client.recommend(["<b>nobody</b>"], k=100, unseen=True)[0])
    assert page.locator("#lists img, #lists b").count() == 0


def test_a_random_user_is_one_of_the_version(page, page_at, tiny_interactions):
    open_for(page, page_at)
    expect(page.locator("#user-hint")).to_have_text(f"{len(tiny_interactions.users)} users to choose from.")
    page.get_by_role("button", name="Random").click()
    expect(section(page, "wide_deep")).to_contain_text("It knows user ")
    assert page.get_by_label("User", exact=True).input_value() in set(tiny_interactions.users)


def test_someone_new_says_what_they_like(page, page_at, server):
    open_for(page, page_at)
    page.get_by_label("someone new").check()
    expect(section(page, "lightfm")).to_contain_text("Nothing liked yet")
    like = page.get_by_label("What they like")
    like.press_sequentially("film 3 ")
    expect(page.locator("#items option").first).to_have_attribute("value", "Film 3 (1993)")
    for item in ("Film 3 (1993)", "Amélie (2001)"):
        like.fill(item)
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("button", name=f"Remove {item}")).to_be_visible()
    for model in MODELS:
        with Client(server, model=model) as client:
            settled(page, model, client.recommend_from([["Film 3 (1993)", "Amélie (2001)"]])[0])
    like.fill("no such film")
    like.press("Enter")
    expect(page.locator("#like-hint")).to_have_text(
        "Nothing is called no such film: choose one of those offered while you type."
    )
    accessible(page)
    picture(page, "someone-new")


def test_an_items_neighbours_in_each_model_by_keyboard_alone(page, page_at, server):
    open_for(page, page_at)
    item, _ = listed(page, "two_tower")[0]
    page.get_by_label("User", exact=True).focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "title":
            break
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=f"Most like {item}")
    for place, model in enumerate(MODELS):
        with Client(server, model=model) as client:
            titles = dialog.locator("section").nth(place).locator(".title")
            expect(titles).to_have_text(list(client.similar([item])[0].items))
    accessible(page)
    picture(page, "neighbours")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.evaluate("document.activeElement.textContent") == item


@pytest.mark.parametrize("language", ["curl", "Python"])
def test_the_request_can_be_copied_and_run(page, page_at, language):
    open_for(page, page_at)
    item, _ = listed(page, "lightfm")[1]
    section(page, "lightfm").get_by_role("button", name=f"Leave out {item}").click()
    expect(page.get_by_role("button", name=f"Take back {item}")).to_be_visible()
    expect(section(page, "lightfm").get_by_role("button", name=f"Leave out {item}")).to_have_count(0)  # drawn anew
    section(page, "lightfm").get_by_text("The request").click()
    section(page, "lightfm").get_by_role("button", name=f"Copy {language}").click()
    expect(section(page, "lightfm").get_by_role("button", name=f"Copy {language}")).to_have_text("Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    command = (
        ["bash", "-c", text.replace("curl", "curl -sS", 1)] if language == "curl" else [sys.executable, "-c", text]
    )
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    places = [
        said.index(shown.replace('"', '\\"') if language == "curl" else shown) for shown, _ in listed(page, "lightfm")
    ]
    assert places == sorted(places)


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


def test_on_a_phone_the_lists_stand_below_each_other_and_nothing_sticks_out(page, page_at):
    page.set_viewport_size(PHONE)
    open_for(page, page_at)
    lefts = [section(page, model).bounding_box()["x"] for model in MODELS]
    assert len(set(lefts)) == 1
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    accessible(page)
    picture(page, "phone")


def test_a_server_that_is_away_is_told_in_words_and_found_again(browser, folder, unused_port):
    address = f"http://127.0.0.1:{unused_port}"
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    with explore("--url", address, "--models", str(folder)) as (_, page_at):
        page.goto(f"{page_at}/#user=7")
        told = f"No server answers at {address}: start one with `triptych serve`."
        expect(page.get_by_role("alert")).to_contain_text(told)
        accessible(page)
        picture(page, "away")
        with live(models=folder, rest_port=unused_port):
            page.get_by_role("button", name="Try again").click()
            expect(section(page, "two_tower").locator(".rank")).to_have_count(10)
            expect(page.get_by_role("alert")).to_be_hidden()
        page.get_by_label("How many").fill("3")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text(told)
    context.close()
