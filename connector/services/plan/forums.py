"""Forums: who meets to review, and who can call decisions there. Without such a person a forum is not active (R063)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy import update as set_values
from sqlalchemy.orm import Session

from connector.domain.changes import reason_text
from connector.domain.rights import Act, Viewer
from connector.errors import NotFound
from connector.runtime import Runtime
from connector.services.changes import check_version, record, require
from connector.services.declare.reading import Fields
from connector.services.plan import saving
from connector.services.plan.groups import People, address_of, email_of, group_name, is_taken, of_old
from connector.services.plan.saving import Saved, View
from connector.store.tables import Forum, Person, Team

ENTITY = "forum"


@dataclass(frozen=True, slots=True)
class ForumEntry:
    """A forum as lists show it. ``active``: somebody active can call decisions there."""

    id: int
    name: str
    caller: str
    active: bool
    teams: tuple[str, ...]


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


def view_of(session: Session, row: Forum) -> View:
    """A forum in the words of the file of ``apply``."""
    return {"name": row.name, "caller": email_of(session, row.caller_id)}


def find(session: Session, name: str | int) -> Forum:
    """The forum of that name (or id), if it is not retired. Raises ``NotFound``."""
    column = Forum.id if isinstance(name, int) else Forum.name
    row = session.scalar(select(Forum).where(column == name, Forum.retired_at.is_(None)))
    if row is None:
        raise NotFound(f"there is no forum {name!r}")
    return row


def load(runtime: Runtime, viewer: Viewer, name: str | int) -> Saved:
    """A forum as it is. Raises ``NotFound``."""
    with runtime.store.read() as session:
        row = find(session, name)
        return Saved(row.name, view_of(session, row))


def create(runtime: Runtime, viewer: Viewer, given: Mapping[str, Any]) -> Saved:
    """Make a forum from ``name`` and ``caller``, an e-mail address. Raises ``Faults``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        wanted = _read(session, given, None)
        row = of_old(session, Forum, wanted["name"])
        revived = row is not None
        if row is None:
            row = Forum(name=wanted["name"])
            session.add(row)
        row.name = wanted["name"]
        row.caller_id, row.retired_at = wanted["caller"].id if wanted["caller"] else None, None
        session.flush()
        after = view_of(session, row)
        record(session, viewer, runtime.now(), "revive" if revived else "create", ENTITY, row.name, after=after)
        return Saved(row.name, after, remarks=_inactive(after))


def update(
    runtime: Runtime, viewer: Viewer, name: str | int, given: Mapping[str, Any], *, version: str | None = None, reason: str | None = None
) -> Saved:
    """Change what ``given`` says; what it leaves out stays. Raises ``Faults``, ``Stale``, ``NotFound``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find(session, name)
        before = view_of(session, row)
        check_version(before, version, by=saving.last_actor(session, ENTITY, row.name))
        wanted = _read(session, {**before, **given}, row)
        after = {"name": wanted["name"], "caller": address_of(wanted["caller"])}
        why = reason_text(reason, ())
        if before == after:
            return Saved(row.name, before)
        row.name, row.caller_id = wanted["name"], wanted["caller"].id if wanted["caller"] else None
        record(session, viewer, runtime.now(), "update", ENTITY, row.name, before=before, after=after, reason=why)
        return Saved(row.name, after, remarks=_inactive(after))


def retire(runtime: Runtime, viewer: Viewer, name: str | int, *, version: str | None = None, reason: str | None = None) -> None:
    """Retire a forum; its teams have none then. Raises ``NotFound``, ``Stale``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find(session, name)
        before = view_of(session, row)
        check_version(before, version, by=saving.last_actor(session, ENTITY, row.name))
        why = reason_text(reason, ())
        session.execute(set_values(Team).where(Team.forum_id == row.id).values(forum_id=None))
        row.retired_at = runtime.now()
        record(session, viewer, runtime.now(), "retire", ENTITY, row.name, before=before, reason=why)


def _read(session: Session, given: Mapping[str, Any], row: Forum | None) -> dict[str, Any]:
    notes = saving.new_notes()
    fields = Fields(notes, {key: value for key, value in given.items() if value != ""}, "")
    found: dict[str, Any] = {
        "name": fields.take("name", group_name, missing="; enter the forum's name"),
        "caller": fields.take("caller", People(session).one),
    }
    if found["name"] is not None and is_taken(session, Forum, found["name"], row):
        notes.add(f"another forum is called {found['name']}; choose another name", "name")
    saving.raise_noted(notes)
    return found


def _inactive(view: View) -> tuple[str, ...]:
    return () if view["caller"] else ("It is not active: name the person who can call decisions there.",)
