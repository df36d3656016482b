"""The work on one uploaded file: claimed with a lease, its progress written as it goes, its end recorded.

May be lost, repeated and run twice at a time: a second run of a file finds its rows unchanged.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import ConnectorError, InputError, NotFound, StoreUnavailable
from connector.runtime import Runtime
from connector.services import heartbeat, tokens
from connector.services.exchange.cells import Cell, Table, cell_text
from connector.services.exchange.columns import guess_columns, unique_headers
from connector.services.exchange.incoming import Outcome, import_file
from connector.services.exchange.options import Options, options_from
from connector.services.exchange.tables import header_texts, read_tables, sample_of
from connector.store.tables import ApiToken, Import, Person

log = structlog.get_logger(__name__)

FATES_KEPT = 200
FAULTS_KEPT = 200
_SAMPLES = 3  # values of each column that the column form shows
_REPORT_EVERY = 0.7  # seconds
# Added to each lease: the one transaction of a large import keeps SQLite's write lock, and the heartbeat waits for it too.
_LONGEST_WRITE = 60.0
_UNLESS_CHANGED = ("update", "create", "left out", "unchanged")  # the order in which fates are kept


class _Cancelled(Exception):
    """Somebody gave up on the file while it was worked on."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    name: str
    data: bytes
    dry_run: bool
    options: Options
    columns: dict[str, Any]


def work(runtime: Runtime, ident: int) -> None:
    """Check or run one file, if it is wanted and nobody else does. What goes wrong with it is recorded, not raised."""
    claimed = _claim(runtime, ident)
    if claimed is None:
        return
    try:
        with heartbeat.kept(runtime, lambda session, until: _keep(session, ident, until)):
            _work(runtime, ident, claimed)
    except _Cancelled:
        log.info("import_cancelled", file=ident)
    except StoreUnavailable:
        raise
    except ConnectorError as error:
        _end(runtime, ident, claimed, Outcome(), error=error)


def _claim(runtime: Runtime, ident: int) -> _Claimed | None:
    now = runtime.epoch()
    with runtime.store.write() as session:
        taken = session.scalar(
            update(Import)
            .where(Import.id == ident, Import.state.in_(("checking", "running")), Import.lease_until < now)
            .values(lease_until=now + heartbeat.LEASE_SECONDS + _LONGEST_WRITE)
            .returning(Import.id)
            .execution_options(synchronize_session=False)
        )
        if taken is None:
            return None
        row = session.get_one(Import, ident)
        columns = dict(row.columns or {})
        options = options_from(row.options, columns.get("mapping"))
        return _Claimed(row.name, row.content or b"", row.state == "checking", options, columns)


def _viewer(session: Session, row: Import) -> Viewer:
    """Who uploaded it, with the rights of now. Raises ``InputError`` when that token was revoked, or its person left."""
    token = row.options.get("token")
    if token is None and row.person_id is None:  # kept before tokens were noted; their names are never given again
        token = session.scalar(select(ApiToken.id).where(ApiToken.name == row.created_by))
    if token is not None:
        found = tokens.viewer_of(session, int(token))
        if found is None:
            raise InputError("the token that uploaded the file was revoked; upload it again with another")
        return found
    if row.person_id is None:  # a command on the machine itself
        return Viewer(row.created_by, str(row.options.get("role") or "viewer"))
    person = session.scalar(select(Person).where(Person.id == row.person_id, Person.active.is_(True)))
    if person is None:
        raise InputError("whoever uploaded the file has left; somebody else must upload it")
    return Viewer(row.created_by, person.role, row.person_id, person.email)


def _work(runtime: Runtime, ident: int, claimed: _Claimed) -> None:
    last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        if done not in (0, total) and time.monotonic() - last < _REPORT_EVERY:
            return
        last = time.monotonic()
        _report(runtime, ident, done, total)

    with runtime.store.read() as session:
        viewer = _viewer(session, session.get_one(Import, ident))
    if not viewer.may(Act.WRITE):
        raise InputError("whoever uploaded the file may not import any more")
    if claimed.dry_run and not claimed.name.lower().endswith(".json"):
        _look_through(runtime, ident, claimed)
    # Restoring a backup reports from within its one transaction; a second one would wait for the first for ever.
    outcome = import_file(
        runtime,
        claimed.name,
        claimed.data,
        viewer=viewer,
        options=claimed.options,
        dry_run=claimed.dry_run,
        progress=None if claimed.name.lower().endswith(".json") else report,
    )
    _end(runtime, ident, claimed, outcome)


def _look_through(runtime: Runtime, ident: int, claimed: _Claimed) -> None:
    """Keep the headers with some values each, and the guess: people correct it even when nothing could be guessed."""
    read = read_tables(claimed.name, claimed.data, claimed.options.encoding)
    table = max(read.tables, key=lambda each: len(each.lines))
    headers = unique_headers(header_texts(table))
    guess = guess_columns(header_texts(table), sample_of(table), claimed.options.profile, complete=False).as_json()
    columns = {**claimed.columns, "headers": [each for each in headers if each], "samples": _samples(table, headers), "guess": guess}
    with runtime.store.write() as session:
        session.execute(update(Import).where(Import.id == ident).values(columns=columns, rows_total=read.rows))


def _samples(table: Table, headers: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {header: [] for header in headers if header}
    for cells in sample_of(table):
        for header, cell in zip(headers, cells, strict=False):
            if header and len(found[header]) < _SAMPLES and (text := _shown(cell)):
                found[header].append(text)
    return found


def _shown(cell: Cell) -> str:
    try:
        return cell_text(cell)[:80]
    except InputError as error:
        return f"({error.message[:60]})"


def _report(runtime: Runtime, ident: int, done: int, total: int) -> None:
    with runtime.store.write() as session:
        alive = session.scalar(
            update(Import)
            .where(Import.id == ident, Import.state.in_(("checking", "running")))
            .values(rows_done=done, rows_total=total)
            .returning(Import.id)
            .execution_options(synchronize_session=False)
        )
    if alive is None:
        raise _Cancelled


def _keep(session: Session, ident: int, until: float) -> bool:
    return (
        session.scalar(
            update(Import)
            .where(Import.id == ident, Import.state.in_(("checking", "running")))
            .values(lease_until=until + _LONGEST_WRITE)
            .returning(Import.id)
            .execution_options(synchronize_session=False)
        )
        is not None
    )


def _end(runtime: Runtime, ident: int, claimed: _Claimed, outcome: Outcome, *, error: ConnectorError | None = None) -> None:
    with runtime.store.write() as session:
        row = session.get(Import, ident)
        if row is None:
            raise NotFound(f"there is no import {ident}")
        if row.state == "cancelled" and not outcome.saved:
            return
        row.summary = _summary(outcome, error)
        row.faults = [{"where": fault.where, "message": fault.message} for fault in outcome.faults[:FAULTS_KEPT]]
        if isinstance(error, InputError):
            row.faults = [{"where": error.where, "message": error.message}]
        row.lease_until = 0.0
        row.rows_done = row.rows_total or row.rows_done
        if outcome.columns is not None:
            row.columns = {**(row.columns or {}), "used": outcome.columns.as_json()}
        if outcome.saved and not claimed.dry_run:
            row.state, row.content, row.finished_at = "done", None, runtime.now()
        elif claimed.dry_run or outcome.faults or isinstance(error, InputError):
            row.state = "checked"  # what is wrong can be mended: other columns, other options
        else:
            row.state, row.finished_at = "failed", runtime.now()


def _summary(outcome: Outcome, error: ConnectorError | None) -> dict[str, Any]:
    order = {action: place for place, action in enumerate(_UNLESS_CHANGED)}
    kept = sorted(outcome.fates, key=lambda fate: order.get(fate.action, 0))[:FATES_KEPT]
    return {
        "counts": {action: outcome.count(action) for action in _UNLESS_CHANGED},
        "fates": [{"place": fate.place, "name": fate.name, "action": fate.action, "changes": list(fate.changes)} for fate in kept],
        "notes": outcome.notes,
        "faults_total": len(outcome.faults) or (1 if error else 0),
        "error": str(error) if error else None,
    }
