"""Triage in a browser: above the fold, the two-minute test, soundness in each width and scheme, keyboard, print; the other leads' pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from connector.app import create_app
from connector.store.tables import Celebration
from tests.browser.conftest import Complaints, Opener, signed_in, sound
from tests.support.board import THIRTY, fill
from tests.support.signed_in import Visit
from tests.support.standin import running
from tests.support.two_minutes import keep_picture, name_lists, read_lists, visible_text
from tests.support.world import company

BUCKETS = {
    "at_risk": "At risk", "stalled": "Stalled", "on_track": "On track",
    "overdue": "Cannot tell", "data_late": "Cannot tell", "no_data": "Cannot tell", "closed": "Closed",
}  # fmt: skip
FOLD = 800
LOOKS = [(1280, "light"), (1280, "dark"), (900, "light"), (360, "light"), (360, "dark")]
PAGES = (
    "/triage",
    "/triage?sort=weight",
    "/triage?forum=1&team=1",
    "/alignment",
    "/alignment?view=matrix",
    "/key-results/kr-7",
    "/key-results/kr-20",
)


@dataclass
class Site:
    url: str
    cookie: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with company(tmp_path_factory.mktemp("triage")) as found:
        fill(found)
        now = found.runtime.now()
        with found.runtime.store.write() as session:
            session.add(Celebration(key_result_id="kr-5", kind="quarter", text="A quarter of the way: 475 now", at=now))
        app = create_app(found.runtime)
        cookie = Visit(app, found.runtime, "ada@acme.example", "lead").client.get_cookie("okr_session")
        assert cookie is not None
        with running(app) as url:
            yield Site(url, cookie.value)


@pytest.fixture
def opened(browser: Browser, site: Site, complaints: Complaints) -> Iterator[Opener]:
    with signed_in(browser, site.url, complaints, site.cookie) as open_page:
        yield open_page
    assert complaints.texts == []


def bottom(page: Page, selector: str) -> float:
    return float(page.locator(selector).evaluate_all("(all) => Math.max(...all.map((each) => each.getBoundingClientRect().bottom))"))


def test_thirty_key_results_and_their_asks_stand_above_the_fold(opened: Opener) -> None:
    page = opened("/triage", width=1280, height=FOLD)
    assert page.locator("tbody a[id^=kr-]").count() == 30
    assert bottom(page, "tbody a[id^=kr-]") <= FOLD
    assert page.locator(".ask").count() == 5
    assert bottom(page, ".ask") <= FOLD
    assert page.locator("#off thead th").count() <= 7
    tops = [each.bounding_box() for each in page.locator(".answers > div").all()]
    assert [each["x"] for each in tops if each] == sorted(each["x"] for each in tops if each)
    for title in [each.title for each in THIRTY]:
        link = page.get_by_role("link", name=title, exact=True).first
        assert link.evaluate("(link) => link.scrollWidth <= link.parentElement.clientWidth + 1"), title  # never cut


def test_the_lists_can_be_named_from_the_visible_text_alone(opened: Opener, tmp_path: Path) -> None:
    page = opened("/triage", width=1280, height=FOLD)
    keep_picture(page, tmp_path / "two-minutes.png")
    assert (tmp_path / "two-minutes.png").stat().st_size > 20_000
    text = visible_text(page)
    truth = {each.title: BUCKETS[each.state] for each in THIRTY}
    assert name_lists(text, list(truth)) == truth
    _, counts = read_lists(text)
    assert counts == {"At risk": 7, "Stalled": 4, "Cannot tell": 5, "On track": 13, "Closed": 1}
    for word in ("moving", "flat", "slipping", "not known"):
        assert word in text
    assert [text.index(each) for each in ("Are we moving?", "Where are we off track?", "What decision is needed now?")] == sorted(
        text.index(each) for each in ("Are we moving?", "Where are we off track?", "What decision is needed now?")
    )


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_leads_page_is_sound_at_every_width_and_scheme(opened: Opener, width: int, scheme: str) -> None:
    page = opened("/triage", width=width, scheme=scheme)
    for path in PAGES:
        page.goto(page.url.split("/triage")[0].split("/alignment")[0].split("/key-results")[0] + path)
        sound(page)
        expect(page.locator("h1")).to_have_count(1)


def test_on_a_narrow_page_asks_come_before_the_lists(opened: Opener) -> None:
    page = opened("/triage", width=360)
    boxes = {name: page.locator(f"#{name}").bounding_box() for name in ("answers", "asks", "off", "on")}
    tops = [box["y"] for box in boxes.values() if box]
    assert tops == sorted(tops)


def test_everything_is_reached_by_keyboard_in_the_order_of_reading(opened: Opener) -> None:
    page = opened("/triage")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    order = []
    for _ in range(60):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert order.index("All forums 30") < order.index("Payout time, median") < order.index("First invoice sent in 7 days")
    assert order.index("App store rating") < order.index("Deploys a day")
    page.get_by_text("Team, cycle, order").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Order").select_option("weight")
    page.get_by_role("button", name="Show").press("Enter")
    page.wait_for_url("**/triage?*sort=weight*")


def test_it_prints_on_paper_without_its_controls(opened: Opener) -> None:
    page = opened("/triage")
    page.emulate_media(media="print")
    assert page.get_by_text("Payout time, median").first.is_visible()
    assert not page.get_by_text("Team, cycle, order").is_visible()
    assert not page.get_by_role("navigation", name="Main").is_visible()


def test_a_thanks_is_said_by_keyboard_and_its_mistake_is_told_at_the_field(opened: Opener, complaints: Complaints) -> None:
    page = opened("/key-results/kr-7")
    page.get_by_label("Say thanks").fill("   ")
    page.get_by_role("button", name="Thank", exact=True).click()
    expect(page.get_by_text("say in a sentence what the thanks are for")).to_be_visible()
    page.get_by_label("Say thanks").fill("For the cohort of October")
    page.get_by_label("Say thanks").press("Enter")
    expect(page.get_by_text("For the cohort of October thanks from Ada")).to_be_visible()
    complaints.texts[:] = [text for text in complaints.texts if "status of 422" not in text]
