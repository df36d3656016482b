"""Looking for what could be mapped, what of it feeds nothing, and mapping it one by one or many at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.rights import SYSTEM, Viewer
from connector.domain.suggesting import Rule
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services.mapping import bulk, candidates, suggestions, unmapped
from connector.services.mapping.bulk import Pair
from connector.services.mapping.records import load_record
from connector.store.tables import Audit, Candidate, Connection, KeyResult, Mapping, Objective, Person
from tests.support.standin import running
from tests.support.world import Company, company


@dataclass
class Scene:
    """A company on two stand-ins: epics ACME-1 (open) and ACME-2 (done), a database of deals."""

    acme: Company
    jira: JiraSandbox
    notion: NotionSandbox
    site: int
    space: int
    database: str
    deals: str

    def look(self, connection: int | None = None) -> candidates.Look:
        return candidates.look_for(self.acme.runtime, connection or self.site)

    def stored(self) -> dict[str, Candidate]:
        with self.acme.runtime.store.read() as session:
            return {row.key or row.title: row for row in session.scalars(select(Candidate).order_by(Candidate.id))}

    def landscape(self, viewer: Viewer = SYSTEM) -> unmapped.Landscape:
        with self.acme.runtime.store.read() as session:
            return unmapped.load_landscape(session, viewer, self.acme.runtime.now().date())

    def unmapped(self, viewer: Viewer = SYSTEM, **filters: str) -> list[str]:
        found = unmapped.chosen(self.landscape(viewer), unmapped.Filters(**{"state": "all", **filters}))
        return [each.key or each.title for each in found]

    def map(self, *pairs: tuple[str, str], viewer: Viewer = SYSTEM, mode: str | None = None) -> bulk.Outcome:
        ids = {name: row.id for name, row in self.stored().items()}
        return bulk.map_pairs(self.acme.runtime, viewer, [Pair(ids[name], kr, mode) for name, kr in pairs])

    def rows(self, table: type[Any]) -> list[Any]:
        with self.acme.runtime.store.read() as session:
            return list(session.scalars(select(table).order_by(table.id)))


def person(acme: Company, name: str, role: str) -> Viewer:
    with acme.runtime.store.read() as session:
        row = session.scalars(select(Person).where(Person.name == name)).one()
        return Viewer(row.email, role, row.id, row.email, row.name)


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    jira, notion = JiraSandbox(), NotionSandbox()
    jira.add_issue(key="ACME-1", summary="Guided set-up for new customers", type="Epic", labels=["okr:kr-setup"])
    jira.add_issue(key="ACME-2", summary="Billing rework", type="Epic", category="done", points=8)
    jira.add_issue(key="ACME-3", parent="ACME-1", category="done")
    jira.add_issue(key="ACME-4", parent="ACME-1")
    jira.add_issue(key="ACME-5", parent="ACME-2", category="done", labels=["billing"])
    status = {"type": "status", "groups": {"To-do": ["Lead"], "Complete": ["Won"]}}
    database, deals = notion.world.add_database("Deals", {"Stage": status})
    notion.world.add_row(deals, {"Name": "Acme deal", "Stage": "Won"})
    notion.world.add_row(deals, {"Name": "Beta deal", "Stage": "Lead"})
    with running(jira) as jira_url, running(notion) as notion_url, company(tmp_path, database_url) as acme:
        acme.objective("onboarding")
        acme.key_result("kr-setup")
        acme.key_result("kr-signups", unit="", start=400.0, target=900.0)
        site = acme.connection("acme-jira", "jira", jira_url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        space = acme.connection("acme-notion", "notion", notion_url, {"token": "ntn_sandbox"})
        yield Scene(acme, jira, notion, site, space, database, deals)


# --- looking ---------------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_a_look_keeps_what_it_finds_and_the_next_asks_for_changes_only(scene: Scene, database_kind: str) -> None:
    first = scene.look()
    assert (first.seen, first.whole, first.requests, first.error) == (2, True, 3, "")
    assert set(scene.stored()) == {"ACME-1", "ACME-2"}
    scene.acme.clock.ahead = 3600
    scene.jira.world.set_field(scene.jira.world.find("ACME-1")["id"], "summary", "Renamed")  # type: ignore[index]
    again = scene.look()
    assert not again.whole
    assert scene.stored()["ACME-1"].title == "Renamed"
    assert "statusCategory" not in scene.jira.calls("search/jql")[-1][2]["jql"]


@pytest.mark.databases("sqlite", "postgres")
def test_what_is_gone_is_forgotten_by_the_weekly_look_but_not_at_once_what_needs_no_mapping(scene: Scene, database_kind: str) -> None:
    scene.look()
    candidates.set_ignored(scene.acme.runtime, SYSTEM, scene.stored()["ACME-2"].id, True)
    for key in ("ACME-1", "ACME-2"):
        scene.jira.world.delete(key)
    scene.acme.clock.ahead = 3600
    scene.look()
    assert set(scene.stored()) == {"ACME-1", "ACME-2"}
    scene.acme.clock.ahead = 8 * 86_400
    assert scene.look().whole
    assert set(scene.stored()) == {"ACME-2"}
    scene.acme.clock.ahead = 60 * 86_400
    scene.look()
    assert scene.stored() == {}


def test_an_outage_keeps_what_was_known_and_says_why(scene: Scene) -> None:
    scene.look()
    scene.jira.fail(path="search/jql", status=400, body=b'{"errorMessages": ["The site is being moved"], "errors": {}}')
    scene.acme.clock.ahead = 8 * 86_400
    assert "being moved" in scene.look().error
    assert set(scene.stored()) == {"ACME-1", "ACME-2"}
    (site, _) = scene.landscape().looked
    assert "being moved" in site.error
    assert scene.look().whole
    assert scene.landscape().looked[0].error == ""


def test_rows_are_read_of_mapped_databases_only(scene: Scene) -> None:
    scene.look(scene.space)
    assert set(scene.stored()) == {"Deals"}
    scene.map(("Deals", "kr-setup"))
    scene.acme.work(scene.space)
    assert scene.look(scene.space).whole  # a source that is new: its older rows count too
    assert set(scene.stored()) == {"Deals", "Acme deal", "Beta deal"}
    assert not scene.look(scene.space).whole


def test_a_parked_or_unknown_connection_is_not_called(scene: Scene) -> None:
    with scene.acme.runtime.store.write() as session:
        session.get_one(Connection, scene.site).parked_at = scene.acme.runtime.now()
    with pytest.raises(Conflict):
        scene.look()
    with pytest.raises(NotFound):
        scene.look(99)
    with pytest.raises(Conflict):
        candidates.ask_for_look(scene.acme.runtime, SYSTEM, "acme-jira")
    with pytest.raises(NotFound):
        candidates.ask_for_look(scene.acme.runtime, SYSTEM, "nobody")
    with pytest.raises(Forbidden):
        candidates.ask_for_look(scene.acme.runtime, Viewer("m", "member"), "acme-notion")
    assert candidates.ask_for_look(scene.acme.runtime, SYSTEM, "acme-notion")
    assert ("look", (scene.space,)) in scene.acme.runtime.queue.nudges  # type: ignore[attr-defined]
    assert scene.jira.log == []


# --- what feeds nothing ----------------------------------------------------------------------------------------------------


def test_work_is_mapped_when_it_is_named_matched_or_its_children_are(scene: Scene) -> None:
    scene.look()
    assert scene.unmapped() == ["ACME-1", "ACME-2"] or scene.unmapped() == ["ACME-2", "ACME-1"]
    scene.acme.mapping("kr-setup", scene.site, select={"jql": "labels = billing"}, measure="done_share")
    scene.acme.work(scene.site)
    scene.look()
    assert scene.unmapped() == ["ACME-1"]  # a child of ACME-2 feeds a key result
    scene.acme.mapping("kr-setup", scene.site, select={"jql": "key = ACME-1"}, measure="done_count", mode="context")
    scene.acme.work(scene.site)
    assert scene.unmapped() == []
    assert {each.key: each.feeds for each in scene.landscape().work} == {"ACME-1": {"kr-setup"}, "ACME-2": {"kr-setup"}}


def test_filters_by_text_state_connection_and_project(scene: Scene) -> None:
    scene.look()
    scene.look(scene.space)
    assert set(scene.unmapped()) == {"ACME-1", "ACME-2", "Deals"}
    assert scene.unmapped(state="done") == ["ACME-2"]
    assert set(scene.unmapped(state="open")) == {"ACME-1", "Deals"}
    assert scene.unmapped(text="guided NEW") == ["ACME-1"]
    assert scene.unmapped(text="okr:kr") == ["ACME-1"]
    assert scene.unmapped(connection="acme-notion") == ["Deals"]
    assert set(scene.unmapped(container="ACME")) == {"ACME-1", "ACME-2"}


def test_what_needs_no_mapping_is_out_of_the_way_and_can_come_back(scene: Scene) -> None:
    scene.look()
    ident = scene.stored()["ACME-2"].id
    assert scene.landscape().effort is not None
    assert candidates.set_ignored(scene.acme.runtime, SYSTEM, ident, True) == "Billing rework"
    assert scene.unmapped() == ["ACME-1"]
    assert scene.unmapped(state="ignored") == ["ACME-2"]
    assert scene.landscape().effort is None  # no done epic is left to ask about
    scene.look()
    assert scene.unmapped() == ["ACME-1"]
    candidates.set_ignored(scene.acme.runtime, SYSTEM, ident, False)
    candidates.set_ignored(scene.acme.runtime, SYSTEM, ident, False)
    assert "ACME-2" in scene.unmapped()
    assert [(row.action, row.entity_id) for row in scene.rows(Audit)] == [("ignore", "ACME-2"), ("unignore", "ACME-2")]
    with pytest.raises(NotFound):
        candidates.set_ignored(scene.acme.runtime, SYSTEM, 999, True)
    with pytest.raises(Forbidden):
        candidates.set_ignored(scene.acme.runtime, Viewer("m", "member"), ident, True)


def test_unaligned_effort_is_told_by_points(scene: Scene) -> None:
    scene.jira.add_issue(key="ACME-6", summary="Another", type="Epic", category="done", points=2)
    scene.look()
    scene.map(("ACME-6", "kr-setup"))
    effort = scene.landscape().effort
    assert effort is not None
    assert (effort.by, effort.share) == ("points", 0.8)


def test_a_mapping_of_a_hidden_objective_does_not_show_by_what_is_missing(scene: Scene) -> None:
    scene.look()
    scene.map(("ACME-1", "kr-setup"))
    bob = person(scene.acme, "Bob", "lead")
    assert scene.unmapped(bob) == ["ACME-2"]
    with scene.acme.runtime.store.write() as session:
        session.get_one(Objective, "onboarding").restricted = True
    assert set(scene.unmapped(bob)) == {"ACME-1", "ACME-2"}
    assert scene.landscape(bob).goals == ()
    assert scene.map(("ACME-2", "kr-setup"), viewer=bob).skipped[0].why == "there is no open key result 'kr-setup'"
    assert scene.unmapped(person(scene.acme, "Alice", "member")) == ["ACME-2"]  # she owns it


# --- mapping ---------------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_one_click_maps_an_epic_and_the_value_follows(scene: Scene, database_kind: str) -> None:
    scene.look()
    alice = person(scene.acme, "Alice", "lead")
    outcome = scene.map(("ACME-1", "kr-setup"), viewer=alice)
    assert [(each.work, each.key_result, each.mode) for each in outcome.made] == [
        ("ACME-1 Guided set-up for new customers", "kr-setup", "value")
    ]
    scene.acme.work(scene.site)
    assert scene.acme.row("kr-setup").current == 50.0
    with scene.acme.runtime.store.read() as session:
        stored = load_record(session, SYSTEM, outcome.made[0].mapping)
    (line,) = scene.rows(Audit)
    assert (line.actor, line.action, line.entity, line.entity_id) == (alice.name, "create", "mapping", f"kr-setup/{stored.row.id}")
    assert line.after == stored.view
    assert stored.row.owner_id == alice.person_id
    assert scene.unmapped() == ["ACME-2"]


def test_many_pairs_are_one_save_and_what_is_mapped_already_is_skipped_and_said(scene: Scene) -> None:
    scene.look()
    scene.look(scene.space)
    scene.map(("ACME-1", "kr-setup"))
    outcome = scene.map(
        ("ACME-1", "kr-setup"), ("ACME-2", "kr-setup"), ("ACME-2", "kr-signups"), ("Deals", "kr-setup"), ("ACME-2", "kr-no")
    )
    assert [(each.key_result, each.mode) for each in outcome.made] == [
        ("kr-setup", "value"),
        ("kr-signups", "context"),
        ("kr-setup", "value"),
    ]
    assert [(each.work.split()[0], each.why) for each in outcome.skipped] == [
        ("ACME-1", "mapped already"),
        ("ACME-2", "there is no open key result 'kr-no'"),
    ]
    assert [row.position for row in scene.rows(Mapping) if row.key_result_id == "kr-setup"] == [0, 1, 2]
    assert len(scene.rows(Audit)) == 4
    scene.acme.work(scene.site, scene.space)
    assert scene.acme.row("kr-setup").current == pytest.approx(100 * 3 / 5)  # 1 of 2, 1 of 1, 1 of 2


def test_a_share_is_not_made_the_value_of_a_count(scene: Scene) -> None:
    scene.look()
    assert "map it as context" in scene.map(("ACME-1", "kr-signups"), mode="value").skipped[0].why
    assert scene.map(("ACME-1", "kr-signups")).made[0].mode == "context"
    scene.acme.mapping("kr-setup", scene.site, select={"epics": ["ACME-2"]}, measure="done_count")
    assert "another measure" in scene.map(("ACME-1", "kr-setup"), mode="value").skipped[0].why


def test_a_mapping_that_was_switched_off_comes_back(scene: Scene) -> None:
    scene.look()
    made = scene.map(("ACME-1", "kr-setup")).made[0].mapping
    with scene.acme.runtime.store.write() as session:
        session.get_one(Mapping, made).retired_at = scene.acme.runtime.now()
    assert scene.map(("ACME-1", "kr-setup")).made[0].mapping == made
    assert [line.action for line in scene.rows(Audit)] == ["create", "revive"]
    assert scene.rows(Mapping)[0].retired_at is None


def test_rows_can_be_mapped_one_by_one(scene: Scene) -> None:
    scene.acme.mapping("kr-signups", scene.space, select={"database": scene.database, "filter": {"Stage": "Lead"}}, measure="count")
    scene.acme.work(scene.space)
    scene.look(scene.space)
    assert scene.unmapped() == ["Acme deal"]  # the other matches the filter, and the database feeds a key result
    scene.map(("Acme deal", "kr-setup"))
    scene.acme.work(scene.space)
    assert scene.acme.row("kr-setup").current == 100.0
    assert scene.unmapped() == []


@pytest.mark.parametrize(
    ("pairs", "words"),
    [([], "at least one"), ([Pair(number, "kr-setup") for number in range(501)], "too many"), ([Pair(1, "kr-setup", "both")], "mode")],
)
def test_wishes_that_cannot_be_carried_out_are_refused(scene: Scene, pairs: list[Pair], words: str) -> None:
    with pytest.raises(InputError, match=words):
        bulk.map_pairs(scene.acme.runtime, SYSTEM, pairs)
    assert scene.rows(Mapping) == []


def test_only_those_who_write_map(scene: Scene) -> None:
    scene.look()
    for role in ("member", "viewer", "champion"):
        with pytest.raises(Forbidden):
            scene.map(("ACME-1", "kr-setup"), viewer=Viewer("x", role))


def test_a_closed_objective_takes_no_mapping(scene: Scene) -> None:
    scene.look()
    with scene.acme.runtime.store.write() as session:
        session.get_one(Objective, "onboarding").closed_at = scene.acme.runtime.now()
    assert scene.map(("ACME-1", "kr-setup")).made == ()
    assert scene.landscape().goals == ()


# --- suggestions -----------------------------------------------------------------------------------------------------------


def propose(scene: Scene, *rules: Rule, viewer: Viewer = SYSTEM, **more: Any) -> suggestions.Proposals:
    return suggestions.propose(scene.landscape(viewer), rules, **more)


def test_rules_and_shared_words_suggest_pairs_with_a_reason(scene: Scene) -> None:
    scene.look()
    with scene.acme.runtime.store.write() as session:
        session.get_one(KeyResult, "kr-signups").title = "Rework of billing finished"
    found = propose(scene, Rule("label", "okr:"))
    assert [(each.work.key, each.goal.id, each.confidence) for each in found.pairs] == [
        ("ACME-1", "kr-setup", "by rule"),
        ("ACME-2", "kr-signups", "likely"),
    ]
    assert "“okr:kr-setup”" in found.pairs[0].reason
    assert (found.total, found.considered, found.works, found.goals) == (2, 2, 2, 2)
    scene.map(("ACME-1", "kr-setup"))
    assert [each.work.key for each in propose(scene, Rule("label", "okr:")).pairs] == ["ACME-2"]
    assert propose(scene, by_text=False).pairs == ()
    assert propose(scene, with_done=False).pairs == ()
    assert scene.landscape().best(scene.landscape().work)[scene.stored()["ACME-2"].id].key_result == "kr-signups"


def test_names_that_no_key_result_has_are_told(scene: Scene) -> None:
    scene.jira.add_issue(key="ACME-9", type="Epic", labels=["okr:kr-gone"])
    scene.look()
    assert propose(scene, Rule("label", "okr:")).unknown == (("ACME-9", "kr-gone"),)
    with pytest.raises(InputError) as caught:
        propose(scene, Rule("title", "*", "kr-setup"))
    assert caught.value.where == "pattern"


def test_a_day_of_the_cycle_after_its_end_offers_no_goal(scene: Scene) -> None:
    scene.acme.clock.ahead = timedelta(days=60).total_seconds()
    assert scene.landscape().goals == ()
