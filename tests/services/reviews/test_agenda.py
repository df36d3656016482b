"""The agenda builds itself (S1), and a review is held on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain import pre_read
from connector.domain.agenda import Matter
from connector.domain.wording import local_day_text, moment_text
from connector.errors import Conflict, Forbidden, NotFound
from connector.services.reviews import holding
from connector.services.reviews.agenda import load_matters
from connector.store.tables import Audit, KeyResult, Objective, PreRead, Review
from tests.support.meeting import ASKS, STALLED, Meeting


def test_twelve_key_results_make_five_items_asks_first_and_closing_waits_for_five_verdicts(meeting: Meeting) -> None:
    review = meeting.opened()
    talked = meeting.talked(review)
    assert [each.key_result_id for each in talked[:3]] == list(ASKS)
    assert {each.key_result_id for each in talked[3:]} == set(STALLED)
    assert len(talked) == 5
    assert [each.minutes for each in talked] == [6] * 5
    assert len([each for each in meeting.items(review) if each.folded]) == 7
    for done in range(5):
        with pytest.raises(Conflict, match="a verdict for"):
            meeting.close(review)
        meeting.hold(review, talked[done].id)
    meeting.close(review)
    assert meeting.row(review).state == "closed"


def test_what_is_missing_is_named(meeting: Meeting) -> None:
    review = meeting.opened()
    held = meeting.held(review)
    assert held.missing.text.startswith("Missing: a verdict for Key result kr-1, Key result kr-2")
    assert held.current is not None
    assert held.current.key_result_id == "kr-1"


def test_an_agenda_is_frozen_and_opening_again_changes_nothing(meeting: Meeting) -> None:
    review = meeting.opened()
    before = [(each.id, each.score) for each in meeting.items(review)]
    meeting.check_in("kr-9", 5, 2, "headcount")
    meeting.company.work()
    holding.open_review(meeting.runtime, meeting.viewer("Lea"), review)
    assert [(each.id, each.score) for each in meeting.items(review)] == before
    assert next(each for each in meeting.items(review) if each.key_result_id == "kr-9").snapshot["ask"] is None


def test_before_its_lock_a_review_is_opened_only_with_lock_now(meeting: Meeting) -> None:
    review = meeting.review(lock=False)
    with pytest.raises(Conflict, match="not frozen yet"):
        holding.open_review(meeting.runtime, meeting.viewer("Nadia"), review)
    assert meeting.row(review).state == "planned"
    holding.open_review(meeting.runtime, meeting.viewer("Nadia"), review, lock_now=True)
    assert meeting.row(review).state == "open"
    with meeting.runtime.store.read() as session:
        actions = session.scalars(select(Audit.action).where(Audit.entity == "review")).all()
    assert actions == ["lock", "open"]


def test_only_the_next_review_is_opened_before_its_lock_and_only_from_a_day_before(meeting: Meeting) -> None:
    review, following = meeting.review(lock=False), meeting.review(lock=False)
    now, zone = meeting.runtime.now(), meeting.runtime.settings.zone
    with meeting.runtime.store.write() as session:
        row = session.get_one(Review, review)
        row.starts_at, row.lock_at = now + timedelta(hours=40), now + timedelta(hours=24, minutes=5)
        session.get_one(Review, following).starts_at = now + timedelta(hours=90)
    nadia = meeting.viewer("Nadia")
    words = f"the review of {local_day_text(row.starts_at, zone)} locks on {moment_text(row.lock_at, zone)}; it can be opened early from"
    for lock_now in (True, False):
        with pytest.raises(Conflict, match=words):
            holding.open_review(meeting.runtime, nadia, review, lock_now=lock_now)
    with pytest.raises(Conflict, match=f"the review of {local_day_text(row.starts_at, zone)} comes before the review of "):
        holding.open_review(meeting.runtime, nadia, following, lock_now=True)
    assert [meeting.row(each).state for each in (review, following)] == ["planned", "planned"]
    assert meeting.row(review).lock_at == row.lock_at
    meeting.company.clock.ahead += 600
    holding.open_review(meeting.runtime, nadia, review, lock_now=True)
    assert meeting.row(review).state == "open"


@pytest.mark.parametrize(("name", "may"), [("Nadia", True), ("Lea", True), ("Bob", False), ("Viv", False), ("Alice", False)])
def test_who_holds_a_review(meeting: Meeting, name: str, may: bool) -> None:
    review = meeting.review()
    if may:
        holding.open_review(meeting.runtime, meeting.viewer(name), review)
        return
    with pytest.raises(Forbidden):
        holding.open_review(meeting.runtime, meeting.viewer(name), review)
    opened = meeting.opened()
    for act in (
        lambda: holding.take_up(meeting.runtime, meeting.viewer(name), opened, meeting.items(opened)[0].id),
        lambda: holding.hold_folded(meeting.runtime, meeting.viewer(name), opened),
        lambda: holding.hand_over(meeting.runtime, meeting.viewer(name), opened, "lea@acme.example"),
        lambda: meeting.hold(opened, meeting.items(opened)[0].id, name),
        lambda: meeting.close(opened, name),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_restricted_key_result_is_on_the_agenda_of_those_who_may_see_it(meeting: Meeting) -> None:
    with meeting.runtime.store.write() as session:
        session.get_one(Objective, "o-1").restricted = True  # kr-1, kr-5, kr-9
    review = meeting.opened()
    seen = {each.key_result_id for each in meeting.held(review, "Lea").items}
    assert len(meeting.items(review)) == 12
    assert {"kr-1", "kr-5", "kr-9"} & seen == set()
    item = next(each for each in meeting.items(review) if each.key_result_id == "kr-1")
    with pytest.raises(NotFound):
        meeting.hold(review, item.id, "Lea")
    for each in meeting.talked(review):
        if each.key_result_id in seen:
            meeting.hold(review, each.id, "Lea")
    with pytest.raises(Conflict, match="fewer people may see"):
        meeting.close(review, "Lea")


def test_time_is_counted_for_the_item_that_is_talked_about(meeting: Meeting) -> None:
    review = meeting.opened()
    first, second = meeting.talked(review)[:2]
    meeting.company.clock.ahead += 240
    meeting.hold(review, first.id)
    meeting.company.clock.ahead += 60
    holding.take_up(meeting.runtime, meeting.viewer("Nadia"), review, first.id)
    rows = {each.id: each for each in meeting.items(review)}
    assert 239 <= rows[first.id].spent_seconds <= 243
    assert 59 <= rows[second.id].spent_seconds <= 63
    assert rows[first.id].opened_at is not None


def test_hold_course_for_all_folded_is_one_act(meeting: Meeting) -> None:
    review = meeting.opened()
    assert holding.hold_folded(meeting.runtime, meeting.viewer("Nadia"), review) == 7
    assert holding.hold_folded(meeting.runtime, meeting.viewer("Nadia"), review) == 0
    assert {each.verdict for each in meeting.items(review) if each.folded} == {"hold"}


def frozen_with(meeting: Meeting, name: str, **more: Any) -> Matter:
    """What the agenda asks of a key result whose entry in the frozen pre-read says this."""
    review = meeting.review()
    with meeting.runtime.store.read() as session:
        row = session.scalars(select(PreRead).where(PreRead.review_id == review)).one()
        snapshot = pre_read.read(row.content)
        entries = tuple(replace(each, **more) if each.id == name else each for each in snapshot.entries)
        found = load_matters(session, replace(snapshot, entries=entries), row.id, meeting.runtime.now(), UTC)
    return next(each for each in found if each.id == name)


@pytest.mark.parametrize(("progress", "kind", "flat"), [(0.5, "metric", True), (1.0, "metric", False), (0.0, "yes_no", False)])
def test_what_is_where_it_should_be_is_not_flat(meeting: Meeting, progress: float, kind: str, flat: bool) -> None:
    with meeting.runtime.store.write() as session:
        session.get_one(KeyResult, "kr-6").kind = kind
    assert frozen_with(meeting, "kr-6", progress=progress, moves="flat").flat is flat


def test_a_late_update_changes_neither_forecast_nor_last_moment(meeting: Meeting) -> None:
    soon = (meeting.runtime.now().date() + timedelta(days=3)).isoformat()
    with meeting.runtime.store.write() as session:
        session.get_one(KeyResult, "kr-6").insight = {"forecast": 12.0, "decide_by": soon}
    review = meeting.review()
    with meeting.runtime.store.write() as session:
        session.get_one(KeyResult, "kr-6").insight = {"forecast": 120.0, "decide_by": None}
    with meeting.runtime.store.read() as session:
        row = session.scalars(select(PreRead).where(PreRead.review_id == review)).one()
        found = load_matters(session, pre_read.read(row.content), row.id, meeting.runtime.now(), UTC)
    late = next(each for each in found if each.id == "kr-6")
    assert late.misses
    assert late.last_moment


def test_closing_holds_what_is_folded_and_says_so_in_the_minutes(meeting: Meeting) -> None:
    review = meeting.opened()
    meeting.hold_all(review)
    meeting.close(review)
    assert {each.verdict for each in meeting.items(review)} == {"hold"}
    assert {each["verdict_word"] for each in meeting.row(review).minutes["folded"]} == {"Hold course"}
    with meeting.runtime.store.read() as session:
        after = session.scalars(select(Audit.after).where(Audit.entity == "review", Audit.action == "close")).one()
    assert len((after or {})["held_folded"]) == 7


@pytest.mark.parametrize(("days", "late"), [(6, True), (0.5, False)])
def test_a_blocker_is_past_its_clock_by_the_clock_that_raises(meeting: Meeting, days: float, late: bool) -> None:
    review = meeting.review()
    with meeting.runtime.store.read() as session:
        row = session.scalars(select(PreRead).where(PreRead.review_id == review)).one()
        frozen = pre_read.read(row.content)
        since = frozen.frozen_at - timedelta(days=days)
        held_up = [replace(each, blocker=pre_read.Blocked("Contract unsigned", since)) for each in frozen.entries]
        matters = load_matters(session, replace(frozen, entries=tuple(held_up)), row.id, meeting.runtime.now(), UTC)
    assert {each.blocker_late for each in matters} == {late}
