"""Saving a mapping: checked by rules and host, listed at once, versions, reasons, switching off and on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.rights import Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound, Offline
from connector.hosts.jira.sandbox import JiraSandbox
from connector.queue import InlineQueue
from connector.services.changes import Stale
from connector.services.mapping import saving
from connector.services.mapping.records import load_record, mappings_page
from connector.store.tables import Audit, Connection, KeyResult, Mapping, MappingItem, Objective, Panel, Reading
from tests.support.signed_in import add_person
from tests.support.standin import running
from tests.support.world import Company, company

EPIC = {"connection": "acme-jira", "select": {"epics": ["ACME-1"]}, "measure": "done_share", "mode": "value"}
OTHER = {**EPIC, "select": {"epics": ["ACME-7"]}}
WHY = "the second epic was moved elsewhere"


@dataclass
class Desk:
    """A lead at a key result that is running, with a Jira site of two epics."""

    company: Company
    jira: JiraSandbox
    connection: int
    lead: Viewer

    def create(self, data: dict[str, Any] = EPIC, key_result: str = "kr-setup", **more: Any) -> saving.Saved:
        return saving.create_mapping(self.company.runtime, self.lead, key_result, data, **more)

    def change(self, ident: int, data: dict[str, Any], **more: Any) -> saving.Saved:
        return saving.change_mapping(self.company.runtime, self.lead, ident, data, **more)

    def off(self, ident: int, **more: Any) -> saving.Saved:
        return saving.switch_off(self.company.runtime, self.lead, ident, **more)

    def on(self, ident: int, **more: Any) -> saving.Saved:
        return saving.switch_on(self.company.runtime, self.lead, ident, **more)

    def work(self) -> None:
        self.company.work(self.connection)

    def rows(self, table: type[Any]) -> list[Any]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(table).order_by(*table.__table__.primary_key.columns)))

    def nudges(self) -> set[tuple[str, tuple[int, ...]]]:
        queue = self.company.runtime.queue
        assert isinstance(queue, InlineQueue)
        return set(queue.nudges)


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    jira = JiraSandbox()
    for key, kind, above in (("ACME-1", "Epic", None), ("ACME-7", "Epic", None)):
        jira.add_issue(key=key, type=kind, parent=above)
    for number in range(10, 15):
        jira.add_issue(key=f"ACME-{number}", parent="ACME-1", category="done" if number < 12 else "new")
    jira.add_issue(key="ACME-20", parent="ACME-7", category="done")
    with running(jira) as url, company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup")
        found.key_result("kr-two")
        connection = found.connection("acme-jira", "jira", url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        person = add_person(found.runtime, "alice@acme.example", "lead")
        yield Desk(found, jira, connection, Viewer("alice@acme.example", "lead", person, "alice@acme.example", "Alice"))


@pytest.mark.databases("sqlite", "postgres")
def test_a_saved_mapping_is_listed_at_once_and_moves_the_value(desk: Desk) -> None:
    saved = desk.create()
    assert saved.listing
    assert {("list", (desk.connection,)), ("drain", (desk.connection,)), ("settle", ())} <= desk.nudges()
    desk.work()
    assert desk.company.row("kr-setup").current == 40.0
    (row,) = desk.rows(Mapping)
    assert (row.id, row.position, row.rule["select"], row.owner_id) == (saved.id, 0, {"epics": ["ACME-1"]}, desk.lead.person_id)
    (entry,) = desk.rows(Audit)
    assert (entry.actor, entry.action, entry.entity, entry.entity_id) == ("alice@acme.example", "create", "mapping", f"kr-setup/{saved.id}")
    assert entry.after["select"] == {"epics": ["ACME-1"]}


def test_mappings_of_one_key_result_keep_their_order_and_must_go_together(desk: Desk) -> None:
    desk.create()
    desk.create(OTHER)
    assert [row.position for row in desk.rows(Mapping)] == [0, 1]
    with pytest.raises(InputError, match="cannot be put together") as caught:
        desk.create({**EPIC, "measure": "done_count"})
    assert caught.value.where.endswith(".measure")
    desk.create({**EPIC, "measure": "done_count", "mode": "context"})
    assert len(desk.rows(Mapping)) == 3


def test_the_very_same_mapping_is_refused_and_an_old_one_comes_back(desk: Desk) -> None:
    saved = desk.create()
    with pytest.raises(InputError, match="very same mapping") as caught:
        desk.create()
    assert caught.value.where == "select"
    desk.off(saved.id, reason=WHY)
    assert desk.create().id == saved.id
    assert [entry.action for entry in desk.rows(Audit)] == ["create", "retire", "revive"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"select": {"epics": ["ACME-999"]}}, "select"),
        ({"select": {"jql": "project = = ACME"}}, "select.jql"),
        ({"select": {"project": "NOPE"}}, "select.project"),
        ({"measure": {"sum": "No such field"}}, "measure"),
        ({"measure": "progress"}, "mapping.measure"),
    ],
)
def test_what_the_host_or_the_rules_refuse_is_named_and_not_saved(desk: Desk, change: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        desk.create({**EPIC, **change})
    assert caught.value.where == where
    assert desk.rows(Mapping) == []
    assert desk.rows(Audit) == []


def test_nothing_is_saved_while_the_host_is_away_or_the_connection_is_parked(desk: Desk) -> None:
    desk.jira.fail(drop=True, times=50)
    with pytest.raises(Offline):
        desk.create()
    desk.jira.faults.clear()
    with desk.company.runtime.store.write() as session:
        row = session.get_one(Connection, desk.connection)
        row.parked_at, row.parked_reason = desk.company.runtime.now(), "the token was revoked"
    with pytest.raises(Conflict, match="the token was revoked"):
        desk.create()
    assert desk.rows(Mapping) == []


@pytest.mark.parametrize("role", ["champion", "member", "viewer"])
def test_only_those_who_write_may_map(desk: Desk, role: str) -> None:
    saved = desk.create()
    other = Viewer("bob@acme.example", role)
    runtime = desk.company.runtime
    for act in (
        lambda: saving.create_mapping(runtime, other, "kr-two", EPIC),
        lambda: saving.change_mapping(runtime, other, saved.id, OTHER, reason=WHY),
        lambda: saving.switch_off(runtime, other, saved.id, reason=WHY),
        lambda: saving.switch_on(runtime, other, saved.id),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_lead_cannot_tell_a_restricted_key_result_from_none(desk: Desk) -> None:
    saved = desk.create()
    with desk.company.runtime.store.write() as session:
        session.get_one(Objective, "onboarding").restricted = True
        for row in session.scalars(select(KeyResult)):
            row.owner_id = None
    desk.company.objective("open")
    stranger = Viewer("bob@acme.example", "lead", add_person(desk.company.runtime, "bob@acme.example", "lead"))
    runtime = desk.company.runtime
    with pytest.raises(NotFound, match="there is no key result"):
        saving.create_mapping(runtime, stranger, "kr-setup", EPIC)
    with pytest.raises(NotFound, match=f"there is no mapping {saved.id}"):
        saving.switch_off(runtime, stranger, saved.id, reason=WHY)
    with runtime.store.read() as session:
        assert mappings_page(session, stranger).items == []
        assert len(mappings_page(session, Viewer("root", "admin")).items) == 1


def test_another_selection_of_a_running_key_result_needs_a_reason_another_owner_does_not(desk: Desk) -> None:
    saved = desk.create()
    desk.work()
    with pytest.raises(InputError, match="a change of scope needs a reason") as caught:
        desk.change(saved.id, OTHER)
    assert caught.value.where == "reason"
    owned = desk.change(saved.id, EPIC, owner="bob@acme.example")
    assert (owned.listing, owned.view["owner"]) == (False, "bob@acme.example")
    changed = desk.change(saved.id, OTHER, reason=WHY)
    assert changed.listing
    assert changed.view["owner"] == "bob@acme.example"
    desk.work()
    assert desk.company.row("kr-setup").current == 100.0
    last = desk.rows(Audit)[-1]
    assert (last.action, last.reason, last.before, last.after) == (
        "update",
        WHY,
        {"select": {"epics": ["ACME-1"]}},
        {"select": {"epics": ["ACME-7"]}},
    )


def test_before_the_cycle_starts_no_reason_is_needed(desk: Desk) -> None:
    desk.company.objective("next", cycle="next")
    desk.company.key_result("kr-next", "next")
    with desk.company.runtime.store.write() as session:
        session.get_one(Objective, "next").stage = "draft"
    saved = desk.create(key_result="kr-next")
    assert desk.change(saved.id, OTHER).changed
    assert desk.off(saved.id).changed


def test_a_mode_is_changed_without_reading_the_host_again(desk: Desk) -> None:
    saved = desk.create()
    desk.work()
    changed = desk.change(saved.id, {**EPIC, "mode": "context"}, reason=WHY)
    assert not changed.listing
    (row,) = desk.rows(Mapping)
    assert (row.mode, row.wanted - row.done, row.listed_at is not None) == ("context", 0, True)


def test_a_change_that_changes_nothing_is_none(desk: Desk) -> None:
    saved = desk.create()
    assert not desk.change(saved.id, EPIC).changed
    assert len(desk.rows(Audit)) == 1


@pytest.mark.databases("sqlite", "postgres")
def test_who_saves_second_sees_both_versions(desk: Desk) -> None:
    saved = desk.create()
    desk.change(saved.id, OTHER, reason=WHY, version=saved.version)
    with pytest.raises(Stale) as caught:
        desk.change(saved.id, {**EPIC, "measure": "done_count"}, reason=WHY, version=saved.version)
    assert caught.value.theirs["select"] == {"epics": ["ACME-7"]}
    with pytest.raises(Stale):
        desk.off(saved.id, reason=WHY, version=saved.version)
    desk.off(saved.id, reason=WHY, version=caught.value.version)


def test_a_renamed_epic_keeps_its_id_when_something_else_is_changed(desk: Desk) -> None:
    saved = desk.create()
    with desk.company.runtime.store.read() as session:
        ref = (load_record(session, desk.lead, saved.id).row.resolved or {})["refs"]["ACME-1"]
    desk.jira.add_issue("OTHER", key="OTHER-1")
    desk.jira.move_to_project("ACME-1", "OTHER")
    desk.change(saved.id, {**EPIC, "wont_do": "exclude"}, reason=WHY)
    with desk.company.runtime.store.read() as session:
        assert (load_record(session, desk.lead, saved.id).row.resolved or {})["refs"] == {"ACME-1": ref}


def test_switching_off_keeps_value_and_history_and_clears_the_panel(desk: Desk) -> None:
    saved = desk.create()
    desk.work()
    with pytest.raises(InputError, match="needs a reason"):
        desk.off(saved.id)
    desk.off(saved.id, reason=WHY)
    desk.company.clock.ahead += 600
    desk.work()
    assert desk.company.row("kr-setup").current == 40.0
    assert len(desk.rows(Reading)) == 1
    assert desk.rows(MappingItem) == []
    assert not desk.off(saved.id).changed
    (panel,) = desk.rows(Panel)
    assert panel.receipt["links"] == {}


def test_switching_on_again_revives_the_value(desk: Desk) -> None:
    saved = desk.create()
    desk.work()
    desk.off(saved.id, reason=WHY)
    desk.work()
    desk.jira.set_status("ACME-12", "done")
    assert desk.on(saved.id).listing
    desk.company.clock.ahead += 600
    desk.work()
    assert desk.company.row("kr-setup").current == 60.0
    assert not desk.on(saved.id).changed


def test_switching_on_is_refused_when_it_no_longer_goes_with_the_others(desk: Desk) -> None:
    saved = desk.create()
    desk.off(saved.id, reason=WHY)
    desk.create({**EPIC, "measure": "done_count"})
    with pytest.raises(InputError, match="cannot be put together"):
        desk.on(saved.id)
    with pytest.raises(InputError, match="switched off"):
        desk.change(saved.id, OTHER, reason=WHY)


def test_an_owner_must_be_an_active_person(desk: Desk) -> None:
    with pytest.raises(InputError) as caught:
        desk.create(owner="nobody@acme.example")
    assert caught.value.where == "owner"
    saved = desk.create(owner="Bob@acme.example ")
    assert saved.view["owner"] == "bob@acme.example"
    assert desk.change(saved.id, EPIC, owner="").view["owner"] is None


def test_a_token_that_is_nobodys_own_gives_the_mapping_to_the_owner_of_the_key_result(desk: Desk) -> None:
    saved = saving.create_mapping(desk.company.runtime, Viewer("script", "admin"), "kr-setup", EPIC)
    assert saved.view["owner"] == "alice@acme.example"


@pytest.mark.databases("sqlite", "postgres")
def test_the_list_filters_and_pages(desk: Desk) -> None:
    first, second = desk.create(), desk.create(OTHER, "kr-two")
    desk.company.runtime.queue.started("list", desk.connection)
    runtime = desk.company.runtime

    def listed(**filters: Any) -> list[int]:
        with runtime.store.read() as session:
            return [each["id"] for each in mappings_page(session, desk.lead, **filters).items]

    assert listed() == [first.id, second.id]
    assert listed(state="waiting") == [first.id, second.id]
    desk.work()
    assert (listed(state="working"), listed(state="broken"), listed(state="off")) == ([first.id, second.id], [], [])
    assert listed(key_result="kr-two") == [second.id]
    assert listed(text="result KR-TWO") == [second.id]
    assert listed(connection="none") == []
    assert listed(owner="alice@acme.example") == [first.id, second.id]
    desk.off(first.id, reason=WHY)
    assert (listed(), listed(state="off")) == ([second.id], [first.id])
    with runtime.store.read() as session:
        page = mappings_page(session, desk.lead, limit=1)
        assert page.items[0]["items"] == 1
        assert page.next is None


@pytest.mark.databases("sqlite", "postgres")
def test_of_the_same_mapping_saved_eight_times_at_once_one_is_kept(desk: Desk) -> None:
    desk.create(OTHER)  # everything is imported and connected by now

    def save() -> str:
        try:
            return str(desk.create().id)
        except InputError as error:
            return error.message

    with ThreadPoolExecutor(8) as pool:
        told = [future.result() for future in [pool.submit(save) for _ in range(8)]]
    assert sum(each.isdigit() for each in told) == 1
    assert len(desk.rows(Mapping)) == 2


@pytest.mark.databases("sqlite", "postgres")
def test_of_changes_made_at_once_from_the_same_version_one_is_kept(desk: Desk) -> None:
    saved = desk.create()
    kinds = ["done_count", "count", "credit_share", "points_done"]

    def save(kind: str) -> bool:
        try:
            return desk.change(saved.id, {**EPIC, "measure": kind}, reason=WHY, version=saved.version).changed
        except Stale:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(save, kinds)) == 1
    (row,) = desk.rows(Mapping)
    assert row.version == 2
    assert [entry.action for entry in desk.rows(Audit)] == ["create", "update"]
