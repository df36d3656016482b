"""The dashboard panel inside Jira: the gadget and the widget show one view, each keeps its settings in its own way."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
from tests.support import node
from tests.support.frames import frame_of, inside, on_the_way, sound_inside

BOTH = ("gadget", "widget")


@pytest.fixture(scope="module", autouse=True)
def bundles() -> Path:
    return node.built()


def configure(page: Page, name: str) -> None:
    page.locator(f"#place-{name} [data-edit]").click()
    expect(inside(page, name).get_by_role("heading", name="Panel settings")).to_be_visible()


def save(page: Page, name: str) -> None:
    """As Jira has it: our own button in the gadget's settings, the dashboard's button for a widget."""
    if name == "gadget":
        inside(page, name).get_by_role("button", name="Save").click()
    else:
        page.get_by_role("button", name="Save widget").click()


def kept(page: Page, name: str) -> dict[str, str]:
    found: dict[str, str] = page.evaluate("(name) => JSON.parse(localStorage.getItem(`okr sandbox config ${name}`))", name)
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_show_the_three_answers_in_every_width(open_page: Opener, theme: str) -> None:
    page = open_page(f"/sandbox/dashboard?theme={theme}", height=1400)
    for name in BOTH:
        shown = inside(page, name)
        expect(shown.get_by_role("heading", level=1)).to_contain_text("All teams")
        for question in ("Moving?", "Off track?", "Decide?"):
            expect(shown.get_by_text(question)).to_be_visible()
    for width in (300, 450, 700, 1200):
        page.locator("#width").select_option(str(width))
        for name in BOTH:
            sound_inside(page, name)


@pytest.mark.parametrize("name", BOTH)
def test_settings_are_kept_by_the_dashboard_and_the_view_follows(open_page: Opener, name: str) -> None:
    page = open_page("/sandbox/dashboard")
    configure(page, name)
    shown = inside(page, name)
    sound_inside(page, name)
    assert shown.get_by_role("button", name="Save", exact=True).is_visible() == (name == "gadget")  # one Save, never two
    shown.get_by_label("View", exact=True).select_option(label="Blockers by age")
    shown.get_by_label("Load anew").select_option(index=1)
    save(page, name)
    expect(shown.get_by_role("heading", level=1)).to_contain_text("Blockers by age")
    assert kept(page, name)["view"] == "blockers"
    assert int(kept(page, name)["refresh"]) > 0
    other = next(each for each in BOTH if each != name)
    expect(inside(page, other).get_by_role("heading", level=1)).not_to_contain_text("Blockers by age")
    page.reload()
    expect(shown.get_by_role("heading", level=1)).to_contain_text("Blockers by age")
    configure(page, name)
    expect(shown.get_by_label("View", exact=True)).to_have_value("blockers")  # opened again as it was set


@pytest.mark.parametrize("name", BOTH)
def test_settings_that_cannot_be_kept_say_what_is_wrong(open_page: Opener, name: str) -> None:
    page = open_page("/sandbox/dashboard")
    page.evaluate("(name) => localStorage.setItem(`okr sandbox config ${name}`, JSON.stringify({view: 'triage', team: 'Disbanded'}))", name)
    configure(page, name)
    shown = inside(page, name)
    save(page, name)
    expect(shown.locator("[aria-invalid=true]").first).to_be_visible()
    assert kept(page, name)["team"] == "Disbanded"  # nothing was saved
    shown.get_by_label("Team").select_option("")
    save(page, name)
    expect(shown.get_by_role("heading", level=1)).to_contain_text("All teams")
    assert kept(page, name)["team"] == ""


@pytest.mark.parametrize("name", BOTH)
def test_choices_survive_a_lost_connection(open_page: Opener, name: str) -> None:
    page = open_page("/sandbox/dashboard")
    configure(page, name)
    shown = inside(page, name)
    shown.get_by_label("View", exact=True).select_option(label="Decisions due")
    on_the_way(page, "lost")
    save(page, name)
    expect(shown.get_by_role("alert")).to_contain_text("It is not certain that the panel's setting was saved. Your entries are still here.")
    expect(shown.get_by_label("View", exact=True)).to_have_value("decisions")
    on_the_way(page, "")
    save(page, name)
    expect(shown.get_by_role("heading", level=1)).to_contain_text("Decisions due")


def test_a_setting_of_something_that_is_gone_is_a_state_not_a_fault(open_page: Opener) -> None:
    page = open_page("/sandbox/dashboard")
    page.evaluate("localStorage.setItem('okr sandbox config gadget', JSON.stringify({view: 'triage', team: 'Disbanded'}))")
    page.reload()
    shown = inside(page, "gadget")
    expect(shown.get_by_text("The team that this panel is set to is not here any more")).to_be_visible()
    expect(shown.get_by_role("alert")).to_have_count(0)


def test_refresh_loads_anew_without_losing_the_place(open_page: Opener) -> None:
    page = open_page("/sandbox/dashboard")
    shown = inside(page, "gadget")
    link = shown.get_by_role("link", name="Guided set-up shipped")
    expect(link).to_be_visible()
    frame = frame_of(page, "gadget")
    frame.evaluate("window.keptAlive = true")
    page.wait_for_timeout(3100)  # two refreshes at once count as one
    with page.expect_response("**/sandbox/forge/invoke"):
        page.locator("#place-gadget [data-refresh]").click()
    expect(link).to_be_visible()
    assert frame.evaluate("window.keptAlive")


def test_a_refresh_that_fails_leaves_what_is_shown(open_page: Opener) -> None:
    page = open_page("/sandbox/dashboard")
    shown = inside(page, "gadget")
    link = shown.get_by_role("link", name="Guided set-up shipped")
    expect(link).to_be_visible()
    page.wait_for_timeout(3100)
    on_the_way(page, "lost")
    page.locator("#place-gadget [data-refresh]").click()
    page.wait_for_timeout(500)
    expect(link).to_be_visible()
    expect(shown.get_by_role("alert")).to_have_count(0)


def test_somebody_unknown_sees_what_everybody_may(open_page: Opener) -> None:
    page = open_page("/sandbox/dashboard?as=stranger")
    expect(inside(page, "gadget").get_by_role("heading", level=1)).to_contain_text("All teams")
