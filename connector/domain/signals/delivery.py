"""Delivered work against the result: finished without effect, reached early (S7), and a scope that grew (S16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from connector.domain.activity import WEEK, Night
from connector.domain.model import State
from connector.domain.scoring import BOUND_KINDS, TOLERANCE
from connector.domain.signals import Seen
from connector.domain.signals.known import Known
from connector.domain.wording import day_text, percent_text, plain_number

DELIVERED, LOW_PROGRESS = 0.9, 0.6
"""Share of the mapped work from which it counts as delivered, and the progress below which that had no effect yet."""
HALF = 0.5
GREW = 0.2
"""Growth of the scope since the start of the cycle that is worth a word."""
BASELINE = timedelta(weeks=2)
"""So long after the start of the cycle, or of the mapping, a first count is its baseline."""
SUGGESTED = ("change approach", "wait with a date", "stop")
_UNTOLD = frozenset({State.NO_DATA, State.DATA_LATE, State.CLOSED})


@dataclass(frozen=True, slots=True)
class Scope:
    """Mapped work: done of total, and what was added since ``since``. ``by``: "points" or "items"."""

    done: float
    total: float
    added: float
    by: str
    since: date
    split: bool = False  # more items, and not more points

    @property
    def text(self) -> str:
        """ "40 of 70 points (+18 added)", "(−3 taken out)"."""
        word = self.by[:-1] if self.total == 1 else self.by
        changed = (
            f" (+{plain_number(self.added, 1)} added)" if self.added > 0 else f" ({plain_number(self.added, 1)})" if self.added else ""
        )
        return f"{plain_number(self.done, 1)} of {plain_number(self.total, 1)} {word}{changed}"

    def plain(self) -> dict[str, Any]:
        """As it is kept for pages."""
        return {
            "done": self.done,
            "total": self.total,
            "added": self.added,
            "by": self.by,
            "since": self.since.isoformat(),
            "text": self.text,
        }


def _share(night: Night | None) -> float | None:
    return night.share if night else None


def delivered_without_effect(known: Known) -> Seen | None:
    """At least 90 % of the mapped work done for the whole effect lag, and progress below 60 %."""
    if known.raw is None or known.raw >= LOW_PROGRESS - TOLERANCE or known.state in _UNTOLD:
        return None
    weeks = [known.today - WEEK * back for back in range(max(known.lag, 0), -1, -1)]
    shares = [_share(known.counted.at(day)) for day in weeks]
    if any(share is None or share < DELIVERED - TOLERANCE for share in shares):
        return None
    scope = scope_of(known)
    since = weeks[0]
    done = f"{scope.text} done" if scope else f"{percent_text(shares[-1] or 0.0)} of the mapped work done"
    sentence = (
        f"{done}, {percent_text(DELIVERED)} or more since {day_text(since)} at the latest, and the key result is at "
        f"{percent_text(max(0.0, known.raw))}: change the approach, wait with a date, or stop?"
    )
    numbers = {
        "share": round(shares[-1] or 0.0, 4),
        "progress": round(known.raw, 4),
        "since": since.isoformat(),
        "suggestions": list(SUGGESTED),
    }
    return Seen("delivered_without_effect", known.id, sentence, numbers)


def reached_early(known: Known) -> Seen | None:
    """The target is reached while less than half of the mapped work is done: scope that can be released. A bound is kept, never reached."""
    if known.definition.kind in BOUND_KINDS:
        return None
    share = _share(known.counted.at(known.today))
    if not known.arrived or share is None or share >= HALF - TOLERANCE or known.output or known.state in _UNTOLD:
        return None
    scope = scope_of(known)
    if scope is None:
        return None
    left = f"{plain_number(scope.total - scope.done, 1)} {scope.by}"
    sentence = f"Target reached with {scope.text} done: stop or re-aim the remaining {left}?"
    return Seen("reached_early", known.id, sentence, {"share": round(share, 4), "left": scope.total - scope.done, "by": scope.by})


def scope_of(known: Known) -> Scope | None:
    """Done and total of last night, beside the first count of the cycle; None without a count of last night.

    Without rows that move the value by being there: a growing count is the value, not scope (S16 speaks of a share of delivery).
    """
    now = known.scope.at(known.today)
    if now is None or not now.items:
        return None
    begun = known.started_at.astimezone(known.zone).date()
    base = _baseline(known.scope.nights, begun)
    points = now.points is not None and now.points_done is not None and now.points > 0
    if base is None:
        day, before = known.today, now
    else:
        day, before = base
    if points and now.points is not None and now.points_done is not None:
        if before.points is None:
            day, before = known.today, now
        added = now.points - (before.points or 0.0)
        steady = bool(before.points) and abs(added) <= 0.02 * (before.points or 0.0)
        split = steady and now.items >= before.items * (1 + GREW) and now.items - before.items >= 3
        return Scope(_tidy(now.points_done), _tidy(now.points), _tidy(added), "points", day, split)
    return Scope(float(now.done), float(now.items), float(now.items - before.items), "items", day)


def _tidy(number: float) -> float:
    return float(f"{number:.6g}")


def _baseline(nights: Mapping[date, Night], begun: date) -> tuple[date, Night] | None:
    day = min((each for each in nights if each >= begun), default=None)
    return None if day is None else (day, nights[day])


def scope_grew(known: Known) -> Seen | None:
    """The mapped work grew by a fifth and more since the start of the cycle, or its items did while its points did not."""
    scope = scope_of(known)
    if scope is None or known.state is State.CLOSED:
        return None
    numbers = {name: value for name, value in scope.plain().items() if name != "text"}
    if scope.split:
        text = f"{scope.text}; there are more items since {day_text(scope.since)} and as many points as before: was work split?"
        return Seen("scope_grew", known.id, text, numbers | {"split": True})
    before = scope.total - scope.added
    if scope.added <= 0 or before <= 0 or scope.added < GREW * before - TOLERANCE or scope.added < 2:
        return None
    return Seen("scope_grew", known.id, f"{scope.text} since {day_text(scope.since)}: does what was added serve the key result?", numbers)
