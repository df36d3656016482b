"""What a dashboard panel is set to show: read from what Forge keeps, checked when somebody edits it, usable as it comes.

The settings are kept by Jira, not by us. Ids are kept, so that nothing breaks when a team is renamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Faults, InputError
from connector.services.insight.scope import Lost, Scope, find_scope, load_lights, most_urgent, row_id, within
from connector.store.tables import Cycle, Forum, KeyResult, Objective, Team
from connector.store.visibility import READY, visible, visible_in_hosts

VIEWS = {
    "triage": "Triage",
    "pre_read": "Pre-read",
    "decisions": "Decisions due",
    "blockers": "Blockers by age",
    "card": "Key-result card",
    "tree": "Objective tree",
    "discipline": "Update discipline",
    "busy": "Busy, not moving",
}
SORTS = {"gap": "Furthest behind first", "weight": "Largest share first"}
GROUPS = {"state": "By state", "forum": "By forum, then state"}
REFRESHES = {0: "By hand", 5: "Every 5 minutes", 15: "Every 15 minutes", 60: "Every hour"}
DAY = 24 * 60  # minutes
_LONGEST = 200
LISTED = 200  # key results or objectives that a form lists; beyond them one is named by its title


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a panel; "" is no wish. ``refresh`` in minutes, 0 by hand."""

    view: str = "triage"
    team: str = ""
    cycle: str = ""
    forum: str = ""
    objective: str = ""
    key_result: str = ""
    sort: str = "gap"
    group: str = "state"
    refresh: int = 15

    def plain(self) -> dict[str, Any]:
        """As Forge keeps it."""
        return asdict(self)


def read_config(given: Any) -> Config:
    """The settings as they were kept or typed; what is missing is as it comes. Raises ``Faults``, each at its field."""
    if given is None:
        return Config()
    if not isinstance(given, Mapping):
        raise Faults([InputError("the settings of a panel are an object", where="view")])
    faults: list[InputError] = []
    texts = {name: _text(given, name, faults) for name in ("view", "team", "cycle", "forum", "objective", "key_result", "sort", "group")}
    for name, choices in (("view", VIEWS), ("sort", SORTS), ("group", GROUPS)):
        texts[name] = texts[name] or str(getattr(Config(), name))
        if texts[name] not in choices:
            faults.append(InputError(f"choose one of the list: {', '.join(choices.values())}", where=name))
    refresh = _minutes(given.get("refresh"), faults)
    if faults:
        raise Faults(faults)
    return Config(**texts, refresh=refresh)


def _text(given: Mapping[str, Any], name: str, faults: list[InputError]) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or "\x00" in value or len(value) > _LONGEST:
        faults.append(InputError("choose one of the list", where=name))
        return ""
    return value.strip()


def _minutes(value: Any, faults: list[InputError]) -> int:
    if value is None or value == "":
        return Config().refresh
    text = str(value).strip() if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= DAY):
        faults.append(InputError(f"enter whole minutes from 0 (by hand) to {DAY}", where="refresh"))
        return 0
    return int(text)


def scope_of(session: Session, viewer: Viewer, config: Config, today: date) -> Scope:
    """What the settings choose. Raises ``Lost`` for a team, forum or cycle that is not here any more, or that the viewer knows nothing of:
    numbers can be tried, so both are the same.
    """
    scope = find_scope(session, today, team=config.team, forum=config.forum, cycle=config.cycle)
    if not viewer.may(Act.WRITE):  # who writes objectives chooses among all teams and cycles anyhow
        for what, wanted in (("team", config.team), ("forum", config.forum), ("cycle", config.cycle)):
            if wanted and not _knows_of(session, viewer, what, wanted):
                raise Lost(what)
    return scope


def _knows_of(session: Session, viewer: Viewer, what: str, wanted: str) -> bool:
    """Whether an objective that the viewer may know of belongs to this team, forum or cycle."""
    column = {"team": Objective.team_id, "forum": Team.forum_id, "cycle": Objective.cycle_id}[what]
    query = _known_objectives(select(Objective.id), viewer).where(column == row_id(wanted)).limit(1)
    return session.scalar(query) is not None


def _known_objectives(query: Select[Any], viewer: Viewer) -> Select[Any]:
    return (
        query.join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Team, (Team.id == Objective.team_id) & Team.retired_at.is_(None))
        .where(Objective.retired_at.is_(None), Objective.stage == READY, Cycle.retired_at.is_(None), visible_in_hosts(viewer))
    )


# --- the form ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choices:
    """What a form offers, as (value, text). ``more_*``: there are more than it lists; one is named by its title."""

    teams: tuple[tuple[str, str], ...]
    forums: tuple[tuple[str, str], ...]
    cycles: tuple[tuple[str, str], ...]
    objectives: tuple[tuple[str, str], ...]
    key_results: tuple[tuple[str, str], ...]
    more_objectives: bool
    more_key_results: bool


def load_choices(session: Session, viewer: Viewer, today: date) -> Choices:
    """Teams, forums and cycles of objectives that the viewer may know of; key results most urgent first."""
    rows = session.execute(
        select(
            Team.id, Team.name, Forum.id.label("forum_id"), Forum.name.label("forum"), Cycle.id.label("cycle_id"), Cycle.name.label("cycle")
        )
        .select_from(Objective)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Team, (Team.id == Objective.team_id) & Team.retired_at.is_(None))
        .outerjoin(Forum, (Forum.id == Team.forum_id) & Forum.retired_at.is_(None))
        .where(
            Objective.retired_at.is_(None),
            Objective.stage == READY,
            Cycle.started_at.is_not(None),
            Cycle.retired_at.is_(None),
            visible(viewer),
        )
        .order_by(Cycle.start.desc())
        .distinct()
        .add_columns(Cycle.start)
    ).all()
    scope = find_scope(session, today)
    lights = most_urgent(load_lights(session, viewer, scope, today))
    objectives = session.execute(
        select(Objective.id, Objective.title)
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(*within(viewer, scope))
        .order_by(Objective.position, Objective.id)
    ).all()
    return Choices(
        _by_name({(str(row.id), row.name) for row in rows if row.id}),
        _by_name({(str(row.forum_id), row.forum) for row in rows if row.forum_id}),
        tuple(dict.fromkeys((str(row.cycle_id), row.cycle) for row in rows)),
        tuple((row.id, row.title) for row in objectives[:LISTED]),
        tuple((each.id, each.title) for each in lights[:LISTED]),
        len(objectives) > LISTED,
        len(lights) > LISTED,
    )


def _by_name(pairs: set[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pairs, key=lambda pair: (pair[1].casefold(), pair[0])))


_MEND = {
    "team": "this team is not here any more, or you may not see it; choose another",
    "forum": "this forum is not here any more, or you may not see it; choose another",
    "cycle": "this cycle is not here any more, or you may not see it; choose another",
}


def settle(session: Session, viewer: Viewer, config: Config, today: date) -> Config:
    """The settings with titles turned into ids, after a check that everything is there. Raises ``Faults``, each at its field."""
    faults: list[InputError] = []
    for what in ("team", "forum", "cycle"):
        try:
            scope_of(session, viewer, Config(**{what: getattr(config, what)}), today)
        except Lost:
            faults.append(InputError(_MEND[what], where=what))
    changed: dict[str, Any] = {name: _bare(getattr(config, name)) for name in ("team", "forum", "cycle")}
    for what, table in (("objective", Objective), ("key_result", KeyResult)):
        if wanted := getattr(config, what):
            try:
                changed[what] = _one(session, viewer, table, wanted, what)
            except InputError as error:
                faults.append(error)
    if faults:
        raise Faults(faults)
    return replace(config, **changed)


def _bare(text: str) -> str:
    number = row_id(text) if text else None
    return "" if number is None else str(number)


def _one(session: Session, viewer: Viewer, table: Any, wanted: str, where: str) -> str:
    """The id of the one that is meant: by id, by its whole title, or by a part of it that only one has."""
    query = select(table.id, table.title)
    if table is KeyResult:
        query = query.join(Objective, Objective.id == KeyResult.objective_id).where(KeyResult.retired_at.is_(None))
    query = _known_objectives(query, viewer)
    named = session.scalar(query.where(table.id == wanted).with_only_columns(table.id))
    if named is not None:
        return str(named)
    words = wanted.casefold().split()
    found = [(ident, title) for ident, title in session.execute(query) if all(word in title.casefold() for word in words)]
    exact = [ident for ident, title in found if title.casefold() == wanted.casefold()]
    if len(exact or found) == 1:
        return str(exact[0] if exact else found[0][0])
    word = "objective" if where == "objective" else "key result"
    if not found:
        raise InputError(f"no {word} has this title; enter a part of it, or its id", where=where)
    raise InputError(f"{len(found)} {word}s match: {_some(found)}; enter more of the title, or its id", where=where)


def _some(found: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"“{title}” ({ident})" for ident, title in found[:3]) + (" …" if len(found) > 3 else "")
