"""What is not mapped, suggestions and drift in a real browser: the journeys, by keyboard too, readable at both widths and schemes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from connector.app import create_app
from connector.hosts.jira.sandbox import JiraSandbox
from connector.services.mapping import candidates
from connector.store.tables import Mapping
from tests.browser.conftest import Complaints, signed_in, sound
from tests.browser.test_mappings import cookie_of
from tests.support.standin import running
from tests.support.world import Company, company


@dataclass
class Office:
    """The application on a real socket with a Jira beside it that was looked at, and a browser in which a lead is signed in."""

    company: Company
    jira: JiraSandbox
    site: int
    url: str
    open: Callable[..., Page]


@pytest.fixture
def office(tmp_path: Path, browser: Browser, complaints: Complaints) -> Iterator[Office]:
    jira = JiraSandbox()
    jira.add_issue(key="ACME-1", summary="Guided set-up for new customers", type="Epic", labels=["okr:kr-setup"])
    jira.add_issue(key="ACME-2", parent="ACME-1", category="done")
    jira.add_issue(key="ACME-3", parent="ACME-1")
    for number in range(4, 34):
        jira.add_issue(
            key=f"WEB-{number}", summary=f"A long title of epic {number} about the web site " * 2, type="Epic", labels=["q4", "web"]
        )
    jira.add_issue(key="ACME-90", summary="Done and nobody asked for it", type="Epic", category="done", points=5)
    with running(jira) as jira_url, company(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", title="Guided set-up shipped")
        found.key_result("kr-signups", title="Sign-ups grow", unit="", start=400.0, target=900.0)
        site = found.connection("acme-jira", "jira", jira_url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        candidates.look_for(found.runtime, site)
        app = create_app(found.runtime)
        with running(app) as url, signed_in(browser, url, complaints, cookie_of(app, found)) as opened:
            yield Office(found, jira, site, url, opened)
    assert [text for text in complaints.texts if "422" not in text] == []


def test_an_epic_is_mapped_by_one_button_and_the_value_follows(office: Office) -> None:
    page = office.open("/mappings")
    page.get_by_role("link", name="Not mapped").click()
    line = page.locator("li", has_text="ACME-1 Guided set-up")
    expect(line.get_by_role("combobox")).to_have_value("kr-setup")
    line.get_by_role("button", name="Map ACME-1", exact=True).click()
    expect(page.locator(".toast.said")).to_contain_text("is mapped to “Guided set-up shipped”")
    expect(page.locator("li", has_text="ACME-1 Guided set-up")).to_have_count(0)
    office.company.work(office.site)
    assert office.company.row("kr-setup").current == 50.0


def test_by_keyboard_and_back_from_no_mapping_needed(office: Office) -> None:
    page = office.open("/mappings/unmapped")
    button = page.get_by_role("button", name="No mapping needed for ACME-1", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".toast.said")).to_contain_text("needs no mapping")
    page.get_by_label("State").select_option("Need no mapping")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("button", name="List again ACME-1").click()
    expect(page.locator(".empty")).to_contain_text("Nothing is listed in this state")
    page.goto(f"{office.url}/mappings/unmapped")
    expect(page.locator("li", has_text="ACME-1 Guided")).to_have_count(1)


def test_a_choice_that_is_missing_is_said_at_its_row(office: Office) -> None:
    page = office.open("/mappings/unmapped?text=WEB-4")
    page.get_by_role("button", name="Map WEB-4", exact=True).click()
    expect(page.locator("li", has_text="WEB-4").get_by_role("alert")).to_contain_text("Choose a key result first")


def test_pages_of_many_epics(office: Office) -> None:
    page = office.open("/mappings/unmapped")
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    page.get_by_role("link", name="Previous page").click()
    expect(page.get_by_text("Page 1 of 2")).to_be_visible()


def test_suggestions_are_ticked_and_saved_at_once(office: Office) -> None:
    page = office.open("/mappings/suggestions")
    page.get_by_role("group", name="Rule 2").get_by_label("Look at").select_option("Label")
    page.get_by_role("group", name="Rule 2").get_by_label("Pattern").fill("web")
    page.get_by_role("group", name="Rule 2").get_by_label("Key result").select_option("Sign-ups grow")
    page.get_by_role("button", name="Suggest").click()
    expect(page.locator("#pairs")).to_contain_text("31 pairs")
    expect(page.locator("main")).to_contain_text("1 moves a value, 30 are shown as context")
    page.get_by_role("checkbox", name=re.compile("Map WEB-4 to")).uncheck()
    page.get_by_role("button", name="Map the ticked pairs").click()
    expect(page.locator(".toast.said")).to_contain_text("30 pairs are mapped")
    expect(page.locator("#pairs")).to_contain_text("1 pair")


def test_a_rule_that_cannot_be_read_gets_the_focus(office: Office) -> None:
    page = office.open("/mappings/suggestions")
    page.get_by_role("group", name="Rule 1").get_by_label("Look at").select_option("Name")
    page.get_by_role("group", name="Rule 1").get_by_label("Pattern").fill("nothing")
    page.get_by_role("button", name="Suggest").click()
    expect(page.locator("#f-pattern0")).to_be_focused()
    expect(page.locator("#e-pattern0")).to_contain_text("{id}")


def test_drift_leads_to_its_mend(office: Office) -> None:
    office.company.mapping("kr-setup", office.site, select={"epics": ["ACME-1"]}, measure="done_share")
    with office.company.runtime.store.write() as session:
        session.execute(update(Mapping).values(broken="ACME-1: no longer there"))
    page = office.open("/mappings/drift")
    expect(page.locator("tr", has_text="Guided set-up shipped")).to_contain_text("ACME-1: no longer there.")
    page.get_by_role("link", name="Show what is not mapped").click()
    expect(page.locator("li", has_text="ACME-90")).to_have_count(1)
    expect(page.locator(".stand")).to_contain_text("100 % of done work is unaligned".replace(" %", "\N{NO-BREAK SPACE}%"))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_the_pages_are_readable_for_everybody(office: Office, width: int, scheme: str) -> None:
    office.company.mapping("kr-setup", office.site, select={"jql": "project = ACME"}, measure="done_share")
    with office.company.runtime.store.write() as session:
        session.execute(update(Mapping).values(broken="Jira does not accept the JQL any more: the field “Squad” does not exist"))
    for path in (
        "/mappings/unmapped",
        "/mappings/unmapped?state=all&page=2",
        "/mappings/unmapped?text=nothing+like+it",
        "/mappings/suggestions",
        "/mappings/suggestions?go=1&field0=label&pattern0=okr%3A&field1=label&pattern1=web&key_result1=kr-signups&text=1&done=1",
        "/mappings/suggestions?go=1&field0=title&pattern0=x",
        "/mappings/drift",
        "/mappings/drift?kind=nothing",
    ):
        page = office.open(path, width=width, scheme=scheme)
        sound(page)
        assert page.locator("h1").count() == 1
        assert page.locator(".btn.main").count() <= 1
