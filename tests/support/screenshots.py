"""Takes the pictures of the documentation from a sandbox made for it (``make screenshots``), so that they never show an older product.

Each picture is a page of ``PICTURES`` after its steps; names are files in docs/images.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import sign_in, start, stop
from tests.support import chromium, node
from tests.support.frames import inside

IMAGES = Path(__file__).parents[2] / "docs" / "images"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: where, after which steps, how large. ``frame``: of this panel alone, as high as it is; ``part``: of this element."""

    name: str
    path: str
    steps: Callable[[Page], None] | None = None
    width: int = 1280
    height: int = 800
    frame: str = ""
    part: str = ""


def _epic(page: Page) -> None:
    """An epic picked, with its preview."""
    page.get_by_role("checkbox", name="GROW-6").or_(page.get_by_role("checkbox")).first.check()
    page.get_by_text("would go").or_(page.get_by_text("stays")).first.wait_for()


def _review(page: Page) -> None:
    """The next review, before it is opened."""
    page.locator("#h-ahead ~ ul a").first.click()
    page.get_by_role("heading", name="The agenda as it would be").wait_for()


def _panel(page: Page) -> None:
    """The panel beside the issue, read."""
    inside(page, "context").get_by_role("button", name="Update").wait_for()


def _update(page: Page) -> None:
    """The form of an update, opened in the narrow panel."""
    inside(page, "context").get_by_role("button", name="Update").click()
    inside(page, "context").locator("#check-in-form").wait_for()


def _board(page: Page) -> None:
    """The gadget of the dashboard, read."""
    inside(page, "gadget").get_by_role("heading", level=1).wait_for()


def _settings(page: Page) -> None:
    """The settings of the dashboard's gadget."""
    page.locator("#place-gadget [data-edit]").click()
    inside(page, "gadget").get_by_role("heading", name="Panel settings").wait_for()


def _framed(name: str) -> Callable[[Page], None]:
    """One of our own pages in a frame, read."""
    return lambda page: inside(page, name).get_by_role("heading", level=1).wait_for()


def _row(database: str, title: str) -> Callable[[Page], None]:
    """A page of the Notion stand-in with its callout written."""

    def opened(page: Page) -> None:
        if database:
            page.get_by_role("link", name=database, exact=True).click()
        page.get_by_role("link", name=title, exact=True).first.click()
        page.locator(".callout").first.wait_for(timeout=90_000)

    return opened


PICTURES = (
    Picture("triage", "/triage", height=860),
    Picture("alignment", "/alignment"),
    Picture("review", "/reviews", _review),
    Picture("overview", "/"),
    Picture("sandbox", "/sandbox/board"),
    Picture("key-result", "/key-results/kr-setup", height=1000),
    Picture("plan", "/plan"),
    Picture("connections", "/connections"),
    Picture("connection", "/connections/jira"),
    Picture("connect-jira", "/connect/jira-token"),
    Picture("mappings", "/mappings"),
    Picture("mapping", "/mappings/new?key_result=kr-setup", _epic),
    Picture("unmapped", "/mappings/unmapped"),
    Picture("people", "/people"),
    Picture("audit", "/audit"),
    Picture("import", "/exchange"),
    Picture("issue-panel", "/sandbox/issue/GROW-4?as=ben", _panel, height=1600, frame="context"),
    Picture("issue-update", "/sandbox/issue/GROW-4?as=ben", _update, height=1600, frame="context"),
    Picture("dashboard-panel", "/sandbox/dashboard", _board, height=1600, frame="gadget"),
    Picture("dashboard-settings", "/sandbox/dashboard", _settings, height=1600, frame="gadget"),
    Picture("project-page", "/sandbox/project/GROW", _framed("project"), height=1600, frame="project"),
    Picture("notion-databases", "/connections/notion/okr-databases"),
    Picture("notion-row", "/sandbox/workspace", _row("Key Results", "New customers who send an invoice within 7 days"), part="article"),
    Picture("notion-objective", "/sandbox/workspace", _row("Objectives", "Paying is the easiest part of an invoice"), part="article"),
    Picture("notion-leads", "/sandbox/workspace", _row("", "Where we stand"), part="article"),
    Picture("jira-admin-page", "/sandbox/jira-admin", _framed("admin"), height=1600, frame="admin"),
)


def _take(page: Page, picture: Picture) -> None:
    path = IMAGES / f"{picture.name}.png"
    if picture.part:
        page.locator(picture.part).first.screenshot(path=path)
    elif picture.frame:
        page.wait_for_timeout(800)  # the frame takes the height of what it shows
        page.locator(f"#place-{picture.frame} iframe").screenshot(path=path)
    else:
        page.screenshot(path=path)
    with Image.open(path) as taken:  # flat colours: a palette shows the same in a third of the size, state colours included
        small = taken.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main(names: list[str]) -> int:
    """Take all pictures, or those named."""
    node.built()
    chosen = [picture for picture in PICTURES if not names or picture.name in names]
    with tempfile.TemporaryDirectory(prefix="okr-screenshots-") as folder, sync_playwright() as playwright:
        sandbox = start(Path(folder))
        try:
            browser = playwright.chromium.launch(executable_path=chromium.required(), args=chromium.launch_arguments())
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light", reduced_motion="reduce")
            sign_in(page, sandbox)
            for picture in chosen:
                page.set_viewport_size({"width": picture.width, "height": picture.height})
                answer = page.goto(sandbox.url + picture.path)
                if answer is None or not answer.ok:
                    print(f"{picture.path}: {answer.status if answer else 'no answer'}", file=sys.stderr)
                    return 1
                if picture.steps:
                    picture.steps(page)
                _take(page, picture)
                print(f"docs/images/{picture.name}.png")
            browser.close()
        finally:
            stop(sandbox.process)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
