"""What a panel says, before any markup: one host-neutral value that each host renders and digests by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from connector.domain.model import DecisionKind, Movement, State


@dataclass(frozen=True, slots=True)
class KeyResultPanel:
    """One key result as a panel shows it. Numbers are raw; ``*_text`` are ready to print in the product's wording.

    Nothing here depends on the moment of writing: ages are printed as times, so that unchanged content stays unchanged.
    """

    id: str
    title: str
    url: str  # our page of the key result
    state: State
    state_word: str  # "At risk"
    reason: str  # "18 % done, 53 % expected"
    unit: str
    start: float | None
    target: float | None
    current: float | None
    progress: float | None  # shown progress 0-1
    expected: float | None  # 0-1, None when too early or unbounded
    sentence: str  # "from 41 % to 60 %, now 42 %"; "last known 4.1" when the data is late; "no reading yet" without data
    start_text: str  # "41 %"
    target_text: str  # "60 %"
    current_text: str  # "42 %", "no reading yet"
    movement: Movement | None
    movement_text: str  # "Moving, closer to target by 2 points since 11 Nov" / "Movement not known"
    confidence: int | None
    confidence_trail: tuple[int, ...]  # oldest first, at most five
    question: str  # "flat but confident, what makes this safe?" or ""
    blocker: str  # "" = none
    decision: DecisionKind
    owner: str
    source_text: str  # 'Alice, 17 Nov · value from Notion "Deals", 7 rows, as of 18 Nov 14:12'
    mend: str  # what an admin must do when the source is broken, "" otherwise


@dataclass(frozen=True, slots=True)
class ObjectivePanel:
    """The objective above the key results of a panel."""

    id: str
    title: str
    url: str
    progress: float | None
    coverage: str  # "2 of 3 reporting"
    state: State
    state_word: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything that one place in a host shows: an epic with the key results it feeds, or an objective's page.

    ``instance`` is this installation's stable id (part of Jira's globalId, must never change).
    """

    instance: str
    key_results: tuple[KeyResultPanel, ...]
    objective: ObjectivePanel | None = None
    cycle_end: date | None = None
    as_of: datetime | None = None
