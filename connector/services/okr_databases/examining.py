"""What ``doctor`` has to say about OKR databases and leads' pages: what cannot be reached, and what differs from what was set up."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import TITLES, DatabaseKind
from connector.services.findings import FAULT, OK, WARNING, Finding
from connector.store.tables import Connection, LeadsPage, OkrDatabase


def findings(session: Session) -> list[Finding]:
    """One finding for each database that is broken or differs, one for all others of a connection together."""
    rows = session.execute(
        select(OkrDatabase, Connection.name)
        .join(Connection, Connection.id == OkrDatabase.connection_id)
        .where(OkrDatabase.retired_at.is_(None), Connection.retired_at.is_(None))
        .order_by(Connection.name, OkrDatabase.id)
    ).all()
    found: list[Finding] = []
    well: dict[str, int] = {}
    for row, connection in rows:
        name = f"OKR database {connection} {row.title or TITLES[DatabaseKind(row.kind)]}"
        again = f"okr-connector sync --connection {connection}"
        if row.broken:
            found.append(Finding(name, FAULT, row.broken, f"share it with the connection in Notion, then run: {again}"))
        elif row.drift:
            told = "; ".join(row.drift)
            found.append(Finding(name, WARNING, told, "mend it in Notion, or run set-up again: okr-connector notion setup"))
        else:
            well[connection] = well.get(connection, 0) + 1
    found += [Finding(f"OKR databases {name}", OK, f"{number} are kept in step") for name, number in well.items()]
    return found + _leads_pages(session)


def _leads_pages(session: Session) -> list[Finding]:
    rows = session.execute(
        select(LeadsPage.url, LeadsPage.error, Connection.name)
        .join(Connection, Connection.id == LeadsPage.connection_id)
        .where(LeadsPage.error.is_not(None), LeadsPage.error != "", Connection.retired_at.is_(None))
        .order_by(LeadsPage.id)
    )
    mend = "share the page with the connection, or choose another: okr-connector notion leads-page"
    return [Finding(f"leads' page {row.name}", FAULT, f"{row.url} cannot be written: {row.error}", mend) for row in rows]
