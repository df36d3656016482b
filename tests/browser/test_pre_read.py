"""The pre-read in a browser: nothing that axe finds or that scrolls sideways, marks by keyboard that keep the focus, and how it prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from connector.app import create_app
from tests.browser.conftest import sound
from tests.support.frozen import DAY, LOCK, Meeting, meeting
from tests.support.signed_in import Visit
from tests.support.standin import running

LONG = "Accounts of customers in the European Union that were moved to the region of their own choice before the year ends"


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    with meeting(tmp_path_factory.mktemp("pre-read")) as found:
        found.key_result("kr-ads", 10, unit="k€", title="Weekly active sign-ups from search")
        found.key_result("kr-moved", 12, title=LONG)
        found.key_result("kr-good", 60, title="Guided set-up finished")
        found.key_result("kr-silent", title="Invoices created on a phone")
        found.at(LOCK - DAY)
        found.check_in("kr-ads", 14, 4, decision="budget", comment="Move 12 k€ from events to search ads")
        found.check_in("kr-moved", 12, 8, blocker="The bank's certificate is missing")
        found.check_in("kr-good", 66, 8)
        found.at(LOCK)
        assert found.lock()
        yield found


@pytest.fixture(scope="module")
def address(acme: Meeting) -> Iterator[str]:
    with running(create_app(acme.runtime)) as url:
        yield url


def opened(browser: Browser, acme: Meeting, address: str, who: str, width: int) -> Page:
    visit = Visit(create_app(acme.runtime), acme.runtime, f"{who}@acme.example", "member")
    cookie = visit.client.get_cookie("okr_session")
    assert cookie is not None
    context = browser.new_context(viewport={"width": width, "height": 800})
    context.add_cookies([{"name": "okr_session", "value": cookie.value, "url": address}])
    page = context.new_page()
    page.goto(f"{address}/reviews/{acme.review}/pre-read")
    return page


@pytest.mark.parametrize("width", [1280, 360])
def test_it_is_sound_at_both_widths(browser: Browser, acme: Meeting, address: str, width: int, tmp_path: Path) -> None:
    page = opened(browser, acme, address, "leo", width)
    sound(page)
    page.screenshot(path=str(tmp_path / f"pre-read-{width}.png"), full_page=True)
    tops = [page.locator(f"#{name}").bounding_box() for name in ("h-asks", "h-at_risk")]
    assert tops[0] is not None
    assert tops[1] is not None
    if width == 360:
        assert tops[0]["y"] < tops[1]["y"], "the asks come before the lists"
    page.context.close()


def test_a_leader_marks_by_keyboard_and_keeps_the_focus(browser: Browser, acme: Meeting, address: str) -> None:
    page = opened(browser, acme, address, "leo", 1280)
    button = page.locator("#call-button-kr-moved")
    button.focus()
    page.keyboard.press("Enter")
    page.locator("#call-button-kr-moved[aria-pressed=true]").wait_for()
    expect(button).to_be_focused()
    expect(page.locator("#call-kr-moved")).to_contain_text("Leo")
    page.keyboard.press("Enter")
    page.locator("#call-button-kr-moved[aria-pressed=false]").wait_for()
    page.context.close()


def test_it_prints_without_controls(browser: Browser, acme: Meeting, address: str) -> None:
    page = opened(browser, acme, address, "leo", 1280)
    page.emulate_media(media="print")
    assert page.get_by_role("button").count() == 0
    assert page.get_by_text("Move 12 k€ from events to search ads").first.is_visible()
    asks = page.locator("#h-asks ~ .ask-list")
    assert asks.get_by_text("Weekly active sign-ups from search").is_visible(), "of which key result it is asked is on paper too"
    assert page.get_by_text(acme.snapshot().key).first.is_visible()
    page.context.close()
