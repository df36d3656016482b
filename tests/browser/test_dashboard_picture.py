"""The dashboard panel as a picture: the two-minute test (R073), widths, schemes, and what an assistive technology finds.

The page is what the app's bundle makes of a fragment: the same styles, the sheet of marks, and a strict policy.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageChops, ImageOps
from playwright.sync_api import Browser, Page

from connector.services.forge.dashboard import VIEWS
from tests.support.board import THIRTY, fill
from tests.support.forge import Forge, forge_site
from tests.support.pages import ROOT

STYLES = ("tokens.css", "app.css", "panel.css", "dashboard.css", "check_in.css")
POLICY = "default-src 'none'; style-src 'nonce-bundle'"
TALLEST = 1250  # pixels at a width of 450: thirty key results with the counts of their forums
BUCKETS = {
    "at_risk": "At risk", "stalled": "Stalled", "on_track": "On track",
    "overdue": "Cannot tell", "data_late": "Cannot tell", "no_data": "Cannot tell", "closed": "Closed",
}  # fmt: skip
MARKS = ("at-risk", "stalled", "overdue", "data-late", "no-data", "on-track", "closed")
SIDE = 12


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with forge_site(tmp_path_factory.mktemp("picture")) as forge:
        fill(forge.company)
        yield forge


def document(html: str, scheme: str = "light") -> str:
    css = "\n".join((ROOT / "connector" / "static" / name).read_text() for name in STYLES)
    css += (ROOT / "forge" / "src" / "frame.css").read_text()
    marks = (ROOT / "connector" / "templates" / "marks.svg").read_text()
    return (
        f'<!doctype html><html lang="en" data-theme="{scheme}"><head><meta charset="utf-8"><title>OKR</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style nonce="bundle">{css}</style></head>'
        f'<body>{marks}<main id="okr" class="host">{html}</main></body></html>'
    )


def panel(browser: Browser, site: Forge, width: int, scheme: str = "light", **config: str) -> Page:
    html = site.call("POST", "/forge/v1/dashboard", {"config": config}).json["html"]  # type: ignore[index]
    page = browser.new_page(viewport={"width": width, "height": 700})
    page.set_content(document(html, scheme))
    return page


@dataclass(frozen=True)
class Seen:
    """A word or a mark in the picture, where it stands."""

    text: str
    x: float
    y: float


def visible(page: Page, selector: str) -> list[Seen]:
    """What of these elements takes room in the picture, top down: nothing that only a screen reader gets."""
    found = page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].filter((each) => {
            const box = each.getBoundingClientRect();
            return each.checkVisibility() && box.width > 4 && box.height > 4;
        }).map((each) => { const box = each.getBoundingClientRect(); return [each.textContent.trim(), box.x, box.y + scrollY]; })""",
        selector,
    )
    return sorted((Seen(*each) for each in found), key=lambda each: each.y)


def shape(picture: Image.Image, x: float, y: float) -> Image.Image:
    """A mark cut out of the grey picture, its contrast stretched, so that nothing but its shape is left."""
    cut = picture.crop((round(x) - 1, round(y) - 1, round(x) + SIDE + 1, round(y) + SIDE + 1))
    return ImageOps.autocontrast(cut)


def likeness(one: Image.Image, other: Image.Image) -> float:
    """0 for equal shapes; the best of a pixel's shift either way."""
    return min(
        sum(ImageChops.difference(one, ImageChops.offset(other, across, down)).tobytes()) for across in (-1, 0, 1) for down in (-1, 0, 1)
    )


def references(browser: Browser) -> dict[str, Image.Image]:
    """The shapes alone, in black."""
    marks = "".join(f'<p><svg class="mark" aria-hidden="true"><use href="#{name}"/></svg></p>' for name in MARKS)
    page = browser.new_page(viewport={"width": 100, "height": 400})
    page.set_content(document(marks))
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("L")
    places = [(each.x, each.y) for each in visible(page, "main .mark")]
    page.close()
    return {name: shape(picture, *place) for name, place in zip(MARKS, places, strict=True)}


@pytest.mark.parametrize(("width", "scheme"), [(450, "light"), (450, "dark"), (300, "light"), (900, "light")])
def test_the_lists_of_thirty_key_results_can_be_named_from_the_picture_alone(
    browser: Browser, site: Forge, width: int, scheme: str, tmp_path: Path
) -> None:
    known = references(browser)
    page = panel(browser, site, width, scheme)
    page.locator("summary").click()  # the closed ones are counted in the folded line
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("L")  # no colour at all
    headings = list(visible(page, ".bucket th, summary"))
    titles = visible(page, "tbody a[id]")
    marks = list(visible(page, "tbody .t .mark"))
    assert [each.text for each in headings] == ["At risk 7", "Stalled 4", "Cannot tell 5", "On track 13", "Closed 1"]
    by_heading, by_shape = {}, {}
    for title, mark in zip(titles, marks, strict=True):
        assert abs(title.y - mark.y) < 8  # the mark stands at the title's first line
        above = [each for each in headings if each.y < title.y]
        by_heading[title.text] = above[-1].text.rstrip("0123456789 ")
        cut = shape(picture, mark.x, mark.y)
        cut = ImageOps.invert(cut) if scheme == "dark" else cut
        found = min(known, key=lambda name: likeness(known[name], cut))
        by_shape[title.text] = BUCKETS[found.replace("-", "_")]
    truth = {each.title: BUCKETS[each.state] for each in THIRTY}
    assert by_heading == truth
    assert by_shape == truth
    assert len(truth) == 30
    page.close()


def test_the_picture_of_thirty_is_no_taller_than_promised(browser: Browser, site: Forge) -> None:
    page = panel(browser, site, 450)
    assert page.evaluate("document.documentElement.scrollHeight") <= TALLEST
    for each in THIRTY:
        if each.state != "closed":
            row = page.get_by_role("row").filter(has_text=each.title)
            assert row.locator("a").evaluate("(link) => getComputedStyle(link).textOverflow") != "ellipsis"
            assert row.locator("th").evaluate("(cell) => cell.scrollWidth <= cell.clientWidth + 1"), each.title  # never cut
    answers = page.locator(".three").inner_text()
    assert [answers.index(word) for word in ("Moving?", "Off track?", "Decide?")] == sorted(
        answers.index(word) for word in ("Moving?", "Off track?", "Decide?")
    )
    page.close()


@pytest.mark.parametrize("view", list(VIEWS))
def test_every_view_is_sound_in_each_width_and_scheme(browser: Browser, site: Forge, view: str) -> None:
    for width, scheme in ((300, "light"), (450, "dark"), (900, "light")):
        page = panel(browser, site, width, scheme, view=view)
        complaints: list[str] = []
        page.on("console", lambda message, told=complaints: told.append(message.text))  # type: ignore[misc]
        if width == 300 or view == "triage":
            _sound(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (view, width)
        assert complaints == []
        page.close()


def test_the_form_and_the_states_without_key_results_are_sound(browser: Browser, site: Forge) -> None:
    form = site.call("POST", "/forge/v1/dashboard/config", {}).json["html"]  # type: ignore[index]
    bad = site.call("POST", "/forge/v1/dashboard/config/check", {"view": "x", "team": "999", "key_result": "rate"}).json["html"]  # type: ignore[index]
    lost = site.call("POST", "/forge/v1/dashboard", {"config": {"team": "999", "refresh": "x"}}).json["html"]  # type: ignore[index]
    for width, html in ((300, form), (450, bad), (300, lost)):
        page = browser.new_page(viewport={"width": width, "height": 700})
        page.set_content(document(html))
        _sound(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        page.close()


def test_movement_keeps_its_word_for_readers_where_only_the_arrow_has_room(browser: Browser, site: Forge) -> None:
    page = panel(browser, site, 300)
    row = page.get_by_role("row").filter(has_text="Cost per active account")
    assert row.get_by_text("slipping").evaluate("(word) => getComputedStyle(word).position") == "absolute"
    assert "slipping" in row.inner_text()
    page.close()


def _sound(page: Page) -> None:
    page.evaluate("document.querySelector('meta[http-equiv]').remove()")
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["target"], each["nodes"][0]["failureSummary"]) for each in found] == []
