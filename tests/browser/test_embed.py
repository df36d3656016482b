"""Our live page as it stands in a frame: on narrow and wide pages, light and dark, kept current, and shown by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect
from sqlalchemy import update

from connector.app import create_app
from connector.domain.rights import SYSTEM
from connector.services.check_ins import file_check_in
from connector.services.panels import embedding
from connector.store.tables import KeyResult, Objective, Panel
from tests.browser.conftest import Complaints, sound
from tests.support.standin import running
from tests.support.world import Company, company

ALICE = "alice@acme.example"
LOOKS = [(360, "light"), (360, "dark"), (700, "light"), (300, "light")]


@dataclass
class Frame:
    """An objective with two key results, one of them with a long name and asking for help; its address, and browsers."""

    company: Company
    url: str
    panel: int
    browser: Browser

    @property
    def address(self) -> str:
        found = embedding.address(self.company.runtime, self.panel)
        return found.replace("https://okr.acme.example", self.url)

    def context(self, width: int = 700, scheme: str = "light", **more: Any) -> BrowserContext:
        return self.browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme, **more)  # type: ignore[arg-type]


@pytest.fixture
def frame(tmp_path: Path, browser: Browser) -> Iterator[Frame]:
    with company(tmp_path, public_url="https://okr.acme.example") as acme:
        connection = acme.connection("acme-notion", "notion", "https://api.notion.com", {"token": "x" * 20})
        acme.objective("onboarding", pages=[{"connection": connection, "ref": "p"}])
        made = acme.runtime.now() - timedelta(30)
        acme.key_result("kr-setup", title="First invoice sent in 7 days", start=41.0, target=60.0, created_at=made)
        acme.key_result("kr-long", title="Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamte in charge", created_at=made)
        for days, value in ((14, 42), (7, 44)):
            acme.clock.ahead = -days * 86400
            told = {"value": value, "confidence": 6, "blocker": "conversion of existing traffic", "decision": "budget"}
            file_check_in(acme.runtime, "kr-setup", told, author=ALICE, source="page")
        acme.clock.ahead = 0
        acme.work()
        with acme.runtime.store.write() as session:
            row = Panel(
                connection_id=connection, ref="other", objective_id="onboarding", options={"embed": True}, key_results=[], receipt={}
            )
            session.add(row)
            session.flush()
            pages = [{"connection": connection, "ref": "other"}]
            session.execute(update(Objective).where(Objective.id == "onboarding").values(pages=pages))
            ident = row.id
        with running(create_app(acme.runtime)) as url:
            yield Frame(acme, url, ident, browser)


def test_it_looks_right_at_every_width_light_and_dark(frame: Frame) -> None:
    complaints = Complaints()
    for width, scheme in LOOKS:
        context = frame.context(width, scheme)
        page = context.new_page()
        complaints.watch(page)
        page.goto(frame.address)
        expect(page.get_by_role("heading", name="Objective onboarding")).to_be_visible()
        expect(page.get_by_text("conversion of existing traffic")).to_be_visible()
        sound(page)
        assert context.cookies() == []
        context.close()
    assert complaints.texts == []


def test_an_address_that_ended_is_told_calmly(frame: Frame) -> None:
    address = frame.address
    embedding.revoke(frame.company.runtime, SYSTEM, "acme-notion")
    for width, scheme in LOOKS[:2]:
        context = frame.context(width, scheme)
        page = context.new_page()
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 403
        expect(page.get_by_text("This address was taken back.")).to_be_visible()
        sound(page)
        context.close()


def test_it_is_kept_current_with_scripts_and_without(frame: Frame) -> None:
    context = frame.context()
    page = context.new_page()
    page.clock.install()
    page.goto(frame.address)
    expect(page.get_by_text("44\u00a0%", exact=True)).to_be_visible()
    with frame.company.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "kr-setup").values(current=50.0))
    page.clock.run_for(61_000)
    expect(page.get_by_text("50\u00a0%", exact=True)).to_be_visible()
    embedding.revoke(frame.company.runtime, SYSTEM, "acme-notion")
    page.clock.run_for(61_000)
    expect(page.get_by_text("This address was taken back.")).to_be_visible()
    context.close()
    quiet = frame.context(java_script_enabled=False)
    page = quiet.new_page()
    page.goto(frame.address)
    expect(page.locator("main")).to_contain_text("First invoice sent in 7 days")
    quiet.close()


@pytest.mark.parametrize(
    ("site", "shown"), [("https://app.notion.com/p/x", True), ("https://www.notion.so/x", True), ("https://evil.example/", False)]
)
def test_notion_may_frame_it_and_nobody_else(frame: Frame, site: str, shown: bool) -> None:
    context = frame.context()
    page = context.new_page()
    public = embedding.address(frame.company.runtime, frame.panel)

    def ours(route: Route) -> None:  # the public address leads to this machine, and nothing is sent beyond it
        route.fulfill(response=route.fetch(url=route.request.url.replace("https://okr.acme.example", frame.url)))

    around = f'<iframe src="{public}" width="600" height="400"></iframe>'
    context.route(site, lambda route: route.fulfill(body=around, content_type="text/html"))
    context.route("https://okr.acme.example/**", ours)
    page.goto(site)
    inside = page.frame_locator("iframe").get_by_role("heading", name="Objective onboarding")
    if shown:
        expect(inside).to_be_visible()
        assert context.cookies() == []
    else:
        page.wait_for_timeout(500)
        assert inside.count() == 0
    context.close()
