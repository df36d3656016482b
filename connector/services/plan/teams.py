"""Teams: who belongs together, who leads, and which forum reviews them. Who is on a team decides who sees its restricted objectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, distinct, func, select
from sqlalchemy.orm import Session, aliased

from connector.domain.changes import reason_text
from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import check_version, record, require
from connector.services.declare.reading import Fields
from connector.services.plan import saving
from connector.services.plan.groups import People, address_of, email_of, group_name, had_by_others, is_taken, of_old, plainly
from connector.services.plan.saving import Saved, View
from connector.store.tables import Forum, Objective, Person, Team, TeamMember
from connector.store.visibility import visible
from mappings.reading import as_text, near

ENTITY = "team"


@dataclass(frozen=True, slots=True)
class TeamEntry:
    """A team as lists show it: names of people, how many are on it, how many of its objectives the viewer may know of."""

    id: int
    name: str
    lead: str
    forum: str
    members: int
    objectives: int


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


def view_of(session: Session, row: Team) -> View:
    """A team in the words of the file of ``apply``."""
    members = select(Person.email).join(TeamMember, TeamMember.person_id == Person.id).where(TeamMember.team_id == row.id)
    return {
        "name": row.name,
        "lead": email_of(session, row.lead_id),
        "members": list(session.scalars(members.order_by(Person.email))),
        "forum": session.get_one(Forum, row.forum_id).name if row.forum_id is not None else None,
    }


def find(session: Session, name: str | int) -> Team:
    """The team of that name (or id), if it is not retired. Raises ``NotFound``."""
    column = Team.id if isinstance(name, int) else Team.name
    row = session.scalar(select(Team).where(column == name, Team.retired_at.is_(None)))
    if row is None:
        raise NotFound(f"there is no team {name!r}")
    return row


def load(runtime: Runtime, viewer: Viewer, name: str | int) -> Saved:
    """A team as it is. Raises ``NotFound``."""
    with runtime.store.read() as session:
        row = find(session, name)
        return Saved(row.name, view_of(session, row))


def create(runtime: Runtime, viewer: Viewer, given: Mapping[str, Any]) -> Saved:
    """Make a team from ``name``, ``lead``, ``members`` (e-mail addresses) and ``forum`` (its name). Raises ``Faults``, ``Forbidden``.

    A retired team of that name comes back; only its lead or an admin can do that, and only an admin gives a name that another team had.
    """
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        wanted = _read(session, given, None, viewer)
        row = of_old(session, Team, wanted["name"])
        revived = row is not None
        if row is None:
            row = Team(name=wanted["name"])
            session.add(row)
        row.name, row.retired_at = wanted["name"], None
        after = _write(session, row, wanted)
        record(session, viewer, runtime.now(), "revive" if revived else "create", ENTITY, row.name, after=after)
        return Saved(row.name, after)


def update(
    runtime: Runtime, viewer: Viewer, name: str | int, given: Mapping[str, Any], *, version: str | None = None, reason: str | None = None
) -> Saved:
    """Change what ``given`` says; what it leaves out stays.

    Its name, who leads it and who is on it are for admins and its lead: they decide who sees its restricted objectives, and a name that
    somebody else could take away and use again would decide it too.
    Raises ``Faults``, ``Stale`` when somebody saved after ``version``, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find(session, name)
        before = view_of(session, row)
        check_version(before, version, by=saving.last_actor(session, ENTITY, row.name))
        wanted = _read(session, {**before, **given}, row, viewer)
        after = {**wanted, "lead": address_of(wanted["lead"]), "members": [each.email for each in wanted["members"]]}
        after["forum"] = wanted["forum"].name if wanted["forum"] else None
        if any(before[key] != after[key] for key in ("name", "lead", "members")) and not may_change_members(viewer, row):
            raise Forbidden(
                "a team's name, who leads it and who is on it are changed by its lead or an admin: they see its restricted objectives"
            )
        why = reason_text(reason, ())
        if before == after:
            return Saved(row.name, before)
        row.name = wanted["name"]
        _write(session, row, wanted)
        record(session, viewer, runtime.now(), "update", ENTITY, row.name, before=before, after=after, reason=why)
        return Saved(row.name, after)


def may_change_members(viewer: Viewer, row: Team) -> bool:
    """Whether this viewer may say what the team is called, who leads it and who is on it, and may retire it."""
    return viewer.may(Act.ADMINISTER) or (viewer.person_id is not None and row.lead_id == viewer.person_id)


def retire(runtime: Runtime, viewer: Viewer, name: str | int, *, version: str | None = None, reason: str | None = None) -> None:
    """Retire a team that has no objective. Raises ``Conflict`` for one that has, ``NotFound``, ``Stale``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find(session, name)
        if not may_change_members(viewer, row):
            raise Forbidden("a team is retired by its lead or an admin")
        before = view_of(session, row)
        check_version(before, version, by=saving.last_actor(session, ENTITY, row.name))
        why = reason_text(reason, ())
        if session.scalar(select(Objective.id).where(Objective.team_id == row.id, Objective.retired_at.is_(None)).limit(1)) is not None:
            raise Conflict(f"objectives belong to the team {row.name}; give them another team or retire them first")
        row.retired_at = runtime.now()
        record(session, viewer, runtime.now(), "retire", ENTITY, row.name, before=before, reason=why)


def _read(session: Session, given: Mapping[str, Any], row: Team | None, viewer: Viewer) -> dict[str, Any]:
    notes = saving.new_notes()
    fields = Fields(notes, {key: value for key, value in given.items() if value != ""}, "")
    people = People(session)
    found: dict[str, Any] = {
        "name": fields.take("name", group_name, missing="; enter the team's name"),
        "lead": fields.take("lead", people.one),
        "members": fields.take("members", people.several) or [],
        "forum": fields.take("forum", lambda value, where: _forum(session, value, where)),
    }
    if found["name"] is not None and is_taken(session, Team, found["name"], row):
        notes.add(f"another team is called {found['name']}; choose another name", "name")
    elif found["name"] is not None and not _may_be_called(session, viewer, found["name"], row):
        notes.add("another team had this name; choose another one, or ask an admin", "name")
    saving.raise_noted(notes)
    return found


def _may_be_called(session: Session, viewer: Viewer, name: str, row: Team | None) -> bool:
    """Whether the viewer may give a team this name: who remembers another team by it would let the wrong people see what is restricted."""
    if viewer.may(Act.ADMINISTER) or (row is not None and plainly(row.name) == plainly(name)):
        return True
    former = of_old(session, Team, name) if row is None else row
    if former is not None and not may_change_members(viewer, former):
        return row is not None  # the right to rename is told apart from the name
    return not had_by_others(session, name, former.name if former is not None else None)


def _write(session: Session, row: Team, wanted: Mapping[str, Any]) -> View:
    row.lead_id = wanted["lead"].id if wanted["lead"] else None
    row.forum_id = wanted["forum"].id if wanted["forum"] else None
    session.flush()
    session.execute(delete(TeamMember).where(TeamMember.team_id == row.id))
    session.add_all(TeamMember(team_id=row.id, person_id=each.id) for each in wanted["members"])
    session.flush()
    return view_of(session, row)


def _forum(session: Session, value: Any, where: str) -> Forum:
    name = as_text(value, where)
    known = {row.name: row for row in session.scalars(select(Forum).where(Forum.retired_at.is_(None)))}
    if name not in known:
        raise InputError(f"no forum is called {name[:80]!r}{near(name, known)}", where=where)
    return known[name]
