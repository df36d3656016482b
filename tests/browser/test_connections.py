"""Connecting a second Jira and a Notion in the sandbox as an admin does, and its pages at every width and scheme."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select, update

from connector.app import create_app
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.settings import load_settings
from connector.store.tables import Connection
from tests.browser.conftest import Complaints, Sandbox, sound
from tests.support.signed_in import Visit

LOOKS = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]
PAGES = (
    "/connections",
    "/connections/jira",
    "/connections/notion",
    "/connections/jira/webhook",
    "/connections/notion/webhook",
    "/connect",
    "/connect/jira-token",
    "/connect/jira-service",
    "/connect/notion-oauth",
    "/connect/jira-oauth",
)


@contextmanager
def installation(sandbox: Sandbox) -> Iterator[Runtime]:
    """The running sandbox's database and key."""
    runtime = build_runtime(load_settings(data_dir=sandbox.folder), queue=InlineQueue())
    try:
        yield runtime
    finally:
        runtime.close()


Opener = Callable[..., Page]


@pytest.fixture
def as_admin(browser: Browser, sandbox: Sandbox, complaints: Complaints) -> Iterator[Opener]:
    """Open a path as a signed-in admin."""
    with installation(sandbox) as runtime:
        visit = Visit(create_app(runtime), runtime, "ada@harbor.example")
        cookie = visit.client.get_cookie("okr_session")
    assert cookie is not None
    contexts: list[Any] = []

    def opened(path: str, *, width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(15_000)
        context.add_cookies([{"name": "okr_session", "value": cookie.value, "url": sandbox.url}])
        page = context.new_page()
        complaints.watch(page)
        page.goto(sandbox.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    # A form that is answered with what is wrong is no trouble, though the browser calls it that.
    assert [text for text in complaints.texts if "status of 422" not in text] == []


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_is_sound(as_admin: Opener, width: int, scheme: str) -> None:
    page = as_admin("/connections", width=width, scheme=scheme)
    for path in PAGES:
        page.goto(page.url.partition("/connect")[0] + path)
        expect(page.locator("h1")).to_be_visible()
        for summary in page.locator("details.card > summary").all():
            summary.click()
        sound(page)


def test_an_admin_connects_a_second_jira_and_its_webhook(as_admin: Opener, sandbox: Sandbox) -> None:
    page = as_admin("/connections")
    page.get_by_role("link", name="Connect a host").click()
    page.get_by_role("link", name="API token", exact=True).click()
    told = re.search(r"e-mail (\S+), API token (\S+)\.", page.locator("main").inner_text())
    assert told
    page.get_by_label("E-mail of the account").fill(told[1])
    page.get_by_label("API token").fill("wrong-credential-1")
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("does not accept these credentials")).to_be_visible()
    expect(page.get_by_label("E-mail of the account")).to_have_value(told[1])
    expect(page.get_by_label("API token")).to_have_value("")
    sound(page)
    page.get_by_label("API token").fill(told[2])
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_role("heading", name="The login works")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Webhook of acme-jira-2")).to_be_visible()
    page.get_by_role("button", name="Create the webhook for me").click()
    expect(page.get_by_role("heading", name="acme-jira-2")).to_be_visible()
    expect(page.get_by_role("row", name="Webhook secret")).to_contain_text("set")
    page.get_by_role("button", name="run again").click()
    expect(page.get_by_role("row", name="Token accepted as")).to_be_visible()
    with installation(sandbox) as runtime, runtime.store.read() as session:
        row = session.scalars(select(Connection).where(Connection.name == "acme-jira-2")).one()
        assert row.bot_id


def test_the_token_of_a_handshake_shows_without_a_reload(as_admin: Opener, sandbox: Sandbox) -> None:
    page = as_admin("/connections/notion/webhook")
    page.get_by_role("button", name="Arm again and replace").click()
    expect(page.get_by_text("Waiting for the verification token")).to_be_visible()
    page.evaluate("window.keptAlive = true")
    answer = page.request.post(f"{sandbox.url}/webhooks/notion", data={"verification_token": "secret_from-the-portal"})
    assert answer.status == 200
    page.get_by_role("button", name="Show the token").wait_for(timeout=10_000)
    assert page.evaluate("window.keptAlive === true")
    page.get_by_role("button", name="Show the token").click()
    expect(page.locator("code.secret", has_text="secret_from-the-portal")).to_be_visible()
    sound(page)


def test_a_parked_connection_leads_with_the_mend(as_admin: Opener, sandbox: Sandbox) -> None:
    with installation(sandbox) as runtime, runtime.store.write() as session:
        reason = "notion: GET /v1/users/me answered 401: API token is invalid"
        session.execute(update(Connection).where(Connection.name == "notion").values(parked_at=runtime.now(), parked_reason=reason))
    page = as_admin("/connections/notion")
    expect(page.get_by_role("heading", name="Notion no longer accepts the login")).to_be_visible()
    for width, scheme in LOOKS:
        other = as_admin("/connections/notion", width=width, scheme=scheme)
        sound(other)
    page.get_by_label("New token of the connection").fill("ntn_sandbox")
    page.get_by_role("button", name="Test and resume").click()
    expect(page.get_by_text("goes on as")).to_be_visible()
    expect(page.get_by_role("heading", name="Notion no longer accepts the login")).to_have_count(0)
