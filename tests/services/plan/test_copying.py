"""Objectives copied into another cycle: what goes along, what stays, and what cannot be copied."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM
from connector.errors import Faults, InputError
from connector.queue import InlineQueue
from connector.services.drain import settle
from connector.services.plan import copying, cycles
from connector.store.tables import (
    KeyResult,
    Mapping,
    Objective,
    ObjectiveReader,
)
from tests.services.plan.helpers import BOTH, following, listed, person, rows
from tests.support.world import Company


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
