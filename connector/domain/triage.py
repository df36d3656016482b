"""The one state of a key result, and why: closed › no data › data late › overdue › stalled › at risk › on track, first match.

Pure: everything that is needed comes in one value, the moment included. Must not read or store anything. Reasons are stored and
written to hosts, so they carry dates instead of ages that would change every hour; ages in days are the finest.

Edges that the words leave open, decided here:

- *Pace* is for metrics and milestones. A bound is fine inside and at risk outside; yes/no is judged by confidence and blocker only.
- *Stalled* is for metrics and milestones, before the target is reached. A check-in is "due" when it comes at least half a cadence
  after the one counted before, so that three entries in an hour are one. Flat is measured against the current value: slow drift
  that adds up to more than ε is movement.
- *Forecast* is for metrics, with at least three values half a cadence apart that span one cadence, not too early in the cycle, while
  time is left; it counts when it ends below ``Edges.on_track`` of the way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from connector.domain import raising, rhythm, wording
from connector.domain.forecast import outlook, rate_ratio, recent_points, required_rate
from connector.domain.model import Cadence, CheckInFact, DecisionKind, Definition, Kind, Movement, Point, State
from connector.domain.rhythm import Expected
from connector.domain.scoring import BOUND_KINDS, TOLERANCE, badge, epsilon, faults, is_inside, raw_progress, shown_progress

FLAG_TOO_EARLY = "too early"
FLAG_NO_OWNER_COMMENT = wording.NO_OWNER_COMMENT  # R011
FLAG_FLAT_BUT_CONFIDENT = "flat but confident"  # R030
FLAG_NO_SIGNAL = "no signal"  # R033
FLAG_HELD = "value held back"  # S15
FLAG_OWNERLESS = "ownerless"  # R012; the owner is no matter of triage, so the roll-up sets it
SURE = 7
"""Confidence from which a flat key result is asked what makes it safe."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Edges:
    """The editable thresholds of triage."""

    on_track: float = 0.9
    deep: float = 0.6
    confidence: int = 4
    stalled_after: int = 2
    source_hours: float = 26
    too_early: float = rhythm.TOO_EARLY


@dataclass(frozen=True, slots=True)
class TriageInputs:
    """Everything that decides a state. Moments are aware; ``check_ins`` and ``points`` are oldest first; drafts are left out.

    ``started_at``: the later of the start of the cycle and the key result's arrival in the tracker. ``movement`` is that since the
    check-in before. ``has_source``: a mapping in mode ``value`` feeds it. ``held``: what is said of a wild value that waits for the
    owner's word, "" for none.
    """

    definition: Definition
    current: float | None
    raw: float | None
    expected: Expected
    started_at: datetime
    cycle_end: datetime
    now: datetime
    zone: tzinfo
    movement: Movement | None = None
    check_ins: tuple[CheckInFact, ...] = ()
    cadence: Cadence = Cadence.WEEKLY
    points: tuple[Point, ...] = ()
    closed: str | None = None
    has_source: bool = False
    source_broken: str | None = None
    source_last_success: datetime | None = None
    blocker_since: datetime | None = None
    held: str = ""
    edges: Edges = field(default_factory=Edges)
    holidays: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Triage:
    """The state, the rule that gave it in words, whether the pace is deep below the plan, and marks beside it."""

    state: State
    reasons: tuple[str, ...]
    deep: bool = False
    flags: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return " · ".join(self.reasons)


def triage(inputs: TriageInputs) -> Triage:
    """The state of a key result: the first rule that matches, with its reasons and flags."""
    flags = _flags(inputs)
    if inputs.closed is not None:
        return Triage(State.CLOSED, (inputs.closed or "closed",), flags=flags)
    for state, reasons in (
        (State.NO_DATA, _no_data(inputs)),
        (State.DATA_LATE, _data_late(inputs)),
        (State.OVERDUE, _overdue(inputs)),
        (State.STALLED, _stalled(inputs)),
    ):
        if reasons:
            return Triage(state, reasons, flags=flags)
    pace_risk, deep = _pace(inputs)
    risks = (*pace_risk, *_outside(inputs), *_forecast(inputs), *_confidence(inputs), *_blocker(inputs))
    if risks:
        return Triage(State.AT_RISK, risks, deep, flags)
    if inputs.held:  # nobody vouches for the number: it is not painted green
        return Triage(State.DATA_LATE, (inputs.held,), flags=flags)
    return Triage(State.ON_TRACK, (_fine(inputs),), flags=flags)


def pace(raw: float | None, expected: Expected) -> float | None:
    """Shown progress over what is expected; None when either is unknown, it is too early or nothing is expected yet."""
    progress = shown_progress(raw)
    if progress is None or expected.value is None or expected.too_early or expected.value <= 0:
        return None
    return progress / expected.value


def flat_run(inputs: TriageInputs) -> int:
    """How many due check-ins in a row, the first one included, hold the current value within ε; 0 when the last one does not."""
    least = epsilon(inputs.definition) + TOLERANCE
    apart = rhythm.cadence_length(inputs.cadence) / 2
    run, counted = 0, None
    if inputs.raw is None:
        return 0
    for check_in in reversed(inputs.check_ins):
        progress = raw_progress(inputs.definition, check_in.value)
        if progress is None:  # a confirmation without a number neither breaks nor lengthens the run
            continue
        if abs(progress - inputs.raw) > least:
            break
        if counted is None or counted - check_in.at >= apart:
            run, counted = run + 1, check_in.at
    return run


# --- one function for each rule: reasons, empty when it does not match ----------------------------------------------------------


def _no_data(inputs: TriageInputs) -> tuple[str, ...]:
    if inputs.current is None:
        known_before = inputs.points or any(check_in.value is not None for check_in in inputs.check_ins)
        return ("the current value is not known",) if known_before else (wording.NO_READING,)
    if inputs.raw is None:
        wrong = faults(inputs.definition)
        return (f"progress cannot be told: {wrong[0].message}" if wrong else "progress cannot be told",)
    return ()


def _data_late(inputs: TriageInputs) -> tuple[str, ...]:
    last = inputs.source_last_success
    silent = last is None or inputs.now - last > timedelta(hours=inputs.edges.source_hours)
    if not inputs.has_source or not (inputs.source_broken or silent):
        return ()
    told = [check_in.at for check_in in inputs.check_ins if check_in.value is not None]
    if told and (last is None or told[-1] > last):  # the owner gave a newer number than the source
        return ()
    since = f"source silent since {wording.moment_text(last, inputs.zone)}" if last else "source not read yet"
    return (since, inputs.source_broken) if inputs.source_broken else (since,)


def _overdue(inputs: TriageInputs) -> tuple[str, ...]:
    last = inputs.check_ins[-1].at if inputs.check_ins else None
    from_moment = max(last, inputs.started_at) if last else inputs.started_at
    if not rhythm.is_overdue(inputs.cadence, from_moment, inputs.now, inputs.zone, inputs.holidays):
        return ()
    return (f"last check-in {wording.local_day_text(last, inputs.zone)}" if last else "no check-in yet",)


def _stalled(inputs: TriageInputs) -> tuple[str, ...]:
    if inputs.raw is None or inputs.raw >= 1.0 - TOLERANCE or inputs.definition.kind not in (Kind.METRIC, Kind.MILESTONES):
        return ()
    run = flat_run(inputs)
    return (f"same value for {run} check-ins",) if run - 1 >= inputs.edges.stalled_after else ()


def _pace(inputs: TriageInputs) -> tuple[tuple[str, ...], bool]:
    ratio = pace(inputs.raw, inputs.expected)
    if ratio is None or ratio >= inputs.edges.on_track - TOLERANCE:
        return (), False
    return (_against_plan(inputs),), ratio < inputs.edges.deep - TOLERANCE


def _outside(inputs: TriageInputs) -> tuple[str, ...]:
    if inputs.current is None or is_inside(inputs.definition, inputs.current) is not False:
        return ()
    return (f"outside the bound: {wording.bound_reason(inputs.definition, inputs.current)}",)


def _forecast(inputs: TriageInputs) -> tuple[str, ...]:
    today = rhythm.start_of_day(inputs.now, inputs.zone)
    if inputs.definition.kind is not Kind.METRIC or inputs.expected.too_early or today >= inputs.cycle_end:
        return ()
    length = rhythm.cadence_length(inputs.cadence)
    told = (Point(check_in.at, check_in.value) for check_in in inputs.check_ins if check_in.value is not None)
    ahead = outlook(recent_points(told, inputs.points, inputs.current, today, length, fed=inputs.has_source), inputs.cycle_end, length)
    if ahead is None:
        return ()
    progress = raw_progress(inputs.definition, ahead.value)
    if progress is None or progress >= inputs.edges.on_track - TOLERANCE:
        return ()
    ratio = rate_ratio(required_rate(inputs.definition, inputs.current, (inputs.cycle_end - today) / _DAY), ahead.slope)
    if ratio is None or ratio == 0 or math.isinf(ratio):
        return ("the recent rate does not lead to the target",)
    # At most 1 happens when the shown value is newer than the points: it is already back on the way.
    return (f"needs {ratio:.1f}× the recent rate",) if ratio > 1.0 else ()


def _confidence(inputs: TriageInputs) -> tuple[str, ...]:
    stated = _stated_confidence(inputs)
    return (f"confidence {stated}",) if stated is not None and stated <= inputs.edges.confidence else ()


def _blocker(inputs: TriageInputs) -> tuple[str, ...]:
    """A blocker is past its clock after one cadence or three working days, and at once in the last quarter of the cycle (R067, S3)."""
    since = inputs.blocker_since
    if since is None or not raising.is_past(since, inputs.now, inputs.cadence, inputs.zone, inputs.expected, inputs.holidays):
        return ()
    days = wording.calendar_days(since, inputs.now, inputs.zone)
    return (f"blocker {wording.days_text(days)}" if days > 0 else "blocker since today",)


def _fine(inputs: TriageInputs) -> str:
    if inputs.definition.kind in BOUND_KINDS and inputs.current is not None:
        return wording.bound_reason(inputs.definition, inputs.current)
    if inputs.definition.kind is Kind.YES_NO:
        return wording.current_text(inputs.definition, inputs.current)
    return "too early to tell the pace" if inputs.expected.too_early else _against_plan(inputs)


def _against_plan(inputs: TriageInputs) -> str:
    done = f"{wording.percent_text(shown_progress(inputs.raw) or 0.0)} done"
    return done if inputs.expected.value is None else f"{done}, {wording.percent_text(inputs.expected.value)} expected"


def _flags(inputs: TriageInputs) -> tuple[str, ...]:
    flags = [badge(inputs.raw)]
    if inputs.expected.too_early:
        flags.append(FLAG_TOO_EARLY)
    confirmed = inputs.check_ins[-1].at if inputs.check_ins else None
    if inputs.has_source and inputs.current is not None:
        window = rhythm.cadence_length(inputs.cadence)
        if confirmed is None or inputs.now - confirmed > window:
            flags.append(FLAG_NO_OWNER_COMMENT)
    stated = _stated_confidence(inputs)
    travels = inputs.definition.kind in (Kind.METRIC, Kind.MILESTONES) and inputs.raw is not None and inputs.raw < 1.0 - TOLERANCE
    if inputs.movement is Movement.FLAT and travels and stated is not None and stated >= SURE:
        flags.append(FLAG_FLAT_BUT_CONFIDENT)
    if _says_nothing(inputs):
        flags.append(FLAG_NO_SIGNAL)
    if inputs.held:
        flags.append(FLAG_HELD)
    return tuple(flag for flag in flags if flag)


def _says_nothing(inputs: TriageInputs) -> bool:
    """The last check-in: flat, same confidence, no blocker, no decision wanted (R033)."""
    if len(inputs.check_ins) < 2 or inputs.movement is not Movement.FLAT:
        return False
    before, last = inputs.check_ins[-2:]
    return last.confidence == before.confidence and not last.blocker and last.decision is DecisionKind.NONE


def _stated_confidence(inputs: TriageInputs) -> int | None:
    return next((check_in.confidence for check_in in reversed(inputs.check_ins) if check_in.confidence is not None), None)
