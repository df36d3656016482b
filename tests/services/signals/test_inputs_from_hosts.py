"""What is counted every night, how states are remembered, and what a look at blockers costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from connector.domain.signals.blocked import is_held
from connector.services.blocked_items import wait_for_others
from connector.services.drift.days import write_days
from connector.services.rollup import want_all
from connector.services.signals.blockers import look, standing_blockers
from connector.services.state_changes import first_at_risk, note_states
from connector.store.tables import Blocker, CheckIn, Item, Mapping, MappingDay, MappingItem, StateChange
from mappings.repository import load_links
from tests.support.world import Company, company

POINTS = "customfield_10016"


pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as people:
        people.objective()
        yield people


def mapped(people: Company, name: str, items: list[dict[str, Any]], *, points: bool = True) -> int:
    """A key result fed by these items; gives its mapping."""
    people.key_result(name)
    now = people.runtime.now()
    with people.runtime.store.write() as session:
        site = session.scalar(select(Mapping.connection_id).limit(1))
    site = site or people.connection("harbor", "jira", "https://harbor.atlassian.net", {})
    with people.runtime.store.write() as session:
        row = Mapping(
            key_result_id=name,
            connection_id=site,
            rule={"select": {"jql": "project = HARB"}, "measure": "points_done" if points else "done_count"},
            resolved={"fields": {"": [POINTS]} if points else {}},
            created_at=now,
            listed_at=now,
        )
        session.add(row)
        session.flush()
        for number, told in enumerate(items):
            item = Item(connection_id=site, ref=f"{name}-{number}", key=f"HARB-{number}", title="Story", seen_at=now, **told)
            session.add(item)
            session.flush()
            session.add(MappingItem(mapping_id=row.id, item_id=item.id))
        return row.id


def held(people: Company, days: float = 6, **more: Any) -> dict[str, Any]:
    since = people.runtime.now() - timedelta(days=days)
    return {"flag": True, "status": None, "links": [], "since": since.isoformat(), **more}


def test_a_night_counts_items_and_points_and_twice_is_once(acme: Company) -> None:
    waiting = {"flag": False, "status": None, "links": [{"ref": "9", "key": "HARB-9", "done": None}], "since": None}
    mapping = mapped(
        acme,
        "kr",
        [
            {"category": "done", "fields": {POINTS: 3.0}},
            {"category": "indeterminate", "fields": {POINTS: 5.0}, "blocked": held(acme)},
            {"category": "new", "fields": {POINTS: 8.0}, "blocked": waiting},
            {"category": "new", "fields": {POINTS: None}},
            {"category": "new", "fields": {POINTS: {"unknown": "not shared"}}},
        ],
    )
    plain = mapped(acme, "plain", [{"category": "indeterminate", "fields": {}}], points=False)
    today = acme.runtime.now().date()
    with acme.runtime.store.write() as session:
        links = load_links(session)
        for _ in range(2):
            write_days(session, links[0].connection_id, links, today)
        rows = {row.mapping_id: row for row in session.scalars(select(MappingDay))}
        assert len(rows) == 2
        row = rows[mapping]
        assert (row.items, row.done, row.started) == (5, 1, 1)
        assert (row.points, row.points_done, row.open_points, row.blocked_points) == (16.0, 3.0, 13.0, 5.0)
        other = rows[plain]
        assert (other.items, other.started, other.points, other.blocked_points) == (1, 1, None, None)
        assert not is_held(waiting)
        assert wait_for_others(session, links[0].connection_id) == ["kr-2"]


def test_of_rows_without_a_status_nobody_knows_what_is_started(acme: Company) -> None:
    rows = mapped(acme, "rows", [{"category": "undefined", "fields": {}}] * 3, points=False)
    some = mapped(acme, "some", [{"category": "undefined", "fields": {}}, {"category": "new", "fields": {}}], points=False)
    none = mapped(acme, "none", [], points=False)
    with acme.runtime.store.write() as session:
        links = load_links(session)
        write_days(session, links[0].connection_id, links, acme.runtime.now().date())
        told = {row.mapping_id: (row.items, row.started) for row in session.scalars(select(MappingDay))}
    assert (told[rows], told[some], told[none]) == ((3, None), (2, 0), (0, 0))


def test_states_are_noted_when_they_change_and_the_first_trouble_is_found(acme: Company) -> None:
    acme.key_result("kr")
    acme.key_result("fine")
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        for days, state in ((0, "no_data"), (1, "on_track"), (2, "on_track"), (3, "at_risk"), (4, "on_track"), (5, "stalled")):
            note_states(session, {"kr": (state, 0.1), "fine": ("on_track", None)}, now + timedelta(days=days))
            session.flush()
        told = session.scalars(select(StateChange).where(StateChange.key_result_id == "kr").order_by(StateChange.id)).all()
        assert [(row.before, row.state) for row in told] == [
            (None, "no_data"),
            ("no_data", "on_track"),
            ("on_track", "at_risk"),
            ("at_risk", "on_track"),
            ("on_track", "stalled"),
        ]
        assert first_at_risk(session, ["kr", "fine"]) == {"kr": now + timedelta(days=3)}
        assert first_at_risk(session, ["kr"], since=now + timedelta(days=4)) == {"kr": now + timedelta(days=5)}
        assert first_at_risk(session, []) == {}


def test_a_computation_notes_its_state(acme: Company) -> None:
    acme.key_result("kr")
    for _ in range(2):
        with acme.runtime.store.write() as session:
            want_all(session, acme.runtime.epoch())
        acme.work()
    with acme.runtime.store.read() as session:
        assert [(row.before, row.state) for row in session.scalars(select(StateChange))] == [(None, "no_data")]


def test_a_look_at_many_key_results_takes_few_statements_and_a_second_changes_nothing(acme: Company) -> None:
    for number in range(30):
        mapped(acme, f"kr-{number}", [{"category": "new", "blocked": held(acme) if number == 0 else None}], points=False)
    runtime, names = acme.runtime, [f"kr-{number}" for number in range(30)]
    sent: list[str] = []
    event.listen(runtime.store.engine, "before_cursor_execute", lambda *told: sent.append(told[2]))
    with runtime.store.write() as session:
        assert look(session, names, runtime.now(), runtime.settings.zone) == {"kr-0"}
    sent.clear()
    with runtime.store.write() as session:
        assert look(session, names, runtime.now(), runtime.settings.zone) == set()
    assert len([each for each in sent if each.startswith("SELECT")]) <= 10
    with runtime.store.read() as session:
        assert set(standing_blockers(session, names)) == {"kr-0"}


def test_a_blocker_of_a_picked_item_is_asked_about_when_that_is_free_again(acme: Company) -> None:
    mapped(acme, "kr", [{"category": "new", "blocked": held(acme, 1)}, {"category": "new"}], points=False)
    runtime = acme.runtime
    with runtime.store.write() as session:
        item = session.scalars(select(Item).where(Item.ref == "kr-0")).one()
        link = {"connection": item.connection_id, "ref": item.ref, "key": item.key, "url": ""}
        session.add(
            CheckIn(
                key_result_id="kr",
                value=1.0,
                confidence=5,
                decision="none",
                blocker="Waiting for the other team",
                blocker_link=link,
                as_of=runtime.now(),
                created_at=runtime.now(),
                source_id="1",
            )
        )
    with runtime.store.write() as session:
        look(session, ["kr"], runtime.now(), runtime.settings.zone)
        row = session.scalars(select(Blocker)).one()
        assert row.clear_at is None
        assert row.since <= runtime.now() - timedelta(hours=23)  # the flag was there a day earlier
        session.get_one(Item, session.scalars(select(Item.id).where(Item.ref == "kr-0")).one()).blocked = None
    with runtime.store.write() as session:
        look(session, ["kr"], runtime.now(), runtime.settings.zone)
        row = session.scalars(select(Blocker)).one()
        assert row.clear_at is not None
        session.add(
            CheckIn(
                key_result_id="kr", value=1.0, confidence=5, decision="none", blocker="Still waiting", blocker_link=link,
                as_of=runtime.now(), created_at=runtime.now(), source_id="2",
            )
        )  # fmt: skip
    for _ in range(2):
        with runtime.store.write() as session:
            look(session, ["kr"], runtime.now(), runtime.settings.zone)
            row = session.scalars(select(Blocker)).one()
            assert (row.text, row.clear_at) == ("Still waiting", None)  # its owner's word stands
