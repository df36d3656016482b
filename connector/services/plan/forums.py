"""Forums: who meets to review, and who can call decisions there. Without such a person a forum is not active (R063)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy import update as set_values
from sqlalchemy.orm import Session

from connector.domain.changes import reason_text
from connector.domain.review_calendar import WEEKDAYS
from connector.domain.rights import Act, Viewer
from connector.domain.wording import day_text
from connector.errors import Conflict, NotFound
from connector.runtime import Runtime
from connector.services.changes import check_version, record, require
from connector.services.declare import forum_fields
from connector.services.declare.reading import Fields
from connector.services.locks import OPEN
from connector.services.plan import saving
from connector.services.plan.groups import People, email_of, group_name, is_taken, of_old
from connector.services.plan.saving import Saved, View
from connector.services.rhythm import keeping, planning
from connector.store.tables import Forum, ForumMember, Person, Review, Team

ENTITY = "forum"


@dataclass(frozen=True, slots=True)
class ForumEntry:
    """A forum as lists show it. ``active``: somebody active can call decisions there; ``meets``: "Thursday 10:00, weekly", "" for never."""

    id: int
    name: str
    caller: str
    active: bool
    teams: tuple[str, ...]
    meets: str = ""
    next_review: datetime | None = None


def forums(session: Session, now: datetime | None = None) -> list[ForumEntry]:
    """All forums by name with the teams they review, in one statement; with ``now`` and one more, when each meets next."""
    rows = session.execute(
        select(Forum, Person.name, Person.active, Team.name)
        .outerjoin(Person, Person.id == Forum.caller_id)
        .outerjoin(Team, and_(Team.forum_id == Forum.id, Team.retired_at.is_(None)))
        .where(Forum.retired_at.is_(None))
        .order_by(Forum.name, Team.name)
    ).all()
    coming = planning.next_reviews(session, {row.id for row, *_ in rows}, now) if now is not None else {}
    found: dict[int, ForumEntry] = {}
    for row, caller, active, team in rows:
        before = found.get(row.id)
        reviewed = (*(before.teams if before else ()), *((team,) if team else ()))
        starts_at = coming[row.id].starts_at if row.id in coming else None
        found[row.id] = ForumEntry(row.id, row.name, caller or "", bool(caller and active), reviewed, meets_text(row), starts_at)
    return list(found.values())


def meets_text(row: Forum) -> str:
    """When a forum meets, in words: "Thursday 10:00, weekly"; "" while it has no weekday."""
    if row.weekday is None:
        return ""
    return f"{WEEKDAYS[row.weekday].capitalize()} {row.time}, {row.cadence}" + (f" ({row.zone})" if row.zone else "")


def view_of(session: Session, row: Forum) -> View:
    """A forum in the words of the file of ``apply``."""
    people: dict[bool, list[str]] = {True: [], False: []}
    named = select(ForumMember.leader, Person.email).join(Person, Person.id == ForumMember.person_id)
    for leader, email in session.execute(named.where(ForumMember.forum_id == row.id).order_by(Person.email)):
        people[leader].append(email)
    return {
        "name": row.name,
        "caller": email_of(session, row.caller_id),
        "sponsor": email_of(session, row.sponsor_id),
        "leaders": people[True],
        "members": people[False],
        **forum_fields.view_of_row(row),
    }


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
    """Make a forum from ``name``, ``caller`` (an e-mail address) and how it meets, see ``forum_fields``. Raises ``Faults``, ``Forbidden``.

    A retired forum of that name comes back with the schedule that it had, where nothing else is said.
    """
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        name = _name(given)
        row = of_old(session, Forum, name) if name else None
        revived = row is not None
        before = view_of(session, row) if row is not None else forum_fields.DEFAULTS
        wanted = _read(session, {**_schedule_of(before), **_given(given, before)}, None)
        if row is None:
            row = Forum(name=wanted["name"], cadence="weekly", time="10:00", lock_time="16:00", lock_days=1)
            session.add(row)
        row.retired_at = None
        after = _write(runtime, session, row, wanted)
        record(session, viewer, runtime.now(), "revive" if revived else "create", ENTITY, row.name, after=after)
        saved = Saved(row.name, after, remarks=_remarks(after, wanted["caller"]))
    planning.plan_ahead(runtime)
    return saved


def update(
    runtime: Runtime, viewer: Viewer, name: str | int, given: Mapping[str, Any], *, version: str | None = None, reason: str | None = None
) -> Saved:
    """Change what ``given`` says; what it leaves out stays. Reviews that are only planned move with it; a lock that has come stays.

    A review that the change does not reach is named in the remarks, with the moment from which it counts.

    Raises ``Faults``, ``Stale``, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find(session, name)
        before, coming = view_of(session, row), planning.next_review(session, row.id, runtime.now())
        check_version(before, version, by=saving.last_actor(session, ENTITY, row.name))
        wanted = _read(session, {**before, **_given(given, before)}, row)
        why = reason_text(reason, ())
        after = _write(runtime, session, row, wanted)
        if not record(session, viewer, runtime.now(), "update", ENTITY, row.name, before=before, after=after, reason=why):
            return Saved(row.name, before)
        remarks = _remarks(after, wanted["caller"])
    planning.plan_ahead(runtime)
    with runtime.store.read() as session:
        kept = keeping.kept_text(session, row, coming, runtime.now(), runtime.settings.zone)
    return Saved(row.name, after, remarks=(*remarks, kept) if kept else remarks)


def retire(runtime: Runtime, viewer: Viewer, name: str | int, *, version: str | None = None, reason: str | None = None) -> None:
    """Retire a forum; its teams have none then.

    Raises ``NotFound``, ``Stale``, ``Forbidden``, ``Conflict`` while a review of it is being held.
    """
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = find(session, name)
        before = view_of(session, row)
        check_version(before, version, by=saving.last_actor(session, ENTITY, row.name))
        held = session.scalar(select(Review.day).where(Review.forum_id == row.id, Review.state == OPEN).order_by(Review.day).limit(1))
        if held is not None:
            raise Conflict(f"the review of {day_text(held)} is being held; close it first, then the forum can be retired")
        why = reason_text(reason, ())
        session.execute(set_values(Team).where(Team.forum_id == row.id).values(forum_id=None))
        row.retired_at = runtime.now()
        record(session, viewer, runtime.now(), "retire", ENTITY, row.name, before=before, reason=why)
    planning.plan_ahead(runtime)


def _name(given: Mapping[str, Any]) -> str:
    name = given.get("name")
    return name if isinstance(name, str) else ""


def _schedule_of(view: Mapping[str, Any]) -> View:
    return {key: view[key] for key in forum_fields.DEFAULTS}


def _given(given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent: an empty field means nothing is wanted there, and of the lock one part may be left out."""
    found = {key: None if value == "" else value for key, value in given.items()}
    lock = found.get("lock")
    if isinstance(lock, Mapping):
        found["lock"] = {**before["lock"], **{key: value for key, value in lock.items() if value not in ("", None)}}
    return found


def _read(session: Session, given: Mapping[str, Any], row: Forum | None) -> dict[str, Any]:
    notes = saving.new_notes()
    fields = Fields(notes, given, "")
    people = People(session)
    found: dict[str, Any] = {
        "name": fields.take("name", group_name, missing="; enter the forum's name"),
        "caller": fields.take("caller", people.one),
        **forum_fields.read_said(fields, people.one, people.several),
    }
    if found["name"] is not None and is_taken(session, Forum, found["name"], row):
        notes.add(f"another forum is called {found['name']}; choose another name", "name")
    if not notes.errors:
        forum_fields.check_together(fields, found)
    saving.raise_noted(notes)
    return found


def _write(runtime: Runtime, session: Session, row: Forum, wanted: Mapping[str, Any]) -> View:
    row.name = wanted["name"]
    row.caller_id, row.sponsor_id = (wanted[name].id if wanted[name] else None for name in ("caller", "sponsor"))
    forum_fields.write_row(row, wanted, _today(runtime))
    session.flush()
    forum_fields.write_people(session, row.id, [each.id for each in wanted["leaders"]], [each.id for each in wanted["members"]])
    return view_of(session, row)


def _today(runtime: Runtime) -> date:
    return runtime.now().astimezone(runtime.settings.zone).date()


def _remarks(view: View, caller: Person | None) -> tuple[str, ...]:
    if caller is None:
        return ("It is not active: name the person who can call decisions there.",)
    if not caller.active:
        return (f"It is not active: {caller.name} left; name another person who can call decisions there.",)
    return () if view["weekday"] else ("No review is planned: choose the weekday on which it meets.",)
