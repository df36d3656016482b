"""What a panel says, before any markup: one host-neutral value that each host renders and digests by itself.

Builders take plain values and the outcome of triage; they must not read a clock, and print times instead of ages, so that the digest
changes only when the content does.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from enum import Enum
from typing import Any

from connector.domain import wording
from connector.domain.model import DecisionKind, Definition, Movement, State
from connector.domain.quality import OUTPUT
from connector.domain.rhythm import Expected
from connector.domain.rollup import Rollup, coverage_text
from connector.domain.scoring import shown_progress
from connector.domain.triage import FLAG_FLAT_BUT_CONFIDENT, FLAG_NO_OWNER_COMMENT, Triage
from connector.domain.wording import SourceFacts


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
    label: str = ""  # "output" when it says how much is done instead of what changes
    said: str = ""  # what came of its last ask, decisions past their day, the last thanks; "" for none
    blocker_note: str = ""  # "seen in HARB-151, Blocked, last touched 12 Nov" without one; "blocked since 12 Nov" beside one


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
class Face:
    """How a place shows its panel, where its host offers a choice; no part of what the panel says, nor of its digest.

    ``columns``: the row's own columns are written with it · ``blocks``: something may be put into the page · ``table``: a table of the
    objective's key results beneath · ``embed``: the address of our live page to show beneath, "" for none.
    """

    columns: bool = True
    blocks: bool = True
    table: bool = False
    embed: str = ""


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
    progress: float | None = None  # of all its key results together, weighted like an objective's; shown progress 0-1
    state: State = State.NO_DATA  # the weakest of theirs
    face: Face = Face()


FLAT_BUT_CONFIDENT = "flat but confident, what makes this safe?"

_CANNOT_TELL = frozenset({State.OVERDUE, State.NO_DATA, State.DATA_LATE})  # a movement would be painted on a number nobody vouches for
_TRAIL = 5


def key_result_panel(
    *,
    id: str,
    title: str,
    url: str,
    definition: Definition,
    current: float | None,
    raw: float | None,
    expected: Expected,
    triage: Triage,
    zone: tzinfo,
    movement: Movement | None = None,
    previous: float | None = None,
    movement_since: datetime | None = None,
    confidence_trail: Sequence[int] = (),
    blocker: str = "",
    decision: DecisionKind = DecisionKind.NONE,
    owner: str = "",
    source: SourceFacts | None = None,
    mend: str = "",
    blocker_note: str = "",
    asked: str = "",
    said: str = "",
) -> KeyResultPanel:
    """What a panel says about one key result.

    ``previous`` is the value of the check-in at ``movement_since``; ``confidence_trail`` is oldest first, the last five are shown.
    ``asked``: what a signal asks, in place of the question to a flat value. Movement is "not known"
    while the value is overdue, missing or late.
    """
    known = movement if triage.state not in _CANNOT_TELL else None
    facts = source or SourceFacts(owner_name=owner)
    if FLAG_NO_OWNER_COMMENT in triage.flags:
        facts = replace(facts, unconfirmed=True)
    return KeyResultPanel(
        id=id,
        title=title,
        url=url,
        state=triage.state,
        state_word=wording.STATE_WORDS[triage.state],
        reason=triage.reason,
        unit=definition.unit,
        start=definition.start,
        target=definition.target,
        current=current,
        progress=shown_progress(raw),
        expected=None if expected.too_early else expected.value,
        sentence=wording.sentence(definition, current, late=triage.state is State.DATA_LATE),
        start_text=wording.start_text(definition),
        target_text=wording.target_text(definition),
        current_text=wording.current_text(definition, current),
        movement=known,
        movement_text=wording.movement_text(definition, known, previous, current, movement_since, zone),
        confidence=confidence_trail[-1] if confidence_trail else None,
        confidence_trail=tuple(confidence_trail[-_TRAIL:]),
        question=asked or (FLAT_BUT_CONFIDENT if known is Movement.FLAT and FLAG_FLAT_BUT_CONFIDENT in triage.flags else ""),
        blocker=blocker,
        decision=decision,
        owner=owner,
        source_text=wording.source_text(facts, zone),
        mend=mend,
        label=OUTPUT if OUTPUT in triage.flags else "",
        blocker_note=blocker_note,
        said=said,
    )


def objective_panel(*, id: str, title: str, url: str, rollup: Rollup, state: State) -> ObjectivePanel:
    """What a panel says about the objective; ``state`` is that of ``rollup.weakest_state``."""
    return ObjectivePanel(id, title, url, shown_progress(rollup.progress), coverage_text(rollup), state, wording.STATE_WORDS[state])


def canonical(panel: Panel | KeyResultPanel | ObjectivePanel) -> dict[str, Any]:
    """The panel as JSON-ready values: moments in UTC, enums by value, equal numbers written equally (42 and 42.0 are 42).

    Numbers keep twelve digits, so that floating dust is no change. Raises ``ValueError`` for a number that is not finite.
    """
    result: dict[str, Any] = _plain(panel)
    result.pop("face", None)
    return result


def digest(panel: Panel | KeyResultPanel | ObjectivePanel) -> str:
    """SHA-256 (hex) over the canonical JSON: equal content, equal digest."""
    text = json.dumps(canonical(panel), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a panel holds a number that is not finite")
        number = float(f"{value:.12g}")
        return int(number) if number.is_integer() else number
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value]
    return value
