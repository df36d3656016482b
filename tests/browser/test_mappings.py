"""What an admin does with mappings in a real browser: an epic in four clicks, by mouse and keyboard, with the number before saving."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from playwright.sync_api import Browser, Page, expect

from connector.app import create_app
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services.sign_in import sessions
from connector.web.gate import KEY
from tests.browser.conftest import Complaints, signed_in, sound
from tests.support.signed_in import add_person
from tests.support.standin import running
from tests.support.world import Company, company

# What a browser says of refused forms, and htmx of a question that a newer one replaced.
EXPECTED = r"\b(409|422)\b|^htmx:(afterRequest|sendAbort), \[object HTMLDivElement\]$"
EPICS = ("Guided first run", "Team invitations", "Import from a sheet")


@dataclass
class Office:
    """The application on a real socket with both hosts beside it, and a browser in which a lead is signed in."""

    company: Company
    jira: JiraSandbox
    notion: NotionSandbox
    url: str
    source: str
    connections: tuple[int, int]
    open: Callable[..., Page]
    pauses: list[float]  # seconds that the coming answers about the parts of the form wait, one each


def cookie_of(app: Flask, company: Company, email: str = "alice@acme.example", role: str = "lead") -> str:
    person = add_person(company.runtime, email, role)
    key = sessions.begin(company.runtime, person, "link", "test")
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    assert serializer is not None
    return str(serializer.dumps({KEY: key}))


@pytest.fixture
def office(tmp_path: Path, browser: Browser, complaints: Complaints) -> Iterator[Office]:
    jira, notion = JiraSandbox(), NotionSandbox()
    for number, title in enumerate(EPICS, 1):
        jira.add_issue("ACME", title, key=f"ACME-{number}", type="Epic")
    for number in range(10):
        jira.add_issue("ACME", f"Step {number}", key=f"ACME-{number + 10}", parent="ACME-1", category="done" if number < 4 else "new")
    properties = {"Stage": {"type": "select", "options": ["Won", "Lost"]}, "Seats": "number", "Paid": "checkbox"}
    _, source = notion.world.add_database("Deals", properties)
    for number, stage in enumerate(("Won", "Won", "Lost")):
        notion.world.add_row(source, {"Name": f"Deal {number}", "Stage": stage, "Seats": 20 + number, "Paid": True})
    with running(jira) as jira_url, running(notion) as notion_url, company(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr-setup")
        found.key_result("kr-seats", unit="seats", target=100.0)
        ids = (
            found.connection("acme-jira", "jira", jira_url, {"email": "bot@acme.example", "api_token": "sandbox-token"}),
            found.connection("acme-notion", "notion", notion_url, {"token": "ntn_sandbox"}),
        )
        app, pauses = create_app(found.runtime), list[float]()

        @app.before_request
        def wait() -> None:
            if request.endpoint == "mappings.parts" and pauses:
                time.sleep(pauses.pop(0))

        with running(app) as url, signed_in(browser, url, complaints, cookie_of(app, found)) as opened:
            yield Office(found, jira, notion, url, source, ids, opened, pauses)
    assert [text for text in complaints.texts if not re.search(EXPECTED, text)] == []


def ready(page: Page) -> None:
    """Wait until the host told what there is to map."""
    expect(page.locator("#parts .busy")).to_have_count(0)


def settled(page: Page, label: str) -> None:
    """Wait until a control has come anew from the server and listens, and nothing more is under way for the form."""
    expect(page.get_by_label(label)).to_be_visible()
    ready(page)
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def answered(page: Page, text: str) -> None:
    expect(page.locator("#preview-body")).to_contain_text(text)
    expect(page.locator("#preview-body")).not_to_have_class(re.compile("old"))


def test_an_epic_is_mapped_in_four_clicks_from_the_overview(office: Office, capsys: Any) -> None:
    page = office.open("/")
    count = "addEventListener('click', (event) => event.detail && (sessionStorage.clicks = 1 + Number(sessionStorage.clicks ?? 0)), true)"
    page.evaluate(count)
    page.context.add_init_script(count)
    begun = time.monotonic()
    page.get_by_role("link", name="Key result kr-setup").click()
    page.get_by_role("link", name="Map work").click()
    page.get_by_label(re.compile("Guided first run")).click()
    answered(page, "10 items match, 4 done: the value would be 40")
    expect(page.locator("#outcome")).to_have_text("the value becomes 40")
    page.get_by_role("button", name="Save mapping").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Key result kr-setup")
    expect(page.locator(".toast.said")).to_contain_text("Mapping saved. acme-jira is read now: the value becomes 40.")
    assert int(page.evaluate("sessionStorage.clicks")) == 4
    with capsys.disabled():
        print(f"\n  mapped in 4 clicks, {time.monotonic() - begun:.1f} s")
    office.company.work(office.connections[0])
    page.reload()
    expect(page.locator("#explain [data-value]")).to_have_text("40\u00a0%")


def test_an_epic_is_found_and_mapped_by_keyboard_alone(office: Office) -> None:
    page = office.open("/key-results/kr-setup")
    page.get_by_role("link", name="Map work").focus()
    page.keyboard.press("Enter")
    ready(page)
    search = page.get_by_role("searchbox", name=re.compile("Epics"))
    search.focus()
    page.keyboard.type("invit")
    expect(page.locator("#choices")).not_to_contain_text("Guided first run")
    expect(page.locator("#choices")).not_to_have_class(re.compile("htmx"))
    page.keyboard.press("Enter")  # saves nothing, and leaves the list as it is
    expect(page.get_by_role("heading", level=1)).to_have_text("Map work")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_label(re.compile("Team invitations"))).to_be_checked()
    answered(page, "Nothing matches; is the selector right?")
    # What is picked stays while something else is looked for.
    search.fill("guided")
    expect(page.locator("#choices")).to_contain_text("Guided first run")
    expect(page.get_by_label(re.compile("Team invitations"))).to_be_checked()
    page.get_by_label(re.compile("Guided first run")).focus()
    page.keyboard.press("Space")
    answered(page, "10 items match, 4 done")
    page.get_by_role("button", name="Save mapping").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".toast.said")).to_contain_text("Mapping saved.")


def test_the_number_follows_every_change_and_jira_judges_the_query(office: Office) -> None:
    page = office.open("/mappings/new?key_result=kr-setup&connection=acme-jira&epic=ACME-1")
    answered(page, "the value would be 40")
    page.get_by_text("Context only").click()
    answered(page, "context only, the value stays unknown")
    expect(page.locator("#outcome")).to_have_text("the value stays unknown")
    page.get_by_text("Moves the value").click()
    page.get_by_label("What is measured").select_option("done_count")
    answered(page, "A count gives a plain number, but the key result is in %")
    page.get_by_label("What is measured").select_option("sum:all")
    answered(page, "Choose the number field.")
    settled(page, "Number field")
    page.get_by_label("Number field").select_option("Story Points")
    answered(page, "10 items without a number")
    page.get_by_label("What is measured").select_option("done_share")
    page.get_by_role("radio", name="JQL").click()
    page.locator("#f-jql").fill("project = = ACME")
    expect(page.locator(".when-jql .error")).to_contain_text("Jira does not accept the JQL")
    page.locator("#f-jql").fill("statusCategory = Done")
    answered(page, "The query is not limited to a project")
    expect(page.locator(".when-jql .error")).to_have_count(0)
    expect(page.locator("#preview-said")).to_have_text(re.compile("4 items match, 4 done: the value would be 100"))


def test_rows_of_notion_are_mapped_by_a_filter(office: Office) -> None:
    page = office.open("/mappings/new?key_result=kr-seats")
    page.get_by_label("Where the work is").select_option("acme-notion")
    settled(page, "Deals")
    page.get_by_label("Deals").click()
    expect(page.locator("select#f-decides option")).to_have_count(2)
    settled(page, "Property 1")
    page.get_by_label("Property 1").select_option("Stage")
    settled(page, "Test 1")
    page.locator("select#v-1").select_option("Won")
    page.get_by_label("What is measured").select_option("sum:all")
    page.get_by_label("Number field").select_option("Seats")
    answered(page, "2 items match, 2 done: the value would be 41")
    answered(page, "Sum of Seats over the rows of Deals where Stage is Won")
    page.get_by_role("button", name="Save mapping").click()
    expect(page.locator(".toast.said")).to_contain_text("the value becomes 41")
    office.company.work(office.connections[1])
    page.goto(f"{office.url}/mappings")
    expect(page.locator("#mapping-1")).to_contain_text("Rows of Deals where Stage is Won")
    expect(page.locator("#mapping-1")).to_contain_text("Sum of Seats, all items")
    page.get_by_role("link", name=re.compile("Rows of Deals")).click()
    answered(page, "the value stays 41")


def test_who_changes_a_choice_before_its_answer_came_gets_what_was_chosen_last(office: Office) -> None:
    """As by the arrow keys on a select: each step is a change of its own."""
    page = office.open("/mappings/new?key_result=kr-seats&connection=acme-notion")
    ready(page)
    page.get_by_label("Deals").click()
    expect(page.locator("select#f-decides option")).to_have_count(2)
    office.pauses.append(1.0)
    page.get_by_label("Property 1").select_option("Seats")
    page.get_by_label("Property 1").select_option("Stage")
    page.locator("select#v-1").select_option("Won")
    settled(page, "Value 1")
    expect(page.get_by_label("Property 1")).to_have_value("Stage")
    expect(page.get_by_label("Value 1")).to_have_value("Won")
    office.pauses.append(1.0)
    page.get_by_label("Property 2").select_option("Seats")
    page.get_by_label("Property 1").select_option("Paid")
    expect(page.locator("select#v-1 option")).to_contain_text(["yes", "no"])
    settled(page, "Value 2")
    expect(page.get_by_label("Property 1")).to_have_value("Paid")
    expect(page.get_by_label("Property 2")).to_have_value("Seats")


def test_the_late_answer_to_an_earlier_change_takes_nothing_back(office: Office) -> None:
    page = office.open("/mappings/new?key_result=kr-seats&connection=acme-notion")
    ready(page)
    office.pauses.append(2.0)
    page.get_by_label("Deals").click()
    page.get_by_label("Where the work is").select_option("acme-jira")
    expect(page.get_by_role("searchbox", name=re.compile("Epics"))).to_be_visible()
    ready(page)
    time.sleep(2.2)  # by then the first answer came, were it still waited for
    expect(page.get_by_role("searchbox", name=re.compile("Epics"))).to_be_visible()
    expect(page.get_by_label("Where the work is")).to_have_value("acme-jira")


def test_a_status_group_and_a_window_of_days_are_chosen_without_a_query_language(office: Office) -> None:
    groups = {"To-do": ["Idea"], "In progress": ["Building"], "Complete": ["Live", "Dropped"]}
    properties = {"Rollout": {"type": "status", "groups": groups}, "Signed": "date", "Seats": "number"}
    _, source = office.notion.world.add_database("Rollouts", properties)
    today = office.company.runtime.now().astimezone(office.company.runtime.settings.zone).date()
    for number, stage in enumerate(("Live", "Building", "Dropped")):
        signed = (today - timedelta(days=20 * number)).isoformat()
        office.notion.world.add_row(source, {"Name": f"Site {number}", "Rollout": stage, "Seats": 20 + number, "Signed": signed})
    page = office.open("/mappings/new?key_result=kr-seats&connection=acme-notion")
    settled(page, "Rollouts")
    page.get_by_label("Rollouts").click()
    expect(page.locator("select#f-decides option")).to_have_count(2)
    settled(page, "Property 1")
    page.get_by_label("Property 1").select_option("Rollout")
    settled(page, "Test 1")
    page.get_by_label("Test 1").select_option("is in the group")
    expect(page.locator("select#v-1 option")).to_have_text(["choose", "To-do", "In progress", "Complete"])
    settled(page, "Value 1")
    page.locator("select#v-1").select_option("Complete")
    page.get_by_label("What is measured").select_option("sum:all")
    page.get_by_label("Number field").select_option("Seats")
    answered(page, "2 items match, 2 done: the value would be 42")
    page.get_by_label("Property 2").select_option("Signed")
    settled(page, "Test 2")
    page.get_by_label("Test 2").select_option("is in the last … days")
    settled(page, "Value 2")
    page.get_by_label("Value 2").fill("30")
    answered(page, "1 item matches, 1 done: the value would be 20")
    answered(page, "where Rollout is in the group Complete and Signed is in the last 30 days")
    page.get_by_label("Test 2").select_option("is in this cycle")
    expect(page.get_by_label("Value 2")).to_have_count(0)
    answered(page, "2 items match, 2 done: the value would be 42")
    page.get_by_role("button", name="Save mapping").click()
    expect(page.locator(".toast.said")).to_contain_text("the value becomes 42")
    page.goto(f"{office.url}/mappings/1")
    expect(page.locator("select#t-1")).to_have_value("group")
    expect(page.locator("select#v-1")).to_have_value("Complete")
    expect(page.locator("select#t-2")).to_have_value("cycle")
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_is_chosen_while_the_host_answers_is_not_lost(office: Office) -> None:
    office.jira.fail(path="search/jql", seconds=1.0, times=2)
    page = office.open("/mappings/new?key_result=kr-setup")
    page.get_by_label("What is measured").select_option("count")
    page.get_by_role("radio", name="Project").click()
    ready(page)
    expect(page.get_by_label("What is measured")).to_have_value("count")
    expect(page.locator("#k-project")).to_be_checked()
    page.locator("select#f-project").select_option("ACME")
    answered(page, "10 items match, 4 done")


def test_first_numbers_show_while_the_rest_is_read_and_a_change_ends_the_reading(office: Office) -> None:
    for number in range(3_000):
        office.jira.add_issue(
            "ACME", f"Many {number}", key=f"ACME-{number + 100}", parent="ACME-3", category="done" if number % 2 else "new"
        )
    office.jira.fail(path="bulkfetch", seconds=1.0, times=1_000)
    page = office.open("/mappings/new?key_result=kr-setup&epic=ACME-3")
    expect(page.locator("#preview-body")).to_contain_text("items read so far", timeout=15_000)
    expect(page.locator("#preview-body")).to_contain_text("of them done")
    expect(page.locator("#outcome")).to_have_text("")
    ready(page)
    page.get_by_label(re.compile("Import from a sheet")).click()
    page.get_by_label(re.compile("Guided first run")).click()
    expect(page.locator("#preview-body")).to_contain_text("10 items match, 4 done: the value would be 40", timeout=15_000)

    def batches() -> int:
        return sum("bulkfetch" in path and len(body["issueIdsOrKeys"]) > 10 for _, path, body in office.jira.log)

    seen = -1
    while seen != (now := batches()):  # what was under way when the form changed comes to its end
        seen = now
        time.sleep(2.5)
    assert seen < 20  # of thirty
    expect(page.locator("#preview-body")).to_contain_text("10 items match")


def test_who_saves_second_sees_what_was_saved_first(office: Office) -> None:
    office.company.mapping("kr-setup", office.connections[0], select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    office.company.work(office.connections[0])
    first, second = office.open("/mappings/1"), office.open("/mappings/1")
    for page, measure in ((first, "done_count"), (second, "count")):
        answered(page, "the value stays 40")
        page.get_by_label("What is measured").select_option(measure)
        page.get_by_label("Reason of the change").fill("counted by hand so far")
        page.get_by_role("button", name="Save mapping").click()
    expect(first.locator(".toast.said")).to_contain_text("Mapping saved.")
    expect(second.get_by_role("heading", name="Changed meanwhile")).to_be_visible()
    expect(second.get_by_label("What is measured")).to_have_value("count")
    second.get_by_role("button", name="Save mapping").click()
    expect(second.locator(".toast.said")).to_contain_text("Mapping saved.")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_the_pages_are_readable_for_everybody(office: Office, width: int, scheme: str) -> None:
    for number, epic in enumerate(("ACME-1", "ACME-2")):
        mode = "context" if number else "value"
        office.company.mapping("kr-setup", office.connections[0], select={"epics": [epic]}, measure="done_share", mode=mode)
    office.company.work(office.connections[0])
    notion = f"connection=acme-notion&kind=database&source={office.source}"
    for path in ("/mappings", "/mappings/new", "/mappings/1", f"/mappings/new?key_result=kr-seats&{notion}", "/mappings?state=off"):
        page = office.open(path, width=width, scheme=scheme)
        if "/new?" in path or path.endswith("1"):
            ready(page)
            expect(page.locator("#preview-said")).not_to_be_empty()
            page.locator("summary").click()
        sound(page)
        assert page.locator("h1").count() == 1


def test_a_page_weighs_little_and_asks_no_other_site(office: Office) -> None:
    page = office.open("/mappings")
    bytes_of: dict[str, int] = {}
    page.on("response", lambda answer: bytes_of.update({answer.url: len(answer.body())}))
    page.goto(f"{office.url}/mappings/new?key_result=kr-setup", wait_until="networkidle")
    assert all(address.startswith(office.url) for address in bytes_of)
    assert sum(bytes_of.values()) < 150_000
