"""What the views of a dashboard panel have in common, ready to print: the three answers, lists with as many rows as fit, ages, sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from connector.domain import buckets, wording
from connector.domain.buckets import EXCEPTIONS, Bucket
from connector.domain.model import State
from connector.domain.pre_read import Answers
from connector.domain.triage import Edges
from connector.services.insight.answering import ASK_WORDS
from connector.services.insight.leads import Leads
from connector.services.insight.open_points import Point
from connector.services.insight.scope import Light, Scope, Sources
from connector.views.answers import week_text
from connector.views.forge.dashboard_lines import Line
from connector.views.query import age_text

MOST_ROWS = 48  # key results in one panel: nobody reads more, and the way to all of them stands below
LEAST = 8  # each list gets an eighth of them at least, so that none is pushed out by the ones before it
SILENT = timedelta(hours=Edges().source_hours)


@dataclass(frozen=True, slots=True)
class Row:
    """One key result in a list."""

    kr: Line
    moves: str
    bucket: Bucket


@dataclass(frozen=True, slots=True)
class Group:
    """One list: ``count`` of all that are in it, ``rows`` those shown, ``more`` how many are not."""

    bucket: Bucket
    word: str
    count: int
    rows: tuple[Row, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Section:
    """The lists of one forum; ``name`` is "" when there is only one section."""

    name: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """An open ask, ready to print."""

    kind: str
    text: str
    key_result: str
    title: str
    owner: str
    age: str


@dataclass(frozen=True, slots=True)
class Blocker:
    """A blocker, ready to print."""

    text: str
    key: str
    address: str
    key_result: str
    title: str
    owner: str
    age: str
    state: State
    state_word: str


def answers(leads: Leads, now: datetime, zone: tzinfo) -> Answers:
    """Are we moving, where are we off track, what decision is needed now; with ages, because a panel is read at once."""
    return leads.answers(lambda since: age(since, now, zone))


def places(lights: Sequence[Light], most: int = MOST_ROWS) -> list[Light]:
    """Those of the ordered key results that are shown: each list gets its least, then the lists in their order what is left. Order is kept.

    Closed ones fold away and never take a place of a running one.
    """
    counts = Counter(each.bucket for each in lights)
    given = {bucket: min(counts[bucket], most // LEAST if bucket is not Bucket.CLOSED else 0) for bucket in Bucket}
    for bucket in Bucket:
        given[bucket] += min(counts[bucket] - given[bucket], max(0, most - sum(given.values())))
    shown: list[Light] = []
    for each in lights:
        if given[each.bucket] > 0:
            given[each.bucket] -= 1
            shown.append(each)
    return shown


def section(name: str, lights: Sequence[Light], shown: Sequence[Light], lines: dict[str, Line]) -> Section:
    """The lists of some ordered key results; empty ones are left out."""
    groups = []
    counts = Counter(each.bucket for each in lights)
    for bucket in Bucket:
        count = counts[bucket]
        rows = tuple(Row(lines[each.id], each.moves, bucket) for each in shown if each.bucket is bucket)
        if count:
            groups.append(Group(bucket, buckets.WORDS[bucket], count, rows, count - len(rows)))
    return Section(name, tuple(groups))


def word_of(bucket: Bucket) -> str:
    """The name of a list."""
    return buckets.WORDS[bucket]


def counted(lights: Sequence[Light]) -> list[tuple[Bucket, str, int]]:
    """Every list with its word and count; the exceptions also when they are empty, because none is an answer."""
    counts = Counter(each.bucket for each in lights)
    found = [(bucket, buckets.WORDS[bucket], counts[bucket]) for bucket in Bucket]
    return [entry for entry in found if entry[2] or entry[0] in (*EXCEPTIONS, Bucket.ON_TRACK)]


def age(since: datetime | None, now: datetime, zone: tzinfo) -> str:
    """ "9 days", "today"; "age not known"."""
    return wording.lasting_text(since, now, zone) if since else "age not known"


def asks_of(points: Sequence[Point], lights: dict[str, Light], owners: dict[str, str], now: datetime, zone: tzinfo) -> tuple[Ask, ...]:
    """Asks, ready to print."""
    return tuple(
        Ask(
            ASK_WORDS[each.kind],
            each.text,
            each.key_result,
            lights[each.key_result].title,
            owners.get(each.key_result, "ownerless"),
            age(each.since, now, zone),
        )
        for each in points
    )


def blockers_of(
    points: Sequence[Point], lights: dict[str, Light], owners: dict[str, str], now: datetime, zone: tzinfo
) -> tuple[Blocker, ...]:
    """Blockers, ready to print."""
    return tuple(
        Blocker(
            each.text,
            each.key,
            each.address,
            each.key_result,
            lights[each.key_result].title,
            owners.get(each.key_result, "ownerless"),
            age(each.since, now, zone),
            lights[each.key_result].state,
            wording.STATE_WORDS[lights[each.key_result].state],
        )
        for each in points
    )


def read_text(sources: Sources, now: datetime, zone: tzinfo) -> str:
    """ "Read 2 min ago"."""
    if sources.read_at is not None:
        return f"Read {age_text(sources.read_at, now, zone)}"
    return "Not read" if sources.late else "Values from check-ins"


def late_text(sources: Sources) -> str:
    """ "one source late: acme-notion"; "" when none is."""
    count = len(sources.late)
    if not count:
        return ""
    word = "one source" if count == 1 else f"{count} sources"
    named = ", ".join(sources.late[:3]) + (f" and {count - 3} more" if count > 3 else "")
    return f"{word} late: {named}"


def title_of(scope: Scope) -> str:
    """Whose panel it is: the forum's, the team's, or everybody's."""
    return " · ".join(part for part in (scope.forum_name, scope.team_name) if part) or "All teams"


def when_text(scope: Scope, today_of: datetime) -> str:
    """ "week 7 of 13"; several cycles are named."""
    cycles = list(scope.cycles.values())
    if len(cycles) == 1:
        return (
            week_text(cycles[0], today_of.date()).partition(" · ")[2] if not scope.chosen_cycle else week_text(cycles[0], today_of.date())
        )
    return f"{len(cycles)} cycles: {', '.join(each.name for each in cycles[:3])}" if cycles else ""
