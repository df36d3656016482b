"""How the OKR databases of a connection are, for an admin: what is kept in step, what differs, which rows still need something.

Reads only, and calls no host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import COLUMNS, IN_ORDER, DatabaseKind
from connector.domain.rights import Act, Viewer
from connector.hosts.registry import HOSTS
from connector.services.changes import require
from connector.services.okr_databases.importing import rows_read
from connector.services.okr_databases.options import told
from connector.services.okr_databases.records import columns_of, databases_of
from connector.store.tables import Connection, LeadsPage, OkrDatabase, OkrRow

MOST_LISTED = 200  # drafts, and rows that are gone; their number is told as well


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One of our fields and the host's column for it; ``name`` is "" while there is none."""

    field: str
    label: str
    name: str
    type: str
    human: bool
    needed: bool


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """One OKR database. ``rows``: bound to a record · ``drafts``: need something yet · ``gone``: in the trash or unshared ·
    ``waiting``: to be read or written. ``drift``: what differs from what was set up, each with its mend. ``broken``: why it cannot be
    reached, "" when it can."""

    kind: DatabaseKind
    title: str
    url: str
    adopted: bool
    columns: tuple[ColumnView, ...]
    views: tuple[str, ...]
    rows: int
    drafts: int
    gone: int
    waiting: int
    drift: tuple[str, ...]
    broken: str
    read_at: datetime | None
    reading: int | None = None  # rows read so far by a reading that is under way, None when none is

    @property
    def lacking(self) -> tuple[str, ...]:
        """The names of columns of ours that the database does not have."""
        return tuple(each.label for each in self.columns if not each.name)


@dataclass(frozen=True, slots=True)
class DraftView:
    """A row that is no objective, key result or decision yet. ``missing``: what it needs, in words."""

    id: int
    kind: DatabaseKind
    title: str
    url: str
    missing: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class GoneView:
    """A row that is in the trash or not shared any more; its record stays. ``record``: the record's id."""

    id: int
    kind: DatabaseKind
    title: str
    url: str
    record: str
    gone_at: datetime


@dataclass(frozen=True, slots=True)
class LeadsPageView:
    """A leads' page. ``error``: why it could not be written, "" when all is well."""

    id: int
    url: str
    options: Mapping[str, Any]
    written_at: datetime | None
    gone_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything about the OKR databases of one connection. ``able``: its host can keep some; ``page``: where they were made, or "".

    ``options``: what was chosen, with the defaults where nothing was. ``drafts_total``, ``gone_total``: how many there are in all.
    """

    connection: str
    able: bool
    page: str
    options: Mapping[str, Any]
    databases: tuple[DatabaseView, ...]
    drafts: tuple[DraftView, ...]
    drafts_total: int
    gone: tuple[GoneView, ...]
    gone_total: int
    leads_pages: tuple[LeadsPageView, ...]

    @property
    def is_set_up(self) -> bool:
        """Whether any database is kept in step."""
        return bool(self.databases)


def overview(session: Session, viewer: Viewer, connection: Connection, now: float) -> Overview:
    """How the OKR databases of a connection are. ``now``: epoch seconds. Raises ``Forbidden``."""
    require(viewer, Act.OPERATE)
    found = databases_of(session, connection.id)
    kinds = {row.id: kind for kind, row in found.items()}
    counts = _counts(session, list(kinds))
    drafts = (OkrRow.database_id.in_(kinds), OkrRow.record == "", OkrRow.ref.is_not(None), OkrRow.gone_at.is_(None))
    gone = (OkrRow.database_id.in_(kinds), OkrRow.record != "", OkrRow.gone_at.is_not(None))
    return Overview(
        connection.name,
        hasattr(HOSTS[connection.host], "build_okr_databases"),
        next((row.page for row in found.values() if row.page), ""),
        told(next((row.options for row in found.values()), {})),
        tuple(_database(found[kind], kind, counts.get(found[kind].id, (0, 0, 0, 0)), now) for kind in IN_ORDER if kind in found),
        tuple(
            DraftView(row.id, kinds[row.database_id], row.title, row.url, tuple(row.missing or ()), row.created_at)
            for row in session.scalars(select(OkrRow).where(*drafts).order_by(OkrRow.id.desc()).limit(MOST_LISTED))
        ),
        session.scalar(select(func.count()).select_from(OkrRow).where(*drafts)) or 0,
        tuple(
            GoneView(row.id, kinds[row.database_id], row.title, row.url, row.record, row.gone_at)
            for row in session.scalars(select(OkrRow).where(*gone).order_by(OkrRow.gone_at.desc(), OkrRow.id).limit(MOST_LISTED))
            if row.gone_at is not None
        ),
        session.scalar(select(func.count()).select_from(OkrRow).where(*gone)) or 0,
        tuple(
            LeadsPageView(row.id, row.url, dict(row.options or {}), row.written_at, row.gone_at, row.error or "")
            for row in session.scalars(select(LeadsPage).where(LeadsPage.connection_id == connection.id).order_by(LeadsPage.id))
        ),
    )


def _counts(session: Session, ids: list[int]) -> dict[int, tuple[int, int, int, int]]:
    """Database → (rows, drafts, gone, waiting)."""
    rows = session.execute(
        select(
            OkrRow.database_id,
            func.count().filter(OkrRow.record != "", OkrRow.gone_at.is_(None)),
            func.count().filter(OkrRow.record == "", OkrRow.ref.is_not(None), OkrRow.gone_at.is_(None)),
            func.count().filter(OkrRow.record != "", OkrRow.gone_at.is_not(None)),
            func.count().filter(OkrRow.wanted > OkrRow.done),
        )
        .where(OkrRow.database_id.in_(ids))
        .group_by(OkrRow.database_id)
    )
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}


def _database(row: OkrDatabase, kind: DatabaseKind, counts: tuple[int, int, int, int], now: float) -> DatabaseView:
    there = columns_of(row)
    columns = tuple(
        ColumnView(each.field, each.name, there[each.field].name, there[each.field].type, each.human, each.needed)
        if each.field in there
        else ColumnView(each.field, each.name, "", "", each.human, each.needed)
        for each in COLUMNS[kind]
    )
    return DatabaseView(
        kind,
        row.title,
        row.url,
        row.adopted,
        columns,
        tuple(row.views or ()),
        *counts,
        tuple(row.drift or ()),
        row.broken or "",
        row.read_at,
        rows_read(row.options, now),
    )
