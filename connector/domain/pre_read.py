"""The pre-read of a review: what is frozen at its lock, and the words that every channel prints of it. Pure.

A snapshot holds what was so at the moment of freezing, texts included, so that it reads the same for ever. It holds restricted key
results too: who shows it cuts it down to what the reader may know of (``seen``), and everything that is counted is counted after that.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from connector.domain.buckets import MOVES, Bucket
from connector.domain.model import State

VERSION = 1
LONGEST_SLUG = 24
ON_THE_MOMENT = timedelta(minutes=5)  # a freeze so soon after the lock needs no words
MISSING = ("missing", "draft")  # words of ``insight.discipline.Update``


@dataclass(frozen=True, slots=True)
class Blocked:
    """A blocker. ``since`` None: nobody can tell; ``days``: how long it had stood there."""

    text: str
    since: datetime | None = None
    since_text: str = ""  # "since 9 Nov"
    days: int | None = None
    key: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an owner asks for."""

    kind: str  # "budget"
    word: str  # "Budget"
    text: str = ""
    since: datetime | None = None
    since_text: str = ""
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Updated:
    """How the update came: a word of ``insight.discipline.Update``, "" for a closed key result. ``text``: "last check-in 9 Nov"."""

    standing: str = ""
    text: str = ""
    last: datetime | None = None
    due: datetime | None = None
    missed: int = 0  # how many in a row, as far as it was told


@dataclass(frozen=True, slots=True)
class Noticed:
    """A signal that stood."""

    kind: str
    sentence: str


def _said(sentence: str) -> str:
    return sentence.strip().rstrip(".?").casefold()


@dataclass(frozen=True, slots=True)
class Entry:
    """One key result as it was. ``public``: rooms and hosts may show it, where nobody can tell who reads."""

    id: str
    title: str
    objective: str
    objective_title: str
    state: State
    state_word: str
    bucket: Bucket
    moves: str
    owner: str = ""
    team: str = ""
    team_id: int | None = None
    cycle_id: int | None = None
    cycle: str = ""
    public: bool = False
    early: bool = False
    reasons: tuple[str, ...] = ()
    start_text: str = ""
    target_text: str = ""
    current_text: str = ""
    sentence: str = ""
    movement_text: str = ""
    progress: float | None = None
    expected: float | None = None
    share: float = 1.0  # of its objective's weight
    confidence: int | None = None
    trail: tuple[int, ...] = ()
    question: str = ""
    source_text: str = ""
    blocker: Blocked | None = None
    ask: Asked | None = None
    update: Updated = field(default_factory=Updated)
    signals: tuple[Noticed, ...] = ()
    ahead: float | None = None  # where the number ends at its recent rate, as a share of the way
    decide_by: str = ""  # the last responsible moment, an ISO day

    @property
    def further(self) -> tuple[Noticed, ...]:
        """The signals that say something else than its question."""
        return tuple(each for each in self.signals if _said(each.sentence) != _said(self.question))

    @property
    def gap(self) -> float | None:
        """How far behind the plan, as a share of the whole way; None where either is not known."""
        return None if self.progress is None or self.expected is None else self.expected - self.progress


@dataclass(frozen=True, slots=True)
class Source:
    """A connection that feeds values. ``state``: "read" · "late" · "parked" · "broken" · "unread"; ``feeds``: key results."""

    name: str
    state: str
    text: str
    feeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Undecided:
    """A decision that was asked for or under way. ``when``: "due 20 Nov" or "asked since 9 Nov"."""

    id: int
    key_result: str
    key_result_title: str
    title: str
    kind: str
    state: str
    owner: str = ""
    when: str = ""
    due: date | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """The three questions in their order, each as a bold part and the rest."""

    moving: tuple[str, str] = ("", "")
    off_track: tuple[str, str] = ("", "")
    decisions: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A pre-read. ``key``: its id in every channel, "" while it is not frozen. ``entries``: exceptions first."""

    forum: str
    review_id: int
    day: date
    lock_text: str  # "18 Nov 16:00"
    starts_text: str  # "Thu 19 Nov 10:00"
    frozen_text: str  # "18 Nov 16:00"
    frozen_at: datetime
    lock_at: datetime
    key: str = ""
    version: int = VERSION
    answers: Answers = field(default_factory=Answers)
    counts: Mapping[str, int] = field(default_factory=dict)  # by bucket
    entries: tuple[Entry, ...] = ()
    sources: tuple[Source, ...] = ()
    decisions: tuple[Undecided, ...] = ()

    @property
    def overdue(self) -> int:
        """How many open decisions were past their day."""
        return sum(each.overdue for each in self.decisions)

    @property
    def nothing(self) -> str:
        """Why there is nothing to review; "" when there is something."""
        if not self.entries:
            return "Nothing to review: no key result belongs to this forum now."
        if all(each.bucket is Bucket.CLOSED for each in self.entries):
            return "Nothing to review: every key result of this forum is closed."
        return ""


@cache
def _adapter() -> TypeAdapter[Snapshot]:
    return TypeAdapter(Snapshot)


def plain(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as it is stored."""
    found: dict[str, Any] = _adapter().dump_python(snapshot, mode="json")
    return found


def read(content: Mapping[str, Any]) -> Snapshot:
    """What ``plain`` made; what an older release did not keep has its default."""
    return _adapter().validate_python(dict(content))


def digest_of(content: Mapping[str, Any]) -> str:
    """What tells that a stored snapshot is the one that was frozen."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def forum_slug(forum: str) -> str:
    """A forum's name as part of an id or of a file's name: "product"."""
    ascii_text = unicodedata.normalize("NFKD", forum).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:LONGEST_SLUG].strip("-") or "forum"


def make_key(forum: str, day: date, seed: str, length: int = 4) -> str:
    """The id that all channels print: "PR-2026-11-18-product-7f3a". ``day``: the lock's; ``seed``: what only this review has."""
    return f"PR-{day.isoformat()}-{forum_slug(forum)}-{hashlib.sha256(seed.encode()).hexdigest()[:length]}"


# --- for one reader ----------------------------------------------------------------------------------------------------------


def seen(snapshot: Snapshot, known: Collection[str], answers: Answers | None = None) -> Snapshot:
    """The snapshot for somebody who may know of these key results alone, counts and sources too. ``answers``: theirs, when they differ."""
    entries = tuple(each for each in snapshot.entries if each.id in known)
    kept = {each.id for each in entries}
    return replace(
        snapshot,
        entries=entries,
        counts=counted(entries),
        answers=answers or snapshot.answers,
        sources=tuple(
            replace(each, feeds=tuple(name for name in each.feeds if name in kept))
            for each in snapshot.sources
            if any(name in kept for name in each.feeds)
        ),
        decisions=tuple(each for each in snapshot.decisions if each.key_result in kept),
    )


def counted(entries: Sequence[Entry]) -> dict[str, int]:
    """How many are in each list."""
    counts = Counter(each.bucket for each in entries)
    return {bucket.value: counts[bucket] for bucket in Bucket}


# --- lists -------------------------------------------------------------------------------------------------------------------


def asking(snapshot: Snapshot) -> list[Entry]:
    """Those that ask for something, the oldest ask first; of unknown age last."""
    found = [each for each in snapshot.entries if each.ask is not None]
    return sorted(found, key=lambda each: (_moment(each.ask.since if each.ask else None), each.id))


def blocked(snapshot: Snapshot) -> list[Entry]:
    """Those with a blocker, the oldest first."""
    found = [each for each in snapshot.entries if each.blocker is not None]
    return sorted(found, key=lambda each: (_moment(each.blocker.since if each.blocker else None), each.id))


def off_track(snapshot: Snapshot) -> list[Entry]:
    """At risk and stalled, in the order of the entries."""
    return [each for each in snapshot.entries if each.bucket in (Bucket.AT_RISK, Bucket.STALLED)]


def missing(snapshot: Snapshot) -> list[Entry]:
    """Those whose update is due and has not come, longest first."""
    found = [each for each in snapshot.entries if each.update.standing in MISSING]
    return sorted(found, key=lambda each: (_moment(each.update.due), each.id))


def by_movement(snapshot: Snapshot) -> list[tuple[str, list[Entry]]]:
    """Every way that a value goes, with those that go it; closed ones go nowhere. Ways that nobody goes are left out."""
    running = [each for each in snapshot.entries if each.bucket is not Bucket.CLOSED]
    found = [(word, [each for each in running if each.moves == word]) for word in MOVES]
    return [(word, some) for word, some in found if some]


def sources_in_trouble(snapshot: Snapshot) -> list[Source]:
    """Sources that nobody may lean on."""
    return [each for each in snapshot.sources if each.state != "read"]


def _moment(since: datetime | None) -> float:
    return since.timestamp() if since is not None else float("inf")


# --- words -------------------------------------------------------------------------------------------------------------------


def frozen_words(snapshot: Snapshot) -> str:
    """ "frozen 18 Nov 16:00"; when it is later than its lock, both moments are said."""
    if not snapshot.key:
        return f"not frozen yet, locks {snapshot.lock_text}"
    if snapshot.frozen_at > snapshot.lock_at + ON_THE_MOMENT:
        return f"frozen {snapshot.frozen_text}, later than its lock of {snapshot.lock_text}"
    return f"frozen {snapshot.frozen_text}"


def subject_text(snapshot: Snapshot) -> str:
    """What a message about it is called."""
    return f"Pre-read of {snapshot.forum}, review {snapshot.starts_text}"


def message_lines(snapshot: Snapshot, most: int = 8) -> list[str]:
    """The pre-read as a short message: three questions, asks, the rest counted, its id. Plain text, one thing a line."""
    if snapshot.nothing:
        return [snapshot.nothing, f"{snapshot.key}, {frozen_words(snapshot)}"]
    told = snapshot.answers
    lines = [
        f"Are we moving? {told.moving[0]}{told.moving[1]}",
        f"Where are we off track? {told.off_track[0]}{told.off_track[1]}",
        f"What decision is needed now? {told.decisions[0]}{told.decisions[1]}",
    ]
    asks = asking(snapshot)
    lines += [ask_line(each) for each in asks[:most]]
    if len(asks) > most:
        lines.append(f"and {len(asks) - most} more {'ask' if len(asks) - most == 1 else 'asks'}")
    late, overdue = len(missing(snapshot)), snapshot.overdue
    if late:
        lines.append(f"{late} {'update is' if late == 1 else 'updates are'} still to come")
    if overdue:
        lines.append(f"{overdue} open {'decision is' if overdue == 1 else 'decisions are'} past the due date")
    lines += [f"Source {each.name}: {each.text}" for each in sources_in_trouble(snapshot)[:3]]
    return [*lines, f"{snapshot.key}, {frozen_words(snapshot)}"]


def ask_line(entry: Entry) -> str:
    """An ask in one line: "Budget: 12 k€ for ads · Sign-ups · Chloe · since 9 Nov"."""
    ask = entry.ask
    if ask is None:
        return ""
    said = f"{ask.word}: {ask.text}" if ask.text else ask.word
    return " · ".join(part for part in (said, entry.title, entry.owner or "ownerless", ask.since_text) if part)


def late_words(lock_text: str) -> str:
    """What is said of an update that came after a lock: "after the lock of 18 Nov 16:00; it counts for the next review"."""
    return f"after the lock{f' of {lock_text}' if lock_text else ''}; it counts for the next review"
