"""From a mapped epic to the fields that show it: what several key results give together, and that nothing of ours comes round again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM
from connector.services.connecting import saving
from connector.store.tables import Connection, KeyResult
from connector.store.tables import Panel as PanelRow
from tests.support.forge import APP_ID, SYSTEM_TOKEN, Forge, forge_site

EVENT = Path(__file__).parents[2] / "fixtures" / "jira-product-events" / "updated_issue_status.json"
PROGRESS, STATUS = "customfield_10200", "customfield_10201"


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forge_site(tmp_path) as found:
        found.jira.rest.access.install_app(APP_ID, "production", SYSTEM_TOKEN)
        found.jira.add_issue(key="ACME-1", type="Epic")
        for number in (2, 3, 4, 5):
            found.jira.add_issue(key=f"ACME-{number}", parent="ACME-1", category="done" if number == 2 else "new")
        found.company.objective()
        yield found


def maps(forge: Forge, name: str, weight: float = 1.0, **rule: Any) -> None:
    forge.company.key_result(name, weight=weight)
    wanted = {"select": {"epics": ["ACME-1"]}, "measure": "done_share", "mode": "value", **rule}
    forge.company.mapping(name, forge.connection, **wanted)


def work(forge: Forge) -> None:
    for _ in range(2):
        forge.company.clock.ahead += 5
        forge.company.work(forge.connection)


def shown(forge: Forge) -> tuple[Any, Any]:
    fields = forge.jira.world.find("ACME-1")["fields"]
    return fields.get(PROGRESS), fields.get(STATUS)


def panel(forge: Forge) -> PanelRow:
    with forge.company.runtime.store.read() as session:
        return session.scalars(select(PanelRow)).one()


def test_several_key_results_show_their_weighted_mean_and_the_weakest_state(forge: Forge) -> None:
    maps(forge, "kr-share", weight=2)
    maps(forge, "kr-count", measure="count")  # 4 of 100
    work(forge)
    assert shown(forge) == (18.0, "At risk")  # (2 × 25 % + 1 × 4 %) ÷ 3
    with forge.company.runtime.store.write() as session:
        session.execute(update(KeyResult).values(weight=0))
    forge.jira.set_status("ACME-3", "done")
    deliver(forge, "ACME-3")
    work(forge)
    assert shown(forge)[0] == 27.0


def deliver(forge: Forge, key: str) -> None:
    whole = json.loads(EVENT.read_text())
    whole["payload"]["issue"] |= {"id": forge.jira.world.find(key)["id"], "key": key}
    assert forge.call("POST", "/forge/v1/events", whole, account="", module="okr-events").status_code == 204


def test_an_event_of_the_app_moves_the_field_and_a_second_time_nothing(forge: Forge) -> None:
    maps(forge, "kr-share")
    work(forge)
    assert shown(forge)[0] == 25.0
    forge.jira.set_status("ACME-3", "done")
    deliver(forge, "ACME-3")
    work(forge)
    assert shown(forge)[0] == 50.0
    forge.jira.forget_log()
    work(forge)
    assert forge.jira.writes == 0


def test_fields_that_an_admin_names_are_filled_at_once_and_their_echo_ends(forge: Forge) -> None:
    maps(forge, "kr-share")
    work(forge)
    settings = {"fields": {"progress": "Customers"}}
    saving.save_settings(forge.company.runtime, SYSTEM, "acme-jira", settings, None)
    work(forge)
    assert forge.jira.world.find("ACME-1")["fields"]["customfield_10030"] == 25.0
    deliver(forge, "ACME-1")  # what Jira sends for our own edit
    forge.jira.forget_log()
    work(forge)
    assert forge.jira.writes == 0
    saving.save_settings(forge.company.runtime, SYSTEM, "acme-jira", {}, None)
    work(forge)
    assert forge.jira.world.find("ACME-1")["fields"]["customfield_10030"] is None
    assert shown(forge)[0] == 25.0


def test_a_field_that_is_not_there_is_told_at_the_panel_and_the_rest_is_shown(forge: Forge) -> None:
    maps(forge, "kr-share")
    with forge.company.runtime.store.write() as session:  # it was there when the settings were saved
        session.execute(update(Connection).where(Connection.id == forge.connection).values(options={"fields": {"status": "No such field"}}))
    work(forge)
    assert "Jira has no field 'No such field'" in str(panel(forge).error)
    assert shown(forge)[0] == 25.0
    with forge.company.runtime.store.read() as session:
        assert session.get_one(Connection, forge.connection).parked_at is None
    forge.jira.forget_log()
    work(forge)
    assert forge.jira.calls("/field") == []
