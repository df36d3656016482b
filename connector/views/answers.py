"""The three questions, answered over some key results, and the words for where a cycle is. No HTTP, no markup, no statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Protocol

from connector.domain import buckets, wording
from connector.domain.model import Cycle, State
from connector.views.query import CANNOT_TELL


@dataclass(frozen=True, slots=True)
class Answers:
    """The three questions, answered over some key results: a bold part and the rest of each sentence."""

    moving: tuple[str, str]
    off_track: tuple[str, str]
    decisions: tuple[str, str]


class Answerable(Protocol):
    """What the three questions need of a key result."""

    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> State: ...  # noqa: D102
    @property
    def moves(self) -> str: ...  # noqa: D102
    @property
    def progress(self) -> float | None: ...  # noqa: D102
    @property
    def expected(self) -> float | None: ...  # noqa: D102
    @property
    def ask(self) -> str: ...  # noqa: D102
    @property
    def ask_since(self) -> datetime | None: ...  # noqa: D102


def answer(key_results: Sequence[Answerable], now: datetime, zone: tzinfo) -> Answers:
    """Are we moving, where are we off track, what decision is needed now."""
    counts = {word: sum(each.moves == word for each in key_results) for word in buckets.MOVES}
    rest = " · ".join(f"{count} {word}" for word, count in counts.items() if word != "moving" and count)
    states = {state: sum(each.state is state for each in key_results) for state in State}
    off = [f"{states[state]} {wording.STATE_WORDS[state].lower()}" for state in (State.AT_RISK, State.STALLED) if states[state]]
    dark = sum(states[state] for state in CANNOT_TELL)
    behind = [each for each in key_results if each.state in (State.AT_RISK, State.STALLED) and each.progress is not None and each.expected]
    furthest = min(behind, key=lambda each: (each.progress or 0.0) / (each.expected or 1.0), default=None)
    where = [f"{dark} cannot be told"] if dark else []
    where += [f"furthest behind: {furthest.title}"] if furthest else []
    asks = sorted((each for each in key_results if each.ask), key=lambda each: each.ask_since or now)
    oldest = f"the oldest: {asks[0].ask.removeprefix('Asks for ')}, {asks[0].title}" if asks else ""
    if asks and asks[0].ask_since:
        oldest += f", {wording.lasting_text(asks[0].ask_since, now, zone)}"
    return Answers(
        (f"{counts['moving']} of {len(key_results)} moving", rest),
        (", ".join(off) or "Nothing off track", " · ".join(where)),
        (f"{len(asks)} {'ask waits' if len(asks) == 1 else 'asks wait'}" if asks else "None asked", oldest),
    )


def week_text(cycle: Cycle, today: date) -> str:
    """ "Cycle 2026-Q4 · week 9 of 13"."""
    weeks = -(-((cycle.end - cycle.start).days + 1) // 7)
    week = min(weeks, max(1, (today - cycle.start).days // 7 + 1))
    return f"Cycle {cycle.name} · week {week} of {weeks}"
