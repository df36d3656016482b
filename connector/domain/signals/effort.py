"""Work against the value (S6): paying, busy but not moving, idle, or moving without this work. Counts that nobody knows judge nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal

from connector.domain.activity import RECENT, WEEK, Week, learned_lag, ratio, weekly
from connector.domain.model import State
from connector.domain.scoring import TOLERANCE, raw_progress
from connector.domain.signals import Seen
from connector.domain.signals.known import TRAVELS, Known
from connector.domain.wording import HARD_SPACE, day_text, plain_number

Quadrant = Literal["paying", "busy", "between", "idle", "without"]

AS_USUAL, LITTLE = 1.0, 0.6
"""Activity from which it is as usual or more, and below which it is little, as a share of the usual."""
_UNTOLD = frozenset({State.NO_DATA, State.DATA_LATE, State.CLOSED})


@dataclass(frozen=True, slots=True)
class Effort:
    """The judgement: two weeks of work, and the two weeks in which it should have shown. ``times`` infinite: nothing was done before."""

    quadrant: Quadrant
    done: float
    points: bool
    times: float
    until: date  # the end of the two weeks of work
    change: float  # of progress since ``since``
    since: date


def quadrant(activity: float | None, change: float | None, least: float) -> Quadrant | None:
    """The quadrant of an activity ratio and a change of progress; None when either cannot be told.

    Between little and usual activity nothing is asked. Only a change of more than ``least`` counts as movement, in either direction.
    """
    if activity is None or change is None:
        return None
    moves = abs(change) > least
    if activity >= AS_USUAL - TOLERANCE:
        return "paying" if moves else "busy"
    if activity < LITTLE - TOLERANCE:
        return "without" if moves else "idle"
    return "between"


def lag_of(known: Known) -> int | None:
    """The lag that the weeks of this key result teach; None while they teach none."""
    weeks, _ = weekly(known.counted, known.today)
    values = known.values.weekly(known.today, len(weeks))
    progress = [raw_progress(known.definition, value) for value in values]
    changes = [None if a is None or b is None else b - a for a, b in pairwise(progress)]
    return learned_lag([week.index for week in weeks], changes)


def effort(known: Known) -> Effort | None:
    """How work and value go together; None where the value does not travel, is the work itself, or too little is known."""
    if known.definition.kind not in TRAVELS or known.output or known.raw is None or known.state in _UNTOLD:
        return None
    weeks, points = weekly(known.counted, known.today)
    until = known.today - WEEK * known.lag
    judged: Sequence[Week] = [week for week in weeks if week.end <= until]
    activity = ratio([week.index for week in judged])
    since = known.today - WEEK * RECENT
    change = known.change_since(since)
    found = quadrant(activity, change, known.least)
    if found is None or activity is None or change is None:
        return None
    if found == "without" and not known.counted.touched:  # numbers are read from it, and no work is told
        return None
    if found == "idle" and not known.counted.tells:  # rows without a status: what was done is not known
        return None
    done = math.fsum(week.done for week in judged[-RECENT:])
    if found == "busy" and done <= 0:  # work was begun, none was done
        found = "between"
    return Effort(found, done, points, activity, until, change, since)


def stands_still(known: Known) -> bool:
    """Whether the value of a key result that travels, is not the work itself and has not arrived stood still for two weeks."""
    if known.definition.kind not in TRAVELS or known.output or known.arrived or known.state in _UNTOLD:
        return False
    change = known.change_since(known.today - WEEK * RECENT)
    return change is not None and abs(change) <= known.least


def effort_seen(known: Known) -> Seen | None:
    """The sentence of a quadrant that is worth a question; what has arrived is not asked about."""
    told = effort(known)
    if told is None or known.arrived:
        return None
    kind = {"busy": "busy_not_moving", "idle": "idle", "without": "moving_without_work"}.get(told.quadrant)
    if kind is None:
        return None
    return Seen(kind, known.id, _sentence(known, told), _numbers(known, told))


def _sentence(known: Known, told: Effort) -> str:
    done = f"{_amount(told.done, points=told.points)} done in two weeks"
    if known.lag:
        done = f"{done} to {day_text(told.until)}"
    if told.quadrant == "busy":
        usual = "" if math.isinf(told.times) else f" ({told.times:.1f}× the usual)"
        return f"{done}{usual}, key result unchanged {_unchanged(known, told)}: does this work move it?"
    usual = f"{told.times:.1f}× the usual" if told.times > 0 else "nothing was started either"
    if told.quadrant == "idle":
        return f"{done}, {usual}, and the key result is unchanged {_unchanged(known, told)}: is anybody free for it?"
    way = "closer to" if told.change > 0 else "further from"
    points = f"{plain_number(abs(told.change) * 100, 0, (0.0,))} points of the way"
    done = done.replace(f"{HARD_SPACE}point", f"{HARD_SPACE}story point", 1)  # two kinds of points in one sentence
    return f"Moved {points} {way} the target since {day_text(told.since)}, with {done[:1].lower()}{done[1:]}: is the mapping right?"


def _amount(done: float, *, points: bool) -> str:
    word = ("point" if points else "item") + ("" if done == 1 else "s")
    return f"{plain_number(done, 1)}{HARD_SPACE}{word}"


def _unchanged(known: Known, told: Effort) -> str:
    """ "for 3 check-ins", where check-ins of these weeks say so, else "since 8 Nov"."""
    run = 0
    for check_in in reversed(known.check_ins):
        progress = raw_progress(known.definition, check_in.value)
        if progress is None:
            continue
        if known.raw is None or abs(progress - known.raw) > known.least:
            break
        run += 1
    return f"for {run} check-ins" if run >= RECENT else f"since {day_text(told.since)}"


def _numbers(known: Known, told: Effort) -> dict[str, object]:
    return {
        "done": float(f"{told.done:.6g}"),
        "by": "points" if told.points else "items",
        "times": None if math.isinf(told.times) else float(f"{told.times:.4g}"),
        "change": float(f"{told.change:.4g}"),
        "since": told.since.isoformat(),
        "until": told.until.isoformat(),
        "lag": known.lag,
    }
