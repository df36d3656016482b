"""The score, the order, the time box, and what followed a decision: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import agenda, effect
from connector.domain.agenda import Matter
from connector.domain.model import Point, State

START = datetime(2026, 10, 1, tzinfo=UTC)


def matter(name: str = "kr", **more: object) -> Matter:
    return Matter(**({"id": name, "title": name, "state": State.ON_TRACK} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "points"),
    [
        ({}, 0.0),
        ({"ask": "budget"}, 5.0),
        ({"state": State.STALLED}, 4.0),
        ({"blocker_late": True}, 4.0),
        ({"last_moment": "24 Nov"}, 4.0),
        ({"flat": True, "confidence": 7}, 3.0),
        ({"flat": True, "confidence": 6}, 0.0),
        ({"misses": True, "confidence": 6}, 3.0),
        ({"misses": True, "confidence": 5}, 0.0),
        ({"misses": True}, 0.0),
        ({"calls": 2}, 3.0),
        ({"confidence": 5, "confidence_before": 7}, 2.0),
        ({"confidence": 6, "confidence_before": 7}, 0.0),
        ({"update_missing": True}, 2.0),
        ({"decision_overdue": True}, 2.0),
        ({"share": 0.5, "progress": 0.2}, 2.0),
        ({"share": 0.5, "progress": None}, 0.0),
        ({"share": 0.5, "progress": 1.3}, 0.0),
    ],
)
def test_each_part_of_the_score(more: dict[str, object], points: float) -> None:
    assert agenda.score(matter(**more))[0] == pytest.approx(points)


def test_a_missed_update_is_talked_about_also_where_nothing_was_ever_said() -> None:
    (found,) = agenda.build([matter("silent", state=State.NO_DATA, update_missing=True)], 30)
    assert not found.folded
    (late,) = agenda.build([matter("source", state=State.DATA_LATE)], 30)
    assert late.folded


@pytest.mark.parametrize(("missed", "said"), [(0, "update missing"), (1, "no update, once"), (2, "no update, twice")])
def test_how_often_the_update_was_missed_is_said(missed: int, said: str) -> None:
    assert agenda.score(matter(update_missing=True, missed=missed)) == (2, (said,))


def test_asks_come_first_then_missing_updates_then_what_weighs_most_and_little_is_folded() -> None:
    found = agenda.build(
        [
            matter("fine"),
            matter("heavy", state=State.STALLED, blocker_late=True, last_moment="24 Nov"),
            matter("risk", state=State.AT_RISK),
            matter("asks", ask="scope"),
            matter("missing", state=State.OVERDUE, update_missing=True),
            matter("over", running=False, ask="budget"),
        ],
        30,
    )
    assert [each.matter.id for each in found] == ["asks", "missing", "heavy", "risk", "fine"]
    assert [each.folded for each in found] == [False, False, False, False, True]
    assert [each.minutes for each in found] == [7, 7, 7, 7, 0]


@pytest.mark.parametrize(
    ("items", "expected"), [(0, (0, 0)), (1, (8, 1)), (3, (8, 3)), (5, (6, 5)), (12, (2, 12)), (15, (2, 15)), (200, (2, 15))]
)
def test_the_time_box(items: int, expected: tuple[int, int]) -> None:
    assert agenda.time_box(30, items) == expected


@given(st.integers(1, 240), st.integers(0, 400))
def test_the_time_is_never_more_than_there_is(minutes: int, items: int) -> None:
    each, reached = agenda.time_box(minutes, items)
    assert reached <= items
    if items:
        assert 2 <= each <= 8
        assert reached >= 1
        assert reached == 1 or each * reached <= minutes


def points(*values: float) -> list[Point]:
    return [Point(START + timedelta(weeks=week), value) for week, value in enumerate(values)]


def test_the_effect_is_told_when_it_is_old_enough() -> None:
    done = START + timedelta(weeks=4)
    helped = points(0.10, 0.11, 0.11, 0.12, 0.12, 0.18, 0.24, 0.30, 0.36)
    assert effect.effect(helped, done, done + timedelta(weeks=3), None).word == effect.TOO_EARLY
    found = effect.effect(helped, done, done + timedelta(weeks=4), None)
    assert found.word == effect.HELPED
    assert found.text == "helped: 0.5 points of the way a week before, 6.0 after"
    still = points(0.10, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18)
    assert effect.effect(still, done, done + timedelta(weeks=4), 2).word == effect.NO_CHANGE
    assert effect.effect(still, done, done + timedelta(weeks=4), 4).word == effect.TOO_EARLY
    assert effect.effect([], done, done + timedelta(weeks=9), 2).word == effect.UNKNOWN
