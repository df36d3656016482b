"""What the address of a leads' page chooses: forum, team, cycle, order; and the choices that it offers. Two statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.services.insight.scope import Light, Lost, Scope, find_scope, load_lights
from connector.store.tables import Cycle, Forum, Team

NO_FORUM = "none"  # the forum of those that nobody reviews
SORTS = {"gap": "Furthest behind its plan", "weight": "Largest share of its objective"}
MOST_TABS = 8


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the address asks for; "" is no wish. Ids as text."""

    forum: str = ""
    team: str = ""
    cycle: str = ""
    sort: str = "gap"

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Wishes:
        """From the query of an address."""
        sort = given.get("sort", "")
        return cls(given.get("forum", ""), given.get("team", ""), given.get("cycle", ""), sort if sort in SORTS else "gap")

    def query(self, **changed: str) -> dict[str, str]:
        """The address's query with something changed; defaults are left out."""
        new = replace(self, **changed)
        found = {"forum": new.forum, "team": new.team, "cycle": new.cycle, "sort": "" if new.sort == "gap" else new.sort}
        return {name: value for name, value in found.items() if value}

    @property
    def narrow(self) -> bool:
        """Whether less than everything of the running cycles is asked for."""
        return bool(self.forum or self.team or self.cycle)


@dataclass(frozen=True, slots=True)
class Tab:
    """A forum with how many key results it reviews."""

    value: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is looked at. ``scope`` is that of team and cycle; ``lights`` are those of the chosen forum, ``all`` those of every forum."""

    wishes: Wishes
    scope: Scope
    lights: list[Light]
    all: int
    tabs: tuple[Tab, ...]
    teams: tuple[tuple[str, str], ...]
    cycles: tuple[tuple[str, str], ...]
    forum: int | None
    forum_name: str
    forums: tuple[int, ...]  # of what is looked at

    @property
    def listed(self) -> tuple[Tab, ...]:
        """The tabs that are shown: all, or of very many the chosen one, and the others in a list."""
        few = len(self.tabs) <= MOST_TABS
        return self.tabs if few else tuple(tab for tab in self.tabs if tab.value == self.wishes.forum)


def choose(session: Session, viewer: Viewer, wishes: Wishes, today: date) -> Chosen:
    """What the address chooses of what the viewer may know of. Raises ``Lost`` for a name that is not here any more."""
    scope = find_scope(session, today, team=wishes.team, cycle=wishes.cycle)
    every = load_lights(session, viewer, scope, today)
    names = {name: ident for ident, name in _named(session, Forum)}
    counts = Counter(each.forum for each in every)
    tabs = [Tab(str(names[name]), name, counts[name]) for name in sorted(counts, key=str.casefold) if name]
    if counts[""] and tabs:
        tabs.append(Tab(NO_FORUM, "No forum", counts[""]))
    chosen = ""
    if wishes.forum and wishes.forum != NO_FORUM:
        chosen = next((name for name, ident in names.items() if str(ident) == wishes.forum), "")
        if not chosen:
            raise Lost("forum")
    lights = [each for each in every if not wishes.forum or each.forum == chosen]
    return Chosen(
        wishes,
        scope,
        lights,
        len(every),
        tuple(tabs),
        tuple((str(ident), name) for ident, name in _named(session, Team)),
        tuple((str(ident), name) for ident, name in _cycles(session)),
        names.get(chosen),
        chosen or ("No forum" if wishes.forum else ""),
        tuple(sorted(names[name] for name in {each.forum for each in lights} if name)),
    )


def _named(session: Session, table: Any) -> Sequence[tuple[int, str]]:
    rows = session.execute(select(table.id, table.name).where(table.retired_at.is_(None)).order_by(table.name))
    return [(row.id, row.name) for row in rows]


def _cycles(session: Session) -> Sequence[tuple[int, str]]:
    rows = session.execute(
        select(Cycle.id, Cycle.name).where(Cycle.retired_at.is_(None), Cycle.started_at.is_not(None)).order_by(Cycle.start.desc(), Cycle.id)
    )
    return [(row.id, row.name) for row in rows]
