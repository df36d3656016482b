"""Which key results a lead looks at: of which cycles, which team, which forum; and the light rows of all of them.

Drafts and cycles that were not started are nobody's progress yet: they are left out. Teams may have cycles and cadences of their own:
without a wish every running cycle counts (R081).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Integer, Select, Text, case, func, select, type_coerce
from sqlalchemy.orm import Session

from connector.domain import buckets, rhythm
from connector.domain.buckets import Bucket
from connector.domain.model import Cycle, Kind, Movement, State
from connector.domain.rights import Viewer
from connector.domain.scoring import TOLERANCE, shown_progress
from connector.errors import NotFound
from connector.store.asks import open_ask
from connector.store.tables import Connection, Forum, KeyResult, Mapping, Objective, Person, Team
from connector.store.tables import Cycle as CycleRow
from connector.store.visibility import READY, visible

_REASONS = type_coerce(KeyResult.reasons, Text)  # a list is stored as its JSON text, and few are read
_GREATEST = 2**31 - 1  # an id beyond it is none of ours, and no database would take it


class Lost(NotFound):
    """What a panel was set to is not here any more, or the viewer may not know of it. ``what``: "team", "forum", "cycle", …"""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} is not here any more")
        self.what = what


@dataclass(frozen=True, slots=True)
class Scope:
    """Resolved wishes. ``names`` of team and forum are "" without such a wish; ``ahead``: the wished cycle was not started yet."""

    cycles: dict[int, Cycle]
    team: int | None = None
    team_name: str = ""
    forum: int | None = None
    forum_name: str = ""
    chosen_cycle: bool = False
    ahead: bool = False


@dataclass(slots=True, eq=False)  # not frozen: thousands are made while somebody waits
class Light:
    """A key result with as much as lists, counts and orders need. Nobody changes one."""

    id: str
    title: str
    objective_id: str
    team: str
    forum: str
    kind: Kind
    state: State
    bucket: Bucket
    moves: str
    progress: float | None
    expected: float | None  # None: too early, or no plan
    weight: float
    share: float  # of its objective's weight
    cadence: str
    cycle: Cycle
    ask: str  # the kind of decision that is asked for and that nobody has answered, "" for none
    blocked: bool
    early: bool  # at risk by its owner's word alone: the number is not behind (yet)

    @property
    def gap(self) -> float | None:
        """How far behind the plan."""
        return buckets.gap(self.progress, self.expected)


def find_scope(session: Session, today: date, *, team: str = "", forum: str = "", cycle: str = "") -> Scope:
    """What the wishes (ids as text, "" for none) stand for. Raises ``Lost`` for one that is not here any more."""
    found_team = _named(session, Team, team, "team")
    found_forum = _named(session, Forum, forum, "forum")
    rows = session.execute(
        select(CycleRow.id, CycleRow.name, CycleRow.start, CycleRow.end, CycleRow.started_at)
        .where(CycleRow.retired_at.is_(None))
        .order_by(CycleRow.start, CycleRow.id)
    ).all()
    if cycle:
        rows = [row for row in rows if str(row.id) == cycle]
        if not rows:
            raise Lost("cycle")
    started = {row.id: Cycle(row.name, row.start, row.end) for row in rows if row.started_at is not None}
    running = {ident: each for ident, each in started.items() if each.start <= today <= each.end}
    last = dict(list(started.items())[-1:])
    return Scope(
        started if cycle else running or last,
        found_team.id if found_team else None,
        found_team.name if found_team else "",
        found_forum.id if found_forum else None,
        found_forum.name if found_forum else "",
        chosen_cycle=bool(cycle),
        ahead=bool(cycle) and not started,
    )


def row_id(text: str) -> int | None:
    """A row's number as configs hold it; None for anything else."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
    return number if 0 < number <= _GREATEST else None


def _named(session: Session, table: Any, wanted: str, what: str) -> Any:
    if not wanted:
        return None
    ident = row_id(wanted)
    row = session.execute(select(table.id, table.name).where(table.id == ident, table.retired_at.is_(None))).one_or_none()
    if row is None:
        raise Lost(what)
    return row


def within(viewer: Viewer, scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions over ``Objective`` joined with ``Team``: in the scope, and the viewer may know of it."""
    found = [Objective.retired_at.is_(None), Objective.stage == READY, Objective.cycle_id.in_(scope.cycles), visible(viewer)]
    if scope.team is not None:
        found.append(Objective.team_id == scope.team)
    if scope.forum is not None:
        found.append(Team.forum_id == scope.forum)
    return found


def _joined(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query.join(Objective, Objective.id == KeyResult.objective_id).outerjoin(Team, Team.id == Objective.team_id)


def load_lights(session: Session, viewer: Viewer, scope: Scope, today: date) -> list[Light]:
    """Every key result of the scope that the viewer may know of, in the order of their objectives: one statement."""
    query = (
        _joined(
            select(
                KeyResult.id,
                KeyResult.title,
                KeyResult.objective_id,
                KeyResult.kind,
                KeyResult.state,
                KeyResult.movement,
                KeyResult.raw_progress,
                KeyResult.expected,
                KeyResult.weight,
                KeyResult.cadence,
                open_ask(),
                type_coerce(func.coalesce(KeyResult.blocker, "") != "", Integer).label("blocked"),
                Objective.cycle_id,
                case((KeyResult.state == State.AT_RISK.value, _REASONS)).label("reasons"),  # of the others nothing is asked
                Team.name.label("team"),
                Forum.name.label("forum"),
            ).select_from(KeyResult)
        )
        .outerjoin(Forum, (Forum.id == Team.forum_id) & Forum.retired_at.is_(None))
        .where(KeyResult.retired_at.is_(None), *within(viewer, scope))
        .order_by(Objective.position, Objective.id, KeyResult.position, KeyResult.id)
    )
    rows = session.connection().execute(query).all()  # columns only: without the session's way to entities that is half the work
    early = {ident: rhythm.expected(each, today).too_early for ident, each in scope.cycles.items()}
    weights: dict[str, float] = {}
    for row in rows:  # by place: a name costs several times as much, thousands of times
        weights[row[2]] = weights.get(row[2], 0.0) + row[8]
    return [_light(row, scope.cycles[row[12]], early[row[12]], weights[row[2]]) for row in rows]


@cache
def _standing(kind_text: str, state_text: str, way: str | None, arrived: bool | None) -> tuple[Kind, State, Bucket, str]:
    """What a few stored words mean; ``arrived``: whether the whole way is done, None when that is not known."""
    kind, state = Kind(kind_text), State(state_text)
    progress = None if arrived is None else float(arrived)
    return kind, state, buckets.bucket_of(state), buckets.moves(kind, state, Movement(way) if way else None, progress)


@lru_cache(maxsize=4096)
def _raised_early(reasons: str) -> bool:
    """Whether stored reasons (a list is stored as its JSON text) are all the owner's word."""
    told = orjson.loads(reasons)
    return bool(told) and all(reason.startswith(("confidence ", "blocker ")) for reason in told)


def _light(row: Any, cycle: Cycle, early: bool, weights: float) -> Light:
    # Unpacked, not asked by name, and told by few distinct words: this runs for thousands of rows while somebody waits.
    ident, title, objective, kind_text, state_text, way, raw, expected, weight, cadence, decision, blocked, _, reasons, team, forum = row
    progress = shown_progress(raw)
    kind, state, bucket, word = _standing(kind_text, state_text, way, None if progress is None else progress >= 1.0 - TOLERANCE)
    closed = state is State.CLOSED
    return Light(
        ident,
        title,
        objective,
        team or "",
        forum or "",
        kind,
        state,
        bucket,
        word,
        progress,
        None if early else expected,
        weight,
        weight / weights if weights else 1.0,
        cadence,
        cycle,
        decision if decision and not closed else "",
        bool(blocked) and not closed,
        reasons is not None and _raised_early(reasons),
    )


def most_urgent(lights: Sequence[Light], *, by: str = "gap") -> list[Light]:
    """Exceptions first, in each list the furthest behind its plan first. ``by="weight"``: the largest share of an objective's way first."""

    def size(each: Light) -> float:
        behind = each.gap
        if behind is None:
            return float("-inf")
        return behind * each.share if by == "weight" else behind

    order = {bucket: place for place, bucket in enumerate(Bucket)}
    return sorted(lights, key=lambda each: (order[each.bucket], -size(each), each.title.casefold(), each.id))


@dataclass(frozen=True, slots=True)
class Sources:
    """The connections that feed the values. ``read_at``: the oldest successful read of those that are not late."""

    read_at: datetime | None
    late: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether something feeds a value."""
        return self.read_at is not None or bool(self.late)


def load_sources(session: Session, viewer: Viewer, scope: Scope, silent_since: datetime, only: Collection[str] | None = None) -> Sources:
    """Which connections feed the scope's values (or those of ``only`` these key results), and which were not heard since a moment."""
    query = (
        _joined(select(Connection.name, Connection.last_success_at, Connection.parked_at).select_from(KeyResult))
        .join(Mapping, Mapping.key_result_id == KeyResult.id)
        .join(Connection, Connection.id == Mapping.connection_id)
        .where(Mapping.mode == "value", Mapping.retired_at.is_(None), KeyResult.retired_at.is_(None), *within(viewer, scope))
        .distinct()
    )
    if only is not None:
        query = query.where(KeyResult.id.in_(only))
    heard: list[datetime] = []
    late: list[str] = []
    for name, read_at, parked_at in session.execute(query):
        if read_at is None or parked_at is not None or read_at < silent_since:
            late.append(name)
        else:
            heard.append(read_at)
    return Sources(min(heard, default=None), tuple(sorted(late)))


def owners_of(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Who owns them; a key result without an owner is left out."""
    query = select(KeyResult.id, Person.name).join(Person, Person.id == KeyResult.owner_id).where(KeyResult.id.in_(ids))
    return {row.id: row.name for row in session.execute(query)}
