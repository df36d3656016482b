"""Saves a mapping: checked by the rules and by the host, then one transaction, then its items are listed and the value follows.

The host is asked before the transaction. Switching off keeps the row and all readings that it led to; what it wrote into hosts is
taken away by the panels' work.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from connector.domain.changes import needs_reason, reason_text
from connector.domain.rights import Act, Viewer
from connector.errors import InputError, NotFound
from connector.hosts.base import Resolution
from connector.runtime import Runtime
from connector.services.changes import Stale, View, check_version, record, require
from connector.services.declare.aftermath import WorkToDo
from connector.services.declare.views import mapping_key, rule_of
from connector.services.mapping.catalog import PATIENCE, usable_connection
from connector.services.mapping.gathering import resolve
from connector.services.mapping.records import Record, load_record
from connector.services.sources import stored_resolution
from connector.store.tables import Connection, KeyResult, MappingItem, Person
from connector.store.tables import Mapping as MappingRow
from connector.store.visibility import sees_key_result
from mappings.parsing import parse_mapping
from mappings.repository import load_links, load_resolved
from mappings.rules import Draft, SelectorKind, check_family, field_names

ENTITY = "mapping"
SCOPE = "scope"  # what a switch changes, in the words of ``domain.changes``


@dataclass(frozen=True, slots=True)
class Saved:
    """What is stored now. ``listing``: its items are read anew before the value can follow. ``changed``: False when nothing differed."""

    id: int
    key_result: str
    connection: str
    view: View
    version: str
    listing: bool
    changed: bool = True


@dataclass(frozen=True, slots=True)
class _Checked:
    """A mapping that rules and host accept."""

    connection: Connection
    draft: Draft
    resolution: Resolution


def create_mapping(
    runtime: Runtime, viewer: Viewer, key_result: str, data: Mapping[str, Any], *, owner: str | None = None, reason: str = ""
) -> Saved:
    """Map work to a key result. ``data`` as in the file of ``apply``; ``owner`` is an e-mail address, None: the viewer's own.

    One that says the same and was switched off comes back. Raises ``InputError`` for what the rules or the host refuse and for one that
    is there already, ``NotFound``, ``Conflict`` for a parked connection, ``HostError``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    with runtime.store.read() as session:
        if not sees_key_result(session, viewer, key_result):
            raise NotFound(f"there is no key result {key_result!r}")
        connection = usable_connection(session, data.get("connection"))
    text = reason_text(reason, ())
    checked = _check(runtime, connection, data)
    rule = rule_of(checked.draft)
    with runtime.store.write() as session:
        _hold(session, key_result)
        owner_id = _owner(session, viewer, key_result, owner)
        same = _same(session, key_result, checked, None)
        _check_family(session, key_result, checked.draft, None)
        if same is None:
            position = session.scalar(select(func.max(MappingRow.position)).where(MappingRow.key_result_id == key_result))
            row = MappingRow(
                key_result_id=key_result,
                connection_id=connection.id,
                rule=rule,
                mode=checked.draft.mode.value,
                owner_id=owner_id,
                position=0 if position is None else position + 1,
                created_at=runtime.now(),
                resolved=asdict(checked.resolution),
                version=1,
            )
            session.add(row)
        else:
            row = same
            row.retired_at = row.broken = row.listed_at = None
            row.owner_id, row.resolved, row.version = owner_id, asdict(checked.resolution), row.version + 1
        session.flush()
        saved = load_record(session, viewer, row.id)
        action = "create" if same is None else "revive"
        record(session, viewer, runtime.now(), action, ENTITY, _name(saved), after=saved.view, reason=text)
        _follow(runtime, session, saved, listing=True)
    return _done(runtime, saved, listing=True)


def change_mapping(
    runtime: Runtime,
    viewer: Viewer,
    mapping_id: int,
    data: Mapping[str, Any],
    *,
    owner: str | None = None,
    reason: str = "",
    version: str | None = None,
) -> Saved:
    """Make a stored mapping say something else; ``owner`` None leaves its owner. What is measured changes only with a reason while the
    key result runs (R021).

    Raises what ``create_mapping`` does, and ``Stale`` when it was changed since ``version``.
    """
    require(viewer, Act.WRITE)
    with runtime.store.read() as session:
        before = load_record(session, viewer, mapping_id)
        connection = usable_connection(session, data.get("connection"))
    check_version(before.view, version)
    _must_be_on(before)
    checked = _check(runtime, connection, data, known=before)
    rule = rule_of(checked.draft)
    with runtime.store.write() as session:
        _hold(session, before.row.key_result_id)
        old = load_record(session, viewer, mapping_id)
        check_version(old.view, version if version is not None else before.version)
        _must_be_on(old)
        _same(session, old.row.key_result_id, checked, mapping_id)
        _check_family(session, old.row.key_result_id, checked.draft, mapping_id)
        owner_id = old.row.owner_id if owner is None else _owner(session, viewer, old.row.key_result_id, owner)
        after = {"connection": connection.name, **rule}
        text = reason_text(reason, _changed(old, after) if old.running else ())
        listing = _needs_listing(old, checked)
        if after == old.written and owner_id == old.row.owner_id:
            return Saved(mapping_id, old.row.key_result_id, connection.name, old.view, old.version, listing=False, changed=False)
        view_before, places = old.view, _places(old.row)
        _write(session, viewer, old.row, connection, checked, owner_id, listing=listing)
        saved = load_record(session, viewer, mapping_id)
        record(session, viewer, runtime.now(), "update", ENTITY, _name(saved), before=view_before, after=saved.view, reason=text)
        _follow(runtime, session, saved, listing=listing, places=places)
        formerly = old.connection.id
    if formerly != connection.id:
        runtime.queue.nudge("drain", formerly)
    return _done(runtime, saved, listing=listing)


def switch_off(runtime: Runtime, viewer: Viewer, mapping_id: int, *, reason: str = "", version: str | None = None) -> Saved:
    """Let a mapping feed its key result no longer. The value stays as it is until something else moves it; history is kept.

    Raises ``InputError`` without a reason while the key result runs, ``NotFound``, ``Stale``, ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        old = load_record(session, viewer, mapping_id)
        check_version(old.view, version)
        if old.row.retired_at is not None:
            return Saved(mapping_id, old.row.key_result_id, old.connection.name, old.view, old.version, listing=False, changed=False)
        text = reason_text(reason, (SCOPE,) if old.running else ())
        view_before, places = old.view, _places(old.row)
        _set(session, viewer, old.row, retired_at=runtime.now())
        session.execute(delete(MappingItem).where(MappingItem.mapping_id == mapping_id))
        saved = load_record(session, viewer, mapping_id)
        record(session, viewer, runtime.now(), "retire", ENTITY, _name(saved), before=view_before, after=saved.view, reason=text)
        _follow(runtime, session, saved, listing=False, places=places)
    return _done(runtime, saved, listing=False)


def switch_on(runtime: Runtime, viewer: Viewer, mapping_id: int, *, reason: str = "", version: str | None = None) -> Saved:
    """Let a mapping that was switched off feed its key result again.

    Raises ``InputError`` when it does not fit the key result's other mappings any more, ``NotFound``, ``Conflict``, ``Stale``,
    ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    text = reason_text(reason, ())
    with runtime.store.write() as session:
        old = load_record(session, viewer, mapping_id)
        check_version(old.view, version)
        connection = usable_connection(session, old.connection.name)
        if old.row.retired_at is None:
            return Saved(mapping_id, old.row.key_result_id, connection.name, old.view, old.version, listing=False, changed=False)
        _hold(session, old.row.key_result_id)
        draft = parse_mapping(old.written, where="mapping", host=connection.host)
        _same(session, old.row.key_result_id, _Checked(connection, draft, Resolution()), mapping_id)
        _check_family(session, old.row.key_result_id, draft, mapping_id)
        view_before = old.view
        _set(session, viewer, old.row, retired_at=None, broken=None, listed_at=None)
        saved = load_record(session, viewer, mapping_id)
        record(session, viewer, runtime.now(), "revive", ENTITY, _name(saved), before=view_before, after=saved.view, reason=text)
        _follow(runtime, session, saved, listing=True)
    return _done(runtime, saved, listing=True)


# --- parts -------------------------------------------------------------------------------------------------------------------


def _check(runtime: Runtime, connection: Connection, data: Mapping[str, Any], known: Record | None = None) -> _Checked:
    """Rules and host on one mapping. Ids resolved before stay, as long as the mapping names the same."""
    draft = parse_mapping(data, where="mapping", host=connection.host)
    before: Resolution | None = None
    if known is not None and known.connection.id == connection.id and known.row.rule["select"] == rule_of(draft)["select"]:
        before = stored_resolution(load_resolved(known.row.resolved))
    with closing(runtime.connect(connection, patience=PATIENCE)) as host:
        resolved = resolve(runtime, connection, host, draft, before)
    return _Checked(connection, draft, resolved.resolution)


def _hold(session: Session, key_result: str) -> None:
    """From here on no other transaction changes the mappings of this key result. Raises ``NotFound`` when it is retired."""
    held = session.execute(
        update(KeyResult)
        .where(KeyResult.id == key_result, KeyResult.retired_at.is_(None))
        .values(wanted=KeyResult.wanted)
        .returning(KeyResult.id)
        .execution_options(synchronize_session=False)
    ).first()
    if held is None:
        raise NotFound(f"there is no key result {key_result!r}")


def _owner(session: Session, viewer: Viewer, key_result: str, email: str | None) -> int | None:
    """The person who answers for the mapping: the one named, else the viewer, else the key result's owner."""
    if email:
        found = session.scalar(select(Person.id).where(Person.email == email.strip().lower(), Person.active.is_(True)))
        if found is None:
            raise InputError(f"no active person has the e-mail address {email.strip()}", where="owner")
        return found
    if email is None and viewer.person_id is not None:
        return viewer.person_id
    return None if email is not None else session.scalar(select(KeyResult.owner_id).where(KeyResult.id == key_result))


def _same(session: Session, key_result: str, checked: _Checked, but: int | None) -> MappingRow | None:
    """The mapping of this key result that says the same and is switched off. Raises ``InputError`` when one is on."""
    wanted = mapping_key(checked.connection.name, rule_of(checked.draft))
    rows = session.scalars(
        select(MappingRow).where(MappingRow.key_result_id == key_result, MappingRow.connection_id == checked.connection.id)
    ).all()
    same = [row for row in rows if row.id != but and mapping_key(checked.connection.name, row.rule) == wanted]
    if any(row.retired_at is None for row in same):
        raise InputError("this key result has the very same mapping already; change that one", where="select")
    return max(same, key=lambda row: row.id, default=None)


def _check_family(session: Session, key_result: str, draft: Draft, but: int | None) -> None:
    others = [link.rule for link in load_links(session, key_results=[key_result]) if link.id != but]
    check_family([*others, draft], where="mappings")


def _must_be_on(held: Record) -> None:
    if held.row.retired_at is not None:
        raise InputError("this mapping is switched off; switch it on first")


def _changed(old: Record, after: View) -> tuple[str, ...]:
    """What differs of what is measured, in the words of ``needs_reason``; an option left out is none."""
    before = old.written
    names = {*before, *after} - {"owner"}
    return needs_reason({name: before.get(name) for name in names}, {name: after.get(name) for name in names})


def _needs_listing(old: Record, checked: _Checked) -> bool:
    """Whether other items, or other fields of the same items, are needed than those that were read."""
    same_items = (
        old.connection.id == checked.connection.id
        and old.row.rule["select"] == rule_of(checked.draft)["select"]
        and bool(old.row.rule.get("subtasks")) == checked.draft.selector.subtasks
    )
    read = set(load_resolved(old.row.resolved).fields)
    return not same_items or old.row.listed_at is None or old.row.broken is not None or not set(field_names(checked.draft)) <= read


def _write(
    session: Session, viewer: Viewer, row: MappingRow, connection: Connection, checked: _Checked, owner_id: int | None, *, listing: bool
) -> None:
    values: dict[str, Any] = {
        "connection_id": connection.id,
        "rule": rule_of(checked.draft),
        "mode": checked.draft.mode.value,
        "owner_id": owner_id,
        "resolved": asdict(checked.resolution),
    }
    if listing:
        values |= {"listed_at": None, "broken": None}
    if row.connection_id != connection.id:
        session.execute(delete(MappingItem).where(MappingItem.mapping_id == row.id))
    _set(session, viewer, row, **values)


def _set(session: Session, viewer: Viewer, row: MappingRow, **values: Any) -> None:
    """Change a mapping that nobody else changed since it was read; raises ``Stale`` otherwise."""
    done = session.execute(
        update(MappingRow)
        .where(MappingRow.id == row.id, MappingRow.version == row.version)
        .values(**values, version=row.version + 1)
        .returning(MappingRow.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.expire(row)
    if done is None:
        now = load_record(session, viewer, row.id)
        raise Stale(now.view, version=now.version)


def _places(row: MappingRow) -> set[tuple[int, str]]:
    """Where the mapping's panel stands: on the epics that it names."""
    if SelectorKind.EPICS.value not in row.rule["select"]:
        return set()
    return {(row.connection_id, ref) for ref in load_resolved(row.resolved).refs.values()}


def _follow(
    runtime: Runtime,
    session: Session,
    saved: Record,
    *,
    listing: bool,
    places: set[tuple[int, str]] | frozenset[tuple[int, str]] = frozenset(),
) -> None:
    """Ask for the work that the change makes necessary."""
    work = WorkToDo({saved.row.key_result_id}, {saved.row.id} if listing else set(), set(places) | _places(saved.row))
    work.want(session, runtime.epoch())


def _done(runtime: Runtime, saved: Record, *, listing: bool) -> Saved:
    runtime.queue.nudge("settle")
    if listing:
        runtime.queue.nudge("list", saved.connection.id)
    runtime.queue.nudge("drain", saved.connection.id)
    return Saved(saved.row.id, saved.row.key_result_id, saved.connection.name, saved.view, saved.version, listing)


def _name(saved: Record) -> str:
    return f"{saved.row.key_result_id}/{saved.row.id}"
