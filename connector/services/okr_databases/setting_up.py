"""Makes the four OKR databases under a page that somebody shared, or finds those of an earlier set-up. Nothing is made twice.

Each database is noted as soon as it is there: a set-up that was killed goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import COLUMNS, IN_ORDER, TITLES, Column, DatabaseKind
from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, Gone, InputError, NotFound, Refused, Uncertain
from connector.hosts.okr_databases import FoundDatabase, OkrDatabases
from connector.hosts.registry import HOSTS
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.connection_names import connection_called
from connector.services.okr_databases import columns as fitting
from connector.services.okr_databases.choices import with_options
from connector.services.okr_databases.faces import want_faces
from connector.services.okr_databases.importing import read_all
from connector.services.okr_databases.keeping import keep, kept_elsewhere
from connector.services.okr_databases.one_at_a_time import one_at_a_time
from connector.services.okr_databases.options import checked, told
from connector.services.okr_databases.records import databases_of
from connector.services.okr_databases.waiting_rows import FOUND
from connector.services.okr_databases.wanted_views import VIEWS
from connector.services.panels import embedding
from connector.services.row_check_ins.asks import note_standing_asks
from connector.services.row_check_ins.rows import want_history
from connector.store import work
from connector.store.tables import Connection, Cycle, OkrDatabase, OkrRow
from mappings.selecting import notion_id

SHARE = "in Notion, open the page, then ••• → Connections, and add the connection"
PATIENCE = 30.0  # seconds that one call may wait for request budget: a person waits
ENTITY = "okr_databases"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Made:
    """One database. ``how``: "to make" | "made" | "found" (of an earlier set-up) | "kept" (in step already). ``added``: columns."""

    kind: DatabaseKind
    title: str
    url: str
    how: str
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a set-up did, or would do. ``rows``: objectives and key results whose rows are made next. ``notes``: what to look at."""

    connection: str
    page: str
    databases: tuple[Made, ...]
    rows: int
    notes: tuple[str, ...]
    requests: int


def look(runtime: Runtime, viewer: Viewer, connection_name: str, page: str, *, options: Mapping[str, Any] | None = None) -> SetUp:
    """Test everything that a set-up needs and say what it would make. Writes nothing anywhere. Raises as ``set_up``."""
    connection, ref, _ = _prepared(runtime, viewer, connection_name, page, options)
    with opened(runtime, connection) as host:
        there = standing_on(host, ref)
        with runtime.store.read() as session:
            stored = databases_of(session, connection.id)
            mine = {kind: earlier(session, there, kind, connection.id) for kind in IN_ORDER}
        made = tuple(
            Made(kind, stored[kind].title, stored[kind].url, "kept")
            if kind in stored
            else Made(kind, found.title, found.url, "found")
            if (found := mine[kind]) is not None
            else Made(kind, TITLES[kind], "", "to make")
            for kind in IN_ORDER
        )
        return SetUp(connection.name, ref, made, 0, _notes(there, made), host.requests)


def set_up(
    runtime: Runtime,
    viewer: Viewer,
    connection_name: str,
    page: str,
    *,
    options: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
    reading: bool = False,
) -> SetUp:
    """Make what is missing of the four databases on a page, note them, and want a row for each public objective and key result.

    ``page``: its link or id. ``options``: see ``options.DEFAULTS``; those not given stay as they are. ``reading``: nobody waits: the
    rows of databases that were found are read now; else the job "rows" reads them, and wants what is missing.

    Raises ``InputError`` (where "page" or an option), ``Conflict`` for a connection that is parked or databases that another connection
    keeps, ``NotFound``, ``Forbidden``, ``HostError`` when the host does not answer.
    """
    connection, ref, chosen = _prepared(runtime, viewer, connection_name, page, options)
    made: list[Made] = []
    with one_at_a_time(runtime, connection) as go_on, opened(runtime, connection) as host:
        there = standing_on(host, ref)
        for kind in IN_ORDER:
            go_on()
            if on_progress:
                on_progress(f"looking after {TITLES[kind]}")
            made.append(_one(runtime, viewer, host, connection, ref, kind, there, chosen))
        requests = host.requests
    again = [each.kind for each in made if each.how == "found"]
    if again and reading:  # its rows are those of an earlier set-up: they are bound again before any row is made
        requests += read_all(runtime, connection, kinds=again).requests
    with runtime.store.write() as session:
        databases = databases_of(session, connection.id, lock=True)
        today = runtime.now().astimezone(runtime.settings.zone).date()
        later = bool(again and not reading)
        if later:
            _read_later(databases, again)
        rows = 0 if later else want_faces(session, databases, today, runtime.epoch(), runtime.now())
        note_standing_asks(session, runtime.now())
        if not later:
            want_history(session, connection.id, runtime.epoch())
        after = {"page": ref, "databases": {each.kind.value: each.how for each in made}, "options": told(chosen)}
        if rows or any(each.how != "kept" or each.added for each in made):
            record(session, viewer, runtime.now(), "set_up", ENTITY, connection.name, after=after)
    runtime.queue.nudge("rows" if later else "drain", connection.id)
    notes = (*_notes(there, made), *(("the rows of the earlier set-up are read next; what is missing is made then",) if later else ()))
    return SetUp(connection.name, ref, tuple(made), rows, notes, requests)


def _read_later(databases: Mapping[DatabaseKind, OkrDatabase], found: Sequence[DatabaseKind]) -> None:
    """Until the rows of these were read, one that is to be made is looked for by its key first."""
    for kind in found:
        row = databases[kind]
        row.options = {**(row.options or {}), FOUND: True}
        if not row.adopted:  # the first reading of an adopted one was on somebody's word: that is not asked for twice
            row.read_at = None


def leave(runtime: Runtime, viewer: Viewer, connection_name: str) -> int:
    """Stop keeping a connection's databases in step; at the host, and here, nothing is deleted. Returns how many there were.

    Raises ``Conflict`` when there are none, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        connection = named(session, connection_name)
        databases = databases_of(session, connection.id)
        if not databases:
            raise Conflict(f"{connection.name} keeps no OKR databases")
        for row in databases.values():
            row.retired_at = runtime.now()
        titles = {kind.value: row.url or row.title for kind, row in databases.items()}
        record(session, viewer, runtime.now(), "leave", ENTITY, connection.name, before=titles)
    return len(databases)


def change_options(runtime: Runtime, viewer: Viewer, connection_name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Change what was chosen at set-up; what is not given stays. Returns all options. Raises ``Faults``, ``Conflict``, ``NotFound``."""
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        connection = named(session, connection_name)
        databases = databases_of(session, connection.id, lock=True)
        if not databases:
            raise Conflict(f"{connection.name} keeps no OKR databases yet; set them up first")
        given = chosen_options(runtime, session, options)
        first = next(iter(databases.values()))
        before = told(first.options)
        for row in databases.values():
            row.options = {**(row.options or {}), **given}
        after = told({**(first.options or {}), **given})
        record(session, viewer, runtime.now(), "update", ENTITY, connection.name, before=before, after=after)
        today = runtime.now().astimezone(runtime.settings.zone).date()
        want_faces(session, databases, today, runtime.epoch(), runtime.now())
    runtime.queue.nudge("drain", connection.id)
    return after


def make_again(runtime: Runtime, viewer: Viewer, connection_name: str, ident: str) -> None:
    """Make a new row for the record ``ident``, whose row is in the trash or was deleted. Restored later, the old one is a copy.

    Raises ``NotFound``, ``Conflict`` when the row is not gone, ``Forbidden``.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        connection = named(session, connection_name)
        kept = [row.id for row in databases_of(session, connection.id).values()]
        found = select(OkrRow).where(OkrRow.record == ident, OkrRow.database_id.in_(kept), OkrRow.record != "")
        row = session.scalar(found.order_by(OkrRow.id).limit(1).with_for_update())
        if row is None:
            raise NotFound(f"{connection.name} keeps no row of {ident[:80]!r}")
        if row.gone_at is None:
            raise Conflict("this row is there; nothing has to be made")
        before = {"row": row.ref, "url": row.url}
        row.ref, row.url, row.gone_at, row.edited_at, row.read_at = None, "", None, None, None
        row.agreed, row.shown, row.heard, row.note, row.unsure = {}, {}, {}, "", False
        record(session, viewer, runtime.now(), "make_row", ENTITY, row.record, before=before)
        session.flush()
        work.want(session, OkrRow, [row.id], runtime.epoch())
    runtime.queue.nudge("drain", connection.id)


def named(session: Session, name: str) -> Connection:
    """The connection of this name whose host can keep OKR databases. Raises ``NotFound``, ``InputError``."""
    row = connection_called(session, name)
    if not hasattr(HOSTS[row.host], "build_okr_databases"):
        raise InputError(f"connection {row.name} is of {HOSTS[row.host].TITLE}, which keeps no OKR databases", where="connection")
    return row


def callable_now(connection: Connection) -> None:
    """Raises ``Conflict`` with the mend when nothing may be asked of a connection's host."""
    if connection.parked_at is not None:
        raise Conflict(f"connection {connection.name} is parked: {connection.parked_reason}; mend its credentials on its page first")
    if connection.paused_at is not None:
        raise Conflict(f"connection {connection.name} is paused by a person; resume it on its page first")


@contextmanager
def opened(runtime: Runtime, connection: Connection) -> Iterator[OkrDatabases]:
    """The OKR databases of a connection, closed at the end."""
    host = runtime.okr_databases(connection, patience=PATIENCE)
    assert host is not None  # ``named`` has looked
    try:
        yield host
    finally:
        host.close()


def standing_on(host: OkrDatabases, page: str) -> Sequence[FoundDatabase]:
    """The databases on a page. Raises ``InputError`` (where "page") for one that is not shared."""
    try:
        return host.on_page(page)
    except Gone as error:
        raise InputError(f"{error.message}; share it with this connection first: {SHARE}", where="page") from error
    except Refused as error:
        if error.parks:
            raise
        raise InputError(f"{error.message}; give the link of a page, not of a database or a row in one", where="page") from error


def earlier(session: Session, there: Sequence[FoundDatabase], kind: DatabaseKind, connection_id: int) -> FoundDatabase | None:
    """The database of an earlier set-up: with our title and our key column. Raises ``Conflict`` when another connection keeps it."""
    for found in there:
        if found.title.strip().casefold() == TITLES[kind].casefold() and fitting.has_key(found):
            kept_elsewhere(session, found, connection_id)
            return found
    return None


def _prepared(
    runtime: Runtime, viewer: Viewer, connection_name: str, page: str, options: Mapping[str, Any] | None
) -> tuple[Connection, str, dict[str, Any]]:
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        connection = named(session, connection_name)
        callable_now(connection)
        chosen = chosen_options(runtime, session, options or {})
        if not page.strip():
            raise InputError("paste the link of the page under which the databases shall stand", where="page")
        ref = notion_id(page, "page", row=True)
        stored = databases_of(session, connection.id)
        elsewhere = next((row.page for row in stored.values() if row.page and row.page != ref), "")
        if elsewhere:
            raise Conflict(
                f"{connection.name} keeps OKR databases under another page already ({elsewhere}); "
                f"stop that first: okr-connector notion leave --connection {connection.name}"
            )
        other = session.execute(
            select(Connection.name)
            .join(OkrDatabase, OkrDatabase.connection_id == Connection.id)
            .where(
                OkrDatabase.page == ref,
                OkrDatabase.connection_id != connection.id,
                OkrDatabase.retired_at.is_(None),
                Connection.retired_at.is_(None),
            )
        ).first()
        if other is not None:
            raise Conflict(f"the connection {other.name} keeps the OKR databases of this page already; two must not")
    return connection, ref, chosen


def chosen_options(runtime: Runtime, session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that somebody gave, checked. Raises ``Faults``, and ``InputError`` at "embed" where our page cannot be embedded."""
    chosen = checked(given, set(session.scalars(select(Cycle.name).where(Cycle.retired_at.is_(None)))))
    if chosen.get("embed") and (why := embedding.problem(runtime)):
        raise InputError(why, where="embed")
    return chosen


def _one(
    runtime: Runtime,
    viewer: Viewer,
    host: OkrDatabases,
    connection: Connection,
    page: str,
    kind: DatabaseKind,
    there: Sequence[FoundDatabase],
    options: Mapping[str, Any],
) -> Made:
    """Make, or find, one database, complete it and note it."""
    with runtime.store.read() as session:
        databases = databases_of(session, connection.id)
        stored = databases.get(kind)
        columns = tuple(with_options(session, each) for each in COLUMNS[kind])
        found = None if stored is not None else earlier(session, there, kind, connection.id)
    related = {each: row.source for each, row in databases.items()}
    how = "kept" if stored is not None else "found" if found is not None else "made"
    if how == "found":
        options = {**options, **word_of(viewer)}
    if stored is not None:
        found = find_kept(host, stored)
    elif found is None:
        found = _create(host, page, kind, columns, related)
        # Noted at once: whatever happens next, this one is not made again.
        with runtime.store.write() as session:
            keep(session, connection.id, kind, found, fitting.by_name(kind, found), runtime.now(), page=page, options=options)
    known = {field: str(each["id"]) for field, each in stored.columns.items()} if stored is not None else {}
    before = fitting.matched(kind, found, known)
    wanted = fitting.to_complete(kind, columns, found, before, adopted=stored is not None and stored.adopted)
    completed = host.complete(found, wanted, related) if wanted else found
    after = fitting.matched(kind, completed, known, wanted)
    views = host.add_views(completed, after, VIEWS[kind], dict(stored.views or {}) if stored is not None else {})
    with runtime.store.write() as session:
        keep(session, connection.id, kind, completed, after, runtime.now(), page=page, options=options, views=views)
    added = tuple(after[field].name for field in after if field not in before)
    return Made(kind, completed.title or TITLES[kind], completed.url, how, added)


def find_kept(host: OkrDatabases, stored: OkrDatabase) -> FoundDatabase:
    """The database that is noted. Raises ``InputError`` with the mend when it cannot be reached any more."""
    try:
        return host.find(stored.source)
    except Gone as error:
        raise InputError(
            f"{stored.title or stored.kind}: {error.message}; share it with the connection again or take it out of the trash, "
            "or stop keeping these databases (okr-connector notion leave) and begin anew",
            where="page",
        ) from error


def word_of(viewer: Viewer) -> dict[str, Any]:
    """On whose word the rows that stand in a database already are taken over at the first reading: kept among its options."""
    return {"adopted_by": {"name": viewer.name, "person": viewer.person_id, "token": viewer.token_id}}


def _create(
    host: OkrDatabases, page: str, kind: DatabaseKind, columns: Sequence[Column], related: Mapping[DatabaseKind, str]
) -> FoundDatabase:
    try:
        return host.create(page, kind, TITLES[kind], columns, related)
    except Uncertain:
        # It may stand there although the answer was lost: look before anything is said, and never make a second one.
        found = next((each for each in host.on_page(page) if each.title == TITLES[kind] and fitting.has_key(each)), None)
        if found is None:
            raise
        return found


def _notes(there: Sequence[FoundDatabase], made: Sequence[Made]) -> tuple[str, ...]:
    """Databases of the same name that people made: ours stand beside them."""
    ours = {each.title.casefold() for each in made if each.how in ("made", "to make")}
    return tuple(
        f"a database called {each.title} stands on the page already, without our columns: ours is another one; "
        "to use that one instead: okr-connector notion adopt"
        for each in there
        if each.title.strip().casefold() in ours and not fitting.has_key(each)
    )
