"""Writes the leads' pages that are due. What they say is ``telling``'s, their markup the host's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import update

from connector.domain.leads_page import Section
from connector.errors import BACKGROUND_BUDGET, Busy, Gone, HostError, InputError, Refused
from connector.hosts.okr_databases import OkrDatabases
from connector.runtime import Runtime
from connector.services import connections, receipts
from connector.services.leads_page.telling import tell
from connector.services.leads_wanted import LONGEST, QUIET, REST
from connector.store import work
from connector.store.tables import Connection, LeadsPage

log = structlog.get_logger(__name__)

SLICE = 2
LEASE = 120.0  # seconds


def write_pages(runtime: Runtime, connection: Connection) -> int:
    """Write the pages that are due. Returns how many were taken. Raises ``HostError`` for the connection."""
    with runtime.store.write() as session:
        claims = work.claim(
            session, LeadsPage, runtime.epoch(), limit=SLICE, lease_seconds=LEASE, where=[LeadsPage.connection_id == connection.id]
        )
    if not claims:
        return 0
    host = runtime.okr_databases(connection, background=True)
    try:
        for position, claim in enumerate(claims):
            try:
                _write_one(runtime, connection, host, claim)
            except HostError as error:
                stops = not connections.is_item_trouble(error)
                rest = claims[position:] if stops else [claim]
                with runtime.store.write() as session:
                    if receipt := receipts.noted(error, {}):
                        session.execute(update(LeadsPage).where(LeadsPage.id == claim.id).values(receipt=receipt))
                    until = connections.failed(session, connection.id, error, runtime.now(), runtime.epoch()) if stops else 0.0
                    work.postpone(session, LeadsPage, [claim], ready_at=max(until, runtime.epoch() + 5.0), error=error.message)
                    work.postpone(session, LeadsPage, rest[1:], ready_at=until, error="", failed=False)
                if isinstance(error, Busy) and error.code == BACKGROUND_BUDGET:
                    return len(claims)  # others are not held up by it
                if stops:
                    raise
    finally:
        if host is not None:
            host.close()
    return len(claims)


def _write_one(runtime: Runtime, connection: Connection, host: OkrDatabases | None, claim: work.Claim) -> None:
    with runtime.store.read() as session:
        row = session.get_one(LeadsPage, claim.id)
        sections = tell(session, row.options or {}, runtime.settings.base_url, runtime.now(), runtime.settings.zone)
    before = dict(row.receipt or {})
    # Should this process die between the host's write and ours, the next attempt must not trust what was noted before.
    unproven = receipts.unproven(before) if before else {"unsure": True}
    with runtime.store.write() as session:
        session.execute(update(LeadsPage).where(LeadsPage.id == row.id).values(receipt=unproven))
    receipt, error, gone = _shown(host, row, sections, before, unproven)
    written = int(receipt.pop("written", 0) or 0)
    warnings = receipt.pop("warnings", ())
    values: dict[str, Any] = {"receipt": receipt, "gone_at": (row.gone_at or runtime.now()) if gone else None}
    if written:
        values["written_at"] = runtime.now()
    with runtime.store.write() as session:
        if not work.finish(session, LeadsPage, [claim], runtime.epoch()):
            values["receipt"] = receipts.unproven(receipt)  # somebody else took over meanwhile: whose came last is not known
            work.want(session, LeadsPage, [row.id], runtime.epoch(), quiet=QUIET, longest=LONGEST, gap=REST)
        values["error"] = error or "; ".join(warnings) or None
        session.execute(update(LeadsPage).where(LeadsPage.id == row.id).values(**values))
        connections.succeeded(session, connection.id, runtime.now())
    if written:
        log.info("leads_page_written", connection=connection.name, ref=row.ref, writes=written)


def _shown(
    host: OkrDatabases | None, row: LeadsPage, sections: tuple[Section, ...], before: dict[str, Any], unproven: dict[str, Any]
) -> tuple[dict[str, Any], str | None, bool]:
    """(receipt, what went wrong for this page alone, whether the page is gone)."""
    if host is None:
        return before, "this host keeps no leads' pages", False
    try:
        written: Mapping[str, Any] = host.write_sections(row.ref, sections, before)
    except Gone as trouble:
        return receipts.noted(trouble, unproven), trouble.message, True
    except (InputError, Refused) as trouble:
        if isinstance(trouble, Refused) and trouble.parks:
            raise
        noted = receipts.noted(trouble, unproven) if isinstance(trouble, HostError) else unproven
        return noted, str(trouble), False
    return dict(written), None, False
