"""What the numbers say about confidence (S5), both ways. It asks; it never ranks people and never says that somebody is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median

from connector.domain import rhythm, wording
from connector.domain.activity import weekly
from connector.domain.forecast import Forecast, outlook, theil_sen
from connector.domain.model import CheckInFact, Kind, Point, State
from connector.domain.scoring import TOLERANCE, epsilon, raw_progress
from connector.domain.signals import Seen
from connector.domain.signals.known import TRAVELS, Known
from connector.domain.triage import SURE, pace

GAP = 3
"""So far apart stated and implied confidence are asked about."""
TIMES = 2.0
"""So many times the recent rate with confidence 7 or more is asked about."""
THROUGHPUT_WEEKS = 6
_TABLE = ((0.95, 8), (0.75, 6), (0.5, 4))
_LOWEST = 2
_DAY = timedelta(days=1)
_UNTOLD = frozenset({State.NO_DATA, State.DATA_LATE, State.CLOSED})


@dataclass(frozen=True, slots=True)
class Implied:
    """The confidence that the numbers imply. ``by``: "forecast", "throughput" or "pace"; ``forecast`` None for a pace."""

    confidence: int
    by: str
    forecast: float | None = None
    spread: float | None = None


def from_forecast(value: float, target: float, spread: float, *, rising: bool) -> int:
    """1 + 9 × the probability that the value ends at the target or beyond it in the direction of good."""
    distance = (value - target) / spread if rising else (target - value) / spread
    likely = 0.5 * (1.0 + math.erf(distance / math.sqrt(2.0)))
    return 1 + math.floor(9.0 * likely + 0.5)


def from_pace(share: float | None) -> int | None:
    """The confidence that a pace implies; None while it cannot be told."""
    if share is None:
        return None
    return next((confidence for least, confidence in _TABLE if share >= least - TOLERANCE), _LOWEST)


def spread_of(points: Sequence[Point], slope: float, days_left: float, floor: float) -> float:
    """How far the end may lie from the forecast: the scatter around the line × √days left, never less than ``floor`` allows."""
    begun = points[0].at
    rests = [point.value - slope * ((point.at - begun) / _DAY) for point in points]
    middle = median(rests)
    scatter = median(abs(rest - middle) for rest in rests)
    return max(scatter, floor) * math.sqrt(max(1.0, days_left))


def implied(known: Known, moment: datetime | None = None) -> Implied | None:
    """What the numbers implied at a moment (None: now); None for kinds without a way, or where nothing can be told."""
    definition = known.definition
    if definition.kind not in TRAVELS or known.expected.too_early:
        return None
    points = known.points_by(moment)
    days_left = known.days_left if moment is None else max(0.0, (known.cycle_end - moment) / _DAY)
    if definition.kind is Kind.METRIC and definition.target is not None and definition.start is not None and days_left > 0:
        ahead = (_throughput(known, days_left) if moment is None else None) or _line(known, points, days_left)
        if ahead is not None and math.isfinite(ahead[0]) and 0 < ahead[1] < math.inf:
            value, spread, by = ahead
            rising = definition.target > definition.start
            return Implied(from_forecast(value, definition.target, spread, rising=rising), by, value, spread)
    raw, expected = known.raw, known.expected
    if moment is not None:
        raw = raw_progress(definition, points[-1].value if points else None)
        expected = rhythm.expected(known.cycle, moment.astimezone(known.zone).date(), definition, known.holidays)
    confidence = from_pace(pace(raw, expected))
    return None if confidence is None else Implied(confidence, "pace")


def _floor(known: Known) -> float:
    """The least movement that counts, in the unit of the value."""
    definition = known.definition
    assert definition.start is not None
    assert definition.target is not None
    return epsilon(definition) * abs(definition.target - definition.start)


def _line(known: Known, points: tuple[Point, ...], days_left: float) -> tuple[float, float, str] | None:
    ahead = outlook(points, known.cycle_end, known.length)
    if ahead is None:
        return None
    recent = points[-5:]
    slope = theil_sen(recent) or 0.0
    return ahead.value, spread_of(recent, slope, days_left, _floor(known)), "forecast"


def _throughput(known: Known, days_left: float) -> tuple[float, float, str] | None:
    """For a value that counts the work itself: what is done in a week goes on; each done item is worth what it was worth so far."""
    definition, current = known.definition, known.current
    if not known.output or current is None or definition.start is None:
        return None
    weeks, _ = weekly(known.counted, known.today)
    night = known.counted.at(known.today)
    if len(weeks) < 3 or night is None or not night.done:
        return None
    done = [week.done for week in weeks[-THROUGHPUT_WEEKS:]]
    total = night.points_done if night.points_done is not None and night.points_done > 0 else float(night.done)
    worth = (current - definition.start) / total
    if worth == 0:
        return None
    left = days_left / 7
    usual = fmean(done)
    scatter = median(abs(each - usual) for each in done) * abs(worth)
    return current + usual * worth * left, max(scatter, _floor(known)) * math.sqrt(max(1.0, left)), "throughput"


def gaps(known: Known) -> tuple[tuple[CheckInFact, Implied], ...]:
    """The last two check-ins that state a confidence, oldest first, each with what the numbers implied then; the last as of now."""
    stated = [each for each in known.check_ins if each.confidence is not None][-2:]
    found = []
    for place, each in enumerate(stated):
        said = implied(known, None if place == len(stated) - 1 else each.at)
        if said is None:
            return ()
        found.append((each, said))
    return tuple(found)


def _judged(known: Known) -> bool:
    return known.definition.kind in TRAVELS and not known.arrived and known.raw is not None and known.state not in _UNTOLD


def confidence_gap(known: Known) -> Seen | None:
    """Confidence three or more above what the numbers imply at two check-ins, or 7 and more at twice the recent rate or beyond."""
    told = gaps(known) if _judged(known) else ()
    if not told:
        return None
    last, said = told[-1]
    stated = last.confidence or 0
    ahead = known.outlook()
    times = known.times(ahead)
    twice = len(told) == 2 and all((each.confidence or 0) - least.confidence >= GAP for each, least in told)
    steep = stated >= SURE and times is not None and times >= TIMES
    if not twice and not steep:
        return None
    sentence = f"Confidence {stated}, while {_numbers(known, said, ahead, times)}: what makes the target safe?"
    return Seen("confidence_gap", known.id, sentence, _as_numbers(stated, said, times))


def gloomy(known: Known) -> Seen | None:
    """Confidence three or more below what the numbers imply at two check-ins."""
    told = gaps(known) if _judged(known) else ()
    if len(told) < 2 or any((each.confidence or 0) - said.confidence > -GAP for each, said in told):
        return None
    last, said = told[-1]
    sentence = (
        f"Confidence {last.confidence}, while {_numbers(known, said, known.outlook(), None)}: "
        "what do the numbers not show, or is the target too soft?"
    )
    return Seen("gloomy", known.id, sentence, _as_numbers(last.confidence or 0, said, None))


def flat_but_confident(known: Known) -> Seen | None:
    """A value that stands still below its target, with confidence 7 or more (R030)."""
    stated = next((each.confidence for each in reversed(known.check_ins) if each.confidence is not None), None)
    if known.flat_since is None or stated is None or not _judged(known):
        return None
    sentence = f"Flat since {wording.local_day_text(known.flat_since, known.zone)}, confidence {stated}: what makes this safe?"
    return Seen("flat_but_confident", known.id, sentence, {"stated": stated, "since": known.flat_since.isoformat()})


def _numbers(known: Known, said: Implied, ahead: Forecast | None, times: float | None) -> str:
    """ "the recent rate leads to 46.5 % of 60 %, needs 4.0× that rate, and implies confidence 1"."""
    if said.forecast is None:
        share = pace(known.raw, known.expected)
        done = wording.percent_text(max(0.0, min(1.0, known.raw or 0.0)))
        plan = "" if known.expected.value is None else f" of {wording.percent_text(known.expected.value)} expected"
        return f"{f'{done} done{plan}' if share is not None else 'the plan'} implies confidence {said.confidence}"
    rate = "the pace of the work" if said.by == "throughput" else "the recent rate"
    parts = [f"{rate} leads to {known.text(said.forecast, finer=True)} against {wording.target_text(known.definition)}"]
    if times is not None and math.isinf(times):
        parts.append("does not lead towards the target")
    elif times is not None and times > 1.0:
        parts.append(f"needs to be {times:.1f}× as fast")
    return f"{', '.join(parts)} and implies confidence {said.confidence}"


def _as_numbers(stated: int, said: Implied, times: float | None) -> dict[str, object]:
    return {
        "stated": stated,
        "implied": said.confidence,
        "gap": stated - said.confidence,
        "by": said.by,
        "forecast": None if said.forecast is None else float(f"{said.forecast:.6g}"),
        "times": None if times is None or math.isinf(times) else float(f"{times:.4g}"),
    }
