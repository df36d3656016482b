"""What the check-in form says and asks back while somebody fills it in: anchors, prompts, questions. Words only, no markup.

A question never blocks a save and never says that something is wrong with a person: low confidence is a message, not a mistake (R042).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from zlib import crc32

from connector.domain.checkin import CheckInDraft, asks_about_number, bands, no_signal
from connector.domain.model import DecisionKind, Definition, Kind, Movement
from connector.domain.scoring import TOLERANCE, raw_progress
from connector.domain.triage import SURE

Question = Literal["intervene", "flat_but_confident", "number", "no_signal"]

ANCHORS: tuple[tuple[str, str], ...] = (("1–4", "needs a change"), ("5–6", "open"), ("7–10", "on the way"))
DECISION_WORDS: dict[str, str] = {
    DecisionKind.BUDGET.value: "Budget",
    DecisionKind.APPROVAL.value: "Faster approval",
    DecisionKind.SCOPE.value: "Less scope",
    DecisionKind.HEADCOUNT.value: "Headcount",
    DecisionKind.OTHER.value: "Other",
    DecisionKind.NONE.value: "None",
}
MISSING_WORDS = {"value": "the current value", "confidence": "the confidence", "blocker": "the blocker", "decision": "the decision needed"}
PROMPTS = (  # never mandatory (R044)
    "Progress this week: what moved the number?",
    "Challenges met: what slowed it down?",
    "Next step: what will move it before the next check-in?",
    "What would help?",
)
_QUESTIONS: dict[Question, str] = {
    "intervene": "Confidence 1 to 4 asks for help: the blocker and the decision needed say which. It heads the next review.",
    "flat_but_confident": "Flat but confident: what makes this safe? A line in the comment is enough.",
    "number": "The comment tells what was done. What did the number do?",
    "no_signal": "Same number, same confidence, no blocker, no decision: this is kept and marked “no signal”.",
}
_COMMA = re.compile(r"[+\-\u2212]?\d+,(\d{1,2}|\d{4,})")
_GAPS = re.compile("[\\s\u00a0\u2009\u202f]")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the form: which one, and its words."""

    kind: Question
    text: str


def questions(
    definition: Definition,
    draft: CheckInDraft,
    movement: Movement | None,
    *,
    previous_confidence: int | None = None,
    dismissed: bool = False,
) -> tuple[Asked, ...]:
    """What the form asks back of these entries; ``dismissed``: the question about the number was waved away."""
    raw = raw_progress(definition, draft.value)
    travels = definition.kind in (Kind.METRIC, Kind.MILESTONES) and raw is not None and raw < 1.0 - TOLERANCE
    kinds: list[Question] = []
    if draft.confidence is not None and bands(draft.confidence) == "intervene":
        kinds.append("intervene")
    if movement is Movement.FLAT and travels and draft.confidence is not None and draft.confidence >= SURE:
        kinds.append("flat_but_confident")
    if asks_about_number(draft.comment, movement) and not dismissed:
        kinds.append("number")
    if draft.complete() and no_signal(previous_confidence, draft, movement):
        kinds.append("no_signal")
    return tuple(Asked(kind, _QUESTIONS[kind]) for kind in kinds)


def prompt_for(key_result_id: str, day: date) -> str:
    """The prompt of this week: each key result goes through all of them, and not all key results ask the same thing."""
    weeks = (day.toordinal() - 1) // 7  # from Monday to Monday, since the year 1: a new year starts no new round
    return PROMPTS[(weeks + crc32(key_result_id.encode())) % len(PROMPTS)]


def missing_text(missing: Sequence[str]) -> str:
    """ "the confidence and the decision needed"."""
    words = [MISSING_WORDS[name] for name in missing]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def typed_number(text: str, unit: str = "") -> str:
    """A number as people type it → as ``parse_check_in`` reads it: "64 %" → "64", "4,1" → "4.1", "1 200" → "1200".

    "1,200" stays as it is and is refused there: it may mean either.
    """
    plain = _GAPS.sub("", text.strip())
    mark = _GAPS.sub("", unit)
    if mark and plain.lower().endswith(mark.lower()):
        plain = plain[: -len(mark)]
    if _COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    return plain.replace("\u2212", "-")
