"""All rules over one key result: which signals hold, and the numbers that pages show beside the value."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from connector.domain.scoring import raw_progress
from connector.domain.signals import Seen
from connector.domain.signals.clocks import source_stale, update_stale
from connector.domain.signals.confidence import confidence_gap, flat_but_confident, gloomy, implied
from connector.domain.signals.delivery import delivered_without_effect, reached_early, scope_grew, scope_of
from connector.domain.signals.edits import late_target_edit
from connector.domain.signals.effort import effort, effort_seen, stands_still
from connector.domain.signals.known import Known
from connector.domain.signals.moment import in_time, last_moment, last_moment_of

RULES: tuple[Callable[[Known], Seen | None], ...] = (
    update_stale,
    source_stale,
    effort_seen,
    delivered_without_effect,
    reached_early,
    confidence_gap,
    gloomy,
    flat_but_confident,
    last_moment,
    scope_grew,
    late_target_edit,
)
RULES_KINDS = (
    "update_stale",
    "source_stale",
    "busy_not_moving",
    "idle",
    "moving_without_work",
    "delivered_without_effect",
    "reached_early",
    "confidence_gap",
    "gloomy",
    "flat_but_confident",
    "last_moment",
    "scope_grew",
    "late_target_edit",
)
"""The kinds that ``find`` can give."""
QUESTIONS = (
    "value_held",
    "last_moment",
    "confidence_gap",
    "busy_not_moving",
    "delivered_without_effect",
    "reached_early",
    "moving_without_work",
)
"""Kinds of which a panel in a host shows one, the first of these that stands: questions to everybody who reads the key result."""


def find(known: Known) -> list[Seen]:
    """The signals that hold. A gap above asks the same as "flat but confident", more precisely: one question is enough."""
    found = [seen for rule in RULES if (seen := rule(known)) is not None]
    kinds = {seen.kind for seen in found}
    if "confidence_gap" in kinds:
        found = [seen for seen in found if seen.kind != "flat_but_confident"]
    return found


def insight(known: Known) -> dict[str, Any]:
    """The numbers for pages; those that are not known are left out."""
    ahead = known.outlook()
    said = implied(known)
    moment = last_moment_of(known)
    work = effort(known)
    scope = scope_of(known)
    times = known.times(ahead)
    stated = next((each.confidence for each in reversed(known.check_ins) if each.confidence is not None), None)
    numbers: dict[str, Any] = {
        "forecast": None if ahead is None else _short(ahead.value),
        "forecast_progress": None if ahead is None else _short(raw_progress(known.definition, ahead.value)),
        "ratio": None if times is None or math.isinf(times) else _short(times),
        "implied": None if said is None else said.confidence,
        "implied_by": None if said is None else said.by,
        "gap": None if said is None or stated is None else stated - said.confidence,
        "decide_by": moment.decide_by.isoformat() if moment is not None and in_time(moment, known) else None,
        "recovery": None if moment is None else not moment.passed,
        "best": _short(known.best),
        "best_of": known.best_of or None,
        "lag": known.lag,
        "lag_by": known.lag_by,
        "effort": None if work is None else work.quadrant,
        "still": stands_still(known) or None,
        "scope": None if scope is None else scope.plain(),
    }
    return {name: value for name, value in numbers.items() if value is not None}


def _short(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(f"{number:.6g}")


def question_of(standing: Mapping[str, str], passed: Collection[str] = ()) -> str:
    """The one sentence that a panel in a host may show, from kind → sentence of the signals that stand; "" for none.

    ``passed``: kinds whose time to decide is over; anything that can still be answered is asked before them.
    """
    asked = sorted((kind for kind in QUESTIONS if kind in standing), key=lambda kind: kind in passed)
    return standing[asked[0]] if asked else ""
