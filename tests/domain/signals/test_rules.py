"""Each signal by itself, with the numbers of the product text; and that not knowing never makes one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.activity import Counted, Night
from connector.domain.model import Cadence, CheckInFact, Cycle, Definition, Kind, Point, State
from connector.domain.rhythm import Expected, expected
from connector.domain.scoring import raw_progress
from connector.domain.signals import KINDS
from connector.domain.signals.clocks import source_stale, update_stale
from connector.domain.signals.confidence import confidence_gap, flat_but_confident, from_forecast, from_pace, gloomy, implied
from connector.domain.signals.delivery import delivered_without_effect, reached_early, scope_grew, scope_of
from connector.domain.signals.edits import late_target_edit
from connector.domain.signals.effort import effort, effort_seen, quadrant
from connector.domain.signals.finding import QUESTIONS, RULES_KINDS, find, insight, question_of
from connector.domain.signals.known import Edit, Known, Source, Values, percentile
from connector.domain.signals.moment import best_rate, days_before_end, last_moment, last_moment_of, slopes

BEGUN = date(2026, 10, 1)
CYCLE = Cycle("2026-Q4", BEGUN, BEGUN + timedelta(days=90))
START = datetime(2026, 10, 1, tzinfo=UTC)
ACTIVATION = Definition(start=40, target=60, unit="%")
SHARE = Definition(start=0, target=100, unit="%")


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def known(day: float = 28, definition: Definition = ACTIVATION, current: float | None = 42, **more: Any) -> Known:
    """A key result on a day of a cycle of 91 days."""
    now = at(day)
    found = Known(
        id="kr",
        definition=definition,
        cycle=CYCLE,
        cycle_end=START + timedelta(days=91),
        now=now,
        zone=UTC,
        expected=expected(CYCLE, now.date(), definition),
        started_at=START,
        current=current,
        raw=raw_progress(definition, current),
    )
    return replace(found, **more)


def told(*pairs: tuple[float, float | None], confidence: int | None = 8) -> tuple[CheckInFact, ...]:
    return tuple(CheckInFact(at(day), value, confidence) for day, value in pairs)


SERIES = told((0, 40), (7, 41), (14, 41), (21, 42), (28, 42))


# --- two clocks ----------------------------------------------------------------------------------------------------------------


def test_no_word_for_a_cadence_and_a_working_day_whatever_a_machine_reads() -> None:
    last = told((14, 41))
    assert update_stale(known(21, check_ins=last, points=(Point(at(20), 42.0),))) is None
    assert update_stale(known(22, check_ins=last)) is None
    seen = update_stale(known(22.1, check_ins=last))
    assert seen is not None
    assert seen.sentence == "Last check-in 15 Oct; the next was due by 23 Oct."
    assert update_stale(known(22.1, check_ins=last, cadence=Cadence.FORTNIGHTLY)) is None
    assert update_stale(known(22.1, check_ins=last, holidays=frozenset({at(22).date()}))) is None
    never = update_stale(known(12, check_ins=()))
    assert never is not None
    assert never.sentence.startswith("No check-in yet; ")


def test_a_silent_source_and_an_unedited_one() -> None:
    def seen(hours: float, edited: float | None, **more: Any) -> str:
        source = Source("acme-jira", at(28) - timedelta(hours=hours), START, None if edited is None else at(edited))
        found = source_stale(known(sources=(source,), **more))
        return found.sentence if found else ""

    assert seen(26, 27) == ""
    assert seen(26.1, 27) == "acme-jira not read since 27 Oct 21:54: the number is of then."
    assert seen(1, 7) == ""
    assert seen(1, 6.9) == "Nothing that feeds the number was edited in acme-jira since 7 Oct, over 3 weeks."
    assert seen(1, 6.9, cadence=Cadence.FORTNIGHTLY) == ""
    assert seen(1, 6.9, raw=1.0) == ""
    assert seen(1, None) == ""  # nobody can tell
    young = Source("acme-jira", None, at(27.5))
    assert source_stale(known(sources=(young,))) is None
    assert source_stale(known(sources=(replace(young, fed_since=at(20)),))) is not None
    assert source_stale(known(sources=())) is None


# --- confidence ------------------------------------------------------------------------------------------------------------------


def test_the_series_of_the_product_text_implies_at_most_two_and_asks_once() -> None:
    each = known(check_ins=SERIES)
    said = implied(each)
    assert said is not None
    assert said.forecast == pytest.approx(46.5)
    assert said.confidence <= 2
    assert each.times(each.outlook()) == pytest.approx(4.0)
    found = find(each)
    assert [seen.kind for seen in found] == ["confidence_gap"]
    assert found[0].numbers["gap"] >= 6
    assert found[0].sentence == (
        "Confidence 8, while the recent rate leads to 46.5\u00a0% against 60\u00a0%, needs to be 4.0× as fast and implies confidence 1: "
        "what makes the target safe?"
    )


def test_direction_does_not_matter() -> None:
    falling = Definition(start=60, target=40, unit="%")
    down = tuple(replace(each, value=100 - (each.value or 0)) for each in SERIES)
    one, other = implied(known(check_ins=SERIES)), implied(known(definition=falling, current=58, check_ins=down))
    assert one is not None
    assert other is not None
    assert one.confidence == other.confidence


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.booleans())
def test_implied_confidence_is_one_to_ten_and_a_better_forecast_never_implies_less(
    value: float, target: float, spread: float, rising: bool
) -> None:
    found = from_forecast(value, target, spread, rising=rising)
    assert 1 <= found <= 10
    better = from_forecast(value + (spread if rising else -spread), target, spread, rising=rising)
    assert better >= found


@pytest.mark.parametrize(("share", "confidence"), [(None, None), (0.95, 8), (0.94, 6), (0.75, 6), (0.5, 4), (0.49, 2), (0.0, 2)])
def test_with_few_points_the_pace_decides(share: float | None, confidence: int | None) -> None:
    assert from_pace(share) == confidence


def test_a_gap_takes_two_check_ins_unless_the_rate_is_far_off() -> None:
    plan = Expected(0.5, False, 33, 66)
    each = known(28, SHARE, 8, expected=plan, check_ins=told((21, 5), (28, 8), confidence=6))
    assert implied(each) is not None
    assert confidence_gap(replace(each, check_ins=told((28, 8), confidence=6))) is None
    seen = confidence_gap(each)
    assert seen is not None
    assert seen.numbers["by"] == "pace"
    assert "8\u00a0% done of 50\u00a0% expected implies confidence 2" in seen.sentence
    for other in (replace(each, state=State.DATA_LATE), replace(each, expected=replace(plan, too_early=True)), replace(each, raw=None)):
        assert confidence_gap(other) is None


def test_gloom_is_asked_about_too() -> None:
    good = told((0, 40), (7, 46), (14, 50), (21, 55), (28, 58), confidence=3)
    seen = gloomy(known(current=58, check_ins=good))
    assert seen is not None
    assert seen.numbers["gap"] <= -3
    assert seen.sentence.endswith("or is the target too soft?")
    assert confidence_gap(known(current=58, check_ins=good)) is None


def test_kinds_that_do_not_travel_imply_nothing() -> None:
    for kind in (Kind.AT_LEAST, Kind.YES_NO):
        assert implied(known(definition=Definition(kind, target=60), current=42, check_ins=SERIES)) is None


def test_a_value_that_counts_the_work_is_judged_by_the_work() -> None:
    nights = {(at(28) - timedelta(weeks=back)).date(): Night(60, 10 - 2 * back) for back in range(5)}
    each = known(28, Definition(start=0, target=60), 10, output=True, counted=Counted(nights), check_ins=told((28, 10)))
    said = implied(each)
    assert said is not None
    assert said.by == "throughput"
    assert said.forecast == pytest.approx(10 + 2 * 9)


def test_flat_but_confident_is_one_question_with_the_gap() -> None:
    seen = flat_but_confident(known(flat_since=at(21), check_ins=SERIES))
    assert seen is not None
    assert seen.sentence == "Flat since 22 Oct, confidence 8: what makes this safe?"
    assert [each.kind for each in find(known(flat_since=at(21), check_ins=SERIES))] == ["confidence_gap"]


# --- work ------------------------------------------------------------------------------------------------------------------------


def weeks(*points: int, day: float = 63) -> Counted:
    total, nights = 100, {}
    for place in range(len(points) + 1):
        total += points[place - 1] if place else 0
        nights[(at(day) - timedelta(weeks=len(points) - place)).date()] = Night(900, 1, 0, 900.0, float(total))
    return Counted(nights)


@pytest.mark.parametrize(("before", "now", "output", "lag", "found"), [
    (12, 12, False, 0, "busy_not_moving"), (12, 12, False, 2, "busy_not_moving"), (12, 17, False, 0, None), (12, 12, True, 0, None),
])  # fmt: skip
def test_busy_not_moving_of_the_product_text(before: float, now: float, output: bool, lag: int, found: str | None) -> None:
    values = Values((at(40).date(), at(62).date()), (before, now))
    check_ins = told((35, before), (49, before), (63, now), confidence=6)
    each = known(63, SHARE, now, values=values, counted=weeks(8, 9, 8, 10, 16, 18), output=output, lag=lag, check_ins=check_ins)
    seen = effort_seen(each)
    assert (seen.kind if seen else None) == found


def test_the_sentence_of_busy_not_moving_names_the_work_and_the_check_ins() -> None:
    check_ins = told((49, 12), (56, 12), (63, 12), confidence=6)
    values = Values((at(40).date(),), (12.0,))
    seen = effort_seen(known(63, SHARE, 12, values=values, counted=weeks(8, 9, 8, 10, 16, 15), lag=0, check_ins=check_ins))
    assert seen is not None
    assert seen.sentence.startswith("31\u00a0points done in two weeks (1.8× the usual), key result unchanged for 3 check-ins")


@pytest.mark.parametrize(("activity", "change", "found"), [
    (1.0, 0.02, "busy"), (1.0, 0.03, "paying"), (1.0, -0.03, "paying"), (0.59, 0.0, "idle"), (0.59, 0.03, "without"),
    (0.6, 0.0, "between"), (None, 0.0, None), (1.0, None, None), (float("inf"), 0.0, "busy"),
])  # fmt: skip
def test_quadrants(activity: float | None, change: float | None, found: str | None) -> None:
    assert quadrant(activity, change, 0.025) == found


def test_idle_and_moving_without_this_work() -> None:
    values = Values((at(40).date(),), (12.0,))
    idle = effort_seen(known(63, SHARE, 12, values=values, counted=weeks(9, 9, 9, 9, 1, 1), lag=0))
    assert idle is not None
    assert idle.kind == "idle"
    moved = effort_seen(known(63, SHARE, 17, values=values, counted=weeks(9, 9, 9, 9, 1, 1), lag=0))
    assert moved is not None
    assert moved.sentence.startswith(
        "Moved 5 points of the way closer to the target since 19 Nov, with 2\u00a0story points done in two weeks"
    )
    assert effort(known(63, SHARE, 12, values=values, counted=weeks(9, 9), lag=0)) is None
    assert effort(known(63, SHARE, 12, values=Values(), counted=weeks(9, 9, 9), lag=0)) is None
    assert effort_seen(known(63, SHARE, 100, values=values, counted=weeks(9, 9, 9, 9, 1, 1), lag=0)) is None


@pytest.mark.parametrize(("night", "kind"), [
    (Night(40, 0), None), (Night(40, 0, 0, 52.0, 0.0), None),
    (Night(40, 0, 1), "moving_without_work"), (Night(40, 3), "moving_without_work"),
])  # fmt: skip
def test_where_nothing_was_ever_started_or_done_nobody_knows_of_the_work(night: Night, kind: str | None) -> None:
    nights = {(at(63) - timedelta(weeks=back)).date(): night for back in range(7)}
    each = known(63, SHARE, 17, values=Values((at(40).date(),), (12.0,)), counted=Counted(nights), lag=0)
    seen = effort_seen(each)
    assert (seen.kind if seen else None) == kind
    assert (effort(each) is None) == (kind is None)


# --- delivery ----------------------------------------------------------------------------------------------------------------------


def test_delivered_without_effect_for_the_whole_lag() -> None:
    nights = {(at(28) - timedelta(weeks=back)).date(): Night(100, 95) for back in range(3)}
    each = known(28, SHARE, 42, counted=Counted(nights))
    seen = delivered_without_effect(each)
    assert seen is not None
    assert seen.sentence.startswith("95 of 100 items done, 90\u00a0% or more since 15 Oct")
    assert seen.numbers["suggestions"] == ["change approach", "wait with a date", "stop"]
    assert delivered_without_effect(replace(each, lag=3)) is None  # nobody counted three weeks ago
    assert delivered_without_effect(replace(each, raw=0.6)) is None
    assert delivered_without_effect(replace(each, raw=None)) is None


def test_a_target_reached_early_asks_for_the_rest() -> None:
    each = known(28, SHARE, 100, counted=Counted({at(28).date(): Night(40, 12)}))
    seen = reached_early(each)
    assert seen is not None
    assert seen.sentence == "Target reached with 12 of 40 items done: stop or re-aim the remaining 28 items?"
    assert reached_early(replace(each, counted=Counted({at(28).date(): Night(40, 20)}))) is None


@pytest.mark.parametrize("kind", [Kind.AT_LEAST, Kind.AT_MOST, Kind.BETWEEN])
def test_a_kept_bound_is_no_target_reached_early(kind: Kind) -> None:
    bounds = {Kind.AT_LEAST: {"target": 3.0}, Kind.AT_MOST: {"target": 9.0}, Kind.BETWEEN: {"low": 3.0, "high": 9.0}}
    each = known(28, Definition(kind=kind, start=1, **bounds[kind]), 6, counted=Counted({at(28).date(): Night(40, 12)}))
    assert each.arrived
    assert reached_early(each) is None


def test_scope_is_told_with_what_was_added() -> None:
    nights = {at(1).date(): Night(20, 2, 0, 52.0, 4.0), at(28).date(): Night(30, 18, 0, 70.0, 40.0)}
    scope = scope_of(known(28, counted=Counted(nights)))
    assert scope is not None
    assert scope.text == "40 of 70 points (+18 added)"
    seen = scope_grew(known(28, counted=Counted(nights)))
    assert seen is not None
    assert seen.sentence.startswith("40 of 70 points (+18 added) since 2 Oct")
    split = {at(1).date(): Night(10, 2, 0, 70.0, 4.0), at(28).date(): Night(20, 12, 0, 70.0, 40.0)}
    found = scope_grew(known(28, counted=Counted(split)))
    assert found is not None
    assert found.sentence.endswith("was work split?")
    assert scope_of(known(28)) is None


# --- the last responsible moment -----------------------------------------------------------------------------------------------------


def test_the_last_responsible_day_of_the_product_text_has_passed() -> None:
    assert days_before_end(18, 0.25) == 72
    each = known(check_ins=SERIES, best=0.25 / 20, best_of="key result")
    found = last_moment_of(each)
    assert found is not None
    assert found.decide_by == CYCLE.end - timedelta(days=72)
    assert found.passed
    seen = last_moment(each)
    assert seen is not None
    assert seen.sentence.startswith("Recovery is not plausible at known rates since 19 Oct: 90\u00a0% of the way is left")


def test_a_day_before_the_start_is_not_named() -> None:
    each = known(check_ins=SERIES, best=0.1 / 20, best_of="key result")
    seen = last_moment(each)
    assert seen is not None
    assert seen.sentence.startswith("Recovery is not plausible at known rates: 90\u00a0% of the way is left")
    assert "decide_by" not in insight(each)
    assert insight(each)["recovery"] is False


@pytest.mark.parametrize(("best", "decide_by", "said"), [(0.5, 36, False), (0.29, 62, True), (0.2858, 63, True)])
def test_it_is_said_from_a_week_before(best: float, decide_by: int, said: bool) -> None:
    each = known(check_ins=SERIES, best=best / 20, best_of="team")
    found = last_moment_of(each)
    assert found is not None
    assert (CYCLE.end - found.decide_by).days in (decide_by, decide_by + 1)
    assert (last_moment(each) is not None) == said


def test_without_a_known_best_rate_or_need_nothing_is_said() -> None:
    assert last_moment_of(known(check_ins=SERIES)) is None
    good = told((0, 40), (7, 46), (14, 50), (21, 55), (28, 58))
    assert last_moment_of(known(current=58, check_ins=good, best=0.1)) is None


def test_a_best_rate_is_a_high_one_of_four_weeks() -> None:
    assert slopes([0.0, 0.1, None, 0.3, 0.28, 0.5]) == [pytest.approx(0.01), pytest.approx(0.4 / 28)]
    assert best_rate([0.01, 0.02]) is None
    assert best_rate([-0.1, -0.2, 0.0]) is None
    assert best_rate([0.0, 0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx(0.04)
    assert percentile([], 0.8) is None


@given(st.lists(st.floats(-1, 1), min_size=1), st.floats(0, 1))
def test_a_percentile_lies_among_the_values(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found is not None
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9


# --- all of them -----------------------------------------------------------------------------------------------------------------------


def test_a_late_edit_is_shown_with_its_day() -> None:
    seen = late_target_edit(known(edits=(Edit(date(2026, 12, 20), "target changed with 84 % of the cycle over"),)))
    assert seen is not None
    assert seen.sentence == "Target changed with 84 % of the cycle over, on 20 Dec."


def test_not_knowing_makes_no_signal() -> None:
    nothing = known(current=None, raw=None, state=State.NO_DATA, started_at=at(27))
    assert find(nothing) == []
    assert {name for name, value in insight(nothing).items() if value is not None} == {"lag", "lag_by"}


@given(
    st.lists(st.floats(-1e4, 1e4), max_size=6),
    st.integers(1, 10),
    st.floats(10, 90),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=10),
)
def test_sentences_are_complete_and_the_same_all_day(
    values: list[float], confidence: int, day: float, counted: list[tuple[int, int]]
) -> None:
    check_ins = told(*((day - 7 * (len(values) - place), value) for place, value in enumerate(values)), confidence=confidence)
    noon = int(day) + 0.5
    nights = {(at(noon) - timedelta(weeks=back)).date(): Night(items, min(items, done)) for back, (items, done) in enumerate(counted)}
    each = known(noon, SHARE, values[-1] if values else None, check_ins=check_ins, counted=Counted(nights), best=0.01, best_of="team")
    found = find(each)
    later = find(replace(each, now=at(noon) + timedelta(hours=11)))
    kinds = {seen.kind for seen in found}
    assert kinds <= set(RULES_KINDS)
    for seen in found:
        assert seen.sentence[0].isupper() or seen.sentence[0].isdigit() or seen.sentence.startswith("acme")
        assert seen.sentence[-1] in ".?"
        assert "ago" not in seen.sentence
    same = {seen.kind: seen.sentence for seen in found if seen.kind != "update_stale"}
    assert {seen.kind: seen.sentence for seen in later if seen.kind != "update_stale"} == same


def test_the_words_are_those_of_the_kinds() -> None:
    assert set(RULES_KINDS) <= set(KINDS)
    assert set(QUESTIONS) <= set(KINDS)
    assert "gloomy" not in QUESTIONS  # low confidence is never broadcast (R042)
    assert question_of({"busy_not_moving": "b", "value_held": "v"}) == "v"
    assert question_of({"idle": "i"}) == ""
    assert question_of({"last_moment": "l", "busy_not_moving": "b"}) == "l"
    assert question_of({"last_moment": "l", "busy_not_moving": "b"}, {"last_moment"}) == "b"
    assert question_of({"last_moment": "l"}, {"last_moment"}) == "l"
