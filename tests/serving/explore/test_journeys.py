"""What people do on the page of `triptych explore`, in a real browser, against a real server."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from browser import DESKTOP, accessible, listed, open_for, picture, section, settled
from live import explore, live
from playwright.sync_api import expect

from serving.client import Client

TAGS = ("genre:Western", "genre:Comedy")
MODELS = ("two_tower", "wide_deep", "lightfm")
PHONE = {"width": 390, "height": 844}


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
