"""The checks of one connection, run now: its login is tested at the host, and what was found is kept for the page.

A parked connection whose login works again goes on. One call to the host's description, one transaction after it.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, HostError, InputError, Refused
from connector.renewal import same_login
from connector.runtime import Runtime
from connector.services import connections
from connector.services.changes import record, require
from connector.services.connecting import testing
from connector.services.connecting.testing import Tested
from connector.services.connection_names import connection_called
from connector.store.tables import Connection

ASKED_FULL = 2  # see the job "sync"


def stored_checks(tested: Tested, at: datetime) -> dict[str, Any]:
    """A good test as it is kept with the connection."""
    return {
        "at": at.isoformat(),
        "ok": True,
        "account": tested.account,
        "visible": tested.visible,
        "names": list(tested.names),
        "scopes": list(tested.scopes),
        "warnings": list(tested.warnings),
        "notes": list(tested.notes),
        "skew": tested.skew,
        "status": None,
        "error": None,
    }


def failed_checks(error: HostError | InputError, at: datetime, skew: float | None = None) -> dict[str, Any]:
    """A test that failed. ``status`` is the host's answer, None for silence or credentials that cannot be opened."""
    return {
        "at": at.isoformat(),
        "ok": False,
        "account": "",
        "visible": None,
        "names": [],
        "scopes": [],
        "warnings": [],
        "notes": [],
        "skew": skew,
        "status": error.status if isinstance(error, HostError) else None,
        "refused": isinstance(error, Refused) and error.parks,
        "error": error.message[:500],
    }


def run_checks(runtime: Runtime, viewer: Viewer, name: str) -> dict[str, Any]:
    """Test a connection now; gives and stores what was found. Never raises for what the host answers.

    Raises ``NotFound``, and ``Conflict`` for a paused connection: it is not to be called.
    """
    require(viewer, Act.OPERATE)
    with runtime.store.read() as session:
        row = connection_called(session, name)
    if row.paused_at is not None:
        raise Conflict(f"{name} is paused, so its host is not called: resume it first")
    tested, error, skew = _ask(runtime, row)
    now = runtime.now()
    found = stored_checks(tested, now) if tested is not None else failed_checks(error or InputError("not known"), now, skew)
    freed = False
    with runtime.store.write() as session:
        current = connection_called(session, name)
        if current.auth != row.auth and not (tested is not None and _is_renewed(runtime, row, current)):
            return dict(current.checks or {})  # other credentials were stored meanwhile: what was asked is of the past
        current.checks = found
        if tested is not None:
            current.account, current.bot_id = tested.account, tested.bot_id or current.bot_id
            current.site = tested.site or current.site
            current.expires_at = tested.expires_at or current.expires_at
            current.quota = dict(tested.quota) if tested.quota else current.quota
            freed = current.parked_at is not None
            session.flush()
            connections.succeeded(session, current.id, now)
            connections.unpark(session, current.id, now, viewer.name)
        elif isinstance(error, HostError):
            session.flush()
            connections.failed(session, current.id, error, now, runtime.epoch())
        record(session, viewer, now, "test", "connection", name, after={"ok": found["ok"]})
    if freed:
        for job in ("list", "drain"):
            runtime.queue.nudge(job, row.id)
        runtime.queue.nudge("sync", row.id, ASKED_FULL)
    return found


def _is_renewed(runtime: Runtime, before: Connection, now: Connection) -> bool:
    """Whether only the tokens of the login are new: they may have been renewed by this very test."""
    try:
        return same_login(runtime.vault.open(before.auth), runtime.vault.open(now.auth))
    except InputError:
        return False


def _ask(runtime: Runtime, row: Connection) -> tuple[Tested | None, HostError | InputError | None, float | None]:
    try:
        host = runtime.connect(row, patience=testing.PATIENCE)
    except InputError as error:
        return None, error, None
    with closing(host):
        try:
            found = host.describe()
        except HostError as error:
            return None, error, testing.skew_of(host)
        return testing.as_tested(found, host, {}), None, None
