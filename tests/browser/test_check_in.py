"""An update on our own page as an owner files it: three clicks, by keyboard alone, on a phone, twice at once, and after somebody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from connector.app import create_app
from connector.services.check_ins import file_check_in
from connector.store.tables import CheckIn
from tests.browser.conftest import Complaints, sound
from tests.support.signed_in import Visit
from tests.support.standin import running
from tests.support.world import Company, company

ALICE = "alice@acme.example"
PAGE = "/key-results/kr-setup"
LOOKS = [(1280, "light"), (360, "light"), (360, "dark"), (300, "light")]


@dataclass
class Desk:
    """A company whose key result was checked in a week ago, its application on a socket, and people's browsers."""

    company: Company
    open: Callable[..., Page]

    @property
    def filed(self) -> list[CheckIn]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(CheckIn).order_by(CheckIn.id)))


@pytest.fixture
def desk(tmp_path: Path, browser: Browser, complaints: Complaints) -> Iterator[Desk]:
    with company(tmp_path) as acme:
        acme.objective("onboarding")
        acme.key_result(
            "kr-setup", start=41.0, target=60.0, title="First invoice sent in 7 days", created_at=acme.runtime.now() - timedelta(30)
        )
        acme.clock.ahead = -7 * 86400
        told = {"value": 42, "confidence": 6, "blocker": "conversion of existing traffic", "decision": "budget"}
        file_check_in(acme.runtime, "kr-setup", told, author=ALICE, source="page")
        acme.clock.ahead = 0
        acme.work()
        app = create_app(acme.runtime)
        contexts: list[Any] = []
        with running(app) as url:

            def opened(
                path: str, *, email: str = ALICE, role: str = "member", width: int = 1280, scheme: str = "light", scripts: bool = True
            ) -> Page:
                cookie = Visit(app, acme.runtime, email, role).client.get_cookie("okr_session")
                assert cookie is not None
                context = browser.new_context(
                    viewport={"width": width, "height": 860},
                    color_scheme=scheme,  # type: ignore[arg-type]
                    java_script_enabled=scripts,
                )
                contexts.append(context)
                context.set_default_timeout(15_000)
                context.add_cookies([{"name": "okr_session", "value": cookie.value, "url": url}])
                page = context.new_page()
                complaints.watch(page)
                page.goto(url + path)
                return page

            yield Desk(acme, opened)
            for context in contexts:
                context.close()
    # A form that is refused answers 422 or 409, which the browser tells the console as well.
    assert [text for text in complaints.texts if "status of 422" not in text and "status of 409" not in text] == []


@pytest.mark.parametrize("scripts", [True, False])
def test_three_clicks_from_the_key_result_to_a_saved_update(desk: Desk, scripts: bool) -> None:
    page = desk.open(PAGE, scripts=scripts)
    page.get_by_role("link", name="Update", exact=True).click()
    page.locator("label", has_text="Faster approval").click()
    page.get_by_role("button", name="Save check-in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("First invoice sent in 7 days")
    expect(page.get_by_text("Check-in saved: 42")).to_be_visible()
    last = desk.filed[-1]
    assert (last.value, last.confidence, last.blocker, last.decision) == (42.0, 6, "conversion of existing traffic", "approval")
    assert last.seconds is not None
    assert last.seconds < 60


def test_no_change_takes_two_clicks(desk: Desk) -> None:
    page = desk.open(PAGE)
    page.get_by_role("link", name="Update", exact=True).click()
    page.get_by_role("button", name="No change, still needs budget").click()
    expect(page.get_by_text("asks for budget.")).to_be_visible()
    assert [row.decision for row in desk.filed] == ["budget", "budget"]


def test_by_keyboard_alone(desk: Desk) -> None:
    page = desk.open(f"{PAGE}/check-in")
    page.get_by_label("Current value").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("44")
    expect(page.locator("#check-in-live")).to_contain_text("closer to target by 2 points")
    expect(page.get_by_label("Current value")).to_be_focused()  # what follows the typing takes nothing away
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")  # confidence 6 → 5
    page.keyboard.press("Tab")
    expect(page.get_by_label("Key blocker")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the first decision
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="None", exact=True)).to_be_checked()
    page.keyboard.press("Tab")  # the folded part
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Save check-in", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Check-in saved: 44")).to_be_visible()
    assert (desk.filed[-1].value, desk.filed[-1].confidence, desk.filed[-1].decision) == (44.0, 5, "none")


def test_enter_in_a_field_saves_and_does_not_press_no_change(desk: Desk) -> None:
    page = desk.open(f"{PAGE}/check-in")
    page.locator("label", has_text="None").last.click()
    page.get_by_label("Key blocker").fill("legal")
    page.get_by_label("Key blocker").press("Enter")
    expect(page.get_by_text("Check-in saved")).to_be_visible()
    assert desk.filed[-1].blocker == "legal"


def test_a_double_click_files_one(desk: Desk) -> None:
    page = desk.open(f"{PAGE}/check-in", width=360)
    page.locator("label", has_text="Other").click()
    page.get_by_role("button", name="Save check-in", exact=True).dblclick()
    expect(page.get_by_text("Check-in saved")).to_be_visible()
    assert len(desk.filed) == 2
    page.go_back()
    expect(page.get_by_role("radio", name="Other")).not_to_be_checked()  # the browser chooses no decision either


def test_what_is_missing_is_said_and_takes_the_focus(desk: Desk) -> None:
    page = desk.open(f"{PAGE}/check-in", width=360)
    page.get_by_label("Current value").fill("43")
    page.get_by_role("button", name="Save check-in", exact=True).click()
    expect(page.get_by_text("it does not count yet, still to add: the decision needed")).to_be_visible()
    expect(page.get_by_role("radiogroup", name="Decision needed")).to_be_focused()
    expect(page.get_by_label("Current value")).to_have_value("43")
    sound(page)
    page.locator("label", has_text="Less scope").click()
    page.get_by_role("button", name="Save check-in", exact=True).click()
    expect(page.get_by_text("Check-in saved: 43")).to_be_visible()
    assert [row.draft for row in desk.filed] == [False, False]


def test_somebody_else_was_faster(desk: Desk) -> None:
    page = desk.open(f"{PAGE}/check-in", width=360)
    page.get_by_label("Current value").fill("45")
    page.get_by_text("Comment, doubt, date").click()
    page.get_by_label("Comment").fill("cohort of October")
    told = {"value": 50, "confidence": 3, "decision": "none"}
    file_check_in(desk.company.runtime, "kr-setup", told, author="bob@acme.example", source="page")
    page.locator("label", has_text="Headcount").click()
    page.get_by_role("button", name="Save check-in", exact=True).click()
    expect(page.get_by_role("heading", name="Bob checked in meanwhile")).to_be_visible()
    expect(page.get_by_label("Current value")).to_have_value("45")
    expect(page.get_by_label("Comment")).to_have_value("cohort of October")
    expect(page.get_by_role("radio", name="Headcount")).to_be_checked()
    sound(page)
    page.get_by_role("button", name="Save check-in", exact=True).click()
    expect(page.get_by_text("Check-in saved: 45")).to_be_visible()
    assert [row.value for row in desk.filed] == [42.0, 50.0, 45.0]


def test_questions_come_while_typing_and_one_can_be_waved_away(desk: Desk) -> None:
    page = desk.open(f"{PAGE}/check-in", width=360)
    live = page.locator("#check-in-live")
    page.locator(".ten label", has_text="4").click()
    expect(live).to_contain_text("asks for help")
    page.locator(".ten label", has_text="7").click()
    expect(live).to_contain_text("Flat but confident")
    expect(live).not_to_contain_text("asks for help")
    page.get_by_text("Comment, doubt, date").click()
    page.get_by_label("Comment").fill("held meetings and continued work")
    expect(live).to_contain_text("What did the number do?")
    sound(page)
    page.get_by_label("Leave the comment as it is").check()
    expect(live).not_to_contain_text("What did the number do?")
    page.get_by_label("Comment").fill("held meetings and continued work, again")
    page.wait_for_timeout(700)
    expect(live).not_to_contain_text("What did the number do?")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_form_fits_and_is_sound(desk: Desk, width: int, scheme: str) -> None:
    page = desk.open(f"{PAGE}/check-in", width=width, scheme=scheme)
    sound(page)
    form, save = page.locator(".check-in").bounding_box(), page.locator(".save").bounding_box()
    assert form
    assert save
    if width == 360:
        assert save["y"] + save["height"] - form["y"] <= 600  # six fields and Save without scrolling
    page.get_by_text("Comment, doubt, date").click()
    sound(page)
    expect(page.get_by_label("Comment")).to_have_attribute("placeholder", re.compile(r"\?$"))


def test_who_may_not_update_reads(desk: Desk) -> None:
    page = desk.open(f"{PAGE}/check-in", email="charlie@acme.example", width=360)
    expect(page.get_by_text("ask Alice, who owns this one")).to_be_visible()
    expect(page.locator("#check-in-form")).to_have_count(0)
    sound(page)


STEPS = [
    "Price agreed with finance",
    "Help pages written and read by support",
    "Sales trained",
    "Contract signed",
    "Press told",
    "Launched",
]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_steps_are_ticked_and_the_movement_follows(desk: Desk, width: int, scheme: str) -> None:
    steps = [{"title": title, "weight": 2.0 if index == 1 else 1.0, "done": index == 0} for index, title in enumerate(STEPS)]
    desk.company.key_result("kr-launch", title="Launch prepared", kind="milestones", unit="", start=None, target=None, milestones=steps)
    told = {"confidence": 7, "decision": "none"}
    file_check_in(desk.company.runtime, "kr-launch", told, author=ALICE, source="page")
    page = desk.open("/key-results/kr-launch/check-in", width=width, scheme=scheme)
    assert page.get_by_role("checkbox", name="Price agreed with finance").is_checked()
    page.get_by_role("checkbox", name="Help pages written").focus()
    page.keyboard.press("Space")
    page.get_by_text("Sales trained").click()
    expect(page.locator("#check-in-live")).to_contain_text("3 of 6 done")
    expect(page.locator("#check-in-live")).to_contain_text("closer to target by 43 points")
    sound(page)
    page.locator("label", has_text="Faster approval").click()
    page.get_by_role("button", name="Save check-in", exact=True).click()
    expect(page.get_by_text("Check-in saved: 3 of 6, confidence 7")).to_be_visible()
    assert [step["done"] for step in desk.company.row("kr-launch").milestones] == [True, True, True, False, False, False]
