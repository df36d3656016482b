"""The issue panel inside Jira's frame: opened, updated in three clicks, and everything that can go wrong on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser.conftest import Complaints, Opener, Sandbox
from tests.support import chromium, node
from tests.support.frames import check_ins, frame_of, inside, on_the_way, sound_inside

WIDTHS = (300, 350, 450, 700, 1200)


@pytest.fixture(scope="module", autouse=True)
def bundles() -> Path:
    return node.built()


def form(page: Page, name: str = "context") -> FrameLocator:
    """The check-in form, opened by the panel's button."""
    shown = inside(page, name)
    shown.get_by_role("button", name="Update").first.click()
    expect(shown.locator("#check-in-form")).to_be_visible()
    return shown


def choose(shown: FrameLocator, decision: str) -> None:
    shown.get_by_role("group", name=re.compile("Decision")).or_(shown.get_by_role("radiogroup", name=re.compile("Decision"))).locator(
        "label", has_text=decision
    ).click()


def save(shown: FrameLocator) -> None:
    shown.locator("button.save").click()


def test_the_panel_stands_on_the_issue_without_a_click(open_page: Opener) -> None:
    page = open_page("/sandbox/issue/GROW-2")
    for name in ("context", "panel"):
        shown = inside(page, name)
        chain = shown.get_by_role("list", name="What this issue serves")
        expect(chain).to_contain_text("Guided set-up shipped")
        expect(chain).to_contain_text("New customers succeed in their first week")
        expect(shown.get_by_role("button", name="Update")).to_be_visible()
        sound_inside(page, name)
    assert frame_of(page, "context").evaluate("origin") != page.evaluate("origin")  # nothing of ours can be reached from there
    assert page.context.cookies(frame_of(page, "context").url) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_fits_every_width_and_scheme_of_jira(open_page: Opener, theme: str) -> None:
    page = open_page(f"/sandbox/issue/GROW-4?theme={theme}", scheme="dark" if theme == "light" else "light")
    expect(inside(page, "context").get_by_role("heading", level=1)).to_be_attached()
    scheme = "getComputedStyle(document.documentElement).colorScheme"
    assert frame_of(page, "context").evaluate(scheme) == theme  # Jira's, not the system's
    for width in WIDTHS:
        page.locator("#width").select_option(str(width))
        sound_inside(page, "context")


def test_the_scheme_follows_jira_while_open(open_page: Opener) -> None:
    page = open_page("/sandbox/issue/GROW-2")
    expect(inside(page, "context").get_by_role("button", name="Update")).to_be_visible()
    frame = frame_of(page, "context")
    before = frame.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").select_option("dark")
    expect(inside(page, "context").locator("html[data-color-mode=dark]")).to_be_attached()
    assert frame.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_an_update_takes_three_clicks_and_the_panel_shows_it(open_page: Opener, sandbox: Sandbox) -> None:
    before = len(check_ins(sandbox.folder, "kr-setup"))
    page = open_page("/sandbox/issue/GROW-1")
    shown = form(page)  # one
    expect(shown.locator("#check-in-title")).to_be_focused()
    choose(shown, "None")  # two
    save(shown)  # three
    expect(shown.locator("#said")).to_contain_text("Check-in saved")
    filed = check_ins(sandbox.folder, "kr-setup")
    assert len(filed) == before + 1
    assert (filed[-1].decision, filed[-1].draft) == ("none", False)
    expect(shown.get_by_role("button", name="Update")).to_be_focused()  # back where it began
    expect(shown.get_by_role("list", name="What this issue serves")).to_be_visible()


def test_the_same_by_keyboard_alone(open_page: Opener, sandbox: Sandbox) -> None:
    page = open_page("/sandbox/issue/GROW-6?as=jonas")
    before = len(check_ins(sandbox.folder, "kr-offline"))
    update = inside(page, "context").get_by_role("button", name="Update")
    update.focus()
    update.press("Enter")
    none = inside(page, "context").locator("input[name=decision][value=none]")
    expect(none).to_be_attached()
    none.focus()
    none.press("Space")
    none.press("Enter")
    expect(inside(page, "context").locator("#said")).to_contain_text("Check-in saved")
    assert len(check_ins(sandbox.folder, "kr-offline")) == before + 1


def test_a_double_click_files_one_check_in(open_page: Opener, sandbox: Sandbox) -> None:
    before = len(check_ins(sandbox.folder, "kr-activation"))
    page = open_page("/sandbox/issue/GROW-4?as=ben")
    shown = form(page)
    choose(shown, "None")
    shown.locator("button.save").dblclick()
    expect(shown.locator("#said")).to_contain_text("Check-in saved")
    assert len(check_ins(sandbox.folder, "kr-activation")) == before + 1


def test_movement_is_computed_while_typing(open_page: Opener) -> None:
    shown = form(open_page("/sandbox/issue/GROW-4?as=ben"))
    live = shown.locator("#check-in-live")
    expect(live).to_contain_text("Movement")
    before = live.inner_text()
    shown.locator("#f-value").fill("59")
    expect(live).not_to_have_text(before)
    expect(live).to_contain_text("moving")
    expect(shown.locator("#f-value")).to_be_focused()  # nothing is taken from under the hands


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(open_page: Opener, sandbox: Sandbox) -> None:
    before = len(check_ins(sandbox.folder, "kr-activation"))
    shown = form(open_page("/sandbox/issue/GROW-5?as=ben"))
    shown.locator("#f-value").fill("plenty")
    shown.locator("#f-blocker").fill("Legal has not answered")
    choose(shown, "None")
    save(shown)
    expect(shown.locator("#f-value")).to_be_focused()
    expect(shown.locator("#f-value")).to_have_attribute("aria-invalid", "true")
    expect(shown.locator("#f-value")).to_have_value("plenty")
    expect(shown.locator("#f-blocker")).to_have_value("Legal has not answered")
    assert len(check_ins(sandbox.folder, "kr-activation")) == before


def test_a_bridge_that_hands_on_every_answer_works_as_well(open_page: Opener) -> None:
    page = open_page("/sandbox/issue/GROW-5?as=ben")
    shown = form(page)
    page.evaluate("document.getElementById('trouble').dataset.bodies = '1'")
    shown.locator("#f-value").fill("plenty")
    choose(shown, "None")
    save(shown)
    expect(shown.locator("#f-value")).to_have_attribute("aria-invalid", "true")


def test_somebody_else_was_quicker(open_page: Opener, sandbox: Sandbox) -> None:
    mine = form(open_page("/sandbox/issue/PAY-1?as=elena"))
    theirs = form(open_page("/sandbox/issue/PAY-1"))  # an admin
    theirs.locator("#f-blocker").fill("The bank changes its file format")
    choose(theirs, "Other")
    save(theirs)
    expect(theirs.locator("#said")).to_contain_text("Check-in saved")
    before = len(check_ins(sandbox.folder, "kr-payout"))
    mine.locator("#f-blocker").fill("A contract is not signed")
    choose(mine, "None")
    save(mine)
    expect(mine.get_by_role("heading", name="Alice Moreau checked in meanwhile")).to_be_visible()
    expect(mine.locator("#f-blocker")).to_have_value("A contract is not signed")
    assert len(check_ins(sandbox.folder, "kr-payout")) == before
    save(mine)
    expect(mine.locator("#said")).to_contain_text("Check-in saved")
    assert [each.blocker for each in check_ins(sandbox.folder, "kr-payout")[-2:]] == [
        "The bank changes its file format",
        "A contract is not signed",
    ]


UNSURE = "It is not certain that the check-in was saved. Your entries are still here. Save again: it is filed once."
ENDED = "The check-in was not saved: Jira’s pass for this panel has ended. Your entries are still here. Save again"


@pytest.mark.parametrize(("trouble", "words"), [("lost", UNSURE), ("broken", UNSURE), ("ended", ENDED)])
def test_a_save_that_does_not_arrive_keeps_every_word(open_page: Opener, sandbox: Sandbox, trouble: str, words: str) -> None:
    before = len(check_ins(sandbox.folder, "kr-accounts"))
    page = open_page("/sandbox/issue/PLAT-1?as=farid")
    shown = form(page)
    shown.locator("#f-blocker").fill(f"Kept although {trouble}")
    choose(shown, "None")
    on_the_way(page, trouble)
    save(shown)
    expect(shown.get_by_role("alert")).to_contain_text(words)
    expect(shown.locator("#f-blocker")).to_have_value(f"Kept although {trouble}")
    sound_inside(page, "context")
    on_the_way(page, "")
    save(shown)
    expect(shown.locator("#said")).to_contain_text("Check-in saved")
    filed = check_ins(sandbox.folder, "kr-accounts")
    assert len(filed) == before + 1
    assert filed[-1].blocker == f"Kept although {trouble}"


def test_an_answer_that_is_lost_does_not_file_twice(open_page: Opener, sandbox: Sandbox) -> None:
    before = len(check_ins(sandbox.folder, "kr-latency"))
    page = open_page("/sandbox/issue/PLAT-5?as=hugo")
    shown = form(page)
    choose(shown, "None")
    on_the_way(page, "unsaid")  # it arrives, the answer does not
    save(shown)
    expect(shown.get_by_role("alert")).to_contain_text(UNSURE)
    assert len(check_ins(sandbox.folder, "kr-latency")) == before + 1
    on_the_way(page, "")
    save(shown)
    expect(shown.locator("#said")).to_be_visible()
    assert len(check_ins(sandbox.folder, "kr-latency")) == before + 1


@pytest.fixture
def lasting(browser: Browser, sandbox: Sandbox, complaints: Complaints, tmp_path: Path) -> Iterator[Opener]:
    """As ``open_page``, in a window that lets frames of other sites keep something, as browsers do unless private or told otherwise."""
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text('{"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": false}}')
    context = browser.browser_type.launch_persistent_context(
        str(tmp_path), executable_path=chromium.required(), args=chromium.launch_arguments(), viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(15_000)

    def opened(path: str) -> Page:
        page = context.new_page()
        complaints.watch(page)
        page.goto(sandbox.url + path)
        return page

    yield opened
    context.close()
    assert complaints.texts == []


def test_entries_survive_a_lost_connection_and_a_reload(lasting: Opener, sandbox: Sandbox) -> None:
    page = lasting("/sandbox/issue/GROW-7?as=jonas")
    shown = form(page)
    shown.locator("#f-blocker").fill("Typed before the train went into the tunnel")
    choose(shown, "Headcount")
    on_the_way(page, "lost")
    save(shown)
    expect(shown.get_by_role("alert")).to_be_visible()
    page.reload()
    shown = form(page)
    expect(shown.get_by_text("Your entries are here again.")).to_be_visible()
    expect(shown.locator("#f-blocker")).to_have_value("Typed before the train went into the tunnel")
    expect(shown.locator("input[name=decision][value=headcount]")).to_be_checked()
    sound_inside(page, "context")
    save(shown)
    expect(shown.locator("#said")).to_contain_text("Check-in saved")
    assert check_ins(sandbox.folder, "kr-offline")[-1].blocker == "Typed before the train went into the tunnel"
    page.reload()
    shown = form(page)
    expect(shown.get_by_text("Your entries are here again.")).to_have_count(0)  # saved is saved


def test_entries_are_kept_for_the_issue_and_person_that_they_are_of(lasting: Opener) -> None:
    page = lasting("/sandbox/issue/GROW-7?as=jonas")
    form(page).locator("#f-blocker").fill("Mine")
    page.wait_for_timeout(500)
    page.goto(page.url.replace("GROW-7", "GROW-8"))
    expect(form(page).get_by_text("Your entries are here again.")).to_have_count(0)
    page.goto(page.url.replace("GROW-8", "GROW-7").replace("jonas", "alice"))
    expect(form(page).get_by_text("Your entries are here again.")).to_have_count(0)
    page.goto(page.url.replace("alice", "jonas"))
    shown = form(page)
    expect(shown.locator("#f-blocker")).to_have_value("Mine")
    shown.get_by_role("button", name="Start anew").click()
    expect(shown.locator("#f-blocker")).not_to_have_value("Mine")


def test_what_was_given_up_does_not_come_back(lasting: Opener) -> None:
    page = lasting("/sandbox/issue/GROW-7?as=jonas")
    shown = form(page)
    shown.locator("#f-blocker").fill("Never mind")
    page.wait_for_timeout(400)
    shown.get_by_role("button", name="Cancel").click()
    shown = form(page)
    expect(shown.get_by_text("Your entries are here again.")).to_have_count(0)
    expect(shown.locator("#f-blocker")).not_to_have_value("Never mind")


def test_no_answer_in_time_is_said_as_what_it_is(open_page: Opener) -> None:
    page = open_page("/sandbox/issue/GROW-7?as=jonas")
    page.clock.install()
    shown = form(page)
    choose(shown, "None")
    on_the_way(page, "late")
    save(shown)
    page.clock.fast_forward(29_000)
    expect(shown.get_by_role("alert")).to_contain_text(UNSURE)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("lost", "No answer came from the connector."),
        ("broken", "No answer came from the connector."),
        ("ended", "Jira’s pass for this panel has ended"),
    ],
)
def test_a_panel_that_cannot_be_read_says_so_and_comes_back(open_page: Opener, trouble: str, words: str) -> None:
    page = open_page("/sandbox/issue/GROW-2")
    shown = inside(page, "context")
    expect(shown.get_by_role("button", name="Update")).to_be_visible()
    on_the_way(page, trouble)
    page.locator("#account").select_option(index=1)  # Jira loads the frame anew
    expect(shown.get_by_role("alert")).to_contain_text(words)
    sound_inside(page, "context")
    on_the_way(page, "")
    shown.get_by_role("button", name="Try again").click()
    expect(shown.get_by_role("list", name="What this issue serves")).to_be_visible()


def test_a_token_that_ended_is_named_where_the_bridge_tells(open_page: Opener) -> None:
    page = open_page("/sandbox/issue/GROW-2")
    shown = inside(page, "context")
    expect(shown.get_by_role("button", name="Update")).to_be_visible()
    page.evaluate("document.getElementById('trouble').dataset.bodies = '1'")
    on_the_way(page, "ended")
    shown.get_by_role("button", name="Update").click()
    expect(shown.get_by_role("alert")).to_contain_text("pass for this panel has ended")
    on_the_way(page, "")
    shown.get_by_role("button", name="Try again").click()
    expect(shown.locator("#check-in-form")).to_be_visible()


def test_an_issue_that_jira_does_not_show_shows_nothing_here(open_page: Opener) -> None:
    page = open_page("/sandbox/issue/PLAT-1?as=stranger")
    shown = inside(page, "context")
    expect(shown.get_by_role("alert")).to_contain_text("Jira does not let you see this issue.")
    assert "Accounts moved" not in shown.locator("body").inner_text()
    expect(shown.get_by_role("button", name="Try again")).to_have_count(0)
    sound_inside(page, "context")


def test_somebody_unknown_reads_what_everybody_may_and_updates_nothing(open_page: Opener) -> None:
    page = open_page("/sandbox/issue/GROW-2?as=stranger")
    shown = inside(page, "context")
    expect(shown.get_by_role("list", name="What this issue serves")).to_be_visible()
    expect(shown.get_by_role("button", name="Update")).to_have_count(0)


def test_links_open_the_connector_in_a_tab_of_its_own(open_page: Opener, sandbox: Sandbox) -> None:
    page = open_page("/sandbox/issue/GROW-2")
    with page.context.expect_page() as opened:
        inside(page, "context").get_by_role("link", name="Open key result").click()
    assert opened.value.url == f"{sandbox.url}/key-results/kr-setup"


def test_a_comment_is_an_update_and_the_panel_shows_it(open_page: Opener, sandbox: Sandbox) -> None:
    before = len(check_ins(sandbox.folder, "kr-failures"))
    page = open_page("/sandbox/issue/PAY-5?as=daniel")
    expect(inside(page, "context").get_by_role("button", name="Update")).to_be_visible()
    page.get_by_label("Comment as the person above").fill("/okr confidence 4 blocker: the bank changes its file format decision none")
    page.get_by_role("button", name="Comment").click()
    for _ in range(60):
        if len(check_ins(sandbox.folder, "kr-failures")) > before:
            break
        page.wait_for_timeout(250)
    filed = check_ins(sandbox.folder, "kr-failures")
    assert len(filed) == before + 1
    assert (filed[-1].confidence, filed[-1].source) == (4, "comment")
    shown = inside(page, "context").get_by_text("the bank changes its file format").first
    said = page.locator(".comments li")
    for _ in range(20):  # state and answer follow the check-in a moment later
        page.goto(sandbox.url + "/sandbox/issue/PAY-5?as=daniel")
        expect(inside(page, "context").get_by_role("button", name="Update")).to_be_visible()
        if shown.is_visible() and said.count() > 1:
            break
        page.wait_for_timeout(500)
    expect(shown).to_be_visible()
    expect(said).to_have_count(2)  # one answer, and it is not answered again


def test_what_is_said_covers_no_button(open_page: Opener) -> None:
    page = open_page("/sandbox/issue/GROW-1")
    shown = form(page)
    choose(shown, "None")
    save(shown)
    said, button = shown.locator("#said"), shown.get_by_role("button", name="Update")
    expect(said).to_contain_text("Check-in saved")
    expect(button).to_be_visible()
    above, below = said.bounding_box(), button.bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"]
    assert frame_of(page, "context").evaluate("getComputedStyle(document.getElementById('said')).position") == "static"


def test_nothing_of_a_panel_breaks_the_policy_of_jira(open_page: Opener, complaints: Complaints) -> None:
    page = open_page("/sandbox/issue/GROW-2")
    shown = form(page)
    expect(shown.locator("#check-in-form")).to_be_visible()
    policy = page.request.get(frame_of(page, "context").url).headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "connect-src 'none'" in policy
    assert complaints.texts == []
