"""A cycle in the sandbox as people plan it: made, filled from the one before, checked, started; teams and forums beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, sound

Opener = Callable[..., Page]
LOOKS = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]
PAGES = (
    "/plan",
    "/plan/teams",
    "/plan/teams/new",
    "/plan/teams/1",
    "/plan/forums/new",
    "/plan/cycles/new",
    "/plan/cycles/1",
    "/plan/cycles/1/checklist",
    "/plan/cycles/1/copy",
    "/plan/cycles/1/retire",
)


@pytest.fixture
def forgiving(complaints: Complaints) -> Any:
    """A form that is refused answers 422 or 409, which the browser tells the console as well."""
    yield
    complaints.texts[:] = [text for text in complaints.texts if "status of 422" not in text and "status of 409" not in text]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_is_sound_at_every_width_and_scheme(open_page: Opener, width: int, scheme: str) -> None:
    page = open_page("/plan", width=width, scheme=scheme, role="admin")
    for path in PAGES:
        page.goto(page.url.split("/plan")[0] + path)
        sound(page)
        expect(page.locator("h1")).to_have_count(1)


def test_the_next_cycle_is_made_filled_checked_and_started(open_page: Opener, forgiving: None) -> None:
    page = open_page("/plan", role="lead")
    page.get_by_role("link", name="New cycle").click()
    page.get_by_label("Name").fill("2027-Q1")
    page.get_by_label("First day").fill("2027-04-02")
    page.get_by_label("Last day").fill("2027-01-04")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is before the first day")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("2027-Q1")
    page.get_by_label("First day").fill("2027-01-04")
    page.get_by_label("Last day").fill("2027-04-02")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("No objective in 2027-Q1 yet.")).to_be_visible()

    page.get_by_role("listitem").filter(has_text="running").get_by_role("link").click()
    page.get_by_role("link", name="Copy to another cycle").click()
    expect(page.get_by_label("To", exact=True)).to_have_value("2027-Q1")
    boxes = page.get_by_role("group", name="Objectives, with their key results").get_by_role("checkbox")
    for number in range(1, boxes.count()):
        boxes.nth(number).uncheck()
    page.get_by_label("The same target").check()
    page.get_by_role("button", name="Copy as drafts").click()
    expect(page.get_by_text("Copied 1 objective")).to_be_visible()
    expect(page.get_by_text("Draft", exact=True)).to_be_visible()
    sound(page)

    page.get_by_role("link", name="Checklist and start").click()
    page.get_by_role("button", name="Make all drafts ready").click()
    expect(page.get_by_text("1 objective is ready now.")).to_be_visible()
    page.get_by_role("button", name="Start the cycle").click()
    expect(page.get_by_text("mend what is red, or say why it starts without")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="enters the value").first.click()
    expect(page.get_by_text("entered by the owner").first).to_be_visible()
    page.get_by_label("Why it starts without").fill("the forum meets in February")
    page.get_by_role("button", name="Start the cycle").click()
    expect(page.get_by_text("Started. 2027-Q1 runs")).to_be_visible()


def test_a_team_gets_a_forum_with_somebody_who_decides(open_page: Opener, forgiving: None) -> None:
    page = open_page("/plan/teams", role="admin")
    page.get_by_role("link", name="New forum").click()
    page.get_by_label("Name").fill("Leadership review")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("It is not active")).to_be_visible()
    page.get_by_role("link", name="Leadership review").click()
    page.get_by_label("Can call decisions").select_option("admin@pebblequill.example")
    page.get_by_role("button", name="Save").click()
    row = page.get_by_role("row", name="Leadership review")
    expect(row).not_to_contain_text("not active")
    page.get_by_role("table").first.get_by_role("link").first.click()
    page.get_by_label("Reviewed by").select_option("Leadership review")
    page.get_by_label("Member 1").fill("nobody@pebblequill.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("no person has the e-mail address nobody@pebblequill.example")).to_be_visible()
    sound(page)
    page.get_by_label("Member 1").fill("admin@pebblequill.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="Leadership review").first).to_be_visible()


def test_two_admins_who_save_one_forum_see_both_versions(open_page: Opener, forgiving: None) -> None:
    first = open_page("/plan/forums/new", role="admin")
    first.get_by_label("Name").fill("Design review")
    first.get_by_role("button", name="Save").click()
    first.get_by_role("link", name="Design review").click()
    second = open_page(first.url[first.url.index("/plan") :], role="admin", email="other@pebblequill.example")
    second.get_by_label("Can call decisions").select_option("other@pebblequill.example")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("row", name="Design review")).to_contain_text("Other")
    first.get_by_label("Can call decisions").select_option("admin@pebblequill.example")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_role("heading", name="Changed meanwhile")).to_be_visible()
    both = first.get_by_role("group", name="Both versions")
    expect(both).to_contain_text("other@pebblequill.example")
    expect(both).to_contain_text("admin@pebblequill.example")
    sound(first)
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_role("row", name="Design review")).to_contain_text("Admin")


def test_a_cycle_is_planned_by_keyboard_alone(open_page: Opener) -> None:
    page = open_page("/plan/cycles/new", role="lead")
    page.get_by_label("Name").focus()
    page.keyboard.type("2031")
    page.get_by_label("First day").fill("2031-01-01")
    page.get_by_label("Last day").fill("2031-12-31")
    page.get_by_label("Last day").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("2031 is scheduled")).to_be_visible()
