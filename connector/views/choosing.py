"""Which key results the overview shows: filters from the address, the light rows of everything that matches, one page of it.

The three questions are answered over all that matches; only the page's objectives are read whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import buckets, rhythm
from connector.domain.model import Cycle, Kind, Movement, State
from connector.domain.rights import Viewer
from connector.domain.scoring import shown_progress
from connector.domain.wording import STATE_WORDS
from connector.store.asks import asked_at, open_ask
from connector.store.tables import CheckIn, KeyResult, Objective, Person, Team
from connector.store.tables import Cycle as CycleRow
from connector.store.visibility import DRAFT, visible
from connector.views.query import ASKS

PER_PAGE = 30  # key results; an objective is never cut in two
EVERY = "all"  # the cycle filter that filters nothing
LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; "" is no wish. ``cycle`` "" is the running one."""

    cycle: str = ""
    team: str = ""
    owner: str = ""
    state: str = ""
    text: str = ""
    page: int = 1

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Filters:
        """From the query of an address; what makes no sense is no wish."""
        state, number = given.get("state", ""), given.get("page", "")
        return cls(
            given.get("cycle", ""),
            given.get("team", ""),
            given.get("owner", ""),
            state if state in set(State) else "",
            " ".join(given.get("q", "").split())[:LONGEST_SEARCH],
            int(number) if number.isascii() and number.isdigit() and 0 < len(number) < 6 and int(number) else 1,
        )

    def query(self, **changed: Any) -> dict[str, Any]:
        """The address's query with something changed; without page numbers unless one is given."""
        new = replace(self, **{"page": 1, **changed})
        found = {"cycle": new.cycle, "team": new.team, "owner": new.owner, "state": new.state, "q": new.text}
        return {name: value for name, value in found.items() if value} | ({"page": new.page} if new.page > 1 else {})

    @property
    def narrow(self) -> bool:
        """True when single key results are filtered, not only whole objectives."""
        return bool(self.owner or self.state or self.text)

    @property
    def any(self) -> bool:
        """True when anything but the cycle is filtered."""
        return self.narrow or bool(self.team)


@dataclass(frozen=True, slots=True)
class Light:
    """A key result with as much as the three questions need."""

    id: str
    title: str
    objective_id: str
    state: State
    moves: str
    progress: float | None
    expected: float | None
    ask: str
    ask_since: datetime | None
    draft: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the overview shows. ``rows`` are all key results that match, ``objectives`` how many hold them, ``page`` the ids shown now."""

    filters: Filters
    cycles: tuple[Cycle, ...]
    cycle: Cycle | None  # None: all of them
    teams: tuple[str, ...]
    owners: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, str, int], ...]
    rows: tuple[Light, ...]
    objectives: int
    page: tuple[str, ...]
    pages: int
    shown: frozenset[str]  # ids of the key results that match


def choose(session: Session, viewer: Viewer, filters: Filters, now: datetime, zone: tzinfo) -> Chosen:
    """Three statements: cycles, everything light that the viewer may know of in the cycle, and since when decisions are asked for."""
    today = now.astimezone(zone).date()
    cycles = tuple(
        Cycle(row.name, row.start, row.end)
        for row in session.execute(
            select(CycleRow.name, CycleRow.start, CycleRow.end).where(CycleRow.retired_at.is_(None)).order_by(CycleRow.start, CycleRow.name)
        )
    )
    cycle = _cycle(cycles, filters.cycle, today)
    query = (
        select(
            Objective.id.label("objective_id"),
            Objective.title.label("objective"),
            Objective.stage,
            CycleRow.name.label("cycle"),
            Team.name.label("team"),
            KeyResult.id,
            KeyResult.title,
            KeyResult.kind,
            KeyResult.state,
            KeyResult.movement,
            KeyResult.raw_progress,
            KeyResult.expected,
            open_ask(),
            asked_at(),
            Person.name.label("owner"),
            Person.email,
        )
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(KeyResult, (KeyResult.objective_id == Objective.id) & KeyResult.retired_at.is_(None))
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(Objective.retired_at.is_(None), visible(viewer))
        .order_by(Objective.position, Objective.id, KeyResult.position, KeyResult.id)
    )
    if cycle is not None:
        query = query.where(CycleRow.name == cycle.name)
    every = session.execute(query).all()
    of_team = [row for row in every if not filters.team or row.team == filters.team]
    found = [row for row in of_team if _matches(row, filters)]
    kept = [row for row in found if not filters.state or row.state == filters.state]
    early = {each.name: rhythm.expected(each, today).too_early for each in cycles}
    since = _asked_since(session, [row.id for row in kept if row.id and row.open_ask and row.asked_at is None])
    rows = tuple(_light(row, early, since) for row in kept if row.id)
    order = list(dict.fromkeys(row.objective_id for row in kept))
    pages = _pages(order, rows)
    page = min(filters.page, len(pages))
    counts = [(state.value, STATE_WORDS[state], sum(row.state == state.value for row in found)) for state in State]
    return Chosen(
        replace(filters, page=page),
        cycles,
        cycle,
        tuple(sorted({row.team for row in every if row.team})),
        tuple(sorted({(row.email, row.owner) for row in every if row.email}, key=lambda pair: (pair[1].casefold(), pair[0]))),
        tuple(entry for entry in counts if entry[2] or entry[0] == filters.state),
        rows,
        len(order),
        tuple(pages[page - 1]),
        len(pages),
        frozenset(row.id for row in rows),
    )


def _cycle(cycles: Sequence[Cycle], wanted: str, today: date) -> Cycle | None:
    """The cycle of that name; without a wish the running one, else the next, else the last. None for all of them."""
    if wanted == EVERY:
        return None
    named = next((each for each in cycles if each.name == wanted), None)
    running = next((each for each in cycles if each.start <= today <= each.end), None)
    coming = next((each for each in cycles if each.start > today), None)
    return named or running or coming or (cycles[-1] if cycles else None)


def _matches(row: Any, filters: Filters) -> bool:
    if filters.narrow and not row.id:
        return False  # an objective without key results has nothing of what is looked for
    if filters.owner and row.email != filters.owner:
        return False
    words = filters.text.casefold().split()
    told = " ".join(part for part in (row.title, row.objective, row.owner, row.team, row.id) if part).casefold() if words else ""
    return all(word in told for word in words)


def _light(row: Any, early: Mapping[str, bool], since: Mapping[str, datetime | None]) -> Light:
    state = State(row.state)
    movement, progress = Movement(row.movement) if row.movement else None, shown_progress(row.raw_progress)
    return Light(
        row.id,
        row.title,
        row.objective_id,
        state,
        buckets.moves(Kind(row.kind), state, movement, progress),
        progress,
        None if early.get(row.cycle) else row.expected,
        ASKS[row.open_ask] if row.open_ask else "",
        row.asked_at or since.get(row.id) if row.open_ask else None,
        row.stage == DRAFT,
    )


def _asked_since(session: Session, ids: Sequence[str]) -> dict[str, datetime | None]:
    """Since when a decision has been asked for without a break, by key result."""
    found: dict[str, datetime | None] = {}
    if not ids:
        return found
    for name, decision, at in session.execute(
        select(CheckIn.key_result_id, CheckIn.decision, CheckIn.created_at)
        .where(CheckIn.key_result_id.in_(ids), CheckIn.draft.is_(False))
        .order_by(CheckIn.id)
    ):
        if decision not in ASKS:
            found[name] = None
        elif found.get(name) is None:
            found[name] = at
    return found


def _pages(order: Sequence[str], rows: Sequence[Light]) -> list[list[str]]:
    """The objectives page by page, each page with ``PER_PAGE`` key results or a little more than fit."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.objective_id] = counts.get(row.objective_id, 0) + 1
    pages: list[list[str]] = [[]]
    held = 0
    for name in order:
        size = max(1, counts.get(name, 0))
        if held and held + size > PER_PAGE:
            pages.append([])
            held = 0
        pages[-1].append(name)
        held += size
    return pages
