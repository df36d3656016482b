"""What the night asks for: leads' pages are looked at, and addresses of embedded pages that end soon are renewed."""

from __future__ import annotations

from pathlib import Path

from connector import schedule
from connector.services.panels import embedding
from connector.store.tables import LeadsPage, Panel
from tests.support.world import company


def test_the_night_looks_at_leads_pages_and_renews_what_ends(tmp_path: Path) -> None:
    with company(tmp_path, public_url="https://okr.acme.example") as acme:
        connection = acme.connection("acme-notion", "notion", "https://api.notion.com", {"token": "x" * 20}, note="never called")
        acme.objective("onboarding", pages=[{"connection": connection, "ref": "p"}])
        with acme.runtime.store.write() as session:
            empty = {"key_results": [], "receipt": {}}
            panel = Panel(connection_id=connection, ref="p", objective_id="onboarding", options={"embed": True}, **empty)
            page = LeadsPage(connection_id=connection, ref="q", created_at=acme.runtime.now())
            session.add_all([panel, page])
            session.flush()
            ident, leads = panel.id, page.id
        assert embedding.address(acme.runtime, ident)
        for days, wanted in ((0, 0), (21, 1)):
            acme.clock.ahead += days * 86400
            schedule.nightly(acme.runtime)
            with acme.runtime.store.read() as session:
                assert session.get_one(Panel, ident).wanted == wanted
                assert session.get_one(LeadsPage, leads).wanted == wanted + 1
