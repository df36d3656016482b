"""The page of drift: what it shows to whom, and how much it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM
from connector.services.drift.findings import find
from connector.services.drift.nightly import note_since
from connector.store.tables import KeyResult, Mapping, MappingDay, Objective, Person
from tests.support.found_work import Scene, found_work, words

MOST_STATEMENTS = 10
MOST_BYTES = 150_000


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    with found_work(tmp_path, database_url) as made:
        yield made


def break_mapping(scene: Scene) -> int:
    ident = scene.acme.mapping("kr-setup", scene.site, select={"jql": "project = ACME"}, measure="done_share")
    with scene.acme.runtime.store.write() as session:
        session.execute(update(Mapping).values(broken="Jira does not accept the JQL any more"))
    return ident


def note(scene: Scene, days_ago: int = 0) -> None:
    now = scene.acme.runtime.now()
    with scene.acme.runtime.store.read() as session:
        findings = find(session, SYSTEM, now.date())
    with scene.acme.runtime.store.write() as session:
        note_since(session, findings, now - timedelta(days=days_ago))


def test_a_finding_says_what_since_when_and_what_to_do(scene: Scene) -> None:
    ident = break_mapping(scene)
    page = scene.visit().get("/mappings/drift").text
    told = words(page)
    assert "Guided set-up shipped acme-jira: issues that match the JQL" in told
    assert "Jira does not accept the JQL any more. today Mend the mapping, or switch it off; its last value is kept." in told
    assert f'href="/mappings/{ident}"' in page
    note(scene, days_ago=3)
    day = scene.acme.runtime.now() - timedelta(days=3)
    assert f">{day.day} {day:%b}" in scene.visit().get("/mappings/drift").text.replace("\N{NO-BREAK SPACE}", " ")


def test_members_see_drift_without_the_ways_to_change_it_and_only_of_what_they_may_know(scene: Scene) -> None:
    ident = break_mapping(scene)
    scene.add("ACME-9", category="done")
    bob = scene.visit("bob", "member")
    page = bob.get("/mappings/drift").text
    assert "any more" in page
    assert f"/mappings/{ident}" not in page
    with scene.acme.runtime.store.write() as session:
        session.execute(update(Objective).values(restricted=True))
    page = bob.get("/mappings/drift").text
    assert "Guided set-up" not in page
    assert "any more" not in page
    assert "Guided set-up" in scene.visit("alice", "member").get("/mappings/drift").text


def test_filters_by_kind_and_by_who_answers(scene: Scene) -> None:
    break_mapping(scene)
    scene.add("ACME-9", category="done")
    lead = scene.visit()
    assert "done work is unaligned" in words(lead.get("/mappings/drift").text)
    page = lead.get("/mappings/drift?kind=source+broken").text
    assert "any more" in page
    assert "unaligned" not in page
    assert "Nothing fits these filters" in lead.get("/mappings/drift?mine=1").text
    assert "any more" in scene.visit("alice", "member").get("/mappings/drift?mine=1").text


def test_nothing_drifted_is_said_only_after_somebody_looked(scene: Scene) -> None:
    text = scene.visit().get("/mappings/drift").text
    assert "none has run" in text
    assert "Nothing has drifted" not in text
    ident = scene.acme.mapping("kr-setup", scene.site, select={"epics": ["ACME-1"]}, measure="done_share")
    now = scene.acme.runtime.now()
    with scene.acme.runtime.store.write() as session:
        session.execute(update(Mapping).values(retired_at=now))
        session.add(MappingDay(mapping_id=ident, day=now.date(), items=4, done=1))
    assert "Nothing has drifted" in scene.visit().get("/mappings/drift").text


@pytest.mark.databases("sqlite", "postgres")
def test_many_findings_cost_few_statements(scene: Scene, database_kind: str) -> None:
    now = scene.acme.runtime.now()
    with scene.acme.runtime.store.write() as session:
        alice = session.scalars(select(Person.id).where(Person.email == "alice@acme.example")).one()
        columns = {"objective_id": "onboarding", "owner_id": alice, "kind": "metric", "created_at": now, "progress": 0.1}
        session.add_all(KeyResult(id=f"kr-m{number}", title=f"M {number}", **columns) for number in range(400))
        session.flush()
        told = {"connection_id": scene.site, "created_at": now, "listed_at": now, "owner_id": alice}
        rows = [
            Mapping(
                key_result_id=f"kr-m{number % 400}",
                rule={"select": {"jql": f"labels = l{number}"}, "measure": "done_share"},
                broken="gone" if number % 3 == 0 else None,
                **told,
            )
            for number in range(800)
        ]
        session.add_all(rows)
        session.flush()
        days = [now.date(), now.date() - timedelta(days=7)]
        session.add_all(MappingDay(mapping_id=row.id, day=day, items=4, done=4) for row in rows for day in days)
    lead = scene.visit()
    lead.get("/mappings/drift")
    begun = time.process_time()
    with scene.statements() as seen:
        answer = lead.get("/mappings/drift")
    assert time.process_time() - begun < 1.0
    assert len(seen) <= MOST_STATEMENTS, seen
    assert len(answer.data) < MOST_BYTES
    assert "Page 1 of" in answer.text
