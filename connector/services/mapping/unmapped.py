"""What could be mapped against what is mapped, as one viewer may know it: the epics and rows that feed no key result of theirs.

Five statements, whatever the number of candidates. Reads only.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import Text, select, type_coerce
from sqlalchemy.orm import Session

from connector.domain.drift import UnalignedEffort, unaligned_effort
from connector.domain.model import Category, Definition, Kind
from connector.domain.rights import Viewer
from connector.domain.suggesting import Epic, KeyResultName, Rule, Suggestion, Suggestions, suggest
from connector.store.tables import Candidate, Connection, Cycle, Item, KeyResult, MappingItem, Objective, Team
from connector.store.visibility import visible
from mappings.repository import Link, load_links
from mappings.rules import SelectorKind

STATES = ("open", "done", "ignored", "all")
_NAMED = (SelectorKind.EPICS, SelectorKind.ISSUES, SelectorKind.ROWS)


@dataclass(frozen=True, slots=True)
class Work:
    """One candidate. ``feeds``: ids of the key results, of those that the viewer may know of, that it feeds."""

    id: int
    connection: str
    host: str
    ref: str
    key: str
    title: str
    kind: str
    container: str
    url: str
    status: str
    category: str
    labels: tuple[str, ...]
    points: float | None
    ignored: bool
    updated_at: datetime | None
    feeds: frozenset[str]

    @property
    def done(self) -> bool:
        """Whether its status category is done."""
        return self.category == Category.DONE.value

    def as_epic(self, container: str = "") -> Epic:
        """In the words of the rules that suggest; the id stands in for the key."""
        return Epic(str(self.id), self.title, self.labels, self.status, container or self.container, self.feeds)


@dataclass(frozen=True, slots=True)
class Goal:
    """A key result that work can be mapped to: not closed, its cycle not over. ``share``: a share of done work can be its value."""

    id: str
    title: str
    objective: str
    team: str
    share: bool = True

    @property
    def name(self) -> KeyResultName:
        """In the words of the rules that suggest."""
        return KeyResultName(self.id, self.title, self.objective, self.team)


@dataclass(frozen=True, slots=True)
class Looked:
    """A connection and its last look for what could be mapped; ``at`` None: nobody has looked yet."""

    name: str
    host: str
    at: datetime | None
    error: str
    cut_off: bool
    usable: bool


@dataclass(frozen=True, slots=True)
class Landscape:
    """Everything that could be mapped, the goals it could serve, and when it was looked at. ``names``: container → what people call it."""

    work: tuple[Work, ...]
    goals: tuple[Goal, ...]
    looked: tuple[Looked, ...]
    names: Mapping[tuple[str, str], str]

    def container_name(self, each: Work) -> str:
        """The project or database that it stands in; "" for a database itself."""
        return "" if each.kind == "data_source" else self.names.get((each.connection, each.container), each.container)

    @property
    def effort(self) -> UnalignedEffort | None:
        """How much of the done work no key result asked for (S14); what needs no mapping is left out. None when no epic is done."""
        return unaligned_effort(
            (each.points, bool(each.feeds)) for each in self.work if each.kind == "epic" and each.done and not each.ignored
        )

    def suggested(self, work: Iterable[Work], rules: Sequence[Rule] = (), *, by_text: bool = True) -> Suggestions:
        """Pairs of candidates (their ids as text) and key results. Raises ``InputError`` for a rule that cannot be read."""
        epics = [each.as_epic(self.container_name(each)) for each in work]
        return suggest(epics, [goal.name for goal in self.goals], rules, by_text=by_text)

    def best(self, work: Sequence[Work]) -> dict[int, Suggestion]:
        """The likeliest key result of each, where there is one: by the ids in its labels and title, else by shared words."""
        found: dict[int, Suggestion] = {}
        rules = (Rule("label", ""), Rule("label", "*:{id}"), Rule("title", "[{id}]*"))
        for pair in self.suggested(work, rules).pairs:
            found.setdefault(int(pair.epic), pair)
        return found


def effort_of(work: Iterable[Work]) -> UnalignedEffort | None:
    """See ``Landscape.effort``, for a part of the work."""
    return unaligned_effort((each.points, bool(each.feeds)) for each in work if each.kind == "epic" and each.done and not each.ignored)


def load_landscape(session: Session, viewer: Viewer, today: date, links: Sequence[Link] | None = None) -> Landscape:
    """Everything that could be mapped, as this viewer may know it. ``links``: the mappings they may know of; no goals then."""
    goals: tuple[Goal, ...] = ()
    if links is None:
        goals, known = _goals(session, viewer, today)
        links = [link for link in load_links(session) if link.key_result_id in known]
    connections = {row.id: row for row in session.execute(_CONNECTIONS)}
    named, sources = _named(links)
    by_mapping = {link.id: link.key_result_id for link in links}
    fed = _members(session, by_mapping)
    work: list[Work] = []
    names: dict[tuple[str, str], str] = {}
    for row in session.execute(_CANDIDATES):
        connection = connections.get(row.connection_id)
        if connection is None:
            continue
        spot = (row.connection_id, row.ref)
        feeds = named.get(spot, frozenset()) | fed.get(row.id, frozenset())
        if row.kind == "data_source":
            names[connection.name, row.ref] = row.title
            feeds = feeds | sources.get(spot, frozenset())
        if row.fed_by != "[]":
            feeds = feeds | {by_mapping[mapping] for mapping in orjson.loads(row.fed_by) if mapping in by_mapping}
        labels = tuple(orjson.loads(row.labels)) if row.labels != "[]" else ()
        work.append(
            Work(
                row.id,
                connection.name,
                connection.host,
                row.ref,
                row.key,
                row.title,
                row.kind,
                row.container,
                row.url,
                row.status,
                row.category,
                labels,
                row.points,
                row.ignored_at is not None,
                row.updated_at,
                frozenset(feeds),
            )
        )
    looked = tuple(_looked(row) for row in sorted(connections.values(), key=lambda row: row.name))
    return Landscape(tuple(work), goals, looked, names)


_CONNECTIONS = select(Connection.id, Connection.name, Connection.host, Connection.look, Connection.parked_at, Connection.paused_at).where(
    Connection.retired_at.is_(None)
)
_CANDIDATES = select(
    Candidate.id,
    Candidate.connection_id,
    Candidate.ref,
    Candidate.key,
    Candidate.title,
    Candidate.kind,
    Candidate.container,
    Candidate.url,
    Candidate.status,
    Candidate.category,
    type_coerce(Candidate.labels, Text).label("labels"),
    Candidate.points,
    type_coerce(Candidate.fed_by, Text).label("fed_by"),
    Candidate.ignored_at,
    Candidate.updated_at,
).order_by(Candidate.id)


def _goals(session: Session, viewer: Viewer, today: date) -> tuple[tuple[Goal, ...], frozenset[str]]:
    """(the key results that work can be mapped to, the ids of all that the viewer may know of)."""
    rows = session.execute(
        select(
            KeyResult.id,
            KeyResult.title,
            KeyResult.kind,
            KeyResult.unit,
            KeyResult.start,
            KeyResult.target,
            KeyResult.low,
            KeyResult.high,
            Objective.title.label("objective"),
            Objective.closed_at,
            Team.name.label("team"),
            Cycle.end,
        )
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
        .order_by(Cycle.start, Objective.position, Objective.id, KeyResult.position, KeyResult.id)
    ).all()
    open_ones = tuple(_goal(row) for row in rows if row.closed_at is None and row.end >= today)
    return open_ones, frozenset(row.id for row in rows)


def _goal(row: Any) -> Goal:
    definition = Definition(Kind(row.kind), row.unit, row.start, row.target, row.low, row.high)
    return Goal(row.id, row.title, row.objective, row.team or "", fits_share(definition))


def fits_share(definition: Definition) -> bool:
    """Whether a share of done work can be the value: the key result is counted in percent, or between 0 and 1."""
    if definition.kind is Kind.YES_NO:
        return False
    if definition.kind is Kind.MILESTONES:
        return definition.unit.strip() != "%"  # its value is a share of 0 to 1, whatever unit is printed beside it
    bounds = [each for each in (definition.start, definition.target, definition.low, definition.high) if each is not None]
    within_one = all(abs(bound) <= 1 for bound in bounds)
    if definition.unit.strip() == "%":
        return not (any(bounds) and within_one)
    return bool(bounds) and within_one


Spots = dict[tuple[int, str], frozenset[str]]


def _named(links: Sequence[Link]) -> tuple[Spots, Spots]:
    """(connection, ref) → key results: for what mappings name one by one, and for the data sources that they select from."""
    named: dict[tuple[int, str], set[str]] = defaultdict(set)
    sources: dict[tuple[int, str], set[str]] = defaultdict(set)
    for link in links:
        kind = link.rule.selector.kind
        if kind in _NAMED:
            for ref in link.resolved.refs.values():
                named[link.connection_id, ref].add(link.key_result_id)
        elif kind is SelectorKind.DATABASE:
            for source in link.resolved.containers:
                sources[link.connection_id, source].add(link.key_result_id)
    return {spot: frozenset(ids) for spot, ids in named.items()}, {spot: frozenset(ids) for spot, ids in sources.items()}


def _members(session: Session, by_mapping: Mapping[int, str]) -> dict[int, frozenset[str]]:
    """Candidate → key results whose mappings have it among their items."""
    found: dict[int, set[str]] = defaultdict(set)
    rows = session.execute(
        select(Candidate.id, MappingItem.mapping_id)
        .join(Item, (Item.connection_id == Candidate.connection_id) & (Item.ref == Candidate.ref))
        .join(MappingItem, MappingItem.item_id == Item.id)
    )
    for candidate, mapping in rows:
        if mapping in by_mapping:
            found[candidate].add(by_mapping[mapping])
    return {candidate: frozenset(ids) for candidate, ids in found.items()}


def _looked(row: Any) -> Looked:
    told = row.look or {}
    at = told.get("looked_at")
    usable = row.parked_at is None and row.paused_at is None
    return Looked(row.name, row.host, datetime.fromisoformat(at) if at else None, told.get("error", ""), bool(told.get("cut_off")), usable)


def look_mark(session: Session, name: str) -> str:
    """What is different once a connection was looked at again; "" for one that nobody has looked at."""
    told = session.scalar(select(Connection.look).where(Connection.name == name, Connection.retired_at.is_(None)))
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16] if told else ""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page or call asks for. ``state`` is one of ``STATES``."""

    text: str = ""
    state: str = "open"
    connection: str = ""
    container: str = ""


def chosen(landscape: Landscape, filters: Filters) -> list[Work]:
    """What feeds nothing and passes the filters: by connection and container, databases first, then what changed last."""
    words = filters.text.casefold().split()
    found = [each for each in landscape.work if not each.feeds and _passes(landscape, each, filters, words)]
    found.sort(key=lambda each: each.updated_at.timestamp() if each.updated_at else 0.0, reverse=True)
    found.sort(key=lambda each: (each.connection, landscape.container_name(each).casefold(), each.container))
    return found


def _passes(landscape: Landscape, each: Work, filters: Filters, words: Sequence[str]) -> bool:
    if filters.connection and each.connection != filters.connection:
        return False
    if filters.container and filters.container not in (each.container, landscape.container_name(each)):
        return False
    if filters.state == "ignored":
        wanted = each.ignored
    else:
        wanted = not each.ignored and (filters.state == "all" or each.done is (filters.state == "done"))
    if not wanted:
        return False
    told = " ".join((each.key, each.title, each.status, landscape.container_name(each), *each.labels)).casefold() if words else ""
    return all(word in told for word in words)
