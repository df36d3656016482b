"""Which places show key results: epics that feed them, pages named for objectives, rows of OKR databases. Calls no host."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import DatabaseKind
from connector.services.mirror import upsert
from connector.store import work
from connector.store.tables import KeyResult, Objective, OkrDatabase, OkrRow
from connector.store.tables import Panel as PanelRow
from mappings.repository import load_links
from mappings.rules import SelectorKind

# A first change is written at once; while changes keep coming, they are gathered (seconds). In a storm of events the reads come
# every 0.9 seconds at most (``items.LONGEST``): QUIET is longer, or each of them would be written.
QUIET, LONGEST, REST = 1.1, 2.6, 1.2
PROPERTIES = "properties"  # the option of OKR databases: nothing is put into the page of a row

Place = tuple[int, str]  # (connection id, ref)


@dataclass
class _Places:
    """Places as they are found: what each is a page of, (objective, key result) or neither, and which show something that changed."""

    of: dict[Place, tuple[str | None, str | None]] = field(default_factory=dict)
    touched: set[Place] = field(default_factory=set)

    def add(self, spot: Place, changed: bool, *, objective: str | None = None, key_result: str | None = None) -> None:
        """Note a place; the last word on what it is counts."""
        self.of[spot] = (objective, key_result)
        if changed:
            self.touched.add(spot)


def place(session: Session, ids: Collection[str], *, changed: Collection[str], now: float) -> set[int]:
    """Make sure that each key result has its panels, and ask for those to be written that show a ``changed`` one.

    Returns the connections of those.
    """
    found = _Places()
    for link in load_links(session, key_results=list(ids)):
        if link.rule.selector.kind is SelectorKind.EPICS:
            for ref in link.resolved.refs.values():
                found.add((link.connection_id, ref), link.key_result_id in changed)
    parents: dict[str, bool] = {}
    for objective, key_result in session.execute(
        select(Objective, KeyResult.id)
        .join(KeyResult, KeyResult.objective_id == Objective.id)
        .where(KeyResult.id.in_(ids), Objective.retired_at.is_(None))
    ):
        parents[objective.id] = parents.get(objective.id, False) or key_result in changed
        for page in objective.pages or ():
            found.add((page["connection"], page["ref"]), key_result in changed, objective=objective.id)
    for row, kind in _rows_of(session, {*ids, *parents}):
        if kind == DatabaseKind.KEY_RESULTS and row.record in ids:
            found.add((row.connection_id, str(row.ref)), row.record in changed, key_result=row.record)
        elif kind == DatabaseKind.OBJECTIVES and row.record in parents:
            found.add((row.connection_id, str(row.ref)), parents[row.record], objective=row.record)
    _want(session, found, now)
    return {connection for connection, _ in found.touched}


def place_rows(session: Session, row_ids: Collection[int], now: float) -> None:
    """Give the rows of OKR databases that were made, bound or restored just now their panels, and ask for these to be written."""
    found = _Places()
    query = _rows().where(OkrRow.id.in_(row_ids))
    for row, kind, options in session.execute(query):
        if not _has_blocks(options):
            continue
        of = {"key_result": row.record} if kind == DatabaseKind.KEY_RESULTS else {"objective": row.record}
        found.add((row.connection_id, str(row.ref)), True, **of)
    _want(session, found, now)


def _rows_of(session: Session, records: Collection[str]) -> Iterable[tuple[OkrRow, str]]:
    if not records:
        return ()
    rows = session.execute(_rows().where(OkrRow.record.in_(records)))
    return [(row, kind) for row, kind, options in rows if _has_blocks(options)]


def _has_blocks(options: Mapping[str, Any] | None) -> bool:
    return (options or {}).get("panel") != PROPERTIES


def _rows() -> Any:
    """Rows with a page at the host, of objectives and key results."""
    return (
        select(OkrRow, OkrDatabase.kind, OkrDatabase.options)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .where(
            OkrDatabase.kind.in_((DatabaseKind.OBJECTIVES.value, DatabaseKind.KEY_RESULTS.value)),
            OkrDatabase.retired_at.is_(None),
            OkrRow.ref.is_not(None),
            OkrRow.gone_at.is_(None),
            OkrRow.record != "",
        )
        .order_by(OkrRow.id)
    )


def _want(session: Session, found: _Places, now: float) -> None:
    if not found.of:
        return
    upsert(
        session,
        PanelRow,
        ["connection_id", "ref"],
        [
            {
                "connection_id": spot[0],
                "ref": spot[1],
                "objective_id": objective,
                "key_result_id": key_result,
                "key_results": [],
                "receipt": {},
            }
            for spot, (objective, key_result) in sorted(found.of.items(), key=lambda entry: entry[0])
        ],
        set_=("objective_id", "key_result_id"),
    )
    rows = session.execute(
        select(PanelRow.id, PanelRow.connection_id, PanelRow.ref, PanelRow.written_at, PanelRow.wanted).where(
            PanelRow.connection_id.in_({connection for connection, _ in found.of}), PanelRow.ref.in_({ref for _, ref in found.of})
        )
    ).all()
    due = [
        row.id
        for row in rows
        if (row.connection_id, row.ref) in found.touched
        or ((row.connection_id, row.ref) in found.of and row.written_at is None and row.wanted == 0)
    ]
    work.want(session, PanelRow, due, now, quiet=QUIET, longest=LONGEST, gap=REST)


def want_again(session: Session, connection: int, now: float) -> None:
    """Ask for all panels of a connection: what they are to show there has changed."""
    ids = session.scalars(select(PanelRow.id).where(PanelRow.connection_id == connection)).all()
    work.want(session, PanelRow, ids, now, quiet=QUIET, longest=LONGEST, gap=REST)
