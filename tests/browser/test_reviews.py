"""A review held in a real browser: by keyboard too, the focus where it belongs, readable at both widths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from connector.app import create_app
from tests.browser.conftest import Complaints, signed_in, sound
from tests.browser.test_mappings import cookie_of
from tests.support.meeting import Meeting, build_meeting, play
from tests.support.standin import running
from tests.support.world import company


@dataclass
class Room:
    """A forum that is about to meet, and a browser in which the person who calls decisions is signed in."""

    meeting: Meeting
    open: Callable[..., Page]


@pytest.fixture
def room(tmp_path: Path, browser: Browser, complaints: Complaints) -> Iterator[Room]:
    with company(tmp_path) as acme:
        meeting = build_meeting(acme)
        play(meeting)
        app = create_app(acme.runtime)
        with running(app) as url, signed_in(browser, url, complaints, cookie_of(app, acme, "nadia@acme.example", "member")) as opened:
            yield Room(meeting, opened)
    assert [text for text in complaints.texts if "422" not in text] == []


def test_a_review_is_held_by_keyboard(room: Room) -> None:
    meeting = room.meeting
    review = meeting.review()
    page = room.open(f"/reviews/{review}")
    page.get_by_role("button", name="Open the review").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("0 of 5 verdicts.")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Save decision").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#e-verdict")).to_be_visible()
    expect(page.locator(":is(fieldset, .field) :focus")).to_have_count(1)
    sound(page)
    page.get_by_role("radio", name="Hold course").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Save decision").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 5 verdicts.")).to_be_visible()
    expect(page.locator("[id^=title-]:focus")).to_have_count(1)
    close = page.get_by_role("button", name="Close review")
    assert close.get_attribute("aria-disabled") == "true"
    close.focus()
    assert page.evaluate("document.activeElement.id") == "close-review"


@pytest.mark.parametrize("width", [1280, 360])
def test_before_it_is_opened_the_agenda_is_there_and_the_page_is_sound(room: Room, width: int, tmp_path: Path) -> None:
    page = room.open(f"/reviews/{room.meeting.review()}", width=width)
    expect(page.get_by_role("heading", name="The agenda as it would be")).to_be_visible()
    expect(page.get_by_role("list", name="The agenda as it would be").get_by_role("listitem")).to_have_count(5)
    expect(page.get_by_role("heading", name="Updates missing at the lock")).to_be_visible()
    page.screenshot(path=str(tmp_path / f"ahead-{width}.png"), full_page=True)
    sound(page)


@pytest.mark.parametrize(("width", "lines"), [(1280, 1), (360, 2)])
def test_the_closing_bar_is_one_line_or_two_on_a_narrow_page(room: Room, width: int, lines: int) -> None:
    meeting = room.meeting
    review = meeting.opened()
    page = room.open(f"/reviews/{review}", width=width)

    def height() -> float:
        return float(
            page.locator(".closing p").evaluate(
                "(told) => told.getBoundingClientRect().height / parseFloat(getComputedStyle(told).lineHeight)"
            )
        )

    expect(page.locator(".closing")).to_contain_text("Missing: 5 verdicts")
    assert round(height()) <= lines
    bar, button = page.locator(".closing").bounding_box(), page.locator("#close-review").bounding_box()
    assert bar is not None
    assert button is not None
    assert bar["height"] < 60, "the button stands beside the words"
    meeting.hold_all(review)
    page.reload()
    expect(page.locator(".closing")).to_contain_text("5 of 5 verdicts. The 7 folded hold course.")
    assert round(height()) <= lines
    sound(page)


def test_a_title_that_opens_its_item_looks_like_it(room: Room) -> None:
    page = room.open(f"/reviews/{room.meeting.opened()}")
    title = page.locator(".takes").first
    mark = "(title) => { const look = getComputedStyle(title, '::before'); return [look.borderRightWidth, look.content]; }"
    assert title.evaluate(mark) == ["2px", '""']
    assert page.locator("[aria-current] h3").evaluate(mark) == ["2px", '""']
    title.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")  # by keyboard the ring is there
    assert title.evaluate("(title) => getComputedStyle(title).boxShadow") != "none"
    title.hover()
    assert title.evaluate("(title) => getComputedStyle(title).textDecorationLine") == "underline"
    name = title.inner_text().splitlines()[-1]
    page.keyboard.press("Enter")
    expect(page.locator("[aria-current] h3")).to_contain_text(name)


@pytest.mark.parametrize("width", [1280, 360])
def test_the_pages_are_sound_at_both_widths(room: Room, width: int, tmp_path: Path) -> None:
    meeting = room.meeting
    review = meeting.opened()
    meeting.decide(review, meeting.talked(review)[0].id, owner="bob@acme.example")
    page = room.open(f"/reviews/{review}", width=width)
    page.screenshot(path=str(tmp_path / f"review-{width}.png"), full_page=True)
    sound(page)
    for path in ("/reviews", "/decisions", "/decisions/1"):
        page = room.open(path, width=width)
        sound(page)
