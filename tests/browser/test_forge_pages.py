"""Our own pages inside Jira's frame: the project's mappings and the administration, with the scripts that they have in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, expect
from sqlalchemy import select

from connector.store.tables import Mapping
from tests.browser.conftest import Opener, Sandbox
from tests.support import node
from tests.support.frames import connector_of, inside, on_the_way, sound_inside


@pytest.fixture(scope="module", autouse=True)
def bundles() -> Path:
    return node.built()


def rules(sandbox: Sandbox, key_result: str) -> list[dict[str, object]]:
    with connector_of(sandbox.folder) as runtime, runtime.store.read() as session:
        chosen = select(Mapping.rule).where(Mapping.key_result_id == key_result, Mapping.retired_at.is_(None))
        return list(session.scalars(chosen))


def test_the_project_page_shows_this_projects_mappings(open_page: Opener) -> None:
    page = open_page("/sandbox/project/PAY")
    shown = inside(page, "project")
    expect(shown.get_by_role("heading", name="Key results of PAY")).to_be_visible()
    expect(shown.get_by_text("Payout time, median").first).to_be_visible()
    expect(shown.get_by_text("Guided set-up shipped")).to_have_count(0)
    sound_inside(page, "project")


def mapping_form(shown: FrameLocator, key_result: str) -> None:
    """From the project's page to the form of one key result, by its links."""
    shown.get_by_role("link", name="Map work").first.click()
    expect(shown.get_by_role("heading", level=1)).to_be_focused()
    shown.get_by_role("link", name=key_result).click()
    expect(shown.locator("input[name=epic]").first).to_be_visible()


def test_an_epic_is_mapped_without_leaving_jira(open_page: Opener, sandbox: Sandbox) -> None:
    page = open_page("/sandbox/project/GROW", height=1400)
    shown = inside(page, "project")
    before = len(rules(sandbox, "kr-crews"))
    mapping_form(shown, "Crews that invoice from a phone")
    shown.get_by_role("searchbox", name=re.compile("Epics")).fill("Crew")  # htmx, over the bridge
    expect(shown.locator("#choices")).not_to_contain_text("Guided set-up")
    shown.locator("input[name=epic]").first.check()
    expect(shown.locator("#preview-body")).to_contain_text("match")  # the live preview, over the bridge
    sound_inside(page, "project")
    shown.get_by_role("button", name="Save mapping").click()
    expect(shown.locator("#said")).to_contain_text("Mapping saved.")
    expect(shown.get_by_role("heading", level=1)).to_have_text("Crews that invoice from a phone")
    assert len(rules(sandbox, "kr-crews")) == before + 1


def test_a_mistake_comes_back_at_its_field(open_page: Opener) -> None:
    page = open_page("/sandbox/project/GROW", height=1400)
    shown = inside(page, "project")
    mapping_form(shown, "Crews that invoice from a phone")
    shown.get_by_label("Owner of the mapping").fill("nobody@nowhere.example")
    shown.locator("input[name=epic]").first.check()
    shown.get_by_role("button", name="Save mapping").click()
    expect(shown.get_by_label("Owner of the mapping")).to_have_attribute("aria-invalid", "true")
    expect(shown.get_by_label("Owner of the mapping")).to_have_value("nobody@nowhere.example")


def test_back_goes_back_inside_the_frame(open_page: Opener) -> None:
    page = open_page("/sandbox/project/GROW")
    shown = inside(page, "project")
    shown.get_by_role("link", name="Epics not mapped").click()
    expect(shown.get_by_role("heading", level=1)).not_to_have_text("Key results of GROW")
    expect(page).to_have_url(re.compile("/mappings/unmapped"))
    page.reload()  # the address says where we are
    expect(shown.get_by_role("heading", level=1)).not_to_have_text("Key results of GROW")
    page.goto(page.url.split("#")[0])
    expect(shown.get_by_role("heading", name="Key results of GROW")).to_be_visible()
    shown.get_by_role("link", name="Epics not mapped").click()
    expect(shown.get_by_role("heading", level=1)).not_to_have_text("Key results of GROW")
    page.go_back()
    expect(shown.get_by_role("heading", name="Key results of GROW")).to_be_visible()


def test_a_page_that_belongs_outside_is_offered_there(open_page: Opener, sandbox: Sandbox) -> None:
    page = open_page("/sandbox/jira-admin")
    shown = inside(page, "admin")
    shown.get_by_role("link", name="All connections").click()
    expect(shown.get_by_role("heading", level=1)).to_contain_text("Connections")
    shown.get_by_role("link", name="Connect a host").click()
    expect(shown.get_by_role("alert")).to_contain_text("not shown inside Jira")
    with page.context.expect_page() as opened:
        shown.get_by_role("button", name="Open in a tab of its own").click()
    assert opened.value.url.startswith(f"{sandbox.url}/")


def test_the_administration_is_for_those_who_administer_jira(open_page: Opener) -> None:
    page = open_page("/sandbox/jira-admin")
    expect(inside(page, "admin").get_by_role("heading", level=1)).to_have_text("jira")
    sound_inside(page, "admin")
    refused = open_page("/sandbox/jira-admin?as=ben")
    expect(inside(refused, "admin").get_by_role("alert")).to_contain_text("administrator of the Jira site")
    expect(inside(refused, "admin").get_by_role("button", name="Try again")).to_have_count(0)


def test_each_place_leads_to_its_other_pages(open_page: Opener) -> None:
    page = open_page("/sandbox/jira-admin")
    shown = inside(page, "admin")
    ways = shown.get_by_role("navigation", name="Administration of the connector")
    expect(ways.locator("[aria-current=page]")).to_have_text("Connection")
    for name, heading in (("People", "People"), ("Mappings", "Mappings")):
        ways.get_by_role("link", name=name).click()
        expect(shown.get_by_role("heading", level=1)).to_contain_text(heading)
        expect(ways.locator("[aria-current=page]")).to_have_text(name)
    page.reload()  # where we were is shown again, and so are the ways
    expect(ways.locator("[aria-current=page]")).to_have_text("Mappings")
    sound_inside(page, "admin")


def test_the_number_comes_by_itself_after_a_mapping_is_saved(open_page: Opener) -> None:
    page = open_page("/sandbox/project/PAY", height=1400)
    shown = inside(page, "project")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if request.url.endswith("/forge/invoke") else None)
    mapping_form(shown, "Crews that invoice from a phone")
    shown.locator("input[name=epic]").first.check()
    shown.get_by_role("button", name="Save mapping").click()
    expect(shown.locator("#said")).to_contain_text("Mapping saved.")
    before = len(asked)

    def looks() -> int:
        return sum('"/key-results/' in each and '"GET"' in each for each in asked[before:])

    for _ in range(300):  # after three seconds, and five later
        if looks() == 2:
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(1_500)
    assert looks() == 2
    expect(shown.locator("#said")).to_contain_text("Mapping saved.")  # nothing of what is read was taken away
    expect(shown.locator("main[aria-busy]")).to_have_count(0)
    sound_inside(page, "project")


def test_checks_run_from_inside_jira(open_page: Opener) -> None:
    page = open_page("/sandbox/jira-admin")
    shown = inside(page, "admin")
    shown.get_by_role("button", name="run again").or_(shown.get_by_role("link", name="run again")).click()
    expect(shown.get_by_text("not run yet")).to_have_count(0)


def test_a_lost_connection_keeps_the_form(open_page: Opener) -> None:
    page = open_page("/sandbox/project/GROW", height=1400)
    shown = inside(page, "project")
    mapping_form(shown, "Crews that invoice from a phone")
    shown.locator("input[name=epic]").first.check()
    on_the_way(page, "lost")
    shown.get_by_role("button", name="Save mapping").click()
    expect(shown.get_by_role("alert").first).to_contain_text(
        "It is not certain that this form was saved. Your entries are still here. Look whether it is there before you save again."
    )
    expect(shown.locator("input[name=epic]").first).to_be_checked()
    on_the_way(page, "")
    shown.get_by_role("button", name="Save mapping").click()
    expect(shown.locator("#said")).to_contain_text("Mapping saved.")


def test_the_answer_to_a_comment_appears_and_the_same_person_goes_on(open_page: Opener) -> None:
    page = open_page("/sandbox/issue/GROW-3?theme=dark")
    page.locator("#account").select_option(label="Ben Okafor")
    chosen = page.locator("#account").input_value()
    page.get_by_label("Comment as the person above").fill("/okr status")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator(".comments li").first).to_contain_text("Ben Okafor")
    expect(page.locator("#account")).to_have_value(chosen)
    expect(page.locator("#theme")).to_have_value("dark")
    expect(page.locator(".comments li")).to_have_count(2, timeout=30_000)  # without a reload by hand
