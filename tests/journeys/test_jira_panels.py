"""What the panels at Jira issues do when writers meet, and when not everybody may read any more."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from connector.hosts.jira.host import JiraHost
from connector.services import panels
from connector.store.tables import Objective, Panel
from tests.journeys.conftest import Site


def test_a_writer_that_lost_the_panel_to_another_has_it_written_once_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    write_panel = JiraHost.write_panel
    stolen: list[str] = []

    def slow(host: JiraHost, ref: str, panel: Any, receipt: Any) -> Any:
        answer = write_panel(host, ref, panel, receipt)
        if not stolen:  # while this write was under way, another worker took the panel, wrote what was there before, and ended
            stolen.append(ref)
            with site.company.runtime.store.write() as session:
                session.execute(update(Panel).where(Panel.ref == ref).values(lease="somebody else's"))
            for link in next(issue for issue in [site.sandbox.world.find(site.epics[0])] if issue)["links"].values():
                link["body"]["object"]["summary"] = "what the other one wrote"
        return answer

    monkeypatch.setattr(JiraHost, "write_panel", slow)
    site.close(site.children[site.epics[0]][0])
    site.work()
    site.company.clock.ahead += 120
    site.work()
    assert stolen
    [link] = site.links(site.epics[0]).values()
    assert "now 25" in link["summary"]


@pytest.mark.parametrize("hidden", [{"restricted": True}, {"stage": "draft"}])
def test_what_not_everybody_may_read_leaves_the_host(site: Site, hidden: dict[str, Any]) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    assert len(site.links(site.epics[0])) == 1

    def become(**values: Any) -> None:
        with site.company.runtime.store.write() as session:
            session.execute(update(Objective).values(**values))
            panels.place(session, ["kr-setup"], changed=["kr-setup"], now=site.company.runtime.epoch())
        site.company.clock.ahead += 30
        site.work()

    become(**hidden)
    assert site.links(site.epics[0]) == {}
    site.close(site.children[site.epics[0]][0])
    site.company.clock.ahead += 30
    site.work()
    assert site.links(site.epics[0]) == {}
    become(restricted=False, stage="ready")
    [link] = site.links(site.epics[0]).values()
    assert "now 25" in link["summary"]
