"""A forum that meets, in the browser: made with its schedule, its coming reviews, one skipped with a reason and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, sound

Opener = Callable[..., Page]
LOOKS = [(1280, "light"), (360, "dark")]


@pytest.fixture
def forgiving(complaints: Complaints) -> Any:
    """A form that is refused answers 422, which the browser tells the console as well."""
    yield
    complaints.texts[:] = [text for text in complaints.texts if "status of 422" not in text]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_forum_is_made_and_one_of_its_reviews_skipped(open_page: Opener, forgiving: None, width: int, scheme: str) -> None:
    name = f"Design council {width}"
    page = open_page("/plan/forums/new", width=width, scheme=scheme, role="admin")
    sound(page)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Can call decisions").select_option("admin@pebblequill.example")
    page.get_by_label("Holidays of").fill("DE-XX")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("no part 'XX' of DE is known")).to_be_visible()
    sound(page)
    page.get_by_label("Holidays of").fill("DE-BY")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=name)).to_contain_text("Thursday 10:00, weekly (Europe/Berlin)")
    page.get_by_role("link", name=name).click()
    sound(page)
    coming = page.get_by_role("group", name="Reviews that are planned")
    expect(coming.get_by_role("row")).to_have_count(6)
    skip = coming.get_by_role("link", name="Skip the review of").last
    skip.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Skip the review")).to_be_visible()
    sound(page)
    page.get_by_label("Why").fill("company offsite")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Skipped.")
    sound(page)
    expect(page.get_by_text("company offsite")).to_be_visible()
    page.get_by_role("button", name="Take back the skip").click()
    expect(page.get_by_role("status")).to_contain_text("Taken back.")
    expect(page.get_by_text("company offsite")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_mail_server_is_asked_for_no_forum_and_a_room_is(open_page: Opener, width: int, scheme: str) -> None:
    page = open_page("/channels", width=width, scheme=scheme, role="admin")
    expect(page.get_by_label("Forum")).to_be_hidden()
    expect(page.get_by_text("mailtos:// with user")).to_be_visible()
    expect(page.get_by_text("Incoming Webhooks")).to_be_hidden()
    sound(page)
    page.get_by_text("Slack room", exact=True).click()
    expect(page.get_by_label("Forum")).to_be_visible()
    expect(page.get_by_text("Incoming Webhooks")).to_be_visible()
    expect(page.get_by_text("mailtos:// with user")).to_be_hidden()
    sound(page)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_signal_is_dismissed_by_keyboard_and_the_list_is_as_it_was(open_page: Opener, width: int, scheme: str) -> None:
    page = open_page("/signals?kind=last_moment", width=width, scheme=scheme, role="admin")
    sound(page)
    dismiss = page.get_by_role("link", name="Last responsible moment")
    count = dismiss.count()
    assert count > 1
    dismiss.first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Why it does not matter")).to_be_focused()
    sound(page)
    page.keyboard.type("the date was agreed")
    page.keyboard.press("Enter")
    page.wait_for_url("**/signals?kind=last_moment#signal-*")
    expect(dismiss).to_have_count(count - 1)
    expect(page.get_by_role("combobox", name="Signal")).to_have_value("last_moment")
    page.get_by_label("Dismissed ones").focus()
    page.keyboard.press("Space")
    expect(page.get_by_label("Dismissed ones")).to_be_checked()
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.get_by_text("the date was agreed").first).to_be_visible()
