from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Cadence, CheckInFact, DecisionKind, Definition, Kind, Movement, Point, State
from connector.domain.rhythm import Expected
from connector.domain.scoring import raw_progress
from connector.domain.triage import Edges, Triage, TriageInputs, flat_run, pace, triage

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday, week 7 of 13
CYCLE_END = datetime(2026, 12, 31, 23, tzinfo=UTC)
STARTED = datetime(2026, 9, 30, 22, tzinfo=UTC)
SHARE = Definition(start=0, target=100, unit="%")
ACTIVATION = Definition(start=40, target=60, unit="%")


def check_in(days_ago: float, value: float | None, confidence: int | None = 6, **more: object) -> CheckInFact:
    return CheckInFact(NOW - timedelta(days=days_ago), value, confidence, **more)  # type: ignore[arg-type]


def facts(current: float | None, definition: Definition = SHARE, **more: object) -> TriageInputs:
    """A healthy key result at half of its cycle; each test changes what it is about."""
    inputs = TriageInputs(
        definition=definition,
        current=current,
        raw=raw_progress(definition, current),
        expected=Expected(0.5, False, 33, 66),
        started_at=STARTED,
        cycle_end=CYCLE_END,
        now=NOW,
        zone=OSLO,
        check_ins=(check_in(1, current),),
        has_source=True,
        source_last_success=NOW - timedelta(hours=1),
    )
    return replace(inputs, **more)  # type: ignore[arg-type]


def weekly(*values: float, newest_days_ago: float = 0, confidence: int = 6) -> tuple[CheckInFact, ...]:
    count = len(values)
    return tuple(check_in(newest_days_ago + 7 * (count - 1 - index), value, confidence) for index, value in enumerate(values))


# --- pace ---------------------------------------------------------------------------------------------------------------------


def test_on_track_says_what_it_rests_on() -> None:
    result = triage(facts(59, expected=Expected(0.53, False, 35, 66)))
    assert (result.state, result.reasons) == (State.ON_TRACK, ("59\u00a0% done, 53\u00a0% expected",))


def test_exactly_at_sixty_per_cent_of_the_plan_is_at_risk_but_not_deep() -> None:
    result = triage(facts(30))
    assert (result.state, result.deep, result.reason) == (State.AT_RISK, False, "30\u00a0% done, 50\u00a0% expected")


def test_below_sixty_per_cent_of_the_plan_is_deep() -> None:
    assert pace(0.29, Expected(0.5, False, 33, 66)) == pytest.approx(0.58)
    assert triage(facts(29)).deep


@pytest.mark.parametrize(
    ("value", "plan", "state"), [(45, 0.5, State.ON_TRACK), (44.9, 0.5, State.AT_RISK), (27, 0.1 + 0.2, State.ON_TRACK)]
)
def test_ninety_per_cent_of_the_plan_is_on_track(value: float, plan: float, state: State) -> None:
    assert triage(facts(value, expected=Expected(plan, False, 33, 66))).state is state


@given(st.integers(1, 100))
def test_exact_edges_never_fall_on_the_wrong_side(plan: int) -> None:
    at_edge = triage(facts(plan * 0.9, expected=Expected(plan / 100, False, 33, 66)))
    assert at_edge.state is State.ON_TRACK
    at_deep = triage(facts(plan * 0.6, expected=Expected(plan / 100, False, 33, 66)))
    assert (at_deep.state, at_deep.deep) == (State.AT_RISK, False)


def test_edges_can_be_changed() -> None:
    assert triage(facts(40, edges=Edges(on_track=0.8))).state is State.ON_TRACK


def test_too_early_for_a_pace() -> None:
    result = triage(facts(0, expected=Expected(0.05, True, 3, 66)))
    assert (result.state, result.reason) == (State.ON_TRACK, "too early to tell the pace")
    assert "too early" in result.flags


def test_below_the_start_is_zero_per_cent_done_and_flagged() -> None:
    result = triage(facts(76, Definition(start=80, target=90)))
    assert (result.state, result.reason) == (State.AT_RISK, "0\u00a0% done, 50\u00a0% expected")
    assert "below the starting point" in result.flags


# --- precedence ---------------------------------------------------------------------------------------------------------------


def test_never_updated_is_no_data_and_not_on_track() -> None:
    result = triage(facts(None, check_ins=(), has_source=False))
    assert (result.state, result.reasons) == (State.NO_DATA, ("no reading yet",))


def test_a_value_that_became_unknown_is_no_data() -> None:
    result = triage(facts(None, points=(Point(STARTED, 3),), check_ins=()))
    assert (result.state, result.reason) == (State.NO_DATA, "the current value is not known")


def test_a_definition_at_fault_is_no_data_with_the_fault() -> None:
    result = triage(facts(50, Definition(start=50, target=50)))
    assert result.state is State.NO_DATA
    assert "start and target are equal" in result.reason


def test_overdue_wins_over_a_good_pace() -> None:
    late = facts(90, check_ins=(check_in(13, 90),))
    assert triage(late) == Triage(State.OVERDUE, ("last check-in 5 Nov",), False, ("number only, no owner comment",))
    assert triage(replace(late, cadence=Cadence.FORTNIGHTLY)).state is State.ON_TRACK


def test_overdue_without_any_check_in() -> None:
    assert triage(facts(90, check_ins=())).reasons == ("no check-in yet",)
    fresh = facts(90, check_ins=(), started_at=NOW - timedelta(days=6))
    assert triage(fresh).state is State.ON_TRACK


def test_a_check_in_from_before_the_start_counts_from_the_start() -> None:
    assert triage(facts(90, check_ins=(check_in(30, 90),), started_at=NOW - timedelta(days=3))).state is State.ON_TRACK


def test_holidays_lengthen_the_grace() -> None:
    late = facts(90, check_ins=(check_in(8.5, 90),))  # due by tonight's midnight two days ago without holidays
    assert triage(late).state is State.OVERDUE
    free = frozenset({date(2026, 11, 17), date(2026, 11, 18)})
    assert triage(replace(late, holidays=free)).state is State.ON_TRACK


def test_closed_wins_over_everything() -> None:
    closed = facts(None, check_ins=(), closed="reached 30 Oct", source_broken="the token is not accepted")
    assert (triage(closed).state, triage(closed).reasons) == (State.CLOSED, ("reached 30 Oct",))


def test_source_broken_or_silent_is_data_late() -> None:
    since = datetime(2026, 11, 17, 4, 58, tzinfo=UTC)
    silent = triage(facts(90, source_last_success=since, check_ins=(check_in(5, 90),)))
    assert (silent.state, silent.reasons) == (State.DATA_LATE, ("source silent since 17 Nov 05:58",))
    broken = triage(facts(90, source_broken="Notion no longer accepts the token", check_ins=(check_in(5, 90),)))
    assert broken.state is State.DATA_LATE
    assert broken.reasons[-1] == "Notion no longer accepts the token"


def test_twenty_six_hours_of_silence_are_still_in_time() -> None:
    older = (check_in(5, 90),)
    assert triage(facts(90, source_last_success=NOW - timedelta(hours=26), check_ins=older)).state is State.ON_TRACK
    assert triage(facts(90, source_last_success=NOW - timedelta(hours=26, seconds=1), check_ins=older)).state is State.DATA_LATE


def test_a_newer_number_from_the_owner_replaces_a_late_source() -> None:
    late = facts(90, source_last_success=NOW - timedelta(days=3), check_ins=(check_in(1, 90),))
    assert triage(late).state is State.ON_TRACK
    without_number = replace(late, check_ins=(check_in(1, None),))
    assert triage(without_number).state is State.DATA_LATE
    assert triage(facts(90, has_source=False, source_last_success=None)).state is State.ON_TRACK


def test_data_late_wins_over_overdue_and_a_reason_does_not_age() -> None:
    both = facts(90, check_ins=(), source_last_success=NOW - timedelta(days=2))
    assert triage(both).state is State.DATA_LATE
    assert triage(replace(both, now=NOW + timedelta(hours=5))).reasons == triage(both).reasons


# --- stalled ------------------------------------------------------------------------------------------------------------------


def test_stalled_from_the_second_repeat_although_the_update_is_fresh() -> None:
    once = facts(41, ACTIVATION, check_ins=weekly(41, 41), expected=Expected(0.04, False, 33, 66))
    assert triage(once).state is State.ON_TRACK
    twice = triage(replace(once, check_ins=weekly(41, 41, 41)))
    assert (twice.state, twice.reasons) == (State.STALLED, ("same value for 3 check-ins",))


def test_a_repeated_number_does_not_reset_the_clock() -> None:
    result = triage(facts(42, ACTIVATION, check_ins=weekly(41, 42, 42, 42, 42, 42, newest_days_ago=1)))
    assert result.reasons == ("same value for 5 check-ins",)


def test_entries_of_one_hour_are_one_check_in() -> None:
    hurried = (check_in(0.02, 60), check_in(0.01, 60), check_in(0, 60))
    assert triage(facts(60, check_ins=hurried)).state is State.ON_TRACK


def test_six_days_after_the_last_counts_as_due() -> None:
    assert triage(facts(60, check_ins=(check_in(15, 60), check_in(7, 60), check_in(1, 60)))).state is State.STALLED


def test_slow_drift_is_movement() -> None:
    drift = facts(41.8, ACTIVATION, check_ins=weekly(41.0, 41.4, 41.8), expected=Expected(0.08, False, 9, 66))
    assert triage(drift).state is not State.STALLED
    assert flat_run(drift) == 2  # 41.4 and 41.8 are alike, 41.0 is not


def test_a_synced_value_that_left_the_confirmed_one_is_not_stalled() -> None:
    assert triage(facts(70, check_ins=weekly(60, 60, 60))).state is State.ON_TRACK


def test_a_reached_target_does_not_stall_nor_do_bounds_and_yes_no() -> None:
    assert triage(facts(100, check_ins=weekly(100, 100, 100))).state is State.ON_TRACK
    unbound = Expected(None, False, 33, 66)
    keep = Definition(kind=Kind.AT_MOST, target=3)
    assert triage(facts(2, keep, check_ins=weekly(2, 2, 2), expected=unbound)) == Triage(State.ON_TRACK, ("2 now, at most 3",))
    waiting = triage(facts(0, Definition(kind=Kind.YES_NO), check_ins=weekly(0, 0, 0), expected=unbound))
    assert (waiting.state, waiting.reason) == (State.ON_TRACK, "not done")


# --- at risk ------------------------------------------------------------------------------------------------------------------


def test_outside_a_bound_is_at_risk() -> None:
    keep = Definition(kind=Kind.AT_MOST, target=3)
    result = triage(facts(4, keep, expected=Expected(None, False, 33, 66)))
    assert (result.state, result.reason) == (State.AT_RISK, "outside the bound: 4 now, at most 3")


@pytest.mark.parametrize(("confidence", "state"), [(4, State.AT_RISK), (5, State.ON_TRACK), (3, State.AT_RISK)])
def test_low_confidence(confidence: int, state: State) -> None:
    result = triage(facts(60, check_ins=(check_in(1, 60, confidence),)))
    assert result.state is state
    assert (f"confidence {confidence}" in result.reasons) == (state is State.AT_RISK)


def test_the_last_stated_confidence_counts() -> None:
    assert triage(facts(60, check_ins=(check_in(4, 40, 3), check_in(1, 60, None)))).reasons == ("confidence 3",)


def test_a_blocker_past_its_clock() -> None:
    assert triage(facts(60, blocker_since=NOW - timedelta(days=9))).reasons == ("blocker 9 days",)
    monday = datetime(NOW.year, NOW.month, NOW.day, 9, tzinfo=OSLO) - timedelta(days=NOW.astimezone(OSLO).weekday())
    for cadence in Cadence:
        known = facts(60, blocker_since=monday, cadence=cadence, check_ins=(replace(check_in(1, 60), at=monday),))
        assert triage(replace(known, now=monday + timedelta(days=3), source_last_success=monday + timedelta(days=3))).state is State.AT_RISK
        early = monday + timedelta(days=2, hours=23)
        assert triage(replace(known, now=early, source_last_success=early)).state is State.ON_TRACK
    thursday = monday + timedelta(days=3)
    free = frozenset({thursday.date()})
    assert triage(replace(known, now=thursday, source_last_success=thursday, holidays=free)).state is State.ON_TRACK


def test_any_blocker_in_the_last_quarter() -> None:
    fresh = facts(95, blocker_since=NOW - timedelta(days=1))
    assert triage(replace(fresh, expected=Expected(0.75, False, 75, 100))).state is State.ON_TRACK
    assert triage(replace(fresh, expected=Expected(0.76, False, 76, 100))).reasons == ("blocker 1 day",)
    today = replace(fresh, expected=Expected(0.76, False, 76, 100), blocker_since=NOW)
    assert triage(today).reasons == ("blocker since today",)


def forecast_facts(*values: float) -> TriageInputs:
    count = len(values)
    points = tuple(Point(NOW - timedelta(days=7 * (count - 1 - index)), value) for index, value in enumerate(values))
    confirmed = (check_in(0, values[-1]),)
    return facts(values[-1], points=points, expected=Expected(values[-1] / 100, False, 33, 66), check_ins=confirmed)


def test_a_forecast_that_misses_is_at_risk_with_the_rate_it_needs() -> None:
    result = triage(forecast_facts(48, 49, 50, 51, 52))
    assert (result.state, result.reasons) == (State.AT_RISK, ("needs 7.6× the recent rate",))  # 48 in 44 days against 1 a week
    assert triage(forecast_facts(20, 28, 36, 44, 52)).state is State.ON_TRACK


def test_a_rate_that_leads_away_has_no_multiple() -> None:
    assert triage(forecast_facts(56, 55, 54, 53, 52)).reasons == ("the recent rate does not lead to the target",)


def test_a_forecast_needs_three_values_over_a_cadence_and_time() -> None:
    assert triage(forecast_facts(51, 52)).state is State.ON_TRACK
    assert triage(replace(forecast_facts(48, 50, 52), expected=Expected(0.05, True, 3, 66))).state is State.ON_TRACK
    assert triage(replace(forecast_facts(48, 50, 52), cycle_end=NOW - timedelta(days=1))).state is State.ON_TRACK
    burst = tuple(Point(NOW - timedelta(minutes=10 - index), 50 + index / 10) for index in range(10))
    assert triage(replace(forecast_facts(52), points=burst)).state is State.ON_TRACK


def test_a_source_that_says_the_same_for_weeks_does_not_go_on_at_its_old_rate() -> None:
    old = tuple(Point(NOW - timedelta(days=days), value) for days, value in ((50, 40), (43, 44), (36, 48), (29, 52)))
    silent = replace(forecast_facts(52), points=old, check_ins=(check_in(1, None),))
    assert triage(silent).reasons == ("needs 1.9× the recent rate",)  # extended from today
    assert triage(replace(silent, has_source=False)).state is State.ON_TRACK  # extended from the last that anybody said


def test_a_value_read_just_now_counts_before_it_is_among_the_points() -> None:
    assert triage(replace(forecast_facts(20, 28, 36, 36, 36), current=52, raw=0.52)).state is State.ON_TRACK


def test_every_risk_gives_its_reason_in_order() -> None:
    result = triage(
        facts(18, check_ins=(check_in(1, 18, 3),), blocker_since=NOW - timedelta(days=9), expected=Expected(0.53, False, 35, 66))
    )
    assert result.reason == "18\u00a0% done, 53\u00a0% expected · confidence 3 · blocker 9 days"
    assert result.deep


# --- flags --------------------------------------------------------------------------------------------------------------------


def test_a_synced_value_without_the_owner_is_marked() -> None:
    assert "number only, no owner comment" in triage(facts(60, check_ins=(check_in(7.5, 60),))).flags
    assert "number only, no owner comment" in triage(facts(60, check_ins=(), started_at=NOW)).flags
    assert triage(facts(60)).flags == ()


def test_flat_but_confident_and_no_signal() -> None:
    flat = facts(60, movement=Movement.FLAT, check_ins=weekly(60, 60, confidence=7))
    assert triage(flat).flags == ("flat but confident", "no signal")
    unsure = replace(flat, check_ins=weekly(60, 60, confidence=6))
    assert triage(unsure).flags == ("no signal",)
    asks = replace(flat, check_ins=(check_in(7, 60, 7), check_in(0, 60, 7, decision=DecisionKind.BUDGET)))
    assert triage(asks).flags == ("flat but confident",)
    assert "no signal" not in triage(replace(flat, movement=Movement.UP)).flags


@given(
    st.none() | st.floats(-200, 300),
    st.none() | st.integers(1, 10),
    st.floats(0, 30),
    st.booleans(),
    st.floats(0, 1),
)
def test_exactly_one_state_and_always_a_reason(
    value: float | None, confidence: int | None, days_ago: float, source: bool, plan: float
) -> None:
    result = triage(
        facts(value, check_ins=(check_in(days_ago, value, confidence),), has_source=source, expected=Expected(plan, plan < 0.1, 33, 66))
    )
    assert result.reasons
    assert all(result.reasons)
    assert (result.state is State.NO_DATA) == (value is None)
