"""The agenda of a review: which key results come first and why, how much time each gets, what may be said of it (S1).

Pure. Words for verdicts and actions; the score and the time box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from connector.domain.model import State
from connector.domain.raising import missed_text
from connector.domain.triage import SURE


class Verdict(StrEnum):
    """What a review says of a key result (R060)."""

    INTERVENE = "intervene"
    HOLD = "hold"
    ESCALATE = "escalate"
    STOP = "stop"


VERDICT_WORDS = {
    Verdict.INTERVENE: "Intervene",
    Verdict.HOLD: "Hold course",
    Verdict.ESCALATE: "Escalate",
    Verdict.STOP: "Stop",
}


class Action(StrEnum):
    """What kind of decision was made (R059), or which corrective action an intervention is (R066)."""

    REALLOCATE = "reallocate"
    REMOVE_BLOCKER = "remove_blocker"
    ADJUST_SCOPE = "adjust_scope"
    STAY = "stay"
    CHANGE_APPROACH = "change_approach"
    SEEK_HELP = "seek_help"


ACTION_WORDS = {
    Action.REALLOCATE: "Reallocate resources",
    Action.REMOVE_BLOCKER: "Remove blocker",
    Action.ADJUST_SCOPE: "Adjust scope",
    Action.STAY: "Stay the course with intent",
    Action.CHANGE_APPROACH: "Change approach",
    Action.SEEK_HELP: "Seek help",
}

VERDICT_HELP = {
    Verdict.INTERVENE: "something is changed now",
    Verdict.HOLD: "it goes on as planned",
    Verdict.ESCALATE: "somebody outside of this forum decides",
    Verdict.STOP: "work on it ends",
}
DECIDING = (Verdict.INTERVENE, Verdict.ESCALATE, Verdict.STOP)
"""Verdicts that are followed by a decision: without somebody who does something nothing was changed."""
SURE_ENOUGH = 6  # a confidence from which a forecast that misses is a contradiction
DROP = 2  # points of confidence lost at once that are talked about
FOLDED_BELOW = 3.0
LEAST_MINUTES, MOST_MINUTES = 2, 8
_TALKED_ABOUT = (State.AT_RISK, State.STALLED, State.OVERDUE)  # exceptions are never folded (R058, R056)


@dataclass(frozen=True, slots=True)
class Matter:
    """What the agenda asks of one key result, as the frozen pre-read has it.

    ``ask``: what is asked for, "" for nothing · ``share``: its part of the weight of all that the review looks at · ``progress`` None: not
    known, and then no gap is guessed · ``missed``: how many updates in a row did not come · ``calls``: how many leaders marked "call
    needed" · ``last_moment``: "24 Nov" when that is near.
    """

    id: str
    title: str
    state: State
    ask: str = ""
    blocker_late: bool = False
    flat: bool = False
    misses: bool = False
    confidence: int | None = None
    confidence_before: int | None = None
    update_missing: bool = False
    missed: int = 0
    decision_overdue: bool = False
    calls: int = 0
    last_moment: str = ""
    share: float = 0.0
    progress: float | None = None
    running: bool = True


@dataclass(frozen=True, slots=True)
class Scored:
    """A place on the agenda: what it weighs and why, whether it is folded, how many minutes it gets and whether the time reaches it."""

    matter: Matter
    score: float
    reasons: tuple[str, ...]
    folded: bool = False
    minutes: int = 0
    fits: bool = True


def score(matter: Matter) -> tuple[float, tuple[str, ...]]:
    """What a key result weighs on the agenda, and the parts of it in words (S1)."""
    sure, before = matter.confidence, matter.confidence_before
    parts: list[tuple[float, str]] = []
    if matter.ask:
        parts.append((5, f"asks for {matter.ask}"))
    if matter.state is State.STALLED:
        parts.append((4, "stalled"))
    if matter.blocker_late:
        parts.append((4, "blocker past its clock"))
    if matter.last_moment:
        parts.append((4, f"decide by {matter.last_moment}"))
    if matter.flat and sure is not None and sure >= SURE:
        parts.append((3, f"flat, confidence {sure}"))
    if matter.misses and sure is not None and sure >= SURE_ENOUGH:
        parts.append((3, f"forecast misses, confidence {sure}"))
    if matter.calls:
        parts.append((3, f"call needed, marked by {matter.calls}"))
    if sure is not None and before is not None and before - sure >= DROP:
        parts.append((2, f"confidence fell from {before} to {sure}"))
    if matter.update_missing:
        parts.append((2, missed_text(matter.missed) or "update missing"))
    if matter.decision_overdue:
        parts.append((2, "a decision is overdue"))
    gap = 0.0 if matter.progress is None else min(1.0, max(0.0, 1.0 - matter.progress))
    return sum(points for points, _ in parts) + max(0.0, matter.share) * gap * 5, tuple(words for _, words in parts)


def build(matters: Sequence[Matter], minutes: int) -> list[Scored]:
    """The agenda: asks first, then what misses its update (R056), then by score; the time is shared out.

    What weighs too little and is no exception is folded.
    Closed key results are not on it. Of equals the one named first stays first.
    """
    scored = [Scored(each, *score(each)) for each in matters if each.running]
    scored.sort(key=lambda each: (not each.matter.ask, not each.matter.update_missing, -each.score))
    talked = [each for each in scored if not _folds(each)]
    each_gets, reached = time_box(minutes, len(talked))
    found = [replace(each, minutes=each_gets, fits=place < reached) for place, each in enumerate(talked)]
    return [*found, *(replace(each, folded=True) for each in scored if _folds(each))]


def _folds(each: Scored) -> bool:
    matter = each.matter
    return each.score < FOLDED_BELOW - 1e-9 and not (matter.ask or matter.update_missing or matter.state in _TALKED_ABOUT)


def time_box(minutes: int, items: int) -> tuple[int, int]:
    """(minutes for each item, how many items the time reaches): the time by the items, at least 2 and at most 8 minutes."""
    if items <= 0:
        return 0, 0
    each = max(LEAST_MINUTES, min(MOST_MINUTES, minutes // items))
    return each, max(1, min(items, minutes // each))
