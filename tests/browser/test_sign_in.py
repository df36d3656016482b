"""The first minutes of an admin in a real browser: the link, people, an account at the host, a token, the trail, signing out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints, Sandbox, start, stop

LINK = re.compile(r"sign in as admin once: (http://\S+)")
PAGES = (
    "/sign-in",
    "/account",
    "/people",
    "/people/new",
    "/people/import?connection=jira",
    "/people/tokens",
    "/people/ben@pebblequill.example",
    "/people/ben@pebblequill.example/accounts/notion",
    "/audit",
)


@pytest.fixture(scope="module")
def own_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of its own: its link works once."""
    running = start(tmp_path_factory.mktemp("sign-in"))
    yield running
    stop(running.process)


@pytest.fixture(scope="module")
def signed_in(own_sandbox: Sandbox, browser: Browser) -> Iterator[Any]:
    """A browser context in which Alice signed in with the link that was printed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    page = context.new_page()
    link = next(found[1] for line in own_sandbox.lines if (found := LINK.search(line)))
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in as Alice Moreau")
    page.goto(link)  # looking does not use it up
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Alice Moreau")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is over")
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(signed_in: Any, complaints: Complaints) -> Iterator[Page]:
    opened = signed_in.new_page()
    complaints.watch(opened)
    yield opened
    opened.close()


def test_the_link_is_printed_and_works_once(signed_in: Any, own_sandbox: Sandbox) -> None:
    assert sum(bool(LINK.search(line)) for line in own_sandbox.lines) == 1
    [cookie] = [each for each in signed_in.cookies() if each["name"] == "okr_session"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Lax", False)  # secure where the public URL is https


def test_somebody_is_added_with_an_account_that_was_looked_up(page: Page, own_sandbox: Sandbox, complaints: Complaints) -> None:
    page.goto(f"{own_sandbox.url}/people")
    page.get_by_role("link", name="Add a person").click()
    page.get_by_label("Name", exact=True).fill("Robin Falk")
    page.get_by_label("E-mail address").fill("robin@pebblequill.example")
    page.get_by_text("lead", exact=True).first.click()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status").filter(has_text="Robin Falk is added as lead")).to_be_visible()
    page.goto(f"{own_sandbox.url}/people/robin@pebblequill.example")
    page.get_by_role("link", name="Look it up at notion").click()
    row = page.get_by_role("row", name=re.compile("Robin Falk"))
    row.get_by_role("button").click()
    expect(page.get_by_label("Account id at notion")).not_to_have_value("")
    page.goto(f"{own_sandbox.url}/audit?entity=person&id=robin@pebblequill.example")
    expect(page.get_by_role("table")).to_contain_text("notion: ")
    assert complaints.texts == []


def test_a_field_that_does_not_fit_keeps_what_was_typed(page: Page, own_sandbox: Sandbox) -> None:
    page.goto(f"{own_sandbox.url}/people/new")
    page.get_by_label("Name", exact=True).fill("Lou")
    page.get_by_label("E-mail address").fill("alice@pebblequill.example")
    page.get_by_role("button", name="Add").click()
    field = page.get_by_label("E-mail address")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("alice@pebblequill.example")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Lou")
    expect(page.get_by_text("is on the list of people already")).to_be_visible()


def test_people_are_picked_from_a_host(page: Page, own_sandbox: Sandbox) -> None:
    page.goto(f"{own_sandbox.url}/people/import?connection=notion")
    page.get_by_role("checkbox", name="Add Sasha Winter").check()
    page.get_by_role("button", name="Add those picked").click()
    expect(page.get_by_role("status").filter(has_text="1 added as member")).to_be_visible()


def test_a_token_is_shown_once(page: Page, own_sandbox: Sandbox) -> None:
    page.goto(f"{own_sandbox.url}/people/tokens")
    page.get_by_label("Name").fill("nightly report")
    page.get_by_role("button", name="Make").click()
    token = page.locator(".secret").inner_text()
    assert token.startswith("okr_")
    page.goto(f"{own_sandbox.url}/people/tokens")
    assert token not in page.content()
    answer = page.request.get(f"{own_sandbox.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["role"] == "member"
    page.get_by_role("button", name="Revoke the token nightly report").click()
    assert page.request.get(f"{own_sandbox.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status == 401


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_every_page_is_readable_for_everybody(signed_in: Any, own_sandbox: Sandbox, path: str, width: int, scheme: str) -> None:
    page = signed_in.new_page()
    try:
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme)
        if path == "/sign-in":
            signed_out = signed_in.browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme)
            page.close()
            page = signed_out.new_page()
        page.goto(own_sandbox.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.locator("h1").count() == 1
    finally:
        page.close()


def test_signing_out_ends_it_here_and_on_the_server(page: Page, signed_in: Any, own_sandbox: Sandbox, browser: Browser) -> None:
    kept = signed_in.cookies()
    page.goto(f"{own_sandbox.url}/account")
    expect(page.get_by_text("(this one)")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    thief = browser.new_context()
    thief.add_cookies(kept)
    answer = thief.new_page().goto(f"{own_sandbox.url}/people")
    assert answer is not None
    assert answer.status == 403  # a visitor of the sandbox: it reads, and no more
    thief.close()
