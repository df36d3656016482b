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
    assert page.evaluate("document.activeElement.closest('fieldset, .field') !== null")
    sound(page)
    page.get_by_role("radio", name="Hold course").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Save decision").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 5 verdicts.")).to_be_visible()
    assert page.evaluate("document.activeElement.id").startswith("title-")
    close = page.get_by_role("button", name="Close review")
    assert close.get_attribute("aria-disabled") == "true"
    close.focus()
    assert page.evaluate("document.activeElement.id") == "close-review"


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
