from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.drift import database_gone, nobody_works_on, property_renamed, scope_jump, unaligned_effort, weak_points
from connector.domain.model import Cycle, Definition, Kind, Point

OSLO = ZoneInfo("Europe/Oslo")
CYCLE = Cycle("hundred", date(2026, 1, 5), date(2026, 5, 22))  # 20 weeks
METRIC = Definition(start=0, target=100)


def test_unaligned_effort_by_points() -> None:
    found = unaligned_effort([(5, True), (3, False), (2, False)])
    assert found is not None
    assert (found.share, found.by) == (0.5, "points")
    assert found.sentence == "50\u00a0% of done work is unaligned: 5 of 10 points in 3 done epics"


def test_unaligned_effort_by_epics_when_points_are_not_known() -> None:
    found = unaligned_effort([(5, True), (None, False), (2, False), (1, True)])
    assert found is not None
    assert (found.share, found.by) == (0.5, "epics")
    assert "1 of 4 have no points" in found.sentence
    zero = unaligned_effort([(0, True), (0, False)])
    assert zero is not None
    assert (zero.share, zero.by) == (0.5, "epics")


def test_unaligned_effort_without_done_work_is_unknown() -> None:
    assert unaligned_effort([]) is None


@given(st.lists(st.tuples(st.none() | st.floats(-1, 1e6) | st.just(float("nan")), st.booleans()), min_size=1))
def test_unaligned_effort_is_a_share(epics: list[tuple[float | None, bool]]) -> None:
    found = unaligned_effort(epics)
    assert found is not None
    assert 0 <= found.share <= 1
    if all(mapped for _, mapped in epics):
        assert found.share == 0


@pytest.mark.parametrize(
    ("progress", "open_items", "asks"),
    [(0.59, 0, True), (0.6, 0, False), (0.1, 1, False), (-0.4, 0, True), (None, 0, False), (0.1, None, False)],
)
def test_nobody_works_on_it(progress: float | None, open_items: int | None, asks: bool) -> None:
    found = nobody_works_on(progress, open_items)
    assert (found is not None) == asks
    if found:
        assert "nobody is working on this" in found.sentence


@pytest.mark.parametrize(
    ("now", "week_ago", "kind"),
    [
        (0, 14, "matches nothing"),
        (0, 0, "matches nothing"),
        (0, None, "matches nothing"),
        (28, 14, None),
        (29, 14, "scope jump"),
        (5, 0, None),
        (5, None, None),
        (None, 14, None),
        (3, 14, None),
    ],
)
def test_scope_jump(now: int | None, week_ago: int | None, kind: str | None) -> None:
    found = scope_jump(now, week_ago)
    assert (found.kind if found else None) == kind


def test_sentences_name_numbers_and_things() -> None:
    empty, jump = scope_jump(0, 14), scope_jump(29, 14)
    assert empty is not None
    assert jump is not None
    assert empty.sentence == "the selection matches 0 items now, 14 items a week ago"
    assert jump.sentence == "the selection matches 29 items now, 2.1× the 14 items of a week ago"
    assert property_renamed("Seats", "Places").sentence == "the property “Seats” is called “Places” now"
    assert property_renamed("Seats").kind == "property gone"
    assert "“Deals”" in database_gone("Deals").sentence


# --- weakly built key results --------------------------------------------------------------------------------------------------


def weekly(*values: float, start: date = CYCLE.start) -> list[Point]:
    first = datetime(start.year, start.month, start.day, 9, tzinfo=UTC)
    return [Point(first + timedelta(weeks=week), value) for week, value in enumerate(values)]


def kinds(definition: Definition, points: list[Point], edits: int = 0, today: date = CYCLE.end) -> list[str]:
    return [found.kind for found in weak_points(definition, CYCLE, points, edits, today, OSLO)]


def test_a_well_built_key_result_has_no_weak_point() -> None:
    assert kinds(METRIC, weekly(*range(0, 100, 5)), edits=1) == []


def test_never_moved() -> None:
    assert kinds(METRIC, weekly(*[0.5] * 20)) == ["never moved"]
    assert kinds(METRIC, weekly(*[0.0] * 19, 5.0)) == []
    assert kinds(Definition(kind=Kind.AT_MOST, target=3), weekly(*[2.0] * 20)) == []
    assert kinds(Definition(kind=Kind.YES_NO), weekly(*[0.0] * 20)) == ["never moved"]


def test_no_valid_data_for_three_weeks() -> None:
    values = weekly(*range(0, 100, 5))
    assert kinds(METRIC, values[:8] + values[10:]) == ["no valid data"]
    assert kinds(METRIC, values[:8] + values[9:]) == []
    assert kinds(METRIC, []) == ["no valid data"]
    assert kinds(METRIC, [], today=CYCLE.start + timedelta(days=20)) == []
    assert kinds(METRIC, values[:5], today=CYCLE.start + timedelta(days=40)) == []
    assert kinds(METRIC, [*values[:8], Point(values[8].at, float("nan")), Point(values[9].at, float("inf")), *values[10:]]) == [
        "no valid data"
    ]
    assert kinds(METRIC, [], today=CYCLE.start - timedelta(days=1)) == []


def test_target_edited_twice() -> None:
    assert kinds(METRIC, weekly(*range(0, 100, 5)), edits=2) == ["target edited"]


def test_reached_in_the_first_third() -> None:
    assert kinds(METRIC, weekly(0, 50, 100, *[100] * 17)) == ["reached early"]
    assert kinds(METRIC, weekly(*[0] * 5, 60, 80, *[100] * 13)) == []  # reached in week 8 of 20
    assert kinds(METRIC, weekly(0, 50, 99.9, *[99.9] * 17)) == []


def test_values_of_other_cycles_do_not_count() -> None:
    before = weekly(0, 100, start=CYCLE.start - timedelta(weeks=4))
    assert kinds(METRIC, before + weekly(*range(0, 100, 5))) == []


def test_an_unusable_definition_gives_no_verdict_on_movement() -> None:
    assert kinds(Definition(), weekly(*[1] * 20)) == []
