"""Connections, deliveries and sync runs in the API's shape. No secret, no payload and no header ever gets here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.store.reads.paging import Page, after, cut, moment_text
from connector.store.tables import Connection, Delivery, Item, KeyResult, Mapping, Objective, Panel, Run
from connector.store.visibility import visible


def connections_page(session: Session, viewer: Viewer, cursor: str | None = None, limit: int = 50, *, now: datetime) -> Page:
    """Connections by name. ``now`` (aware UTC) tells whether a pause or an arming still holds."""
    active: dict[Any, Any] = {Mapping: (Mapping.retired_at.is_(None),)}
    waiting = [
        select(func.count())
        .select_from(table)
        .where(table.connection_id == Connection.id, table.wanted > table.done, *active.get(table, ()))
        .scalar_subquery()
        for table in (Item, Mapping, Panel)
    ]
    pending = (
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.connection_id == Connection.id, Delivery.state == "pending")
        .scalar_subquery()
    )
    query = select(Connection, (pending + waiting[0] + waiting[1] + waiting[2]).label("behind")).where(Connection.retired_at.is_(None))
    rows = session.execute(after(query, (Connection.name,), (str,), cursor, limit)).all()
    shown, following = cut(rows, limit, lambda row: (row[0].name,))
    broken: dict[int, list[dict[str, Any]]] = {row[0].id: [] for row in shown}
    for mapping_id, connection_id, key_result_id, reason in session.execute(
        select(Mapping.id, Mapping.connection_id, Mapping.key_result_id, Mapping.broken)
        .join(KeyResult, KeyResult.id == Mapping.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .where(
            Mapping.connection_id.in_(broken),
            Mapping.broken.is_not(None),
            Mapping.retired_at.is_(None),
            KeyResult.retired_at.is_(None),
            visible(viewer),
        )
        .order_by(Mapping.id)
    ):
        broken[connection_id].append({"id": mapping_id, "key_result": key_result_id, "reason": reason})
    return Page([_connection(row[0], row[1], broken[row[0].id], now, viewer.may(Act.OPERATE)) for row in shown], following)


def _connection(row: Connection, behind: int, broken: list[dict[str, Any]], now: datetime, everything: bool) -> dict[str, Any]:
    """``everything``: also where it leads, what the host said, and that a handshake is waited for; for those who look after it."""
    if row.webhook_secret:
        webhook = "set"
    else:
        webhook = "armed" if everything and row.armed_until and row.armed_until > now else "missing"
    paused_until = datetime.fromtimestamp(row.paused_until, UTC)
    return {
        "name": row.name,
        "host": row.host,
        "url": row.url if everything else "",
        "account": row.account if everything else "",
        "parked": row.parked_at is not None,
        "parked_reason": row.parked_reason if everything else None,
        "paused_until": moment_text(paused_until) if paused_until > now else None,
        "last_event_at": moment_text(row.last_event_at),
        "last_sync_at": moment_text(row.last_sync_at),
        "last_success_at": moment_text(row.last_success_at),
        "webhook": webhook,
        "broken_mappings": broken if everything else [{**each, "reason": ""} for each in broken],
        "behind": behind,
    }


def deliveries_page(
    session: Session, viewer: Viewer, cursor: str | None = None, limit: int = 50, *, connection: str | None = None, state: str | None = None
) -> Page:
    """Received webhooks, newest first, without their content. Filters: connection's name, state."""
    query = (
        select(
            Delivery.id,
            Connection.name,
            Delivery.key,
            Delivery.event,
            Delivery.state,
            Delivery.reason,
            Delivery.received_at,
            Delivery.handled_at,
        )
        .join(Connection, Connection.id == Delivery.connection_id)
        .where(Connection.retired_at.is_(None))
    )
    if connection is not None:
        query = query.where(Connection.name == connection)
    if state is not None:
        query = query.where(Delivery.state == state)
    rows = session.execute(after(query, (Delivery.id,), (int,), cursor, limit, newest_first=True)).all()
    shown, following = cut(rows, limit, lambda row: (row[0],))
    return Page(
        [
            {
                "id": row[0],
                "connection": row[1],
                "key": row[2],
                "event": row[3],
                "state": row[4],
                "reason": row[5],
                "received_at": moment_text(row[6]),
                "handled_at": moment_text(row[7]),
            }
            for row in shown
        ],
        following,
    )


def runs_page(session: Session, viewer: Viewer, cursor: str | None = None, limit: int = 50, *, connection: str | None = None) -> Page:
    """Sync runs, newest first. Filter: connection's name."""
    query = select(Run, Connection.name).join(Connection, Connection.id == Run.connection_id).where(Connection.retired_at.is_(None))
    if connection is not None:
        query = query.where(Connection.name == connection)
    rows = session.execute(after(query, (Run.id,), (int,), cursor, limit, newest_first=True)).all()
    shown, following = cut(rows, limit, lambda row: (row[0].id,))
    return Page([_run(row, name) for row, name in shown], following)


def _run(row: Run, connection: str) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in ("seen", "changed", "repaired", "gone", "requests", "written")}
    return {
        "id": row.id,
        "connection": connection,
        "kind": row.kind,
        "trigger": row.trigger,
        "status": row.status,
        "started_at": moment_text(row.started_at),
        "finished_at": moment_text(row.finished_at),
        **counts,
        "error": row.error,
    }
