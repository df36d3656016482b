"""Inside Notion as a person meets it: rows edited in the stand-in, the button, a deleted panel; and the pages of an admin's set-up."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from connector.hosts.notion.sandbox import TOKEN
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.settings import load_settings
from connector.store.tables import Connection
from tests.browser.conftest import Complaints, Opener, Sandbox, sound

LOOKS = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]
PATIENCE = 45_000  # milliseconds that a loaded machine may take for what takes some seconds
HOME = "/connections/notion/okr-databases"


@pytest.fixture(scope="module")
def at(sandbox: Sandbox) -> Callable[[str, str], str]:
    """The address of a row by its database and title, ("", title) for a page, (title, "") for a database."""
    deadline = time.monotonic() + 45

    def found(database: str, title: str) -> str:
        while True:
            world = json.loads((sandbox.folder / "sandbox-notion.json").read_text(encoding="utf-8"))
            ids = {each["title"]: each["id"] for each in world["databases"].values()}
            if not title:
                return f"/sandbox/workspace?database={ids[database]}"
            for page in world["pages"].values():
                words = "".join(run["plain_text"] for run in page["values"].get("title", []))
                source = world["sources"].get(page["source"])
                if words == title and (source["database"] == ids[database] if source else not database):
                    return f"/sandbox/workspace/pages/{page['id']}"
            assert time.monotonic() < deadline, f"no {title!r} in {database!r}"
            time.sleep(0.5)

    return found


def saved(page: Page) -> None:
    expect(page.locator("#live-state")).to_have_text("Saved in the stand-in.")


def test_what_the_owner_types_into_the_row_is_filed_by_the_button(open_page: Opener, at: Callable[[str, str], str]) -> None:
    row = open_page(f"{at('Key Results', 'Seats on paid plans')}?as=daniel")
    expect(row.locator(".callout")).to_contain_text("now 7", timeout=PATIENCE)  # other journeys move deals
    blocker = row.get_by_label("Blocker of Seats on paid plans")
    blocker.fill("The price page is late")
    blocker.press("Enter")
    saved(row)
    row.get_by_role("button", name="Check in").click()
    expect(row.locator(".callout")).to_contain_text("Blocker: The price page is late", timeout=PATIENCE)
    ours = open_page("/key-results/kr-seats")
    expect(ours.locator("main")).to_contain_text("The price page is late")
    expect(ours.locator("main")).to_contain_text("Daniel Reyes")


def test_a_computed_column_is_put_back_and_the_row_says_so(open_page: Opener, at: Callable[[str, str], str]) -> None:
    row = open_page(at("Key Results", "Guided set-up shipped"))
    expect(row.locator(".callout")).to_be_visible(timeout=PATIENCE)
    status = row.get_by_label("OKR status of Guided set-up shipped")
    before = status.input_value()
    status.select_option("Closed")
    saved(row)
    expect(status).to_have_value(before, timeout=PATIENCE)
    expect(row.get_by_label("OKR note of Guided set-up shipped")).not_to_have_value("", timeout=PATIENCE)


def test_a_deleted_callout_comes_back_once(open_page: Opener, at: Callable[[str, str], str]) -> None:
    row = open_page(f"{at('Key Results', 'Payout time, median')}?as=elena")
    expect(row.locator(".callout")).to_be_visible(timeout=PATIENCE)
    row.get_by_role("button", name="Delete block 1").click()
    expect(row.locator(".callout")).to_have_count(0)
    expect(row.get_by_role("heading", name="Deleted blocks")).to_be_visible()
    row.get_by_label("Confidence of Payout time, median").fill("4")
    row.get_by_label("Confidence of Payout time, median").press("Enter")
    saved(row)
    row.get_by_role("button", name="Check in").click()
    expect(row.locator(".callout")).to_have_count(1, timeout=PATIENCE)


def test_a_comment_is_answered_in_its_discussion(open_page: Opener, at: Callable[[str, str], str]) -> None:
    row = open_page(f"{at('Key Results', 'Checkout response time, p95')}?as=hugo")
    row.get_by_label("Comment as the person above").fill("/okr status")
    row.get_by_role("button", name="Comment", exact=True).click()
    expect(row.locator("#discussions li")).to_have_count(2, timeout=PATIENCE)
    expect(row.locator("#discussions li").nth(1)).to_contain_text("OKR bot")


def test_the_leads_page_says_where_things_stand(open_page: Opener, at: Callable[[str, str], str]) -> None:
    page = open_page(at("", "Where we stand"))
    expect(page.locator(".callout").first).to_contain_text("Are we moving?", timeout=PATIENCE)
    expect(page.locator(".callout").first).to_contain_text("What decision is needed now?")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_of_the_stand_in_are_readable(open_page: Opener, at: Callable[[str, str], str], width: int, scheme: str) -> None:
    places = (("Key Results", ""), ("Objectives", "Paying is the easiest part of an invoice"), ("", "Where we stand"), ("", "OKRs"))
    for database, title in places:
        page = open_page(at(database, title), width=width, scheme=scheme)
        sound(page)
        page.close()


# --- set-up --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def again(sandbox: Sandbox) -> str:
    """The page of a second connection to the same workspace, which nobody has set up."""
    runtime = build_runtime(load_settings(data_dir=sandbox.folder), queue=InlineQueue())
    try:
        with runtime.store.write() as session:
            if session.scalar(select(Connection.id).where(Connection.name == "notion-again")) is None:
                auth, url = runtime.vault.seal({"token": TOKEN}), f"{sandbox.url}/sandbox/notion"
                session.add(Connection(name="notion-again", host="notion", url=url, auth=auth, options={}, created_at=runtime.now()))
    finally:
        runtime.close()
    return "/connections/notion-again/okr-databases"


def refused(complaints: Complaints) -> None:
    """A form that was refused is a complaint of the browser's console and none of ours."""
    complaints.texts[:] = [each for each in complaints.texts if not re.search("status of (409|422)", each)]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_of_the_set_up_are_readable(
    open_page: Opener, at: Callable[[str, str], str], again: str, complaints: Complaints, width: int, scheme: str
) -> None:
    page = open_page(HOME, role="admin", width=width, scheme=scheme)
    expect(page.locator("#okr-state")).to_contain_text("Key Results")
    sound(page)
    for each in page.locator("details > summary").all():
        each.click()
    sound(page)
    page = open_page(again, role="admin", width=width, scheme=scheme)
    sound(page)
    page.get_by_label("Link of the database with the key results").fill(at("Deals", "").partition("database=")[2])
    page.get_by_role("button", name="Look at the columns").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Which column is which")
    page.wait_for_load_state("load")
    sound(page)
    refused(complaints)


def test_a_set_up_is_tested_by_keyboard_alone(open_page: Opener, at: Callable[[str, str], str], again: str, complaints: Complaints) -> None:
    page = open_page(again, role="admin")
    link = page.get_by_label("Link of a Notion page", exact=True)
    link.focus()
    page.keyboard.type(at("", "Where we stand").rpartition("/")[2])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("The page can be used")
    expect(page.locator("main")).to_contain_text("Nothing was made yet")
    page.get_by_role("link", name="Change something").click()
    link.fill(at("", "OKRs").rpartition("/")[2])
    link.press("Enter")
    expect(page.locator("#e-page")).to_contain_text("The connection notion keeps")
    refused(complaints)
