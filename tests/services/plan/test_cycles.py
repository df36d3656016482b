"""Cycles as people make them: their days, reasons, versions, rights, and what is counted."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from connector.domain.rights import SYSTEM
from connector.errors import Conflict, Faults, Forbidden, InputError, NotFound
from connector.queue import InlineQueue
from connector.services.changes import Stale
from connector.services.drain import settle
from connector.services.plan import copying, cycles, forums, readiness, teams
from connector.store.tables import (
    Audit,
    Cycle,
    Forum,
    Objective,
    Team,
)
from tests.services.plan.helpers import BOTH, DAYS, last, listed, person, rows
from tests.support.world import Company


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
        ({"name": "a", "start": "2027-01-04", "end": "9999-12-31"}, "end", "from 1970 to 2199"),
        ({"name": "a", "start": "0001-01-01", "end": "2027-01-04"}, "start", "from 1970 to 2199"),
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
        lambda: teams.create(acme.runtime, viewer, {"name": "a"}),
        lambda: teams.update(acme.runtime, viewer, "Growth", {"name": "a"}),
        lambda: teams.retire(acme.runtime, viewer, "Growth"),
        lambda: forums.create(acme.runtime, viewer, {"name": "a"}),
        lambda: forums.update(acme.runtime, viewer, "a", {"name": "b"}),
        lambda: forums.retire(acme.runtime, viewer, "a"),
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
