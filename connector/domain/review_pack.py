"""What a review pack says, as values: pages for key results, decisions, the three answers, the lines that are drawn. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from connector.domain.buckets import WORDS, Bucket, bucket_of
from connector.domain.model import Definition, State
from connector.domain.pre_read import MISSING, Answers
from connector.domain.scoring import BOUND_KINDS, raw_progress

QUIET = (State.ON_TRACK, State.CLOSED)
NOT_IN_TIME = (*MISSING, "late")  # words of ``insight.discipline.Update``


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for: "Budget", the words to it, and since when, as people read it."""

    word: str
    text: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A blocker. ``days`` None: nobody can tell."""

    text: str
    since: str = ""
    days: int | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Trend:
    """The way of a value over its cycle: (share of the cycle 0-1, share of the way) and what is said of it where nobody sees it."""

    points: tuple[tuple[float, float], ...]
    now: float  # where in the cycle today is
    bound: bool = False  # a bound has no way to travel: the line is the number itself, between its extremes


@dataclass(frozen=True, slots=True)
class Page:
    """One key result."""

    id: str
    title: str
    objective: str
    owner: str
    state: State
    state_word: str
    why: str
    start: str
    target: str
    current: str
    sentence: str
    movement: str
    confidence: int | None
    trail: tuple[int, ...]
    ask: Ask | None = None
    blocker: Stuck | None = None
    update: str = ""  # how the last update came, a word of ``Update``
    update_text: str = ""
    signals: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    source: str = ""

    @property
    def exception(self) -> bool:
        """Whether it gets a page of its own."""
        return self.state not in QUIET


@dataclass(frozen=True, slots=True)
class Due:
    """A decision that is asked for or under way."""

    kind: str
    title: str
    key_result: str
    owner: str
    when: str
    state: str
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything. ``key``: the id of the frozen pre-read, "" for a live pack; ``trends``: by key result."""

    title: str
    moment: str
    answers: Answers
    pages: tuple[Page, ...]
    decisions: tuple[Due, ...]
    key: str = ""
    sources: tuple[tuple[str, str], ...] = ()
    trends: dict[str, Trend] = field(default_factory=dict)

    @property
    def exceptions(self) -> list[Page]:
        """What gets a page, worst first."""
        return [each for each in self.pages if each.exception]

    @property
    def counts(self) -> list[tuple[str, int]]:
        """Key results by list."""
        return [(WORDS[each], sum(bucket_of(page.state) is each for page in self.pages)) for each in Bucket]

    @property
    def counted(self) -> str:
        """ "12 key results, 8 on track, 4 to look at"."""
        fine = sum(each.state is State.ON_TRACK for each in self.pages)
        count = len(self.pages)
        return f"{count} key result{'' if count == 1 else 's'}, {fine} on track, {len(self.exceptions)} to look at"

    @property
    def asking(self) -> list[Page]:
        """Those that ask for something."""
        return [each for each in self.pages if each.ask is not None and each.state is not State.CLOSED]

    @property
    def blocked(self) -> list[Page]:
        """Those that are held up, longest first; of unknown age last."""
        found = [each for each in self.pages if each.blocker is not None]
        return sorted(found, key=lambda each: -(each.blocker.days if each.blocker and each.blocker.days is not None else -1))

    @property
    def late(self) -> list[Page]:
        """Those whose update is missing, unfinished or came late."""
        return [each for each in self.pages if each.update in NOT_IN_TIME]


def trend_of(definition: Definition, start: date, end: date, values: Sequence[tuple[date, float]], today: date) -> Trend | None:
    """The line to draw; None with fewer than two values in the cycle."""
    days = max(1, (end - start).days)
    inside = [(day, value) for day, value in values if start <= day <= end]
    bound = definition.kind in BOUND_KINDS
    if bound:
        low, high = min((value for _, value in inside), default=0.0), max((value for _, value in inside), default=0.0)
        ways = [(day, (value - low) / (high - low) if high > low else 0.5) for day, value in inside]
    else:
        ways = [(day, raw) for day, value in inside if (raw := raw_progress(definition, value)) is not None]
    if len(ways) < 2:
        return None
    points = tuple(((day - start).days / days, min(1.2, max(-0.2, way))) for day, way in ways)
    return Trend(points, min(1.0, max(0.0, (today - start).days / days)), bound)
