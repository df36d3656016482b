"""The chart of a key result: three lanes on one axis, up towards the target, labels on the marks, the same in a table."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from connector.domain.forecast import Forecast
from connector.domain.model import Checkpoint, Cycle, Definition, Kind, Milestone, PhasedTarget
from connector.views.lanes import BOTTOM, LEFT, RIGHT, TOP, Lanes, Told, Week, draw, plan_value

CYCLE = Cycle("2026-Q4", date(2026, 10, 1), date(2026, 12, 31))
NOW = datetime(2026, 11, 18, 14, 12, tzinfo=UTC)
RATE = Definition(Kind.METRIC, "%", 41.0, 60.0, decimals=1)
SERIES = ((1, 41.0), (8, 41.2), (15, 42.0), (22, 42.0), (29, 42.0), (36, 42.0), (43, 42.0))


def told(definition: Definition = RATE, values: tuple[tuple[int, float], ...] = SERIES, **more: object) -> Told:
    start = datetime(2026, 10, 1, 12, tzinfo=UTC)
    points = [(start + timedelta(days=day - 1), value, place % 2 == 0) for place, (day, value) in enumerate(values)]
    return Told(definition, CYCLE, NOW, points, **more)  # type: ignore[arg-type]


def drawn(given: Told) -> Lanes:
    found = draw(given)
    assert found is not None
    return found


def said(lanes: Lanes) -> list[str]:
    return [each.text.replace("\u00a0", " ") for each in lanes.texts]


def heights(path: str) -> list[float]:
    return [float(each) for each in path.removeprefix("M").split()[1::2]]


def test_labels_stand_at_their_marks_and_nothing_needs_a_legend() -> None:
    lanes = drawn(told(ahead=Forecast(42.0, 0.0), stated=[(NOW, 7)]))
    words = said(lanes)
    for wanted in ("today: 42 %", "target 60 %", "at this rate", "42 % on 31 Dec", "unchanged since 15 Oct", "confidence", "delivery", "7"):
        assert wanted in words, wanted
    assert any(word.startswith("plan: 5") for word in words)
    assert "7 values, the last 42" in lanes.label
    assert [sure for *_, sure in lanes.dots] == [True, False, True, False, True, False, True]


@pytest.mark.parametrize(
    ("definition", "values"),
    [
        (RATE, SERIES),
        (Definition(Kind.METRIC, "h", 52.0, 24.0), ((1, 52.0), (8, 50.0), (40, 30.0))),
        (Definition(Kind.METRIC, "", 0.0, 1200.0), ((1, 0.0), (20, 900.0), (40, 1500.0))),
    ],
)
def test_closer_to_the_target_is_always_higher(definition: Definition, values: tuple[tuple[int, float], ...]) -> None:
    lanes = drawn(told(definition, values))
    assert heights(lanes.value) == sorted(heights(lanes.value), reverse=True)
    plan = heights(lanes.plan)
    assert plan[0] > plan[-1]
    assert all(TOP <= height <= BOTTOM for height in (*heights(lanes.value), *plan))


def test_a_plan_bends_at_phased_targets_and_at_checkpoints() -> None:
    phased = Definition(Kind.METRIC, "", 0.0, 100.0, phased_targets=(PhasedTarget(date(2026, 11, 30), 20.0),))
    assert len(heights(drawn(told(phased, ((1, 0.0), (8, 5.0)))).plan)) > 3
    assert plan_value(told(phased), date(2026, 11, 30)) == pytest.approx(20.0)
    bent = Definition(Kind.METRIC, "", 0.0, 100.0, checkpoints=(Checkpoint(80.0, 0.5),))
    assert plan_value(told(bent), CYCLE.end) == 100.0
    assert plan_value(told(Definition(Kind.METRIC, "", 0.0, 100.0)), date(2026, 9, 1)) == 0.0


def test_kinds_without_a_way_have_no_plan_and_no_forecast() -> None:
    bound = drawn(told(Definition(Kind.AT_MOST, "", None, 3.0), ((1, 5.0), (8, 2.0))))
    assert bound.plan.count("H") == 1
    assert "bound at most 3" not in said(bound)
    assert any(word.startswith("bound 3") for word in said(bound))
    done = drawn(told(Definition(Kind.YES_NO), ((1, 0.0), (8, 1.0))))
    assert (done.plan, done.ahead) == ("", "")
    steps = Definition(Kind.MILESTONES, milestones=tuple(Milestone(str(place), done=place < 2) for place in range(4)))
    assert "target 4 of 4" in said(drawn(told(steps, ((1, 0.0), (8, 0.5)))))


def test_a_wild_forecast_stays_in_its_lane_and_says_its_number() -> None:
    lanes = drawn(told(ahead=Forecast(-900.0, -9.0)))
    assert TOP <= heights(lanes.ahead)[-1] <= BOTTOM
    assert any("900" in word and "31 Dec" in word for word in said(lanes))


def test_work_is_drawn_by_week_and_what_nobody_counted_is_no_zero() -> None:
    weeks = [
        Week(date(2026, 10, 1), date(2026, 10, 7), 8.0),
        Week(date(2026, 10, 8), date(2026, 10, 14), None),
        Week(date(2026, 10, 15), date(2026, 10, 21), 16.0),
    ]
    lanes = drawn(told(weeks=weeks, unit="points"))
    assert len(lanes.work) == 2
    assert {"8", "16", "points a week"} <= set(said(lanes))
    assert [row[4] for row in lanes.table][:4] == ["8", "not known", "16", "not known"]
    assert "no night has been counted yet" in said(drawn(told()))


def test_the_table_holds_every_week_that_has_begun() -> None:
    lanes = drawn(told(stated=[(NOW - timedelta(days=9), 6), (NOW, 4)]))
    assert len(lanes.table) == 7
    assert lanes.table[0][:2] == ("7 Oct", "41\u00a0%")
    assert lanes.table[-1][3] == "4"
    assert [row[3] for row in lanes.table[-3:-1]] == ["none", "6"]


def test_confidences_of_one_day_do_not_lie_upon_each_other() -> None:
    lanes = drawn(told(stated=[(NOW, 3), (NOW + timedelta(hours=1), 9)]))
    assert len(lanes.stated) == 1
    assert "9" in said(lanes)
    assert "3" not in said(lanes)


def test_without_a_value_in_the_cycle_there_is_no_chart() -> None:
    assert draw(Told(RATE, CYCLE, NOW)) is None
    assert draw(Told(RATE, CYCLE, NOW, [(datetime(2026, 6, 1, tzinfo=UTC), 40.0, True)])) is None
    last = drawn(Told(RATE, CYCLE, datetime(2026, 12, 31, 20, tzinfo=UTC), [(datetime(2026, 12, 30, tzinfo=UTC), 55.0, True)]))
    assert LEFT < float(last.today) <= RIGHT
    assert next(each for each in last.texts if each.text.startswith("today")).anchor == "end"


def test_values_too_large_to_compute_with_have_no_way_ahead() -> None:
    lanes = drawn(told(ahead=Forecast(float("inf"), float("inf"))))
    assert lanes.ahead == ""
    assert "at this rate" not in said(lanes)
