"""Which key results an issue serves: named as an epic, below one, or counted; and who may know of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, event, select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.hosts.jira.sandbox import JiraSandbox
from connector.services.forge.issue_links import Served, find_issue, found_by, issue_serves, key_results_of_issue, served_by
from connector.store.tables import Cycle, Item, KeyResult, Mapping, MappingItem, Objective, Person
from tests.support.standin import running
from tests.support.world import Company, company

STRANGER = Viewer("acme-jira:5b10", "viewer")


class Scene:
    """A company whose Jira has two epics, stories below them and a subtask below a story."""

    def __init__(self, found: Company, jira: JiraSandbox, connection: int) -> None:
        self.company = found
        self.jira = jira
        self.connection = connection

    def ref(self, key: str) -> str:
        with self.company.runtime.store.read() as session:
            return session.scalars(select(Item.ref).where(Item.connection_id == self.connection, Item.key == key)).one()

    def item(self, ref: str) -> int:
        with self.company.runtime.store.read() as session:
            return session.scalars(select(Item.id).where(Item.connection_id == self.connection, Item.ref == ref)).one()

    def served(self, ref: str, viewer: Viewer = SYSTEM) -> list[Served]:
        with self.company.runtime.store.read() as session:
            issue = find_issue(session, self.connection, ref)
            return served_by(session, self.connection, issue, found_by(session, viewer, self.connection, issue))

    def ids_of(self, ref: str, viewer: Viewer = SYSTEM) -> list[str]:
        return [each.id for each in self.served(ref, viewer)]

    def set(self, table: type, ident: object, **values: object) -> None:
        with self.company.runtime.store.write() as session:
            session.execute(update(table).where(table.id == ident).values(**values))  # type: ignore[attr-defined]


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    jira = JiraSandbox()
    jira.add_issue("ACME", "Guided set-up", key="ACME-1", type="Epic")
    jira.add_issue("ACME", "Team invitations", key="ACME-2", type="Epic")
    jira.add_issue("ACME", "First step", key="ACME-10", parent="ACME-1", category="done")
    jira.add_issue("ACME", "Second step", key="ACME-11", parent="ACME-1", labels=["okr"])
    jira.add_issue("ACME", "Part of the second step", key="ACME-12", parent="ACME-11", type="Sub-task", labels=["okr"])
    jira.add_issue("ACME", "Invite", key="ACME-20", parent="ACME-2")
    with running(jira) as url, company(tmp_path, database_url) as found:
        connection = found.connection("acme-jira", "jira", url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        found.objective("onboarding")
        found.key_result("kr-setup")
        found.mapping("kr-setup", connection, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
        found.work(connection)
        yield Scene(found, jira, connection)


def test_an_epic_that_is_named_serves_and_so_does_all_that_lies_below_it(scene: Scene) -> None:
    (named,) = scene.served(scene.ref("ACME-1"))
    assert (named.id, named.how, named.epic) == ("kr-setup", "named", scene.ref("ACME-1"))
    (below,) = scene.served(scene.ref("ACME-10"))
    assert (below.id, below.how, below.epic) == ("kr-setup", "below", scene.ref("ACME-1"))
    assert [link.key_result_id for link in below.links] == ["kr-setup"]


def test_an_issue_is_found_by_its_key_too(scene: Scene) -> None:
    assert scene.ids_of("ACME-1") == scene.ids_of("ACME-10") == ["kr-setup"]


def test_an_epic_that_was_mapped_a_moment_ago_is_found_before_it_was_read(scene: Scene) -> None:
    with scene.company.runtime.store.write() as session:
        session.execute(delete(MappingItem))
        session.execute(delete(Item))
    assert scene.ids_of("ACME-1") == ["kr-setup"]
    assert scene.ids_of("ACME-10") == []


def test_other_issues_serve_nothing(scene: Scene) -> None:
    assert [scene.ids_of(ref) for ref in ("ACME-2", "ACME-20", "99999", "", "%", '"')] == [[]] * 6


def test_a_subtask_serves_through_its_story_where_the_mirror_knows_both(scene: Scene) -> None:
    assert scene.ids_of("ACME-12") == []  # nobody counts it, so nobody read it
    scene.company.key_result("kr-label")
    scene.company.mapping("kr-label", scene.connection, select={"jql": "labels = okr"}, measure="count", mode="context")
    scene.company.work(scene.connection)
    found = {each.id: (each.how, each.epic) for each in scene.served("ACME-12")}
    assert found == {"kr-label": ("counted", ""), "kr-setup": ("below", scene.ref("ACME-1"))}


def test_an_issue_of_a_mapped_project_and_a_single_issue_serve(scene: Scene) -> None:
    for name, select_ in (("kr-project", {"project": "ACME"}), ("kr-single", {"issues": ["ACME-20"]})):
        scene.company.key_result(name)
        scene.company.mapping(name, scene.connection, select=select_, measure="done_count", mode="value")
    scene.company.work(scene.connection)
    assert {each.id: each.how for each in scene.served("ACME-20")} == {"kr-project": "counted", "kr-single": "counted"}
    assert scene.ids_of("ACME-2") == []  # a project counts the issues of its epics, not the epics


def test_the_worst_state_comes_first_and_closed_ones_last(scene: Scene) -> None:
    states = {"kr-setup": "on_track", "kr-b": "closed", "kr-c": "stalled", "kr-d": "at_risk", "kr-e": "no_data"}
    for name in ("kr-b", "kr-c", "kr-d", "kr-e"):
        scene.company.key_result(name)
        scene.company.mapping(name, scene.connection, select={"epics": ["ACME-1"]}, measure="done_share", mode="context")
    scene.company.work(scene.connection)
    for name, state in states.items():
        scene.set(KeyResult, name, state=state)
    assert scene.ids_of("ACME-1") == ["kr-d", "kr-c", "kr-e", "kr-setup", "kr-b"]


def test_a_restricted_objective_is_told_to_those_who_may_know_of_it_only(scene: Scene) -> None:
    scene.set(Objective, "onboarding", restricted=True)
    with scene.company.runtime.store.read() as session:
        people = {row.name: row.id for row in session.scalars(select(Person))}
    owner, other = (Viewer(who, "member", people[who]) for who in ("Alice", "Bob"))
    assert scene.ids_of("ACME-1", owner) == ["kr-setup"]
    assert scene.ids_of("ACME-1", other) == scene.ids_of("ACME-1", STRANGER) == []


def test_a_draft_is_told_to_those_who_write(scene: Scene) -> None:
    scene.set(Objective, "onboarding", stage="draft")
    assert scene.ids_of("ACME-1", STRANGER) == []
    assert scene.ids_of("ACME-1", Viewer("lead", "lead")) == ["kr-setup"]


def test_what_is_retired_serves_nothing(scene: Scene) -> None:
    for table, ident in ((Mapping, 1), (KeyResult, "kr-setup"), (Objective, "onboarding")):
        scene.set(table, ident, retired_at=scene.company.runtime.now())
        assert scene.ids_of("ACME-1") == []
        scene.set(table, ident, retired_at=None)
    assert scene.ids_of("ACME-1") == ["kr-setup"]


def test_the_same_id_on_another_site_is_another_issue(scene: Scene) -> None:
    other = scene.company.connection("other-jira", "jira", "https://other.example", {"email": "b@acme.example", "api_token": "t"})
    with scene.company.runtime.store.read() as session:
        assert key_results_of_issue(session, SYSTEM, other, scene.ref("ACME-1")) == []


def test_an_issue_that_moved_is_found_by_its_id(scene: Scene) -> None:
    ref = scene.ref("ACME-1")
    scene.set(Item, scene.item(ref), key="WEB-7")
    assert scene.ids_of(ref) == scene.ids_of("WEB-7") == ["kr-setup"]


@pytest.mark.databases("sqlite", "postgres")
def test_it_takes_five_statements(scene: Scene) -> None:
    statements: list[str] = []
    engine = scene.company.runtime.store.engine
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]) if given[2] != "BEGIN" else None)
    assert scene.ids_of("ACME-10") == ["kr-setup"]
    assert len(statements) == 5


def test_one_key_result_is_asked_about_without_a_look_at_the_others(scene: Scene) -> None:
    with scene.company.runtime.store.read() as session:
        assert issue_serves(session, SYSTEM, scene.connection, scene.ref("ACME-10"), "kr-setup")
        assert not issue_serves(session, SYSTEM, scene.connection, "ACME-2", "kr-setup")
        assert not issue_serves(session, SYSTEM, scene.connection, scene.ref("ACME-10"), "kr-none")
        light = key_results_of_issue(session, SYSTEM, scene.connection, scene.ref("ACME-10"))
    assert [(each.id, each.public) for each in light] == [("kr-setup", True)]
    scene.set(Objective, "onboarding", restricted=True)
    with scene.company.runtime.store.read() as session:
        assert not key_results_of_issue(session, SYSTEM, scene.connection, scene.ref("ACME-10"))[0].public


def test_a_cycle_that_was_not_started_is_told_like_a_draft(scene: Scene) -> None:
    scene.set(Cycle, 1, started_at=None)
    with scene.company.runtime.store.read() as session:
        people = {row.name: row.id for row in session.scalars(select(Person))}
    assert scene.ids_of("ACME-1", STRANGER) == scene.ids_of("ACME-1", Viewer("bob", "member", people["Bob"])) == []
    assert scene.ids_of("ACME-1", Viewer("alice", "member", people["Alice"])) == ["kr-setup"]  # its owner
    assert scene.ids_of("ACME-1", Viewer("lead", "lead")) == scene.ids_of("ACME-1", Viewer("c", "champion")) == ["kr-setup"]
