"""The frames of the sandbox's Jira pages, as tests look into them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python import base
from playwright.sync_api import Frame, FrameLocator, Page
from sqlalchemy import select

from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.settings import Settings
from connector.store.tables import CheckIn

AXE = (Path(base.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def inside(page: Page, name: str) -> FrameLocator:
    """What stands in a frame: ``inside(page, "context").get_by_role(…)``. Waits like every locator."""
    return page.frame_locator(f"#place-{name} iframe")


def frame_of(page: Page, name: str) -> Frame:
    """The frame itself, for questions to its document."""
    handle = page.locator(f"#place-{name} iframe").element_handle()
    frame = handle.content_frame()
    assert frame is not None
    return frame


def on_the_way(page: Page, trouble: str) -> None:
    """What goes wrong between the frame and the connector from now on; "" for nothing."""
    page.locator("#trouble").select_option(trouble)


def sound_inside(page: Page, name: str) -> None:
    """No finding of axe in a frame, nothing in it that scrolls sideways."""
    frame = frame_of(page, name)
    frame.evaluate(AXE)
    found = frame.evaluate(
        "async () => (await axe.run(document.body, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']})).violations"
    )
    told = [(each["id"], each["nodes"][0]["html"][:200]) for each in found]
    assert not told, f"{name}: {told}"
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert frame.evaluate(width) <= 0, f"{name} scrolls sideways"


@contextmanager
def connector_of(folder: Path) -> Iterator[Runtime]:
    """A runtime on a sandbox's database."""
    runtime = build_runtime(Settings(data_dir=folder, sandbox=True), queue=InlineQueue())
    try:
        yield runtime
    finally:
        runtime.close()


def check_ins(folder: Path, key_result: str) -> list[CheckIn]:
    """What was filed for a key result, oldest first."""
    with connector_of(folder) as runtime, runtime.store.read() as session:
        return list(session.scalars(select(CheckIn).where(CheckIn.key_result_id == key_result).order_by(CheckIn.id)))
