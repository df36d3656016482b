"""Choosing and giving up leads' pages: which page of a host shows whose key results. What stands on a page that is given up stays there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, InputError, NotFound, Uncertain
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.connection_names import working_connection
from connector.services.insight.scope import Lost, find_scope
from connector.store import work
from connector.store.tables import Connection, LeadsPage, OkrRow, Panel

TITLE = "Where we stand"
_NOT_SHARED = "there is no such page, or it is not shared with this connection: in Notion, open its ••• menu, Connections, and add it"


def set_leads_page(
    runtime: Runtime, viewer: Viewer, connection: str, *, page: str = "", parent: str = "", options: Mapping[str, Any] | None = None
) -> int:
    """Show leads where things stand: on a page that somebody shared, or on a new one below ``parent``. Links or ids; gives our id of it.

    ``options``: ``forum``, ``team``, ``cycle`` as ids, absent or "" for all. Setting a page again changes what it shows.
    Raises ``Forbidden``, ``NotFound``, ``InputError`` at the field, ``Conflict`` for a page that shows something else, ``HostError``.
    """
    require(viewer, Act.ADMINISTER)
    if bool(page.strip()) is bool(parent.strip()):
        raise InputError("give the link of a page to use, or of a page to make a new one under: one of the two", where="page")
    with runtime.store.read() as session:
        row = working_connection(session, connection)
        chosen = _checked(session, runtime, options or {})
    ref, address = _used(runtime, row, page) if page.strip() else _made(runtime, row, parent)
    with runtime.store.write() as session:
        if _shows_something_else(session, row.id, ref):
            raise Conflict("this page shows a key result or an objective already; choose another one for leads")
        found = session.scalar(select(LeadsPage).where(LeadsPage.connection_id == row.id, LeadsPage.ref == ref))
        before = dict(found.options) if found else None
        if found is None:
            found = LeadsPage(connection_id=row.id, ref=ref, url=address, options=chosen, receipt={}, created_at=runtime.now())
            session.add(found)
        found.options, found.gone_at = chosen, None
        # Whoever sets a page again wants to see all of it, also what was deleted there by hand.
        found.receipt = _fresh(found.receipt or {})
        session.flush()
        action = "update" if before is not None else "create"
        record(session, viewer, runtime.now(), action, "leads_page", f"{row.name} {ref}", before=before, after=chosen)
        work.want(session, LeadsPage, [found.id], runtime.epoch())
        ident = found.id
    runtime.queue.nudge("drain", row.id)
    return ident


def drop_leads_page(runtime: Runtime, viewer: Viewer, connection: str, ident: int) -> None:
    """Stop keeping a leads' page. What stands there stays, as of its last change. Raises ``Forbidden``, ``NotFound``."""
    require(viewer, Act.ADMINISTER)
    with runtime.store.write() as session:
        row = working_connection(session, connection)
        found = session.scalar(select(LeadsPage).where(LeadsPage.connection_id == row.id, LeadsPage.id == ident))
        if found is None:
            raise NotFound(f"{connection} has no such leads' page")
        record(session, viewer, runtime.now(), "delete", "leads_page", f"{row.name} {found.ref}", before=dict(found.options or {}))
        session.delete(found)


def _checked(session: Session, runtime: Runtime, options: Mapping[str, Any]) -> dict[str, str]:
    unknown = sorted(set(options) - {"forum", "team", "cycle"})
    if unknown:
        raise InputError(f"a leads' page has no option {unknown[0]!r}; it has forum, team and cycle", where=unknown[0])
    chosen = {name: str(value).strip() for name, value in options.items() if str(value or "").strip()}
    try:
        find_scope(session, runtime.now().astimezone(runtime.settings.zone).date(), **chosen)
    except Lost as lost:
        raise InputError(f"there is no such {lost.what}; choose one of those that are here", where=lost.what) from lost
    return chosen


def _used(runtime: Runtime, row: Connection, page: str) -> tuple[str, str]:
    """(ref, address) of a page that is there."""
    host = runtime.connect(row)
    try:
        found = list(host.search(page.strip(), limit=1))
    finally:
        host.close()
    named = found[0] if found and found[0].ref.replace("-", "") in page.replace("-", "").lower() else None
    if named is None:
        raise InputError(_NOT_SHARED, where="page")
    if named.kind != "row":
        raise InputError("this is the link of a database; give that of a page", where="page")
    return named.ref, named.url


def _made(runtime: Runtime, row: Connection, parent: str) -> tuple[str, str]:
    host = runtime.okr_databases(row)
    if host is None:
        raise InputError(f"{row.name} is no workspace in which pages are made", where="parent")
    try:
        return host.create_page(parent.strip(), TITLE)
    except Uncertain as error:
        words = f'Notion did not say whether it made the page: look for "{TITLE}" there. If it is, give its link; if not, try again'
        raise Conflict(words) from error
    finally:
        host.close()


def _shows_something_else(session: Session, connection_id: int, ref: str) -> bool:
    panel = session.scalar(select(Panel.id).where(Panel.connection_id == connection_id, Panel.ref == ref))
    row = session.scalar(select(OkrRow.id).where(OkrRow.connection_id == connection_id, OkrRow.ref == ref))
    return panel is not None or row is not None


def _fresh(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Forget deletions by hand: what was dismissed is made again."""
    parts = receipt.get("sections")
    if not isinstance(parts, dict):
        return dict(receipt)
    kept = {key: {name: value for name, value in part.items() if name in ("block", "digest")} for key, part in parts.items()}
    return {**receipt, "sections": kept}
