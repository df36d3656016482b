"""Cycles, teams, forums, the rollout checklist and copies, as people make them: rights, reasons, versions, what hosts show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Conflict, Faults, Forbidden, InputError, NotFound
from connector.queue import InlineQueue
from connector.services.changes import Stale
from connector.services.drain import settle
from connector.services.plan import copying, cycles, outline, readiness, teams
from connector.store.tables import (
    Audit,
    Cycle,
    Forum,
    KeyResult,
    Mapping,
    Objective,
    ObjectiveReader,
    Panel,
    Person,
    Team,
    TeamMember,
)
from tests.support.world import Company, company

BOTH = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", unit="", start=400.0, target=900.0, current=640.0)
        yield found


def rows(acme: Company, table: type[Any]) -> list[Any]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(table).order_by(*table.__table__.primary_key.columns)))


def person(acme: Company, name: str, role: str) -> Viewer:
    email = f"{name.lower()}@acme.example"
    with acme.runtime.store.write() as session:
        row = session.scalar(select(Person).where(Person.email == email))
        if row is None:
            row = Person(email=email, name=name)
            session.add(row)
        row.role = role
        session.flush()
        return Viewer(email, role, row.id, email, name)


def last(acme: Company) -> Audit:
    return rows(acme, Audit)[-1]


def listed(acme: Company, viewer: Viewer = SYSTEM) -> dict[str, cycles.CycleEntry]:
    with acme.runtime.store.read() as session:
        return {each.name: each for each in cycles.cycles(session, viewer)}


LEAD = Viewer("lead script", "lead", 99)
DAYS = {"start": "2027-01-04", "end": "2027-04-02"}


# --- cycles ---------------------------------------------------------------------------------------------------------------------


def test_a_cycle_is_made_with_days_of_its_own_and_waits_to_be_started(acme: Company) -> None:
    made = cycles.create(acme.runtime, SYSTEM, {"name": " 2027  spring ", **DAYS})
    assert made.view == {"name": "2027 spring", **DAYS}
    entry = listed(acme)["2027 spring"]
    assert (entry.start, entry.end, entry.started) == (date(2027, 1, 4), date(2027, 4, 2), False)
    assert (last(acme).action, last(acme).entity, last(acme).entity_id) == ("create", "cycle", "2027 spring")
    assert [entry.phase(date(2026, 12, 1)), entry.phase(date(2027, 4, 3))] == ["scheduled", "past"]


def test_phases_of_a_cycle(acme: Company) -> None:
    entry = listed(acme)["now"]
    assert [entry.phase(entry.start - timedelta(days=1)), entry.phase(entry.start), entry.phase(entry.end)] == [
        "next",
        "running",
        "running",
    ]
    assert entry.phase(entry.end + timedelta(days=1)) == "past"


@pytest.mark.parametrize(
    ("given", "where", "words"),
    [
        ({"name": "", **DAYS}, "name", "is missing"),
        ({"name": "now", **DAYS}, "name", "another cycle is called now"),
        ({"name": "x" * 61, **DAYS}, "name", "longer than 60"),
        ({"name": "2027/Q1", **DAYS}, "name", "no /"),
        ({"name": "2027\u202eQ1", **DAYS}, "name", "turns the direction"),
        ({"name": "a", "start": "2027-01-04"}, "end", "is missing"),
        ({"name": "a", "start": "4.1.2027", "end": "2027-04-02"}, "start", "2026-10-01"),
        ({"name": "a", "start": "2027-04-02", "end": "2027-01-04"}, "end", "before the first day"),
    ],
)
def test_a_cycle_that_cannot_be_is_refused_at_its_field(acme: Company, given: Any, where: str, words: str) -> None:
    with pytest.raises(Faults) as caught:
        cycles.create(acme.runtime, SYSTEM, given)
    assert [(each.where, words in each.message) for each in caught.value.errors] == [(where, True)]
    assert len(rows(acme, Cycle)) == 1


def test_days_of_a_started_cycle_change_with_a_reason_and_are_computed_again(acme: Company) -> None:
    settle(acme.runtime)
    end = (listed(acme)["now"].end + timedelta(days=7)).isoformat()
    with pytest.raises(InputError, match="a change of last day needs a reason"):
        cycles.update(acme.runtime, SYSTEM, "now", {"end": end})
    saved = cycles.update(acme.runtime, SYSTEM, "now", {"end": end}, reason="holidays")
    assert saved.changed == ("last day",)
    assert (last(acme).after, last(acme).reason) == ({"end": end}, "holidays")
    row = acme.row("kr-setup")
    assert row.wanted > row.done
    assert isinstance(acme.runtime.queue, InlineQueue)
    assert "settle" in {job for job, _ in acme.runtime.queue.nudges}


def test_two_who_edit_one_cycle_see_both_versions(acme: Company) -> None:
    cycles.create(acme.runtime, SYSTEM, {"name": "next", **DAYS})
    first = cycles.load(acme.runtime, SYSTEM, "next")
    cycles.update(acme.runtime, person(acme, "Bob", "lead"), "next", {"end": "2027-03-31"}, version=first.version)
    with pytest.raises(Stale) as caught:
        cycles.update(acme.runtime, SYSTEM, "next", {"end": "2027-03-30"}, version=first.version)
    assert caught.value.theirs["end"] == "2027-03-31"
    assert caught.value.by == "bob@acme.example"
    cycles.update(acme.runtime, SYSTEM, "next", {"end": "2027-03-30"}, version=caught.value.version)
    assert listed(acme)["next"].end == date(2027, 3, 30)


def test_a_cycle_with_objectives_is_not_retired_and_its_name_comes_back(acme: Company) -> None:
    with pytest.raises(Conflict, match="holds objectives"):
        cycles.retire(acme.runtime, SYSTEM, "now")
    cycles.create(acme.runtime, SYSTEM, {"name": "next", **DAYS})
    cycles.retire(acme.runtime, SYSTEM, "next")
    assert set(listed(acme)) == {"now"}
    with pytest.raises(NotFound):
        cycles.load(acme.runtime, SYSTEM, "next")
    with pytest.raises(Faults):  # the name belongs to the retired one, with its history
        cycles.update(acme.runtime, SYSTEM, "now", {"name": "next"}, reason="x")
    cycles.create(acme.runtime, SYSTEM, {"name": "next", **DAYS})
    assert last(acme).action == "revive"


def test_overlapping_days_are_told_and_allowed(acme: Company) -> None:
    entry = listed(acme)["now"]
    made = cycles.create(acme.runtime, SYSTEM, {"name": "half", "start": entry.end.isoformat(), "end": "2099-01-01"})
    assert made.remarks == ("Its days overlap with now.",)


@pytest.mark.parametrize("role", ["champion", "member", "viewer"])
def test_only_those_who_write_change_cycles_teams_and_forums(acme: Company, role: str) -> None:
    viewer = person(acme, "Vera", role)
    before = {table: len(rows(acme, table)) for table in (Cycle, Team, Forum, Audit)}
    for attempt in (
        lambda: cycles.create(acme.runtime, viewer, {"name": "a", **DAYS}),
        lambda: cycles.update(acme.runtime, viewer, "now", {"name": "a"}, reason="x"),
        lambda: cycles.retire(acme.runtime, viewer, "now"),
        lambda: readiness.start(acme.runtime, viewer, "now", reason="x"),
        lambda: readiness.stop(acme.runtime, viewer, "now", reason="x"),
        lambda: readiness.make_ready(acme.runtime, viewer, "now"),
        lambda: copying.copy(acme.runtime, viewer, "now", "now", ["onboarding"]),
        lambda: teams.create_team(acme.runtime, viewer, {"name": "a"}),
        lambda: teams.update_team(acme.runtime, viewer, "Growth", {"name": "a"}),
        lambda: teams.retire_team(acme.runtime, viewer, "Growth"),
        lambda: teams.create_forum(acme.runtime, viewer, {"name": "a"}),
        lambda: teams.update_forum(acme.runtime, viewer, "a", {"name": "b"}),
        lambda: teams.retire_forum(acme.runtime, viewer, "a"),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert {table: len(rows(acme, table)) for table in before} == before


@BOTH
def test_counts_are_of_what_the_viewer_may_know_of(acme: Company, database_kind: str) -> None:
    for name, values in (("secret", {"restricted": True}), ("rough", {"stage": "draft"})):
        acme.objective(name)
        acme.key_result(f"kr-{name}", name, owner_id=None)
        with acme.runtime.store.write() as session:
            session.execute(update(Objective).where(Objective.id == name).values(**values))
    counts = {
        role: (entry.objectives, entry.drafts, entry.key_results)
        for role in ("admin", "lead", "member")
        for entry in [listed(acme, person(acme, f"V{role}", role))["now"]]
    }
    assert counts == {"admin": (3, 1, 3), "lead": (2, 1, 2), "member": (1, 0, 1)}


# --- the rollout checklist and the start ----------------------------------------------------------------------------------------


def scheduled(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Cycle).values(started_at=None))


def complete(acme: Company, objective: str = "onboarding") -> None:
    """Give the objective a team that a forum reviews, and its key results a source."""
    with acme.runtime.store.write() as session:
        bob = session.scalars(select(Person).where(Person.email == "bob@acme.example")).one()
        forum = session.scalar(select(Forum)) or Forum(name="Growth review")
        forum.caller_id = bob.id
        session.add(forum)
        session.flush()
        team = session.scalars(select(Team)).one()
        team.forum_id = forum.id
        session.execute(update(Objective).where(Objective.id == objective).values(team_id=team.id))
        session.execute(update(KeyResult).where(KeyResult.objective_id == objective).values(by_hand=True))


def red(acme: Company, viewer: Viewer = SYSTEM) -> set[tuple[str, str]]:
    return {(ident, item) for ident, item, _ in readiness.load(acme.runtime, viewer, "now").red}


@BOTH
def test_each_item_is_red_until_it_is_there(acme: Company, database_kind: str) -> None:
    scheduled(acme)
    assert red(acme) == {("kr-setup", item) for item in ("source", "review forum", "decision-maker")}
    complete(acme)
    assert red(acme) == set()
    for table, values, item in (
        (KeyResult, {"owner_id": None}, "owner"),
        (KeyResult, {"target": None}, "from and to"),
        (KeyResult, {"by_hand": False}, "source"),
        (Team, {"forum_id": None}, "review forum"),
        (Forum, {"caller_id": None}, "decision-maker"),
    ):
        with acme.runtime.store.read() as session:
            kept = {name: getattr(session.scalars(select(table)).one(), name) for name in values}
        with acme.runtime.store.write() as session:
            session.execute(update(table).values(**values))
        assert ("kr-setup", item) in red(acme), item
        with acme.runtime.store.write() as session:
            session.execute(update(table).values(**kept))
        assert red(acme) == set()


def test_a_mapping_that_moves_the_value_is_a_source_and_one_for_context_is_none(acme: Company) -> None:
    complete(acme)
    with acme.runtime.store.write() as session:
        session.execute(update(KeyResult).values(by_hand=False))
    jira = acme.connection("acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "x"})
    context = acme.mapping("kr-setup", jira, select={"epics": ["ACME-1"]}, measure="done_count", mode="context")
    assert ("kr-setup", "source") in red(acme)
    acme.mapping("kr-setup", jira, select={"epics": ["ACME-1"]}, measure="done_count")
    assert red(acme) == set()
    with acme.runtime.store.write() as session:
        session.execute(update(Mapping).where(Mapping.id != context).values(retired_at=acme.runtime.now()))
    assert ("kr-setup", "source") in red(acme)


def test_people_who_left_own_nothing_and_decide_nothing(acme: Company) -> None:
    complete(acme)
    with acme.runtime.store.write() as session:
        session.execute(update(Person).values(active=False))
    assert red(acme) == {("kr-setup", "owner"), ("kr-setup", "decision-maker")}


def test_a_start_is_refused_while_one_item_is_red_and_an_override_is_logged(acme: Company) -> None:
    scheduled(acme)
    with pytest.raises(readiness.NotReady, match="1 of 1 key result has something to do") as caught:
        readiness.start(acme.runtime, SYSTEM, "now")
    assert {item for _, item, _ in caught.value.red} == {"source", "review forum", "decision-maker"}
    with pytest.raises(readiness.NotReady):
        readiness.start(acme.runtime, SYSTEM, "now", reason="   ")
    assert not listed(acme)["now"].started
    readiness.start(acme.runtime, SYSTEM, "now", reason="the board wants it today")
    assert listed(acme)["now"].started
    assert (last(acme).action, last(acme).reason) == ("start", "the board wants it today")
    assert last(acme).after == {"started": True, "red": ["kr-setup: source", "kr-setup: review forum", "kr-setup: decision-maker"]}
    with pytest.raises(Conflict, match="started already"):
        readiness.start(acme.runtime, SYSTEM, "now")


def test_a_cycle_without_a_key_result_does_not_start_by_itself(acme: Company) -> None:
    cycles.create(acme.runtime, SYSTEM, {"name": "next", **DAYS})
    with pytest.raises(readiness.NotReady, match="no key result yet"):
        readiness.start(acme.runtime, SYSTEM, "next")


@BOTH
def test_hosts_show_a_cycle_from_its_start_until_it_is_taken_back(acme: Company, database_kind: str) -> None:
    scheduled(acme)
    complete(acme)
    notion = acme.connection("acme-notion", "notion", "https://api.example", {"token": "x"})
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).values(pages=[{"connection": notion, "ref": "page-1"}]))

    def shown() -> list[str]:
        from connector.services.panels import build

        with acme.runtime.store.read() as session:
            panel = build(
                session, session.scalars(select(Panel)).one(), "t", "https://okr.example", acme.runtime.now(), acme.runtime.settings.zone
            )
        return [each.id for each in panel.key_results]

    readiness.start(acme.runtime, SYSTEM, "now")
    first = rows(acme, Panel)[0]
    assert first.wanted > first.done
    assert shown() == ["kr-setup"]
    with pytest.raises(InputError, match="needs a reason"):
        readiness.stop(acme.runtime, SYSTEM, "now")
    readiness.stop(acme.runtime, SYSTEM, "now", reason="too early")
    assert rows(acme, Panel)[0].wanted > first.wanted
    assert shown() == []
    assert last(acme).reason == "too early"


def test_drafts_hold_nothing_up_and_do_not_start(acme: Company) -> None:
    scheduled(acme)
    complete(acme)
    acme.objective("rough")
    acme.key_result("kr-rough", "rough", target=None)
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "rough").values(stage="draft"))
    found = readiness.load(acme.runtime, SYSTEM, "now")
    assert found.ready.ready
    assert not found.drafts.ready
    readiness.start(acme.runtime, SYSTEM, "now")
    assert {row.id: row.stage for row in rows(acme, Objective)} == {"onboarding": "ready", "rough": "draft"}
    assert readiness.make_ready(acme.runtime, SYSTEM, "now") == 1
    assert {row.stage for row in rows(acme, Objective)} == {"ready"}
    assert (last(acme).entity_id, last(acme).after) == ("rough", {"stage": "ready"})


def test_what_a_lead_may_not_know_of_is_neither_told_nor_a_hindrance_but_is_logged(acme: Company) -> None:
    scheduled(acme)
    complete(acme)
    acme.objective("secret")
    acme.key_result("kr-secret", "secret")
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "secret").values(restricted=True))
    lead = person(acme, "Lea", "lead")
    assert red(acme, lead) == set()
    assert {ident for ident, _ in red(acme)} == {"kr-secret"}
    found = readiness.start(acme.runtime, lead, "now")
    assert "secret" not in repr(found)
    assert last(acme).after is not None
    assert any("kr-secret" in each for each in last(acme).after["red"])


# --- copies ---------------------------------------------------------------------------------------------------------------------


def following(acme: Company) -> None:
    cycles.create(acme.runtime, SYSTEM, {"name": "next", **DAYS})


def test_a_copy_arrives_as_a_draft_from_the_last_value_without_a_target(acme: Company) -> None:
    following(acme)
    made = copying.copy(acme.runtime, SYSTEM, "now", "next", ["onboarding"])
    assert (made.cycle, made.objectives, made.key_results, made.mappings) == ("next", {"onboarding": "objective-onboarding"}, 1, 0)
    with acme.runtime.store.read() as session:
        objective = session.get_one(Objective, "objective-onboarding")
        result = session.scalars(select(KeyResult).where(KeyResult.objective_id == objective.id)).one()
    assert (objective.stage, objective.title, objective.pages) == ("draft", "Objective onboarding", [])
    assert (result.start, result.target, result.title, result.owner_id) == (
        640.0,
        None,
        "Key result kr-setup",
        acme.row("kr-setup").owner_id,
    )
    assert listed(acme)["next"].drafts == 1
    settle(acme.runtime)  # an unfinished promise is computed without trouble
    assert acme.row(result.id).progress is None


def test_the_same_start_and_target_and_a_value_that_is_not_known(acme: Company) -> None:
    following(acme)
    acme.key_result("kr-new", unit="", start=1.0, target=2.0)
    copying.copy(acme.runtime, SYSTEM, "now", "next", ["onboarding"])
    copies = {row.title: row for row in rows(acme, KeyResult) if row.objective_id == "objective-onboarding"}
    assert copies["Key result kr-new"].start is None
    cycles.create(acme.runtime, SYSTEM, {"name": "later", "start": "2028-01-01", "end": "2028-03-31"})
    copying.copy(acme.runtime, SYSTEM, "now", "later", ["onboarding"], copying.Choices("same", "same"))
    again = {row.title: (row.start, row.target) for row in rows(acme, KeyResult) if row.objective_id == "objective-onboarding-2"}
    assert again == {"Key result kr-setup": (400.0, 900.0), "Key result kr-new": (1.0, 2.0)}


def test_what_belongs_to_the_old_cycle_stays_there(acme: Company) -> None:
    following(acme)
    acme.key_result(
        "kr-steps", kind="milestones", start=None, target=None, milestones=[{"title": "A", "weight": 2.0, "done": True}],
        phased_targets=[{"day": "2026-12-01", "value": 1.0}],
    )  # fmt: skip
    with acme.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "kr-setup").values(checkpoints=[{"value": 500.0, "progress": 0.5}]))
    copying.copy(acme.runtime, SYSTEM, "now", "next", ["onboarding"], copying.Choices("last", "same"))
    copies = {row.title: row for row in rows(acme, KeyResult) if row.objective_id == "objective-onboarding"}
    assert copies["Key result kr-steps"].milestones == [{"title": "A", "weight": 2.0, "done": False}]
    assert copies["Key result kr-steps"].phased_targets == []
    assert copies["Key result kr-setup"].checkpoints == []  # the scale began elsewhere
    assert {row.current for row in copies.values()} == {None}


@BOTH
def test_goals_readers_and_mappings_go_along_when_asked(acme: Company, database_kind: str) -> None:
    following(acme)
    acme.objective("company")
    jira = acme.connection("acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "x"})
    old = acme.mapping("kr-setup", jira, select={"epics": ["ACME-1"]}, measure="done_count")
    cleo = person(acme, "Charlie", "member")
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(supports_id="company", restricted=True))
        session.add(ObjectiveReader(objective_id="onboarding", person_id=cleo.person_id))
        session.execute(update(Mapping).values(owner_id=cleo.person_id, resolved={"refs": {"ACME-1": "10001"}}))
    made = copying.copy(acme.runtime, SYSTEM, "now", "next", ["company", "onboarding"], copying.Choices(mappings=True))
    assert made.mappings == 1
    with acme.runtime.store.read() as session:
        new = session.get_one(Objective, made.objectives["onboarding"])
        assert (new.supports_id, new.restricted) == (made.objectives["company"], True)
        assert session.scalars(select(ObjectiveReader.person_id).where(ObjectiveReader.objective_id == new.id)).all() == [cleo.person_id]
    copy = next(row for row in rows(acme, Mapping) if row.id != old)
    assert (copy.rule, copy.owner_id, copy.resolved) == (rows(acme, Mapping)[0].rule, cleo.person_id, {"refs": {"ACME-1": "10001"}})
    assert copy.wanted > copy.done
    assert isinstance(acme.runtime.queue, InlineQueue)
    assert ("list", (jira,)) in acme.runtime.queue.nudges


def test_a_goal_that_is_not_copied_is_still_served(acme: Company) -> None:
    following(acme)
    acme.objective("company")
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(supports_id="company"))
    made = copying.copy(acme.runtime, SYSTEM, "now", "next", ["onboarding"])
    assert {row.id: row.supports_id for row in rows(acme, Objective)}[made.objectives["onboarding"]] == "company"


@pytest.mark.parametrize(
    ("target", "ids", "choices", "where", "words"),
    [
        ("now", ["onboarding"], copying.Choices(), "to", "another cycle"),
        ("none", ["onboarding"], copying.Choices(), "to", "no cycle is called"),
        ("next", [], copying.Choices(), "objectives", "at least one"),
        ("next", ["nothing"], copying.Choices(), "objectives", "has no objective nothing"),
        ("next", ["onboarding"], copying.Choices("first"), "start", "last or same"),
        ("next", ["onboarding"], copying.Choices("last", "none"), "target", "empty or same"),
    ],
)
def test_a_copy_that_cannot_be_says_where(
    acme: Company, target: str, ids: list[str], choices: copying.Choices, where: str, words: str
) -> None:
    following(acme)
    with pytest.raises(InputError) as caught:
        copying.copy(acme.runtime, SYSTEM, "now", target, ids, choices)
    found = caught.value.errors[0] if isinstance(caught.value, Faults) else caught.value
    assert found.where == where
    assert words in found.message
    assert len(rows(acme, Objective)) == 1


def test_nothing_is_copied_twice_and_nothing_that_is_hidden(acme: Company) -> None:
    following(acme)
    copying.copy(acme.runtime, SYSTEM, "now", "next", ["onboarding"])
    with pytest.raises(Faults, match="has “Objective onboarding” already"):
        copying.copy(acme.runtime, SYSTEM, "now", "next", ["onboarding"])
    acme.objective("secret")
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "secret").values(restricted=True))
    with pytest.raises(Faults, match="has no objective secret"):
        copying.copy(acme.runtime, person(acme, "Lea", "lead"), "now", "next", ["secret"])


# --- teams and forums -----------------------------------------------------------------------------------------------------------


@BOTH
def test_a_team_with_its_people_and_forum(acme: Company, database_kind: str) -> None:
    forum = teams.create_forum(acme.runtime, SYSTEM, {"name": "Board"})
    assert forum.remarks == ("It is not active: name the person who can call decisions there.",)
    made = teams.create_team(
        acme.runtime,
        SYSTEM,
        {"name": "Sales", "lead": "BOB@acme.example", "members": ["charlie@acme.example", "alice@acme.example"], "forum": "Board"},
    )
    assert made.view == {
        "name": "Sales", "lead": "bob@acme.example", "members": ["alice@acme.example", "charlie@acme.example"], "forum": "Board"
    }  # fmt: skip
    teams.update_forum(acme.runtime, SYSTEM, "Board", {"caller": "alice@acme.example"})
    with acme.runtime.store.read() as session:
        entry = next(each for each in teams.teams(session, LEAD) if each.name == "Sales")
        board = teams.forums(session)[0]
    assert (entry.lead, entry.forum, entry.members) == ("Bob", "Board", 2)
    assert (board.caller, board.active, board.teams) == ("Alice", True, ("Sales",))
    teams.update_team(acme.runtime, SYSTEM, "Sales", {"members": [], "name": "Sales EU"})
    assert (last(acme).before, last(acme).after) == (
        {"name": "Sales", "members": ["alice@acme.example", "charlie@acme.example"]},
        {"name": "Sales EU", "members": []},
    )
    assert rows(acme, TeamMember) == []
    teams.retire_forum(acme.runtime, SYSTEM, "Board")
    assert {row.forum_id for row in rows(acme, Team)} == {None}
    teams.retire_team(acme.runtime, SYSTEM, "Sales EU")
    with pytest.raises(NotFound):
        teams.load_team(acme.runtime, SYSTEM, "Sales EU")


def test_nobody_writes_themselves_into_a_team_to_see_its_restricted_objectives(acme: Company) -> None:
    lea, bob = person(acme, "Lea", "lead"), person(acme, "Bob", "lead")
    with acme.runtime.store.write() as session:
        session.execute(update(Team).values(lead_id=bob.person_id))
    for given in ({"members": ["lea@acme.example"]}, {"lead": "lea@acme.example"}):
        with pytest.raises(Forbidden, match="restricted objectives"):
            teams.update_team(acme.runtime, lea, "Growth", given)
    teams.create_forum(acme.runtime, lea, {"name": "Board"})
    teams.update_team(acme.runtime, lea, "Growth", {"forum": "Board"})
    teams.update_team(acme.runtime, bob, "Growth", {"members": ["lea@acme.example"]})
    assert len(rows(acme, TeamMember)) == 1


@pytest.mark.parametrize(
    ("given", "where", "words"),
    [
        ({}, "name", "is missing"),
        ({"name": "Growth"}, "name", "another team is called Growth"),
        ({"name": "A", "lead": "nobody@acme.example"}, "lead", "no person has the e-mail address"),
        ({"name": "A", "lead": "Bob"}, "lead", "is not an e-mail address"),
        ({"name": "A", "members": ["bob@acme.example", "x@acme.example"]}, "members[1]", "no person"),
        ({"name": "A", "forum": "Board"}, "forum", "no forum is called"),
        ({"name": "A/B"}, "name", "no /"),
    ],
)
def test_a_team_that_cannot_be_is_refused_at_its_field(acme: Company, given: Any, where: str, words: str) -> None:
    with pytest.raises(Faults) as caught:
        teams.create_team(acme.runtime, SYSTEM, given)
    assert [(each.where, words in each.message) for each in caught.value.errors] == [(where, True)]


def test_a_team_with_objectives_is_not_retired(acme: Company) -> None:
    complete(acme)
    with pytest.raises(Conflict, match="objectives belong to the team Growth"):
        teams.retire_team(acme.runtime, SYSTEM, "Growth")


def test_two_who_edit_one_team_or_forum_see_both_versions(acme: Company) -> None:
    teams.create_forum(acme.runtime, SYSTEM, {"name": "Board"})
    first, board = teams.load_team(acme.runtime, SYSTEM, "Growth"), teams.load_forum(acme.runtime, SYSTEM, "Board")
    teams.update_team(acme.runtime, SYSTEM, "Growth", {"lead": "bob@acme.example"}, version=first.version)
    teams.update_forum(acme.runtime, SYSTEM, "Board", {"caller": "bob@acme.example"}, version=board.version)
    with pytest.raises(Stale):
        teams.update_team(acme.runtime, SYSTEM, "Growth", {"lead": "alice@acme.example"}, version=first.version)
    with pytest.raises(Stale):
        teams.update_forum(acme.runtime, SYSTEM, "Board", {"caller": None}, version=board.version)


# --- outlines -------------------------------------------------------------------------------------------------------------------


@BOTH
def test_the_tree_of_a_cycle(acme: Company, database_kind: str) -> None:
    acme.objective("empty")
    acme.key_result("kr-broken", unit="", target=None, owner_id=None, weight=2.0)
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(supports_id="empty"))
    with acme.runtime.store.read() as session:
        cycle = session.scalars(select(Cycle)).one()
        found = outline.tree(session, LEAD, cycle.id, acme.runtime.now(), acme.runtime.settings.zone)
    assert [(each.id, each.supports, [leaf.id for leaf in each.key_results]) for each in found] == [
        ("empty", "", []),
        ("onboarding", "Objective empty", ["kr-broken", "kr-setup"]),
    ]
    broken, whole = found[1].key_results
    assert (broken.promise, broken.complete, broken.ownerless, broken.weight) == ("target is missing", False, True, 2.0)
    assert (whole.promise, whole.owner, whole.ownerless, whole.sign_off) == ("from 400 to 900", "Alice", False, "not judged")


@BOTH
def test_what_is_worth_a_look(acme: Company, database_kind: str) -> None:
    acme.objective("company")
    acme.objective("alone")
    acme.key_result("kr-orphaned", "company", owner_id=None)
    acme.key_result("kr-left", "alone")
    for number in range(6):
        acme.key_result(f"kr-{number}", "onboarding")
    acme.objective("over", cycle="past", start=date(2020, 1, 1), end=date(2020, 3, 31))
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(supports_id="company"))
        session.execute(update(KeyResult).where(KeyResult.id == "kr-left").values(retired_at=acme.runtime.now()))
    with acme.runtime.store.read() as session:
        found = outline.findings(session, LEAD, acme.runtime.now().date(), 5)
    assert {(each.kind, each.key_result or each.objective) for each in found} == {
        ("no key results", "alone"),
        ("orphan", "alone"),
        ("ownerless", "kr-orphaned"),
        ("many key results", "onboarding"),
    }
