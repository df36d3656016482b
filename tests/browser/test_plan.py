"""Planning in the sandbox as people do it: objectives and key results written, judged while typing, changed with reasons, signed off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from connector.app import create_app
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.settings import load_settings
from tests.browser.conftest import Complaints, Sandbox, sound
from tests.support.signed_in import Visit

LOOKS = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]
PAGES = (
    "/plan/objectives/new",
    "/plan/objectives/mobile",
    "/plan/objectives/mobile/retire",
    "/plan/objectives/mobile/key-results/new",
    "/plan/key-results/kr-setup",
    "/plan/key-results/kr-setup/retire",
    "/plan/key-results/kr-setup/sign-off",
    "/plan/quality",
)
Opener = Callable[..., Page]


@contextmanager
def installation(sandbox: Sandbox) -> Iterator[Runtime]:
    """The running sandbox's database and key."""
    runtime = build_runtime(load_settings(data_dir=sandbox.folder), queue=InlineQueue())
    try:
        yield runtime
    finally:
        runtime.close()


@pytest.fixture
def as_person(browser: Browser, sandbox: Sandbox, complaints: Complaints) -> Iterator[Opener]:
    """Open a path as somebody who is signed in: ``as_person("/plan", "ada@harbor.example", "admin")``."""
    contexts: list[Any] = []
    cookies: dict[str, str] = {}

    def opened(
        path: str, email: str = "ada@harbor.example", role: str = "admin", *, width: int = 1280, scheme: str = "light", scripts: bool = True
    ) -> Page:
        if email not in cookies:
            with installation(sandbox) as runtime:
                cookie = Visit(create_app(runtime), runtime, email, role).client.get_cookie("okr_session")
            assert cookie is not None
            cookies[email] = cookie.value
        context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme, java_script_enabled=scripts)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(15_000)
        context.add_cookies([{"name": "okr_session", "value": cookies[email], "url": sandbox.url}])
        page = context.new_page()
        complaints.watch(page)
        page.goto(sandbox.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    # A form that is refused answers 422 or 409, which the browser tells the console as well.
    assert [text for text in complaints.texts if "status of 422" not in text and "status of 409" not in text] == []


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_is_sound(as_person: Opener, sandbox: Sandbox, width: int, scheme: str) -> None:
    page = as_person("/plan", width=width, scheme=scheme)
    for path in PAGES:
        page.goto(sandbox.url + path)
        expect(page.locator("h1")).to_be_visible()
        for summary in page.locator("details > summary").all():
            summary.click()
        sound(page)


def new_key_result(as_person: Opener, title: str, **more: Any) -> Page:
    """The form, filled with a metric from 5 to 3."""
    page = as_person("/plan/objectives/mobile/key-results/new", **more)
    page.get_by_label("Key result", exact=True).fill(title)
    page.get_by_label("Owner", exact=True).fill("ada@harbor.example")
    page.get_by_label("From", exact=True).fill("5")
    page.get_by_label("To", exact=True).fill("3")
    return page


def test_an_objective_with_a_key_result_is_written_judged_while_typing_and_changed_with_a_reason(as_person: Opener) -> None:
    page = as_person("/plan")
    page.get_by_role("link", name="Add an objective").click()
    page.get_by_label("Objective", exact=True).fill("Customers stay with us")
    page.get_by_text("Ready", exact=True).click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not measurable yet")).to_be_visible()
    expect(page.get_by_text("Orphan:")).to_be_visible()
    sound(page)
    page.get_by_role("link", name="Add a key result").click()
    verdicts = page.locator("#quality")
    page.get_by_label("Key result", exact=True).press_sequentially("Improve retention", delay=5)
    expect(verdicts.locator("mark").first).to_have_text("Improve")
    page.get_by_label("Key result", exact=True).fill("Churn of customers from 5 % to 3 %")
    page.get_by_label("Unit optional").fill("%")
    page.get_by_label("From", exact=True).fill("5")
    page.get_by_label("To", exact=True).fill("3")
    page.get_by_label("Owner", exact=True).fill("ada@harbor.example")
    expect(verdicts.locator("li", has_text="Measurable")).to_contain_text("holds")
    expect(verdicts.locator("mark")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Churn of customers from 5 % to 3 %")).to_be_visible()
    expect(page.locator(".chain")).to_contain_text("Customers stay with us")

    page.locator("#changes").get_by_role("link", name="Edit").click()
    page.get_by_label("To", exact=True).fill("2,5")
    expect(page.get_by_label("Reason for the change")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("a change of target needs a reason")).to_be_visible()
    expect(page.get_by_label("Reason for the change")).to_be_focused()
    expect(page.get_by_label("To", exact=True)).to_have_value("2,5")
    sound(page)
    page.get_by_label("Reason for the change").fill("the first month went better")
    page.get_by_role("button", name="Save").click()
    changes = page.locator("#changes")
    expect(changes).to_contain_text("target: 3 became 2.5")
    expect(changes).to_contain_text("Because: the first month went better")
    sound(page)


def test_the_kind_switches_the_fields_and_keeps_what_was_typed(as_person: Opener) -> None:
    page = new_key_result(as_person, "Latency of search")
    page.get_by_label("Kind", exact=True).select_option("milestones")
    expect(page.get_by_label("From", exact=True)).to_have_count(0)
    expect(page.get_by_label("Step, row 3")).to_be_visible()
    page.get_by_label("Step, row 1").fill("Plan")
    page.get_by_role("button", name="Add a milestone").click()
    expect(page.get_by_label("Step, row 4")).to_be_visible()
    expect(page.get_by_label("Step, row 1")).to_have_value("Plan")
    expect(page.get_by_label("Key result", exact=True)).to_have_value("Latency of search")
    sound(page)
    page.get_by_label("Kind", exact=True).select_option("between")
    page.get_by_label("Lower bound").fill("1")
    page.get_by_label("Kind", exact=True).select_option("metric")
    expect(page.get_by_label("From", exact=True)).to_have_value("5")
    expect(page.get_by_label("To", exact=True)).to_have_value("3")


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait for something that the test's own routes see."""
    for _ in range(300):
        if holds():
            return
        page.wait_for_timeout(20)
    raise AssertionError("it never came")


def test_what_is_typed_while_fields_are_fetched_stays_and_keeps_the_focus(as_person: Opener) -> None:
    page = new_key_result(as_person, "Orders that arrive within a day")
    waiting: list[Any] = []
    page.route("**/plan/key-results/fields", lambda route: waiting.append(route))

    def answered(count: int) -> None:
        until(page, lambda: len(waiting) > count)
        with page.expect_response("**/plan/key-results/fields"):
            waiting[count].continue_()

    page.get_by_label("Kind").select_option("at_least")
    unit = page.get_by_label("Unit optional")
    unit.press_sequentially("per cent")
    unit.press("Home")
    answered(0)
    expect(page.get_by_label("Stays at or above")).to_be_visible()
    expect(unit).to_have_value("per cent")
    expect(unit).to_be_focused()
    assert unit.evaluate("(field) => field.selectionStart") == 0
    page.get_by_label("Kind").select_option("metric")
    answered(1)
    expect(page.get_by_label("From", exact=True)).to_have_value("5")
    page.locator("summary", has_text="Phased targets").click()
    page.get_by_role("button", name="Add a phased target").click()
    page.get_by_label("To", exact=True).fill("12")
    answered(2)
    expect(page.get_by_label("Value, row 1")).to_be_visible()  # what was folded out stays open
    expect(page.get_by_label("To", exact=True)).to_have_value("12")
    page.get_by_role("button", name="Add a phased target").click()
    row = page.get_by_label("Value, row 1")
    row.press_sequentially("42")
    answered(3)
    expect(page.get_by_label("Value, row 2")).to_be_visible()
    expect(row).to_have_value("42")
    expect(row).to_be_focused()


def test_the_last_of_two_kinds_chosen_at_once_is_the_one_that_is_shown(as_person: Opener, complaints: Complaints) -> None:
    page = new_key_result(as_person, "Days without an incident")
    waiting: list[Any] = []
    page.route("**/plan/key-results/fields", lambda route: waiting.append(route))
    page.get_by_label("Kind").select_option("between")
    page.get_by_label("Kind").select_option("at_most")
    until(page, lambda: len(waiting) == 2)
    with page.expect_response("**/plan/key-results/fields"):
        waiting[-1].continue_()
    expect(page.get_by_label("Stays at or below")).to_be_visible()
    given_up = [text for text in complaints.texts if text.startswith(("htmx:afterRequest", "htmx:sendAbort"))]
    assert len(given_up) == 2, "htmx tells the console of the first one, which was given up"
    complaints.texts[:] = [text for text in complaints.texts if text not in given_up]


def test_the_form_works_without_scripts(as_person: Opener) -> None:
    page = new_key_result(as_person, "Set-up of the platform", email="ben@harbor.example", scripts=False)
    page.get_by_label("Owner", exact=True).fill("ben@harbor.example")
    page.get_by_label("Kind", exact=True).select_option("milestones")
    page.get_by_role("button", name="Show the fields of this kind").click()
    page.get_by_label("Step, row 1").fill("Plan")
    page.get_by_role("button", name="Add a milestone").click()
    page.get_by_label("Step, row 2").fill("Build")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Set-up of the platform")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Step, row 2")).to_have_value("Build")


def test_two_admins_who_save_at_once_see_both_versions(as_person: Opener) -> None:
    made = new_key_result(as_person, "Rework of tickets from 5 to 3")
    made.get_by_role("button", name="Save").click()
    path = "/plan" + made.url.partition("/key-results")[1] + made.url.partition("/key-results")[2]
    mine, theirs = as_person(path), as_person(path, "ben@harbor.example")
    for page, target, reason in ((theirs, "2", "ben's"), (mine, "1", "ada's")):
        page.get_by_label("To", exact=True).fill(target)
        page.get_by_role("button", name="Save").click()
        if page is theirs:
            page.get_by_label("Reason for the change").fill(reason)
            page.get_by_role("button", name="Save").click()
            expect(page.locator("#changes")).to_contain_text("target: 3 became 2")
    expect(mine.get_by_role("heading", name="Changed meanwhile")).to_be_visible()
    row = mine.get_by_role("row", name="To 2 1")
    expect(row).to_be_visible()
    expect(mine.get_by_text("ben@harbor.example")).to_be_visible()
    sound(mine)
    mine.get_by_role("button", name="Save").click()
    mine.get_by_label("Reason for the change").fill("agreed with Ben")
    mine.get_by_role("button", name="Save").click()
    expect(mine.locator("#changes")).to_contain_text("target: 2 became 1")


def test_a_champion_returns_a_wording_and_a_lead_takes_it_over(as_person: Opener) -> None:
    made = new_key_result(as_person, "Improve invoices")
    made.get_by_role("button", name="Save").click()
    champion = as_person("/plan/quality?state=not+judged", "cara@harbor.example", "champion")
    expect(champion.get_by_role("row", name="Improve invoices").locator("mark").first).to_have_text("Improve")
    sound(champion)
    champion.get_by_role("link", name="Improve invoices").click()
    champion.get_by_text("Return with a wording").click()
    champion.get_by_role("button", name="Save").click()
    expect(champion.get_by_text("enter the wording that you suggest")).to_be_visible()
    champion.get_by_label("Suggested wording").fill("Disputed invoices from 5 % to 3 %")
    champion.get_by_role("button", name="Save").click()
    expect(champion.get_by_text("Suggests: “Disputed invoices from 5 % to 3 %”")).to_be_visible()
    sound(champion)
    lead = as_person(champion.url.removeprefix(champion.url.partition("/plan")[0]), "lena@harbor.example", "lead")
    sound(lead)
    lead.get_by_role("button", name="Take this wording over").click()
    expect(lead.get_by_role("heading", name="Disputed invoices from 5 % to 3 %")).to_be_visible()
    lead.get_by_role("link", name="Disputed invoices from 5 % to 3 %").click()
    expect(lead.locator("#changes")).to_contain_text("Because: wording suggested by Cara")


def test_a_hostile_title_does_nothing(as_person: Opener) -> None:
    title = "<img src=x onerror=\"document.title='taken'\"> & <script>document.title='taken'</script>"
    page = new_key_result(as_person, title)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    for path in ("/plan", "/plan/quality", "/plan/objectives/mobile", "/"):
        page.goto(page.url.partition("/key-results")[0].partition("/plan")[0].rstrip("/") + path)
        assert "taken" not in page.title()


def test_it_works_by_keyboard(as_person: Opener) -> None:
    page = as_person("/plan/objectives/mobile/key-results/new", width=360)
    page.get_by_label("Key result", exact=True).focus()
    page.keyboard.type("Crashes of the app from 5 to 3")
    for _ in range(2):  # id, objective
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("ada@harbor.example")
    page.get_by_label("From", exact=True).focus()
    page.keyboard.type("5")
    page.keyboard.press("Tab")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Crashes of the app from 5 to 3")).to_be_visible()
