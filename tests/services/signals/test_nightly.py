"""The night's look at all key results, over a real database: what begins, changes and ends, once; and how much it reads."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from connector.domain.panel import digest as panel_digest
from connector.services.facts import load_facts
from connector.services.panels import describe_key_result
from connector.services.signals.nightly import find_for
from connector.services.signals.standing import standing
from connector.store.tables import Audit, Connection, Cycle, Item, KeyResult, Mapping, MappingDay, MappingItem, Objective, Signal, Team
from tests.services.signals.conftest import Past
from tests.support.counting import statements

pytestmark = pytest.mark.databases("sqlite", "postgres")


def steady(past: Past, name: str, **columns: Any) -> str:
    """A key result of which nothing is asked: confirmed yesterday, on its way."""
    past.acme.key_result(name, **{"current": 55.0, "raw_progress": 0.55, "progress": 0.55, "state": "on_track", **columns})
    past.check_in(name, 1, value=columns.get("current", 55.0), confidence=6)
    return name


def test_the_series_of_the_product_text_asks_one_question(past: Past) -> None:
    today = past.acme.runtime.now().date()
    past.acme.objective("quarter", cycle="quarter", start=today - timedelta(days=28), end=today + timedelta(days=62))
    past.acme.key_result(
        "kr", "quarter", start=40, target=60, current=42.0, raw_progress=0.1, progress=0.1, state="at_risk",
        created_at=past.day(28),
    )  # fmt: skip
    for days, value in ((28, 40), (21, 41), (14, 41), (7, 42), (0, 42)):
        past.check_in("kr", days, value=value, confidence=8)
    past.look()
    told = past.signals("kr")
    assert set(told) == {"confidence_gap"}
    numbers = told["confidence_gap"].numbers
    assert numbers["forecast"] == pytest.approx(46.5, abs=0.1)
    assert numbers["times"] == pytest.approx(4.0, abs=0.05)
    assert numbers["implied"] <= 2
    assert numbers["gap"] >= 6
    assert told["confidence_gap"].sentence.startswith("Confidence 8, while the recent rate leads to 46.5\u00a0% against 60\u00a0%")
    kept = past.insight("kr")
    assert kept["implied"] == numbers["implied"]
    assert kept["gap"] == numbers["gap"]
    assert kept["question"] == told["confidence_gap"].sentence


def test_busy_is_told_until_the_value_moves_and_a_second_run_changes_nothing(past: Past) -> None:
    steady(past, "kr", current=12.0, raw_progress=0.12, effect_lag=0)
    past.values("kr", (40, 12), (20, 12), (1, 12))
    past.weeks(past.mapped("kr"), (8, 9, 8, 10, 16, 18))
    assert past.look() == 1
    first = past.signals("kr")["busy_not_moving"]
    assert first.sentence.startswith("34\u00a0items done in two weeks (2.0× the usual), key result unchanged since")
    assert past.look() == 0
    assert past.signals("kr")["busy_not_moving"].changed_at == first.changed_at
    past.values("kr", (0, 20))
    with past.acme.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "kr").values(current=20.0, raw_progress=0.2))
    past.look()
    assert "busy_not_moving" not in past.signals("kr")
    assert past.signals("kr", ended=True)["busy_not_moving"].ended_at is not None


def test_points_count_where_every_mapping_knows_them(past: Past) -> None:
    steady(past, "kr", current=12.0, raw_progress=0.12, effect_lag=0)
    past.values("kr", (40, 12), (1, 12))
    past.weeks(past.mapped("kr"), (8, 9, 8, 10, 16, 15), points=True)
    past.look()
    assert past.signals("kr")["busy_not_moving"].sentence.startswith("31\u00a0points done in two weeks (1.8× the usual)")
    past.mapped("kr", select={"jql": "project = OTHER"})  # counted on no night: of the whole nothing is known
    past.look()
    assert past.signals("kr") == {}


def test_an_output_key_result_is_never_called_busy(past: Past) -> None:
    steady(past, "kr", current=12.0, raw_progress=0.12, effect_lag=0, flags=["output"])
    past.values("kr", (40, 12), (1, 12))
    past.weeks(past.mapped("kr"), (8, 9, 8, 10, 16, 18))
    past.look()
    assert past.signals("kr") == {}


def test_work_finished_without_effect_and_a_target_reached_early(past: Past) -> None:
    for name, raw, done in (("nothing", 0.42, 95), ("early", 1.0, 30)):
        steady(past, name, current=raw * 100, raw_progress=raw, progress=raw)
        past.values(name, (40, raw * 100))
        past.weeks(past.mapped(name), (0, 0, 0, 0), items=100, base=done)
    past.look()
    assert "delivered_without_effect" in past.signals("nothing")
    assert "95 of 100 items" in past.signals("nothing")["delivered_without_effect"].sentence
    early = past.signals("early")
    assert set(early) == {"reached_early"}
    assert "the remaining 70 items" in early["reached_early"].sentence


@pytest.mark.parametrize(
    ("measure", "mode", "grew"),
    [
        ({"sum": "Seats"}, "value", False),
        ("count", "value", False),
        ({"latest": "Score"}, "value", False),
        ({"sum": "Seats"}, "context", True),
        ({"sum": "Points", "of": "done"}, "value", True),
        ("done_share", "value", True),
    ],
)
def test_rows_that_make_the_value_by_being_there_are_no_scope(past: Past, measure: Any, mode: str, grew: bool) -> None:
    steady(past, "kr", created_at=past.day(30))
    first, today = past.mapped("kr", measure=measure, mode=mode), past.acme.runtime.now().date()
    with past.acme.runtime.store.write() as session:
        session.add(MappingDay(mapping_id=first, day=today - timedelta(days=20), items=10, done=5, started=0))
        session.add(MappingDay(mapping_id=first, day=today, items=30, done=15, started=0))
    past.look()
    assert ("scope_grew" in past.signals("kr")) is grew
    work = past.mapped("kr", measure="done_share", mode="context")
    with past.acme.runtime.store.write() as session:
        session.add(MappingDay(mapping_id=work, day=today - timedelta(days=20), items=10, done=1, started=0))
        session.add(MappingDay(mapping_id=work, day=today, items=14, done=1, started=0))
    past.look()
    told = past.signals("kr")["scope_grew"].sentence  # what is to be done beside them is scope as ever
    assert told.startswith("16 of 44 items (+24 added)" if grew else "1 of 14 items (+4 added)")


def test_a_silent_source_and_one_that_nobody_edits(past: Past) -> None:
    now = past.acme.runtime.now()
    for name in ("silent", "still", "fine"):
        steady(past, name)
        past.connection = past.acme.connection(f"of-{name}", "jira", "http://127.0.0.1:9", {})
        mapping = past.mapped(name, mode="value")
        with past.acme.runtime.store.write() as session:
            session.get_one(Connection, past.connection).last_success_at = now - timedelta(hours=30 if name == "silent" else 1)
            edited = now - timedelta(days=30 if name == "still" else 2)
            item = Item(connection_id=past.connection, ref="1", category="new", updated_at=edited, seen_at=now)
            session.add(item)
            session.flush()
            session.add(MappingItem(mapping_id=mapping, item_id=item.id))
    past.look()
    assert past.signals("silent")["source_stale"].sentence.startswith("of-silent not read since ")
    assert "was edited in of-still since" in past.signals("still")["source_stale"].sentence
    assert past.signals("fine") == {}


def test_an_owner_who_says_nothing_is_not_confirmed_by_machines(past: Past) -> None:
    past.acme.key_result("kr", current=55.0, raw_progress=0.55, state="on_track", created_at=past.day(39))
    past.check_in("kr", 12, value=50, confidence=6)
    past.values("kr", (5, 52), (0, 55))
    past.look()
    assert past.signals("kr")["update_stale"].sentence.startswith("Last check-in ")
    past.check_in("kr", 0, value=None)
    find_for(past.acme.runtime, ["kr"])
    assert "update_stale" not in past.signals("kr")


def test_a_late_edit_of_the_target_is_shown(past: Past) -> None:
    steady(past, "kr")
    late = "target changed with 84 % of the cycle over"
    with past.acme.runtime.store.write() as session:
        for action, after in (("update", {"target": 50.0, "late": late}), ("check_in", {"late": True})):
            session.add(
                Audit(at=past.day(1), actor="ada", action=action, entity="key_result", entity_id="kr", before={}, after=after, reason="x")
            )
    past.look()
    assert past.signals("kr")["late_target_edit"].sentence.startswith("Target changed with 84 % of the cycle over, on ")


def test_nobody_works_and_drift_are_signals_too_once(past: Past) -> None:
    steady(past, "kr", current=20.0, raw_progress=0.2, progress=0.2)
    past.values("kr", (40, 20), (1, 20))
    mapping = past.mapped("kr", select={"epics": ["ACME-1"]}, measure="done_share")
    with past.acme.runtime.store.write() as session:
        session.execute(update(Mapping).where(Mapping.id == mapping).values(listed_at=past.day(30)))
        for number in range(3):
            item = Item(connection_id=past.connection, ref=str(number), category="done", seen_at=past.day(1))
            session.add(item)
            session.flush()
            session.add(MappingItem(mapping_id=mapping, item_id=item.id))
    past.weeks(mapping, (0, 0, 0, 0), items=3, base=3)
    past.look()
    told = past.signals("kr")
    assert set(told) == {"nobody_works", "delivered_without_effect"}  # not idle as well
    with past.acme.runtime.store.write() as session:
        session.execute(update(Mapping).where(Mapping.id == mapping).values(broken="the project is gone"))
    past.look()
    told = past.signals("kr")
    assert told["mapping_drift"].subject == f"mapping:{mapping}"
    assert past.look() == 0
    find_for(past.acme.runtime, ["kr"])  # knows nothing of drift, and leaves it
    assert "mapping_drift" in past.signals("kr")


def test_what_does_not_run_any_more_has_no_signals(past: Past) -> None:
    for name in ("retired", "closed", "draft"):
        past.acme.objective(f"of-{name}")
        past.acme.key_result(name, f"of-{name}", current=5.0, raw_progress=0.05, state="overdue", created_at=past.day(39))
    past.look()
    assert {row.key_result_id for row in _standing(past)} == {"retired", "closed", "draft"}
    with past.acme.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "retired").values(retired_at=past.acme.runtime.now()))
        session.execute(update(Objective).where(Objective.id == "of-closed").values(closed_at=past.acme.runtime.now()))
        session.execute(update(Objective).where(Objective.id == "of-draft").values(stage="draft"))
    past.look()
    assert _standing(past) == []
    with past.acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "of-draft").values(stage="ready"))
        session.execute(update(Cycle).values(started_at=None))
    past.look()
    assert _standing(past) == []


def _standing(past: Past) -> list[Signal]:
    with past.acme.runtime.store.read() as session:
        return [row for rows in standing(session, ["retired", "closed", "draft"]).values() for row in rows]


def test_a_day_by_which_to_decide_comes_from_the_best_rate_of_the_key_result_or_its_team(past: Past) -> None:
    with past.acme.runtime.store.write() as session:
        team = session.query(Team).one().id
        session.execute(update(Objective).values(team_id=team))
    steady(past, "mate", current=60.0, raw_progress=0.6)
    past.values("mate", *((7 * week, 60 - 5 * week) for week in range(12, -1, -1)))  # 5 points a week, always
    steady(past, "kr", current=20.0, raw_progress=0.2, progress=0.2, state="at_risk")
    for days, value in ((21, 19), (14, 19.5), (7, 19.8)):
        past.check_in("kr", days, value=value, confidence=5)
    past.look()
    kept = past.insight("kr")
    assert kept["best_of"] == "team"
    assert kept["best"] == pytest.approx(0.05 / 7, rel=0.01)
    told = past.signals("kr")["last_moment"]  # 112 days are needed, 50 are left
    assert told.sentence.startswith("Recovery is not plausible at known rates: ")  # that day lies before the start
    assert told.numbers["passed"] is True
    assert past.insight("mate")["best_of"] == "key result"
    before = past.insight("kr")
    find_for(past.acme.runtime, ["kr"])
    assert past.insight("kr") == before


def test_the_number_of_statements_does_not_grow_with_the_key_results(past: Past) -> None:
    counts = []
    for size in (3, 30):
        for number in range(size):
            name = steady(past, f"kr-{size}-{number}")
            past.values(name, *((day, 50 + day % 3) for day in range(20, 0, -1)))
        with statements(past.acme.runtime.store) as seen:
            past.look()
        counts.append(sum(not text.startswith(("BEGIN", "SELECT pg_")) for text in seen))
    assert counts[1] <= counts[0] + 2
    assert counts[1] < 45


def test_a_panel_shows_one_question_and_the_same_all_day(past: Past) -> None:
    steady(past, "kr", current=12.0, raw_progress=0.12, effect_lag=0)
    past.values("kr", (40, 12), (1, 12))
    past.weeks(past.mapped("kr"), (8, 9, 8, 10, 16, 18))

    def shown() -> str:
        now = past.acme.runtime.now()
        with past.acme.runtime.store.read() as session:
            facts = load_facts(session, ["kr"], computing=False)["kr"]
            return (
                panel_digest(describe_key_result(facts, "https://okr.example", now, UTC))
                + describe_key_result(facts, "", now, UTC).question
            )

    before = shown()
    past.look()
    after = shown()
    assert after != before
    assert after.endswith("does this work move it?")
    past.look()
    assert shown() == after
