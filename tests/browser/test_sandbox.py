"""What a person sees in the sandbox: work moves, the panel and the key result follow without a reload."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener, Sandbox, start, stop

PAGES = (
    "/",
    "/key-results/kr-setup",
    "/key-results/kr-activation",
    "/key-results/kr-crews",
    "/objectives/mobile",
    "/sandbox/board",
    "/sandbox/board?kr=kr-failures",
    "/sandbox/workspace",
)


def value_of(page: Page) -> str:
    return page.locator("#kr-row-kr-setup [data-value]").inner_text()


def summary_of(page: Page) -> str:
    return page.locator("#panel-GROW-2 .remote-link").inner_text()


def measure(act: Callable[[], object], changed: Callable[[], bool]) -> float:
    """Seconds from the end of an act (a key press, a drop) until what it should change has changed.

    Shown, not judged: how quick the product is, is measured by `bench loop` on a machine that does nothing else.
    """
    act()
    begun = time.monotonic()
    while time.monotonic() - begun < 15:
        if changed():
            return time.monotonic() - begun
        time.sleep(0.02)
    raise AssertionError("nothing changed within 15 seconds")


def mark(page: Page) -> None:
    """Leave something that a reload would lose."""
    page.evaluate("window.keptAlive = true")


def kept(page: Page) -> bool:
    return page.evaluate("window.keptAlive === true")


@pytest.fixture
def both(open_page: Opener) -> tuple[Page, Page]:
    """The board and the overview, open at the same time, with the panel written."""
    board, overview = open_page("/sandbox/board", height=1500), open_page("/")
    expect(board.locator("#panel-GROW-2 .remote-link")).to_be_visible(timeout=45_000)
    mark(board)
    mark(overview)
    return board, overview


def move_by_keyboard(board: Page, key: str) -> None:
    card = board.locator(f"#card-{key}")
    card.focus()
    card.press("ArrowRight")


def first_card(board: Page, column: str) -> str:
    key = board.locator(f"#column-GROW-2-{column} .issue").first.get_attribute("data-key")
    assert key
    return key


def test_a_child_moved_to_done_by_keyboard_changes_value_and_panel_without_a_reload(both: tuple[Page, Page], capsys: Any) -> None:
    board, overview = both
    key, before, told = first_card(board, "indeterminate"), value_of(overview), summary_of(board)
    seen: dict[str, float] = {}

    def changed() -> bool:
        if "value" not in seen and value_of(overview) != before:
            seen["value"] = time.monotonic()
        if "panel" not in seen and summary_of(board) != told:
            seen["panel"] = time.monotonic()
        return len(seen) == 2

    begun = time.monotonic()
    measure(lambda: move_by_keyboard(board, key), changed)
    with capsys.disabled():
        print(f"\n  keyboard: value after {seen['value'] - begun:.2f} s, panel after {seen['panel'] - begun:.2f} s")
    assert int(re.sub(r"\D", "", value_of(overview))) > int(re.sub(r"\D", "", before))
    assert f"now {value_of(overview)}" in summary_of(board)
    assert kept(board)
    assert kept(overview)
    expect(board.locator("#column-GROW-2-done").locator(f"#card-{key}")).to_have_count(1)
    # Focus went with the card, so that the next key press moves the same one.
    expect(board.locator(f"#card-{key}")).to_be_focused()
    assert f"{key} moved to Done" in board.locator("#live-state").inner_text()


def test_a_child_moved_by_mouse_changes_value_and_panel_without_a_reload(both: tuple[Page, Page], capsys: Any) -> None:
    board, overview = both
    key, before, told = first_card(board, "indeterminate"), value_of(overview), summary_of(board)

    def drag() -> None:
        board.locator(f"#card-{key} .issue-title").drag_to(board.locator("#column-GROW-2-done"))

    took = measure(drag, lambda: value_of(overview) != before and summary_of(board) != told)
    with capsys.disabled():
        print(f"\n  mouse: value and panel after {took:.2f} s")
    assert kept(board)
    assert kept(overview)
    expect(board.locator("#column-GROW-2-done").locator(f"#card-{key}")).to_have_count(1)


def test_a_card_goes_back_by_its_button(both: tuple[Page, Page]) -> None:
    board, overview = both
    key, before = first_card(board, "done"), value_of(overview)
    measure(lambda: board.get_by_role("button", name=f"Move {key} to To do").click(), lambda: value_of(overview) != before)
    assert int(re.sub(r"\D", "", value_of(overview))) < int(re.sub(r"\D", "", before))


def test_a_row_edited_in_notion_moves_its_key_result_and_the_callout(open_page: Opener) -> None:
    overview, page = open_page("/"), open_page("/sandbox/workspace")
    page.get_by_role("link", name="Objectives").click()
    page.get_by_role("link", name="Paying is the easiest part of an invoice").click()
    callout = page.locator(".callout")
    expect(callout).to_be_visible(timeout=45_000)
    mark(page)
    told = callout.inner_text()
    deals = open_page("/sandbox/workspace")
    before = overview.locator("#kr-row-kr-seats [data-value]").inner_text()
    seats = deals.get_by_label("Seats of Moss Plumbing")
    seats.fill(str(int(seats.input_value()) + 30))
    measure(
        lambda: seats.press("Enter"),
        lambda: overview.locator("#kr-row-kr-seats [data-value]").inner_text() != before and callout.inner_text() != told,
    )
    assert int(overview.locator("#kr-row-kr-seats [data-value]").inner_text()) == int(before) + 30
    assert kept(page)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_every_page_is_readable_for_everybody(open_page: Opener, path: str, width: int, scheme: str) -> None:
    page = open_page(path, width=width, height=740, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    expect(page.get_by_role("note")).to_contain_text("stand-ins")
    assert page.locator("h1").count() == 1


def test_both_schemes_differ(open_page: Opener) -> None:
    def background(scheme: str) -> str:
        return str(open_page("/", scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor"))

    assert background("light") != background("dark")


def test_the_overview_shows_every_state_with_word_and_reason(open_page: Opener) -> None:
    page = open_page("/")
    states = page.locator(".nine .chip").all_inner_texts()
    assert len(states) == 12
    assert {"On track", "At risk", "Stalled", "Overdue", "No data"} <= set(states)
    expect(page.locator("#kr-row-kr-crews")).to_contain_text("no reading yet")
    expect(page.locator("#kr-row-kr-crews .p")).to_contain_text("not known")
    expect(page.locator("#answers")).to_contain_text("of 12 moving")


def test_the_panel_links_to_the_page_of_its_key_result(both: tuple[Page, Page]) -> None:
    board, _ = both
    board.locator("#panel-GROW-2 .remote-link a").click()
    expect(board.get_by_role("heading", level=1)).to_have_text("Guided set-up shipped")
    expect(board.locator("#explain")).to_contain_text("from 0")
    expect(board.get_by_text("children of GROW-1, GROW-2, GROW-3")).to_be_visible()


def test_what_was_moved_survives_a_stop_and_an_open_page_does_not_delay_it(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> None:
    folder = tmp_path_factory.mktemp("again")
    running = start(folder)
    page = browser.new_page()
    page.goto(f"{running.url}/sandbox/board?epic=GROW-2")
    key = first_card(page, "new")
    move_by_keyboard(page, key)
    expect(page.locator("#column-GROW-2-indeterminate").locator(f"#card-{key}")).to_have_count(1)
    assert stop(running.process) < 9  # an open page that delayed it would hold it for the ten seconds of grace
    again = start(folder)
    try:
        page.goto(f"{again.url}/sandbox/board?epic=GROW-2")
        expect(page.locator("#column-GROW-2-indeterminate").locator(f"#card-{key}")).to_have_count(1)
    finally:
        page.close()
        stop(again.process)


def test_it_says_where_it_is_ready(sandbox: Sandbox, capsys: Any) -> None:
    with capsys.disabled():
        print(f"\n  sandbox ready after {sandbox.started_in:.1f} s")
    assert any(line == f"Sandbox: {sandbox.url}/sandbox" for line in sandbox.lines) or sandbox.process.poll() is None
