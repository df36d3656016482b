"""Teams and forums: who belongs together, who leads, who meets to review and who can call decisions there (R063)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, distinct, func, select, update
from sqlalchemy.orm import Session, aliased

from connector.domain.changes import reason_text
from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import check_version, record, require
from connector.services.declare import reading
from connector.services.declare.reading import Fields
from connector.services.plan import saving
from connector.services.plan.saving import Saved, View
from connector.store.tables import Forum, Objective, Person, Team, TeamMember
from connector.store.visibility import visible
from mappings.reading import as_list, as_text, near

TEAM, FORUM = "team", "forum"
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class TeamEntry:
    """A team as lists show it: names of people, how many are on it, how many of its objectives the viewer may know of."""

    id: int
    name: str
    lead: str
    forum: str
    members: int
    objectives: int


@dataclass(frozen=True, slots=True)
class ForumEntry:
    """A forum as lists show it. ``active``: somebody active can call decisions there."""

    id: int
    name: str
    caller: str
    active: bool
    teams: tuple[str, ...]


# --- lists ---------------------------------------------------------------------------------------------------------------------


def teams(session: Session, viewer: Viewer) -> list[TeamEntry]:
    """All teams by name, in one statement."""
    lead = aliased(Person)
    rows = session.execute(
        select(Team.id, Team.name, lead.name, Forum.name, func.count(distinct(TeamMember.person_id)), func.count(distinct(Objective.id)))
        .select_from(Team)
        .outerjoin(lead, lead.id == Team.lead_id)
        .outerjoin(Forum, Forum.id == Team.forum_id)
        .outerjoin(TeamMember, TeamMember.team_id == Team.id)
        .outerjoin(Objective, and_(Objective.team_id == Team.id, Objective.retired_at.is_(None), visible(viewer)))
        .where(Team.retired_at.is_(None))
        .group_by(Team.id, Team.name, lead.name, Forum.name)
        .order_by(Team.name)
    )
    return [TeamEntry(ident, name, led or "", forum or "", members, count) for ident, name, led, forum, members, count in rows]


def forums(session: Session) -> list[ForumEntry]:
    """All forums by name with the teams they review, in one statement."""
    rows = session.execute(
        select(Forum.id, Forum.name, Person.name, Person.active, Team.name)
        .outerjoin(Person, Person.id == Forum.caller_id)
        .outerjoin(Team, and_(Team.forum_id == Forum.id, Team.retired_at.is_(None)))
        .where(Forum.retired_at.is_(None))
        .order_by(Forum.name, Team.name)
    )
    found: dict[int, ForumEntry] = {}
    for ident, name, caller, active, team in rows:
        before = found.get(ident)
        reviewed = (*(before.teams if before else ()), *((team,) if team else ()))
        found[ident] = ForumEntry(ident, name, caller or "", bool(caller and active), reviewed)
    return list(found.values())


# --- teams ---------------------------------------------------------------------------------------------------------------------


def view_of_team(session: Session, row: Team) -> View:
    """A team in the words of the file of ``apply``."""
    members = select(Person.email).join(TeamMember, TeamMember.person_id == Person.id).where(TeamMember.team_id == row.id)
    return {
        "name": row.name,
        "lead": _email(session, row.lead_id),
        "members": list(session.scalars(members.order_by(Person.email))),
        "forum": session.get_one(Forum, row.forum_id).name if row.forum_id is not None else None,
    }


def find_team(session: Session, name: str | int) -> Team:
    """The team of that name (or id), if it is not retired. Raises ``NotFound``."""
    column = Team.id if isinstance(name, int) else Team.name
    row = session.scalar(select(Team).where(column == name, Team.retired_at.is_(None)))
    if row is None:
        raise NotFound(f"there is no team {name!r}")
    return row


def load_team(runtime: Runtime, viewer: Viewer, name: str | int) -> Saved:
    """A team as it is. Raises ``NotFound``."""
    with runtime.store.read() as session:
        row = find_team(session, name)
        return Saved(row.name, view_of_team(session, row))


def create_team(runtime: Runtime, viewer: Viewer, given: Mapping[str, Any]) -> Saved:
    """Make a team from ``name``, ``lead``, ``members`` (e-mail addresses) and ``forum`` (its name). Raises ``Faults``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        wanted = _read_team(session, given, None)
        row = session.scalar(select(Team).where(Team.name == wanted["name"]))
        revived = row is not None
        if row is None:
            row = Team(name=wanted["name"])
            session.add(row)
        row.retired_at = None
        after = _write_team(session, row, wanted)
        record(session, viewer, runtime.now(), "revive" if revived else "create", TEAM, row.name, after=after)
        return Saved(row.name, after)


def update_team(
    runtime: Runtime, viewer: Viewer, name: str | int, given: Mapping[str, Any], *, version: str | None = None, reason: str | None = None
) -> Saved:
    """Change what ``given`` says; what it leaves out stays.

    Who leads a team and who is on it is for admins and its lead: they decide who sees its restricted objectives.
    Raises ``Faults``, ``Stale`` when somebody saved after ``version``, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find_team(session, name)
        before = view_of_team(session, row)
        check_version(before, version, by=saving.last_actor(session, TEAM, row.name))
        wanted = _read_team(session, {**before, **given}, row)
        after = {**wanted, "lead": _address(wanted["lead"]), "members": [each.email for each in wanted["members"]]}
        after["forum"] = wanted["forum"].name if wanted["forum"] else None
        if any(before[key] != after[key] for key in ("lead", "members")) and not may_change_members(viewer, row):
            raise Forbidden("who leads a team and who is on it is changed by its lead or an admin: they see its restricted objectives")
        why = reason_text(reason, ())
        if before == after:
            return Saved(row.name, before)
        row.name = wanted["name"]
        _write_team(session, row, wanted)
        record(session, viewer, runtime.now(), "update", TEAM, row.name, before=before, after=after, reason=why)
        return Saved(row.name, after)


def may_change_members(viewer: Viewer, row: Team) -> bool:
    """Whether this viewer may say who leads the team and who is on it."""
    return viewer.may(Act.ADMINISTER) or (viewer.person_id is not None and row.lead_id == viewer.person_id)


def retire_team(runtime: Runtime, viewer: Viewer, name: str | int, *, version: str | None = None, reason: str | None = None) -> None:
    """Retire a team that has no objective. Raises ``Conflict`` for one that has, ``NotFound``, ``Stale``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find_team(session, name)
        before = view_of_team(session, row)
        check_version(before, version, by=saving.last_actor(session, TEAM, row.name))
        why = reason_text(reason, ())
        if session.scalar(select(Objective.id).where(Objective.team_id == row.id, Objective.retired_at.is_(None)).limit(1)) is not None:
            raise Conflict(f"objectives belong to the team {row.name}; give them another team or retire them first")
        row.retired_at = runtime.now()
        record(session, viewer, runtime.now(), "retire", TEAM, row.name, before=before, reason=why)


def _read_team(session: Session, given: Mapping[str, Any], row: Team | None) -> dict[str, Any]:
    notes = saving.new_notes()
    fields = Fields(notes, {key: value for key, value in given.items() if value != ""}, "")
    people = _People(session)
    found: dict[str, Any] = {
        "name": fields.take("name", _name, missing="; enter the team's name"),
        "lead": fields.take("lead", people.one),
        "members": fields.take("members", people.several) or [],
        "forum": fields.take("forum", lambda value, where: _forum(session, value, where)),
    }
    if found["name"] is not None and _is_taken(session, Team, found["name"], row):
        notes.add(f"another team is called {found['name']}; choose another name", "name")
    saving.raise_noted(notes)
    return found


def _write_team(session: Session, row: Team, wanted: Mapping[str, Any]) -> View:
    row.lead_id = wanted["lead"].id if wanted["lead"] else None
    row.forum_id = wanted["forum"].id if wanted["forum"] else None
    session.flush()
    session.execute(delete(TeamMember).where(TeamMember.team_id == row.id))
    session.add_all(TeamMember(team_id=row.id, person_id=each.id) for each in wanted["members"])
    session.flush()
    return view_of_team(session, row)


# --- forums --------------------------------------------------------------------------------------------------------------------


def view_of_forum(session: Session, row: Forum) -> View:
    """A forum in the words of the file of ``apply``."""
    return {"name": row.name, "caller": _email(session, row.caller_id)}


def find_forum(session: Session, name: str | int) -> Forum:
    """The forum of that name (or id), if it is not retired. Raises ``NotFound``."""
    column = Forum.id if isinstance(name, int) else Forum.name
    row = session.scalar(select(Forum).where(column == name, Forum.retired_at.is_(None)))
    if row is None:
        raise NotFound(f"there is no forum {name!r}")
    return row


def load_forum(runtime: Runtime, viewer: Viewer, name: str | int) -> Saved:
    """A forum as it is. Raises ``NotFound``."""
    with runtime.store.read() as session:
        row = find_forum(session, name)
        return Saved(row.name, view_of_forum(session, row))


def create_forum(runtime: Runtime, viewer: Viewer, given: Mapping[str, Any]) -> Saved:
    """Make a forum from ``name`` and ``caller``, an e-mail address. Raises ``Faults``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        wanted = _read_forum(session, given, None)
        row = session.scalar(select(Forum).where(Forum.name == wanted["name"]))
        revived = row is not None
        if row is None:
            row = Forum(name=wanted["name"])
            session.add(row)
        row.caller_id, row.retired_at = wanted["caller"].id if wanted["caller"] else None, None
        session.flush()
        after = view_of_forum(session, row)
        record(session, viewer, runtime.now(), "revive" if revived else "create", FORUM, row.name, after=after)
        return Saved(row.name, after, remarks=_inactive(after))


def update_forum(
    runtime: Runtime, viewer: Viewer, name: str | int, given: Mapping[str, Any], *, version: str | None = None, reason: str | None = None
) -> Saved:
    """Change what ``given`` says; what it leaves out stays. Raises ``Faults``, ``Stale``, ``NotFound``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find_forum(session, name)
        before = view_of_forum(session, row)
        check_version(before, version, by=saving.last_actor(session, FORUM, row.name))
        wanted = _read_forum(session, {**before, **given}, row)
        after = {"name": wanted["name"], "caller": _address(wanted["caller"])}
        why = reason_text(reason, ())
        if before == after:
            return Saved(row.name, before)
        row.name, row.caller_id = wanted["name"], wanted["caller"].id if wanted["caller"] else None
        record(session, viewer, runtime.now(), "update", FORUM, row.name, before=before, after=after, reason=why)
        return Saved(row.name, after, remarks=_inactive(after))


def retire_forum(runtime: Runtime, viewer: Viewer, name: str | int, *, version: str | None = None, reason: str | None = None) -> None:
    """Retire a forum; its teams have none then. Raises ``NotFound``, ``Stale``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find_forum(session, name)
        before = view_of_forum(session, row)
        check_version(before, version, by=saving.last_actor(session, FORUM, row.name))
        why = reason_text(reason, ())
        session.execute(update(Team).where(Team.forum_id == row.id).values(forum_id=None))
        row.retired_at = runtime.now()
        record(session, viewer, runtime.now(), "retire", FORUM, row.name, before=before, reason=why)


def _read_forum(session: Session, given: Mapping[str, Any], row: Forum | None) -> dict[str, Any]:
    notes = saving.new_notes()
    fields = Fields(notes, {key: value for key, value in given.items() if value != ""}, "")
    found: dict[str, Any] = {
        "name": fields.take("name", _name, missing="; enter the forum's name"),
        "caller": fields.take("caller", _People(session).one),
    }
    if found["name"] is not None and _is_taken(session, Forum, found["name"], row):
        notes.add(f"another forum is called {found['name']}; choose another name", "name")
    saving.raise_noted(notes)
    return found


def _inactive(view: View) -> tuple[str, ...]:
    return () if view["caller"] else ("It is not active: name the person who can call decisions there.",)


# --- what both need ------------------------------------------------------------------------------------------------------------


class _People:
    """People by e-mail address, read when first asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, Person] = {}

    def one(self, value: Any, where: str) -> Person:
        """An active person."""
        if not self._known:
            self._known = {row.email: row for row in self._session.scalars(select(Person))}
        address = reading.email(value, where)
        if address not in self._known:
            raise InputError(f"no person has the e-mail address {address}{near(address, self._known)}", where=where)
        return self._known[address]

    def several(self, value: Any, where: str) -> list[Person]:
        """People, each once, by address."""
        found = {
            person.email: person for index, each in enumerate(as_list(value, where)) for person in [self.one(each, f"{where}[{index}]")]
        }
        return [found[address] for address in sorted(found)]


def _forum(session: Session, value: Any, where: str) -> Forum:
    name = as_text(value, where)
    known = {row.name: row for row in session.scalars(select(Forum).where(Forum.retired_at.is_(None)))}
    if name not in known:
        raise InputError(f"no forum is called {name[:80]!r}{near(name, known)}", where=where)
    return known[name]


def _name(value: Any, where: str) -> str:
    found = saving.title(value, where)
    if len(found) > LONGEST_NAME:
        raise InputError(f"is longer than {LONGEST_NAME} characters", where=where)
    if "/" in found:
        raise InputError("must hold no /: the name is part of addresses", where=where)
    return found


def _is_taken(session: Session, table: type[Team] | type[Forum], name: str, row: Team | Forum | None) -> bool:
    query = select(table.id).where(table.name == name)
    # A new one brings back a retired one of its name; another one must not take the name from it.
    query = query.where(table.retired_at.is_(None)) if row is None else query.where(table.id != row.id)
    return session.scalar(query) is not None


def _email(session: Session, person_id: int | None) -> str | None:
    return session.get_one(Person, person_id).email if person_id is not None else None


def _address(person: Person | None) -> str | None:
    return person.email if person is not None else None
