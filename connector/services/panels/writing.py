"""Writes the panels that are due, each under its receipt. What a panel says is ``building``'s, its markup the host's."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from connector.errors import Gone, HostError, Refused
from connector.hosts.base import Host
from connector.runtime import Runtime
from connector.services import connections, receipts
from connector.services.panels import embedding
from connector.services.panels.building import build, home_of
from connector.services.panels.placing import LONGEST, QUIET, REST
from connector.services.panels.turns import is_behind
from connector.store import work
from connector.store.tables import Audit, Connection
from connector.store.tables import Panel as PanelRow

log = structlog.get_logger(__name__)

SLICE = 4  # panels written before new deliveries are looked at again


def write_due(runtime: Runtime, connection: Connection, host: Host, *, limit: int = SLICE) -> int:
    """Write some panels that are due; the newest change first, unless some wait too long. Returns how many were taken.

    Raises ``HostError`` for the connection.
    """
    now, here = runtime.epoch(), PanelRow.connection_id == connection.id
    with runtime.store.write() as session:
        newest_first = not is_behind(session, PanelRow, now, here)
        claims = work.claim(session, PanelRow, now, limit=limit, lease_seconds=90, newest_first=newest_first, where=[here])
    for position, claim in enumerate(claims):
        try:
            _write_one(runtime, connection, host, claim)
        except HostError as error:
            stops = _stops(error) and not connections.stays_alone(host, error, claim.attempts)
            rest = claims[position:] if stops else [claim]
            alone = connections.back_off(claim.attempts) if _stops(error) and not stops else 0.0
            with runtime.store.write() as session:
                _keep_receipt(session, claim, error)
                until = connections.failed(session, connection.id, error, runtime.now(), runtime.epoch()) if stops else 0.0
                work.postpone(session, PanelRow, [claim], ready_at=max(until, runtime.epoch() + max(5.0, alone)), error=error.message)
                work.postpone(session, PanelRow, rest[1:], ready_at=until, error="", failed=False)
            if stops:
                raise
    return len(claims)


def _stops(error: HostError) -> bool:
    return not connections.is_item_trouble(error)


def _write_one(runtime: Runtime, connection: Connection, host: Host, claim: work.Claim) -> None:
    live = embedding.address(runtime, claim.id)
    with runtime.store.read() as session:
        row = session.get_one(PanelRow, claim.id)
        home = home_of(session, row)
        panel = build(session, row, runtime.instance, runtime.settings.base_url, runtime.now(), runtime.settings.zone, home=home, live=live)
    before = dict(row.receipt or {})
    if home.left or (not panel.key_results and not before and panel.objective is None):
        with runtime.store.write() as session:  # nothing to show and nothing shown: no call
            work.finish(session, PanelRow, [claim], runtime.epoch())
        return
    # Should this process die between the host's write and ours, the next attempt must not trust what was noted before: the host may
    # show something else by then, also when the value has gone back to what the old note says.
    unproven = receipts.unproven(before) if before else {"unsure": True}
    with runtime.store.write() as session:
        session.execute(update(PanelRow).where(PanelRow.id == row.id).values(receipt=unproven))
    error: str | None = None
    gone = False
    try:
        receipt = dict(host.write_panel(row.ref, panel, before))
    except Gone as trouble:
        receipt, error, gone = receipts.noted(trouble, unproven), trouble.message, True
    except Refused as trouble:
        if trouble.parks and connections.credentials_work(host, trouble):
            receipt, error = receipts.noted(trouble, unproven), f"no right to write here: {trouble.message}"
        elif trouble.parks:
            raise
        else:
            receipt, error = receipts.noted(trouble, unproven), trouble.message
    written = int(receipt.pop("written", 0) or 0)
    with runtime.store.write() as session:
        if not work.finish(session, PanelRow, [claim], runtime.epoch()):
            # Somebody else took over while this write was under way: whose came last at the host is not known. Write it once more.
            log.warning("panel_lease_lost", panel=row.id)
            receipt = receipts.unproven(receipt)
            work.want(session, PanelRow, [row.id], runtime.epoch(), quiet=QUIET, longest=LONGEST, gap=REST)
        values: dict[str, Any] = {
            "receipt": receipt,
            "key_results": [shown.id for shown in panel.key_results],
            "error": error or "; ".join(receipt.get("warnings", ())) or None,
            "gone_at": runtime.now() if gone else None,
        }
        if written:
            values["written_at"] = runtime.now()
        session.execute(update(PanelRow).where(PanelRow.id == row.id).values(**values))
        if error and error != row.error:
            session.add(
                Audit(
                    at=runtime.now(),
                    actor="system",
                    action="panel_failed",
                    entity="panel",
                    entity_id=f"{connection.name} {row.ref}",
                    after={"error": error[:500]},
                )
            )
        connections.succeeded(session, connection.id, runtime.now())
    if written:
        log.info("panel_written", connection=connection.name, ref=row.ref, writes=written)


def _keep_receipt(session: Session, claim: work.Claim, error: HostError) -> None:
    """A write whose fate is unknown left notes for the next attempt."""
    if receipt := receipts.noted(error, {}):
        session.execute(update(PanelRow).where(PanelRow.id == claim.id).values(receipt=receipt))
