"""Where mappings and key results have drifted from the work (S14), and which key results were weakly built (R019).

Numbers in, sentences out. Must not fetch, count or store; what is not known gives no finding.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from itertools import pairwise

from connector.domain.model import Cycle, Definition, Kind, Movement, Point
from connector.domain.rhythm import expected
from connector.domain.scoring import BOUND_KINDS, TOLERANCE, movement, raw_progress
from connector.domain.wording import day_text, days_text, percent_text, plain_number

LOW_PROGRESS = 0.60
"""Progress below which a key result without open mapped work is asked about."""
JUMP = 2
"""More than so many times the items of last week is a jump."""
SILENCE = timedelta(weeks=3)
"""So long without a value is "no valid data"."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One finding: ``kind`` (stable, for filters), what is (``sentence``), what to do (``to_do``)."""

    kind: str
    sentence: str
    to_do: str


@dataclass(frozen=True, slots=True)
class UnalignedEffort:
    """``share`` 0-1 of the done work that no key result asked for, ``by`` "points" or "epics"."""

    share: float
    by: str
    sentence: str


# --- mappings ------------------------------------------------------------------------------------------------------------------


def unaligned_effort(done_epics: Iterable[tuple[float | None, bool]]) -> UnalignedEffort | None:
    """Share of done work without a mapping, from (points or None, mapped) of each done epic; None when no epic is done.

    By points; by the number of epics when one has no points, since points of a part of the work would be a guess.
    """
    epics = list(done_epics)
    if not epics:
        return None
    points = [amount for amount, _ in epics if amount is not None and math.isfinite(amount) and amount >= 0]
    without = len(epics) - len(points)
    total = math.fsum(points)
    if without or total <= 0:
        loose = sum(not mapped for _, mapped in epics)
        share = loose / len(epics)
        why = f"; by epics, since {without} of {len(epics)} have no points" if without else "; by epics, since their points are 0"
        return UnalignedEffort(share, "epics", f"{percent_text(share)} of done work is unaligned: {loose} of {_epics(len(epics))}{why}")
    loose_points = math.fsum(amount for amount, mapped in epics if amount is not None and not mapped)
    share = min(1.0, loose_points / total)
    counted = f"{plain_number(loose_points, 1)} of {plain_number(total, 1)} points in {_epics(len(epics))}"
    return UnalignedEffort(share, "points", f"{percent_text(share)} of done work is unaligned: {counted}")


def _epics(count: int) -> str:
    return "1 done epic" if count == 1 else f"{count} done epics"


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def nobody_works_on(progress: float | None, open_items: int | None) -> Drift | None:
    """A finding for progress (0-1) below 60 % without open mapped work; None also when either is not known."""
    if progress is None or open_items is None or open_items > 0 or progress >= LOW_PROGRESS - TOLERANCE:
        return None
    return Drift(
        "no open work",
        f"{percent_text(max(0.0, progress))} done, and no open item is mapped: nobody is working on this",
        "map the work that moves it, or ask in the review whether it still matters",
    )


def scope_jump(now: int | None, week_ago: int | None) -> Drift | None:
    """A finding when a query or filter matches nothing, or more than twice the items of last week.

    None also when ``now`` is not known; without last week's number only an empty result is a finding. Growth from 0 is a beginning.
    """
    if now is None:
        return None
    if now == 0:
        before = f", {_items(week_ago)} a week ago" if week_ago else ""
        return Drift("matches nothing", f"the selection matches 0 items now{before}", "check the query or filter, and the account's rights")
    if week_ago and now > JUMP * week_ago:
        times = plain_number(now / week_ago, 1, (float(JUMP),))
        return Drift(
            "scope jump",
            f"the selection matches {_items(now)} now, {times}× the {_items(week_ago)} of a week ago",
            "check whether the new items belong to the key result",
        )
    return None


def property_renamed(name: str, new_name: str = "") -> Drift:
    """The property that a mapping names is called otherwise now; ``new_name`` "" when it is not there at all."""
    if new_name:
        return Drift("property renamed", f"the property “{name}” is called “{new_name}” now", f"choose “{new_name}” in the mapping")
    return Drift("property gone", f"the database has no property “{name}” any more", "choose another property in the mapping")


def option_renamed(name: str, option: str, new_name: str) -> Drift:
    """An option that a mapping names is called otherwise now; the mapping goes on, because it knows the option itself."""
    sentence = f"the option “{option}” of “{name}” is called “{new_name}” now"
    return Drift("property renamed", sentence, f"choose “{new_name}” in the mapping")


def database_gone(name: str) -> Drift:
    """The database was deleted, or is not shared with the connector any more; a host does not tell which."""
    return Drift(
        "database gone",
        f"the database “{name}” was deleted or is not shared any more; its last value is kept",
        "share it again with the connection, or switch the mapping off",
    )


# --- weakly built key results --------------------------------------------------------------------------------------------------


def weak_points(
    definition: Definition,
    cycle: Cycle,
    points: Sequence[Point],
    target_edits: int,
    today: date,
    zone: tzinfo,
    holidays: Collection[date] = frozenset(),
) -> tuple[Drift, ...]:
    """The rules of R019 that a key result breaks up to ``today``: never moved, no data, target edited, reached early.

    ``points`` are all its values (days are told in ``zone``); those outside of the cycle are left out. A bound that is kept neither
    moves nor arrives, so the first and last rule do not ask about it.
    """
    last = min(today, cycle.end)
    dated = sorted((point.at.astimezone(zone).date(), point.value) for point in points if math.isfinite(point.value))
    inside = [(day, value) for day, value in dated if cycle.start <= day <= last]
    found = (
        _never_moved(definition, [value for _, value in inside]),
        _silent(cycle.start, last, [day for day, _ in inside]),
        _edited(target_edits),
        _early(definition, cycle, inside, holidays),
    )
    return tuple(weakness for weakness in found if weakness is not None)


def _never_moved(definition: Definition, values: Sequence[float]) -> Drift | None:
    if definition.kind in BOUND_KINDS or len(values) < 2:
        return None
    no_start = definition.kind is not Kind.METRIC or definition.start is None
    first = 0.0 if no_start else definition.start  # yes/no and milestones begin at nothing done
    moves = [movement(definition, first, value) for value in values]
    if any(move is not Movement.FLAT for move in moves):
        return None
    return Drift("never moved", f"the same value in {len(values)} readings of the cycle", "choose a number that answers to the work")


def _silent(start: date, last: date, days: Sequence[date]) -> Drift | None:
    """The longest time without a value; the start of the cycle and ``last`` end a silence like a value does."""
    if last < start:
        return None
    length, since = max((after - before, before) for before, after in pairwise([start, *days, last]))
    if length < SILENCE:
        return None
    begin = "the start of the cycle" if since == start and start not in days else day_text(since)
    return Drift("no valid data", f"no value for {days_text(length.days)} from {begin}", "choose a source that can be read every week")


def _edited(count: int) -> Drift | None:
    if count < 2:
        return None
    return Drift("target edited", f"the target was edited {count} times", "set the baseline before the target")


def _early(definition: Definition, cycle: Cycle, values: Sequence[tuple[date, float]], holidays: Collection[date]) -> Drift | None:
    if definition.kind in BOUND_KINDS:
        return None
    for day, value in values:
        share = expected(cycle, day, holidays=holidays).value or 0.0
        if share > 1 / 3 + TOLERANCE:
            return None
        raw = raw_progress(definition, value)
        if raw is not None and raw >= 1.0 - TOLERANCE:
            sentence = f"100 % reached on {day_text(day)}, with {percent_text(share)} of the cycle over"
            return Drift("reached early", sentence, "set a target that stretches next time")
    return None
