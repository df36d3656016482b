"""Mapping drift: what a night's sync counts, what is found, since when, and who is told how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services.drift.findings import Finding, find
from connector.services.drift.nightly import note_text
from connector.services.sync import sync_connection
from connector.store import work
from connector.store.tables import DriftFinding, KeyResult, Mapping, MappingDay, Notice, Objective, Person, Run, Team
from tests.support.standin import running
from tests.support.world import Company, company

DAY = 86_400.0


@dataclass
class Scene:
    """A company whose key result kr-setup is fed by epic ACME-1, kr-deals by a filter over a database."""

    acme: Company
    jira: JiraSandbox
    notion: NotionSandbox
    site: int
    space: int
    database: str
    deals: str

    def night(self, *connections: int) -> None:
        """The next night's sync, and what follows from it."""
        self.acme.clock.ahead += DAY
        self.sync(*connections)

    def sync(self, *connections: int) -> None:
        for connection in connections or (self.site, self.space):
            sync_connection(self.acme.runtime, connection)
            self.acme.work(connection)

    def findings(self, viewer: Viewer = SYSTEM) -> list[Finding]:
        with self.acme.runtime.store.read() as session:
            return find(session, viewer, self.acme.runtime.now().date())

    def kinds(self, viewer: Viewer = SYSTEM) -> dict[str, str]:
        return {each.subject: each.kind for each in self.findings(viewer)}

    def notes(self) -> list[tuple[str, str]]:
        query = select(Person.name, Notice.text).join(Notice, Notice.person_id == Person.id).where(Notice.kind == "drift")
        with self.acme.runtime.store.read() as session:
            return [(name, text) for name, text in session.execute(query.order_by(Notice.id))]

    def set(self, table: type[Any], ident: Any, **values: Any) -> None:
        with self.acme.runtime.store.write() as session:
            session.execute(update(table).where(table.id == ident).values(**values))

    def person(self, name: str, role: str = "member") -> Viewer:
        with self.acme.runtime.store.read() as session:
            row = session.scalars(select(Person).where(Person.name == name)).one()
        return Viewer(row.email, role, row.id, row.email, row.name)


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    jira, notion = JiraSandbox(), NotionSandbox()
    jira.add_issue(key="ACME-1", summary="Guided set-up", type="Epic")
    for number in range(4):
        jira.add_issue("ACME", f"Story {number}", parent="ACME-1", category="done" if number == 0 else "new")
    properties = {"Stage": {"type": "select", "options": ["Won", "Lost"]}, "Seats": "number"}
    database, deals = notion.world.add_database("Deals", properties)
    notion.world.add_row(deals, {"Name": "Acme", "Stage": "Won", "Seats": 450})
    with running(jira) as jira_url, running(notion) as notion_url, company(tmp_path, database_url) as acme:
        acme.objective("onboarding")
        acme.key_result("kr-setup")
        acme.key_result("kr-deals", unit="", start=400.0, target=900.0)
        site = acme.connection("acme-jira", "jira", jira_url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        space = acme.connection("acme-notion", "notion", notion_url, {"token": "ntn_sandbox"})
        acme.mapping("kr-setup", site, select={"epics": ["ACME-1"]}, measure="done_share")
        acme.mapping("kr-deals", space, select={"database": database, "filter": {"Stage": ["Won"]}}, measure={"sum": "Seats"})
        acme.work(site, space)
        yield Scene(acme, jira, notion, site, space, database, deals)


def mapping_of(scene: Scene, key_result: str) -> int:
    with scene.acme.runtime.store.read() as session:
        return session.scalars(select(Mapping.id).where(Mapping.key_result_id == key_result)).one()


@pytest.mark.databases("sqlite", "postgres")
def test_every_night_keeps_the_counts_and_a_second_sync_of_the_day_replaces_them(scene: Scene, database_kind: str) -> None:
    scene.night()
    scene.jira.set_status("ACME-2", "done")
    scene.jira.set_status("ACME-3", "done")
    scene.sync()
    scene.night()
    with scene.acme.runtime.store.read() as session:
        days = [
            (row.mapping_id, row.items, row.done)
            for row in session.scalars(select(MappingDay).order_by(MappingDay.mapping_id, MappingDay.day))
        ]
    setup, deals = mapping_of(scene, "kr-setup"), mapping_of(scene, "kr-deals")
    assert days == [(setup, 4, 2), (setup, 4, 2), (deals, 1, 0), (deals, 1, 0)]
    assert scene.findings() == []
    assert scene.notes() == []


def test_the_looks_requests_are_counted_with_the_run(scene: Scene) -> None:
    scene.jira.forget_log()
    sync_connection(scene.acme.runtime, scene.site)
    with scene.acme.runtime.store.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
    assert run is not None
    assert run.requests == len(scene.jira.log)
    assert len(scene.jira.calls("issuetype")) == 1


def test_an_outage_while_looking_does_not_fail_the_sync(scene: Scene) -> None:
    scene.jira.fail(path="issuetype", status=400, body=b'{"errorMessages": ["no"], "errors": {}}')
    scene.night(scene.site)
    with scene.acme.runtime.store.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
    assert run is not None
    assert run.status == "done"


def test_nobody_is_working_on_this(scene: Scene) -> None:
    for key in ("ACME-3", "ACME-4", "ACME-5"):
        scene.jira.set_status(key, "done")
    scene.set(KeyResult, "kr-setup", target=1000.0)
    with scene.acme.runtime.store.write() as session:
        work.want(session, KeyResult, ["kr-setup"], scene.acme.runtime.epoch())
    scene.night()
    (finding,) = scene.findings()  # of kr-deals nobody can tell: its filter may leave open rows out
    assert (finding.subject, finding.kind) == ("key_result:kr-setup", "no open work")
    assert finding.sentence.startswith("10\N{NO-BREAK SPACE}% done")
    scene.set(KeyResult, "kr-setup", progress=0.6)
    assert scene.kinds() == {}
    scene.set(KeyResult, "kr-setup", progress=None)
    assert scene.kinds() == {}  # not known is not little
    scene.set(KeyResult, "kr-setup", progress=0.1)
    scene.set(Objective, "onboarding", stage="draft")
    assert scene.kinds() == {}
    scene.set(Objective, "onboarding", stage="ready")
    scene.jira.add_issue("ACME", "One more", parent="ACME-1")
    with scene.acme.runtime.store.write() as session:
        work.want(session, Mapping, [mapping_of(scene, "kr-setup")], scene.acme.runtime.epoch())
    scene.acme.work(scene.site)
    assert scene.kinds() == {}  # seen at once, not only after the next night


def test_a_selection_that_matches_nothing_is_found_and_gone_when_it_is_mended(scene: Scene) -> None:
    scene.night()
    row = scene.notion.world.rows(scene.deals)[0]["id"]
    scene.notion.world.write_values(row, {scene.notion.world.property_id(scene.deals, "Stage"): {"name": "Lost"}}, "someone")
    scene.night()
    subject = f"mapping:{mapping_of(scene, 'kr-deals')}"
    assert scene.kinds() == {subject: "matches nothing"}
    (finding,) = scene.findings()
    assert (finding.key_result, finding.title, finding.connection) == ("kr-deals", "Key result kr-deals", "acme-notion")
    begun = finding.since
    assert begun is not None
    scene.night()
    assert scene.findings()[0].since == begun
    scene.notion.world.write_values(row, {scene.notion.world.property_id(scene.deals, "Stage"): {"name": "Won"}}, "someone")
    with scene.acme.runtime.store.write() as session:
        work.want(session, Mapping, [mapping_of(scene, "kr-deals")], scene.acme.runtime.epoch())
    scene.acme.work(scene.space)
    assert scene.kinds() == {}  # at once, not only after the next night
    scene.night()
    with scene.acme.runtime.store.read() as session:
        assert session.scalars(select(DriftFinding)).all() == []


def test_more_than_twice_the_items_of_last_week(scene: Scene) -> None:
    scene.night()
    scene.acme.clock.ahead += 6 * DAY
    for number in range(5):
        scene.jira.add_issue("ACME", f"More {number}", parent="ACME-1")
    scene.night()
    (finding,) = scene.findings()
    assert finding.kind == "scope jump"
    assert "9 items now" in finding.sentence
    assert "4 items of a week ago" in finding.sentence
    for _ in range(15):
        scene.acme.clock.ahead += DAY
    scene.night()
    assert scene.kinds() == {}  # what is compared is a week ago, not the beginning


def test_a_renamed_property_a_lost_one_and_a_database_that_is_not_shared_any_more(scene: Scene) -> None:
    subject = f"mapping:{mapping_of(scene, 'kr-deals')}"
    scene.notion.world.rename_property(scene.deals, "Seats", "Places")
    scene.night()
    (finding,) = scene.findings()
    assert (finding.subject, finding.kind) == (subject, "property renamed")
    assert "“Seats” is called “Places” now" in finding.sentence
    scene.notion.world.remove_property(scene.deals, "Places")
    scene.night()
    assert scene.kinds() == {subject: "property gone"}
    scene.notion.world.data["databases"][scene.database]["shared"] = False
    scene.night()
    (finding,) = scene.findings()
    assert finding.kind == "database gone"
    assert "“Deals”" in finding.sentence


def test_done_epics_that_feed_nothing(scene: Scene) -> None:
    scene.jira.add_issue(key="ACME-90", summary="Something else", type="Epic", category="done", points=5)
    scene.night()
    (finding,) = scene.findings()
    assert (finding.subject, finding.kind) == ("connection:acme-jira", "done work not mapped")
    assert finding.sentence.startswith("100\N{NO-BREAK SPACE}% of done work is unaligned: 5 of 5 points")
    assert scene.notes() == []  # nobody answers for what is not mapped


def test_a_mapping_that_cannot_be_read_for_another_reason_says_it(scene: Scene) -> None:
    scene.jira.world.delete("ACME-1")
    scene.night(scene.site)
    (finding,) = scene.findings()
    assert finding.kind == "source broken"
    assert "ACME-1" in finding.sentence


# --- who is told -----------------------------------------------------------------------------------------------------------


def break_both(scene: Scene) -> None:
    scene.jira.world.delete("ACME-1")
    scene.notion.world.data["databases"][scene.database]["shared"] = False


@pytest.mark.databases("sqlite", "postgres")
def test_an_owner_gets_exactly_one_note_a_day_however_much_drifts_and_however_often_it_is_synced(scene: Scene, database_kind: str) -> None:
    break_both(scene)
    scene.night(scene.site)
    assert len(scene.notes()) == 1
    scene.sync(scene.space)
    scene.sync()
    ((name, text),) = scene.notes()
    assert name == "Alice"
    assert text.startswith("2 mappings need a look. ")
    assert "Deals" in text
    assert "ACME-1" in text
    scene.night()
    assert [name for name, _ in scene.notes()] == ["Alice", "Alice"]


def test_a_note_that_was_read_stays_read_unless_there_is_more_to_say(scene: Scene) -> None:
    scene.jira.world.delete("ACME-1")
    scene.night()
    scene.set(Notice, Notice.id, read_at=scene.acme.runtime.now())
    scene.sync()
    with scene.acme.runtime.store.read() as session:
        assert session.scalars(select(Notice)).one().read_at is not None
    scene.notion.world.data["databases"][scene.database]["shared"] = False
    scene.sync()
    with scene.acme.runtime.store.read() as session:
        assert session.scalars(select(Notice)).one().read_at is None


def test_the_mappings_owner_is_told_then_the_key_results_then_the_teams_lead(scene: Scene) -> None:
    break_both(scene)
    bob, charlie = scene.person("Bob"), scene.person("Charlie")
    scene.set(Mapping, mapping_of(scene, "kr-setup"), owner_id=bob.person_id)
    with scene.acme.runtime.store.write() as session:
        team = session.scalars(select(Team)).one()
        team.lead_id = charlie.person_id
        session.get_one(Objective, "onboarding").team_id = team.id
    scene.set(KeyResult, "kr-deals", owner_id=None)
    scene.night()
    assert sorted(name for name, _ in scene.notes()) == ["Bob", "Charlie"]
    scene.set(Person, bob.person_id, active=False)
    scene.night()
    assert sorted(name for name, _ in scene.notes()) == ["Alice", "Bob", "Charlie", "Charlie"]


def test_who_may_not_know_of_a_key_result_is_told_and_shown_nothing(scene: Scene) -> None:
    break_both(scene)
    bob = scene.person("Bob", "lead")
    with scene.acme.runtime.store.write() as session:
        session.execute(update(Mapping).values(owner_id=bob.person_id))
        session.get_one(Objective, "onboarding").restricted = True
    scene.night()
    assert [name for name, _ in scene.notes()] == ["Alice"]
    assert scene.findings(bob) == []
    assert len(scene.findings(scene.person("Alice"))) == 2


def test_a_long_list_is_cut_in_the_note() -> None:
    one = Finding("k", "s", "the selection matches 0 items now", "look", "acme-jira", "kr", "Key result")
    assert note_text([one]) == "1 mapping needs a look. Key result: the selection matches 0 items now."
    assert note_text([one] * 6).endswith("; and 2 more.")


@pytest.mark.parametrize("mappings", [0, 60])
def test_looking_takes_eight_statements_however_many_mappings(scene: Scene, mappings: int) -> None:
    for number in range(mappings):
        scene.acme.mapping("kr-setup", scene.site, select={"jql": f"labels = l{number}"}, measure="done_share")
    scene.acme.work(scene.site)
    scene.night()
    said: list[str] = []
    event.listen(scene.acme.runtime.store.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    found = scene.findings()
    assert len(found) == mappings
    assert len([text for text in said if text.lstrip().upper().startswith("SELECT")]) <= 8


def test_old_counts_are_dropped(scene: Scene) -> None:
    scene.night()
    scene.acme.clock.ahead += timedelta(days=150).total_seconds()
    scene.sync()
    with scene.acme.runtime.store.read() as session:
        assert len({row.day for row in session.scalars(select(MappingDay))}) == 1
