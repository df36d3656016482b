"""Storing what was tested: a new connection, new credentials, other options; pausing, retiring, syncing. One transaction each.

No host is called in here but by the test, before the transaction begins.
"""

from __future__ import annotations

from collections.abc import Mapping as Given
from contextlib import closing
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, Faults, HostError, InputError
from connector.runtime import Runtime
from connector.services import connections, panels
from connector.services.changes import check_version, record, require
from connector.services.connecting import testing
from connector.services.connecting.checks import stored_checks
from connector.services.connecting.drafts import Draft, check_auth, check_options, check_url, read_draft
from connector.services.connecting.testing import Tested
from connector.services.connecting.views import NEW, settings_view, view
from connector.services.connection_names import connection_called
from connector.services.declare.aftermath import WorkToDo
from connector.store import work
from connector.store.tables import Connection, KeyResult, Mapping

ASKED, ASKED_FULL = 1, 2  # what the job "sync" is told when a person asks for it


def try_new(runtime: Runtime, viewer: Viewer, data: Given[str, Any]) -> tuple[Draft, Tested]:
    """Check ``data`` (name, host, url, auth, options) and test it at the host. Stores nothing.

    Raises as ``read_draft`` and ``try_login``.
    """
    require(viewer, Act.ADMINISTER)
    draft = read_draft(data, allow_private=testing.allows_private(runtime))
    testing.check_free(runtime, draft.name)
    return draft, testing.try_login(runtime, viewer, draft)


def save_new(runtime: Runtime, viewer: Viewer, draft: Draft, tested: Tested) -> str:
    """Store a tested connection; gives its name. Raises ``InputError`` when the name was taken meanwhile."""
    require(viewer, Act.ADMINISTER)
    now = runtime.now()
    try:
        with runtime.store.write() as session:
            known = session.scalar(select(Connection).where(Connection.name == draft.name))
            if known is not None:
                raise testing.taken(draft.name, retired=known.retired_at is not None)
            row = Connection(name=draft.name, host=draft.host, url=draft.url, auth="", options=dict(draft.options), created_at=now)
            _remember(runtime, row, tested)
            session.add(row)
            session.flush()
            record(session, viewer, now, "create", "connection", row.name, after={**view(row), "auth": NEW, "account": tested.account})
    except IntegrityError as error:
        raise testing.taken(draft.name, retired=False) from error
    return draft.name


def try_renewal(runtime: Runtime, viewer: Viewer, name: str, data: Given[str, Any]) -> tuple[Draft, Tested]:
    """Test new credentials (``auth``, and ``url`` when it changes) of a connection, retired ones too. Stores nothing.

    Another address is never called with the stored credentials: they are entered again.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        row = connection_called(session, name, retired=True)
    url = check_url(data.get("url") or row.url, allow_private=testing.allows_private(runtime))
    # The day that was entered for the former credentials says nothing of these.
    options = {key: value for key, value in (row.options or {}).items() if key != "token_expires"} | check_options(data.get("options"))
    draft = Draft(name, row.host, url, check_auth(row.host, data.get("auth")), options)
    return draft, testing.try_login(runtime, viewer, draft, budget_key=row.id)


def address_of(runtime: Runtime, viewer: Viewer, name: str) -> str:
    """The address of a stored connection, retired ones too. Raises ``NotFound``."""
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        return connection_called(session, name, retired=True).url


def save_renewal(runtime: Runtime, viewer: Viewer, draft: Draft, tested: Tested) -> None:
    """Store tested credentials: ends parking, retirement and former trouble, and has everything read anew. Raises ``NotFound``."""
    require(viewer, Act.ADMINISTER)
    now = runtime.now()
    with runtime.store.write() as session:
        row = connection_called(session, draft.name, retired=True)
        if row.host != draft.host:
            raise Conflict(f"{row.name} is a connection to {row.host}; it cannot become one to {draft.host}")
        before = view(row)
        row.url, row.options, row.retired_at = draft.url, dict(draft.options), None
        row.failures, row.paused_until = 0, 0.0
        _remember(runtime, row, tested)
        session.flush()
        connections.unpark(session, row.id, now, viewer.name)
        record(session, viewer, now, "renew", "connection", row.name, before=before, after={**view(row), "auth": NEW})
        _read_anew(session, row.id, runtime.epoch())
        ident, kept = row.id, bool((row.webhook or {}).get("kept"))
    for job in ("list", "drain", *(("webhook",) if kept else ())):
        runtime.queue.nudge(job, ident)
    runtime.queue.nudge("sync", ident, ASKED_FULL)


def _remember(runtime: Runtime, row: Connection, tested: Tested) -> None:
    row.auth = runtime.vault.seal(dict(tested.auth))
    row.bot_id, row.account, row.site = tested.bot_id, tested.account, tested.site
    row.expires_at = tested.expires_at
    row.quota = dict(tested.quota) if tested.quota else row.quota
    row.last_success_at = runtime.now()
    row.checks = stored_checks(tested, runtime.now())


def _read_anew(session: Session, connection_id: int, now: float) -> None:
    mapped = select(Mapping.id).where(Mapping.connection_id == connection_id, Mapping.retired_at.is_(None))
    WorkToDo(mappings=set(session.scalars(mapped))).want(session, now)


def save_settings(runtime: Runtime, viewer: Viewer, name: str, options: Given[str, Any], version: str | None) -> str:
    """Store other options; gives what could not be checked now, or "". Fields that are named anew are looked for, by one request.

    Raises ``InputError`` (fields of ``options``), ``NotFound``, ``Stale``.
    """
    require(viewer, Act.ADMINISTER)
    wanted = check_options(options)
    said = _check_fields(runtime, name, wanted.get("fields") or {})
    with runtime.store.write() as session:
        row = connection_called(session, name)
        check_version(settings_view(row), version)
        before = view(row)
        ident, other = row.id, wanted.get("fields") != (row.options or {}).get("fields")
        if other:
            panels.want_again(session, ident, runtime.epoch())
        row.options = wanted
        record(session, viewer, runtime.now(), "update", "connection", name, before=before, after=view(row))
    if other:
        runtime.queue.nudge("drain", ident)
    return said


def _check_fields(runtime: Runtime, name: str, named: Given[str, str]) -> str:
    """Raises ``InputError`` for fields that the host does not have; what keeps it from being asked is told, and is no fault."""
    with runtime.store.read() as session:
        row = connection_called(session, name)
    if not named or named == (row.options or {}).get("fields"):
        return ""
    if row.parked_at is not None or row.paused_at is not None:
        return "the connection is parked or paused, so the fields were not looked for"
    try:
        with closing(runtime.connect(row, patience=testing.PATIENCE)) as host:
            faults = host.check_fields(named)
    except (HostError, InputError) as error:
        return f"the host could not be asked for the fields ({error.message})"
    if faults:
        raise Faults([InputError(words.partition(";")[0], where=f"options.fields.{key}") for key, words in faults.items()])
    return ""


def pause(runtime: Runtime, viewer: Viewer, name: str) -> None:
    """Call the host no more until somebody resumes; webhooks are kept. Pausing twice changes nothing. Raises ``NotFound``."""
    _switch(runtime, viewer, name, "pause")


def resume(runtime: Runtime, viewer: Viewer, name: str) -> None:
    """Go on after a pause, with a sync of what was missed. Raises ``NotFound``."""
    ident = _switch(runtime, viewer, name, "resume")
    for job in ("list", "drain"):
        runtime.queue.nudge(job, ident)
    runtime.queue.nudge("sync", ident, ASKED)


def _switch(runtime: Runtime, viewer: Viewer, name: str, action: str) -> int:
    require(viewer, Act.ADMINISTER)
    now = runtime.now()
    with runtime.store.write() as session:
        row = connection_called(session, name)
        before = view(row)
        row.paused_at = (row.paused_at or now) if action == "pause" else None
        record(session, viewer, now, action, "connection", name, before=before, after=view(row))
        return row.id


def retire(runtime: Runtime, viewer: Viewer, name: str, version: str | None = None) -> int:
    """End a connection: no calls, no webhooks; readings and history stay. Gives the number of mappings that it leaves without a source.

    Its webhook secrets are forgotten; its credentials too, so that nothing can call the host by mistake.
    Raises ``NotFound``, ``Stale``.
    """
    require(viewer, Act.ADMINISTER)
    now = runtime.now()
    with runtime.store.write() as session:
        row = connection_called(session, name)
        check_version(view(row), version)
        before = view(row)
        row.retired_at, row.paused_at, row.armed_until = now, None, None
        row.webhook_secret = row.previous_webhook_secret = row.previous_secret_until = None
        row.auth, row.webhook, row.expires_at = "", None, None
        fed = session.execute(
            select(Mapping.id, Mapping.key_result_id).where(Mapping.connection_id == row.id, Mapping.retired_at.is_(None))
        ).all()
        work.want(session, KeyResult, sorted({each.key_result_id for each in fed}), runtime.epoch())
        record(session, viewer, now, "retire", "connection", name, before=before, after=view(row))
    runtime.queue.nudge("settle")
    return len(fed)


def ask_for_sync(runtime: Runtime, viewer: Viewer, name: str, *, full: bool = False) -> None:
    """Have the nightly sync of one connection run now, in the background.

    Raises ``NotFound``, and ``Conflict`` when it cannot run: parked, paused, or the queue does not answer.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        row = connection_called(session, name)
    if row.parked_at is not None:
        raise Conflict(f"{name} is parked: enter working credentials first")
    if row.paused_at is not None:
        raise Conflict(f"{name} is paused: resume it first")
    if not runtime.queue.nudge("sync", row.id, ASKED_FULL if full else ASKED):
        raise Conflict("the queue does not answer, so the sync was not started; the nightly one makes up for it")
    with runtime.store.write() as session:
        record(session, viewer, runtime.now(), "sync", "connection", name, after={"full": full})
