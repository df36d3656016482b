"""Uploaded files on their way in: received, checked in a dry run, run, cancelled, and watched while that goes on.

A file with many rows is worked on by a job (``working``); its state stands in the database, and whoever looks asks for a lost job again.
Nothing of a file is saved before ``run``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, defer

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.exchange import packages, working
from connector.services.exchange.cells import seen_text
from connector.services.exchange.options import Options, options_from
from connector.store.reads import moment_text
from connector.store.tables import Import

MOST_UPLOADED = packages.MOST_BYTES
FEW_ROWS = 2000  # that are worked on while the page waits
KEPT = timedelta(days=7)  # how long the content of a file that nobody ran is kept
_WORKING = ("checking", "running")
_OPEN = ("uploaded", "checking", "checked")
_MOST_SHOWN = 100  # files of a list


def receive(runtime: Runtime, viewer: Viewer, name: str, data: bytes, options: Options | None = None) -> int:
    """Keep a file; gives its id. Raises ``InputError`` for one that is too large or of no kind that is read, ``Forbidden``."""
    require(viewer, Act.WRITE)
    plain = seen_text(name).replace("\\", "/").rpartition("/")[2].strip()[:200]
    if not data:
        raise InputError("choose a file; this one is empty", where="file")
    if len(data) > MOST_UPLOADED:
        raise InputError(
            f"the file has more than {MOST_UPLOADED // 1_000_000} MB; import it in parts, or on the command line", where="file"
        )
    try:
        kind = packages.kind_of(plain, data)
    except InputError as error:
        raise InputError(error.message, where="file") from None
    if kind == "json":
        require(viewer, Act.ADMINISTER)
    chosen = options or Options()
    with runtime.store.write() as session:
        _forget_old(session, runtime.now())
        row = Import(
            name=plain,
            options={**chosen.as_json(), "role": viewer.role, "token": viewer.token_id},
            columns={"mapping": chosen.columns.as_json()} if chosen.columns else None,
            faults=[],
            content=data,
            created_by=viewer.name,
            person_id=viewer.person_id,
            created_at=runtime.now(),
        )
        session.add(row)
        session.flush()
        return row.id


def choose(runtime: Runtime, viewer: Viewer, ident: int, options: Options) -> None:
    """Replace the options and columns of a file that was not run yet; it must be checked again."""
    with runtime.store.write() as session:
        row = _mine(session, viewer, ident)
        if row.state not in ("uploaded", "checked"):
            raise Conflict(_state_words(row))
        kept = dict(row.options)
        row.options = {**options.as_json(), "origin": kept.get("origin", ""), "role": kept.get("role"), "token": kept.get("token")}
        row.columns = {**(row.columns or {}), "mapping": options.columns.as_json() if options.columns else None}
        row.state, row.summary, row.faults = "uploaded", None, []


def check(runtime: Runtime, viewer: Viewer, ident: int) -> None:
    """Plan what the file would do, at once or in a job. Nothing is saved. Raises ``Conflict`` for a file that is run or was."""
    _begin(runtime, viewer, ident, "checking", ("uploaded", "checked"))


def run(runtime: Runtime, viewer: Viewer, ident: int) -> None:
    """Save what the file says, at once or in a job. Raises ``Conflict`` unless it was checked and nothing is wrong with it."""
    _begin(runtime, viewer, ident, "running", ("checked",))


def _begin(runtime: Runtime, viewer: Viewer, ident: int, state: str, allowed: tuple[str, ...]) -> None:
    with runtime.store.write() as session:
        row = _mine(session, viewer, ident)
        if row.state not in allowed:
            raise Conflict(_state_words(row))
        if state == "running" and row.faults:
            raise Conflict("some cells cannot be used; correct the file or the columns and check it again")
        row.state, row.rows_done, row.lease_until = state, 0, 0.0
        if state == "running":
            record(
                session,
                viewer,
                runtime.now(),
                "import",
                "file",
                str(ident),
                after={"name": row.name},
                reason=str(row.options.get("reason", "")),
            )
        few = len(row.content or b"") == 0 or _rows_at_most(row.name, row.content or b"") <= FEW_ROWS
    if few:
        working.work(runtime, ident)
    else:
        runtime.queue.nudge("import", ident)


def cancel(runtime: Runtime, viewer: Viewer, ident: int) -> None:
    """Give up on a file; one that is being saved is stopped unless it is past that. Raises ``Conflict`` for one that is over."""
    with runtime.store.write() as session:
        row = _mine(session, viewer, ident)
        if row.state not in (*_OPEN, "running"):
            raise Conflict(_state_words(row))
        row.state, row.content, row.finished_at = "cancelled", None, runtime.now()


def progress(runtime: Runtime, viewer: Viewer, ident: int) -> dict[str, Any]:
    """How a file stands: state, rows, counts, fates, faults, columns, notes. A job that was lost is asked for again."""
    with runtime.store.read() as session:
        row = _mine(session, viewer, ident)
        shown = _shape(row)
    if row.state in _WORKING and row.lease_until < runtime.epoch():
        runtime.queue.nudge("import", ident)
    return shown


def listed(runtime: Runtime, viewer: Viewer) -> list[dict[str, Any]]:
    """The latest files: an admin sees all, others their own."""
    require(viewer, Act.WRITE)
    query = select(Import).options(defer(Import.content)).order_by(Import.id.desc()).limit(_MOST_SHOWN)
    if not viewer.may(Act.ADMINISTER):
        query = query.where(Import.created_by == viewer.name, Import.person_id.is_not_distinct_from(viewer.person_id))
    with runtime.store.read() as session:
        return [_shape(row) for row in session.scalars(query)]


def _mine(session: Session, viewer: Viewer, ident: int) -> Import:
    require(viewer, Act.WRITE)
    row = session.get(Import, ident)
    own = row is not None and row.created_by == viewer.name and row.person_id == viewer.person_id
    if row is None or not (own or viewer.may(Act.ADMINISTER)):
        raise NotFound(f"there is no import {ident}")
    return row


def _forget_old(session: Session, now: datetime) -> None:
    session.execute(
        update(Import)
        .where(Import.content.is_not(None), Import.created_at < now - KEPT, Import.state.in_(("uploaded", "checked", "checking")))
        .values(content=None, state="cancelled", finished_at=now)
        .execution_options(synchronize_session=False)
    )


def _rows_at_most(name: str, data: bytes) -> int:
    """An upper guess of the rows, without reading the file."""
    if name.lower().endswith(".xlsx"):
        return len(data) // 15  # packed, a row takes at least that
    return data.count(b"\n") + data.count(b"\r")


def _state_words(row: Import) -> str:
    words = {
        "uploaded": "the file was not checked yet; check it first",
        "checking": "the file is being checked; wait until that is done",
        "checked": "the file was checked already",
        "running": "the file is being imported",
        "done": "the file was imported already",
        "failed": "the import failed; upload the file again",
        "cancelled": "the import was cancelled; upload the file again",
    }
    return words.get(row.state, row.state)


def _shape(row: Import) -> dict[str, Any]:
    summary = row.summary or {}
    options = options_from(row.options)
    return {
        "id": row.id,
        "name": row.name,
        "state": row.state,
        "rows_total": row.rows_total,
        "rows_done": row.rows_done,
        "counts": summary.get("counts") or {},
        "fates": summary.get("fates") or [],
        "notes": summary.get("notes") or [],
        "error": summary.get("error"),
        "faults": row.faults or [],
        "faults_total": summary.get("faults_total", len(row.faults or [])),
        "columns": row.columns,
        "options": options.as_json(),
        "created_by": row.created_by,
        "created_at": moment_text(row.created_at),
        "finished_at": moment_text(row.finished_at),
    }
