"""Writes one row of an OKR database: makes it, or sets what differs in one request. Every write may be repeated and cut off.

What is about to be written is noted before: whoever comes after a process that died, or reads the row first, knows it for ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import KEY, NOTE, TITLE, DatabaseKind
from connector.domain.row_merge import plain
from connector.errors import Gone
from connector.hosts.okr_databases import OkrDatabases, Row
from connector.runtime import Runtime
from connector.services.okr_databases import notes
from connector.services.okr_databases.contents import Contents, Standing, contents_of, key_of
from connector.services.okr_databases.guarding import take_each
from connector.services.okr_databases.newcomers import held_in
from connector.services.okr_databases.records import columns_of, row_of
from connector.services.okr_databases.sides import Sides, keep, note_hidden, sides_of, was_hidden
from connector.services.panels import place_rows
from connector.services.row_check_ins.rows import want_children
from connector.store import work
from connector.store.tables import Connection, KeyResult, OkrDatabase, OkrRow

log = structlog.get_logger(__name__)

FRESH = 5.0  # seconds for which a row that was read in the same pass counts as known
LOOK_AGAIN = 10.0  # seconds after which a row that may have been made is looked for once more: the host's index may lag

_LOOKED = "looked_for"  # in ``OkrRow.shown``: it was not found


@dataclass
class _Scene:
    """One row with its database, and what it shows."""

    row: OkrRow
    database: OkrDatabase
    contents: Contents
    sides: Sides

    @property
    def kind(self) -> DatabaseKind:
        return DatabaseKind(self.database.kind)

    @property
    def wanted(self) -> dict[str, FieldValue]:
        """What has to be written."""
        ours = {**self.contents.ours, NOTE: self.row.note}
        return self.sides.to_write(ours, columns_of(self.database), held_in(self.row, self.contents))


def look_first(runtime: Runtime, host: OkrDatabases, claim: work.Claim, begun: datetime) -> work.Claim:
    """Read a row before people's columns are written, unless that was done since ``begun``. Gives the claim with what this asked for.

    Raises ``HostError``; ``Gone`` when the row is.
    """
    scene = _scene(runtime, claim.id)
    if scene is None or scene.row.ref is None or scene.row.gone_at is not None or scene.database.broken:
        return claim
    if not _needs_look(runtime, scene, begun):
        return claim
    read = host.read_rows([scene.row.ref], columns_of(scene.database))
    if read.gone:
        raise Gone(f"the row {scene.row.ref} is in the trash or not shared any more")
    take_each(runtime, scene.database.id, read.rows, heard={scene.row.ref: dict(scene.row.heard or {})})
    with runtime.store.read() as session:
        row = session.get(OkrRow, claim.id)
    return claim if row is None or row.heard else replace(claim, wanted=row.wanted)  # a refusal ends what we asked for ourselves, too


def write_one(runtime: Runtime, connection: Connection, host: OkrDatabases, claim: work.Claim) -> None:
    """Bring one row up to date, which was looked at first: no request when it is. Raises ``HostError``; ``Gone`` when the row is."""
    scene = _scene(runtime, claim.id)
    if scene is None or scene.row.gone_at is not None or scene.database.broken:
        _finish(runtime, claim)
        return
    if scene.row.ref is None:
        _make(runtime, connection, host, claim, scene)
        return
    wanted = scene.wanted
    if not wanted:
        _finish(runtime, claim)
        return
    _note_writing(runtime, scene, wanted)
    _settle(runtime, claim, scene, wanted, host.write_row(str(scene.row.ref), columns_of(scene.database), wanted))
    log.info("okr_row_written", connection=connection.name, database=scene.database.kind, record=scene.row.record, fields=sorted(wanted))


def _scene(runtime: Runtime, ident: int) -> _Scene | None:
    with runtime.store.read() as session:
        row = session.get(OkrRow, ident)
        database = session.get(OkrDatabase, row.database_id) if row is not None else None
        if row is None or database is None or database.retired_at is not None:
            return None
        contents = contents_of(session, runtime, database, [row])[row.id]
    if row.record and notes.told(row, notes.STATE) != contents.why:
        with runtime.store.write() as session:
            row = session.scalars(select(OkrRow).where(OkrRow.id == ident).with_for_update()).one()
            notes.tell(row, notes.STATE, contents.why)
            if contents.standing is Standing.HIDDEN:
                for topic in (notes.FIELDS, notes.REASON, notes.PUT_BACK):
                    notes.tell(row, topic, "")
                sides = sides_of(row, DatabaseKind(database.kind))
                sides.overwrite(contents.ours)
                keep(row, DatabaseKind(database.kind), sides)
                note_hidden(row, hidden=True)
    return _Scene(row, database, contents, sides_of(row, DatabaseKind(database.kind)))


def _needs_look(runtime: Runtime, scene: _Scene, begun: datetime) -> bool:
    """Whether the row is read before it is written: where people may have written meanwhile, what they wrote must not be lost."""
    if was_hidden(scene.row) and scene.contents.standing is not Standing.HIDDEN:
        return True  # what was typed meanwhile gives way, and is not to be taken for an edit
    ours = set() if scene.contents.standing is Standing.HIDDEN else scene.contents.computed  # people's words are emptied there too
    if not set(scene.wanted) - ours:
        return False
    read_at = scene.row.read_at
    return bool(scene.row.heard) or read_at is None or read_at < begun or (runtime.now() - read_at).total_seconds() > FRESH


def _note_writing(runtime: Runtime, scene: _Scene, wanted: Mapping[str, FieldValue]) -> None:
    writing = {**scene.sides.writing, **{field: plain(value) for field, value in wanted.items()}}
    with runtime.store.write() as session:
        row = session.scalars(select(OkrRow).where(OkrRow.id == scene.row.id).with_for_update()).one()
        sides = sides_of(row, scene.kind)
        sides.writing = writing
        keep(row, scene.kind, sides)


def _settle(runtime: Runtime, claim: work.Claim, scene: _Scene, wanted: Mapping[str, FieldValue], found: Row) -> None:
    """Note what the row says now. What people changed in other columns meanwhile is left to the event that tells of it."""
    with runtime.store.write() as session:
        if not work.finish(session, OkrRow, [claim], runtime.epoch()):
            log.warning("okr_row_lease_lost", row=claim.id)
            return
        row = session.scalars(select(OkrRow).where(OkrRow.id == claim.id).with_for_update()).one()
        sides = sides_of(row, scene.kind)
        for field, value in wanted.items():
            theirs = found.values.get(field, Unknown("not told"))
            sides.note(field, value if isinstance(theirs, Unknown) else theirs, value)
        sides.writing = {}
        keep(row, scene.kind, sides)
        row.edited_at = found.edited_at or row.edited_at
        row.url = found.url or row.url
        row.error = "; ".join(found.left_out.values())[:500] or None


# --- making ------------------------------------------------------------------------------------------------------------


def _make(runtime: Runtime, connection: Connection, host: OkrDatabases, claim: work.Claim, scene: _Scene) -> None:
    """Make the row of a record. One that may have been made before is looked for first, twice before another one is made."""
    row, columns = scene.row, columns_of(scene.database)
    if scene.contents.standing is Standing.HIDDEN or not row.record:
        _finish(runtime, claim)
        return
    found = _made_before(runtime, connection, host, scene) if row.unsure else None
    if found is None:
        if row.unsure and not _was_looked_for(row):
            _look_later(runtime, claim)
            return
        values = {**scene.wanted}
        with runtime.store.write() as session:
            making = session.scalars(select(OkrRow).where(OkrRow.id == row.id).with_for_update()).one()
            ours, begun = making.lease == claim.lease, making.unsure and not row.unsure
            if ours and not begun:
                making.unsure, making.shown = True, {name: value for name, value in (making.shown or {}).items() if name != _LOOKED}
        if not ours:  # somebody else took it over while this process stood still, and makes the row
            log.warning("okr_row_lease_lost", row=claim.id)
            return
        if begun:  # whoever had it before may be making it this moment
            _look_later(runtime, claim)
            return
        found = host.create_row(scene.database.source, columns, values)
        _bound(runtime, claim, scene, found, values)
        return
    with runtime.store.write() as session:
        _take_ref(session, row.id, found)
    take_each(runtime, scene.database.id, [found], heard={found.ref: {}})
    with runtime.store.write() as session:  # what is missing in it is written next
        work.finish(session, OkrRow, [claim], runtime.epoch())
        work.want(session, OkrRow, [row.id], runtime.epoch())
        _want_others(session, runtime, scene)


def _made_before(runtime: Runtime, connection: Connection, host: OkrDatabases, scene: _Scene) -> Row | None:
    """The row whose making got no answer: by its key, else, without a key column, by its title among those that we made."""
    source, columns = scene.database.source, columns_of(scene.database)
    if KEY in columns:
        return host.find_row(source, columns, KEY, key_of(scene.row))
    title = scene.contents.ours.get(TITLE)
    if TITLE not in columns or not isinstance(title, str) or not title or not connection.bot_id:
        return None
    with runtime.store.read() as session:
        bound = (OkrRow.database_id == scene.database.id, OkrRow.ref.is_not(None), OkrRow.record != "")
        taken = {str(ref) for ref in session.scalars(select(OkrRow.ref).where(*bound))}
    return host.find_row(source, columns, TITLE, title, made_by=connection.bot_id, apart_from=taken)


def _was_looked_for(row: OkrRow) -> bool:
    return bool((row.shown or {}).get(_LOOKED))


def _look_later(runtime: Runtime, claim: work.Claim) -> None:
    """Nothing was found: the host's index may not show it yet."""
    with runtime.store.write() as session:
        row = session.scalars(select(OkrRow).where(OkrRow.id == claim.id).with_for_update()).one()
        row.shown = {**(row.shown or {}), _LOOKED: True}
        session.flush()
        work.postpone(session, OkrRow, [claim], ready_at=runtime.epoch() + LOOK_AGAIN, error="", failed=False)


def _bound(runtime: Runtime, claim: work.Claim, scene: _Scene, found: Row, values: Mapping[str, FieldValue]) -> None:
    with runtime.store.write() as session:
        row = _take_ref(session, scene.row.id, found)
        if row is None:
            return
        sides = sides_of(row, scene.kind)
        for field, value in values.items():
            theirs = found.values.get(field, Unknown("not told"))
            sides.note(field, value if isinstance(theirs, Unknown) else theirs, value)
        for field, value in found.values.items():
            if field not in values and field in scene.contents.ours:
                sides.note(field, value, scene.contents.ours[field])
        keep(row, scene.kind, sides)
        row.read_at = runtime.now()
        work.finish(session, OkrRow, [claim], runtime.epoch())
        row.error = "; ".join(found.left_out.values())[:500] or None
        _want_others(session, runtime, scene)
    log.info("okr_row_made", database=scene.database.kind, record=scene.row.record)


def _take_ref(session: Session, ident: int, found: Row) -> OkrRow | None:
    """Note where the row is. An event may have told of it before: then there are two notes of one row, and this one stays."""
    row = session.scalars(select(OkrRow).where(OkrRow.id == ident).with_for_update()).one_or_none()
    if row is None:
        return None
    other = row_of(session, row.connection_id, found.ref)
    if other is not None and other.id != row.id:
        session.delete(other)
        session.flush()
    row.ref, row.url, row.unsure = found.ref, found.url or row.url, False
    row.edited_at = found.edited_at
    session.flush()
    return row


def _want_others(session: Session, runtime: Runtime, scene: _Scene) -> None:
    """Rows that point at this one can do so now, and its page can have its panel."""
    place_rows(session, [scene.row.id], runtime.epoch())
    if scene.kind is DatabaseKind.KEY_RESULTS:
        want_children(session, scene.row.connection_id, scene.row.record, runtime.epoch())
    elif scene.kind is DatabaseKind.OBJECTIVES:
        below = session.scalars(
            select(OkrRow.id)
            .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
            .join(KeyResult, KeyResult.id == OkrRow.record)
            .where(
                OkrDatabase.connection_id == scene.row.connection_id,
                OkrDatabase.kind == DatabaseKind.KEY_RESULTS.value,
                KeyResult.objective_id == scene.row.record,
                OkrRow.ref.is_not(None),
            )
        ).all()
        work.want(session, OkrRow, below, runtime.epoch())


def _finish(runtime: Runtime, claim: work.Claim, **values: Any) -> None:
    with runtime.store.write() as session:
        work.finish(session, OkrRow, [claim], runtime.epoch())
