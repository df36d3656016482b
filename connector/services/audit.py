"""The audit trail: who changed what and when, filtered, page by page, as words and as CSV. Reads only; it holds no secret."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.exchange.cells import guard
from connector.store.reads.paging import MOST, Page, after, cut, moment_text
from connector.store.tables import Audit

COLUMNS = ("at", "actor", "action", "entity", "id", "before", "after", "reason")
RECENT = 2000  # rows that the lists of actions and entities are taken from
NOTHING = "not set"
EARLIEST, LATEST = date(1971, 1, 1), date(9000, 1, 1)  # beyond these a day has no moment in every time zone


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show; "" and None do not narrow. Days are local ones, both included."""

    actor: str = ""
    entity: str = ""
    id: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None


def audit_page(session: Session, viewer: Viewer, filters: Filters, zone: ZoneInfo, cursor: str | None = None, limit: int = 50) -> Page:
    """Entries, newest first, in the API's shape. Raises ``Forbidden``, ``InputError`` for a bad cursor or limit."""
    require(viewer, Act.ADMINISTER)
    query = select(Audit)
    for column, wanted in (
        (Audit.actor, filters.actor),
        (Audit.entity, filters.entity),
        (Audit.entity_id, filters.id),
        (Audit.action, filters.action),
    ):
        if wanted:
            query = query.where(column == wanted)
    if filters.since is not None:
        query = query.where(Audit.at >= datetime.combine(max(filters.since, EARLIEST), time.min, tzinfo=zone))
    if filters.until is not None:
        query = query.where(Audit.at < datetime.combine(min(filters.until, LATEST) + timedelta(days=1), time.min, tzinfo=zone))
    rows = session.scalars(after(query, (Audit.id,), (int,), cursor, limit, newest_first=True)).all()
    shown, following = cut(rows, limit, lambda row: (row.id,))
    return Page([_shape(row) for row in shown], following)


def choices(session: Session) -> tuple[list[str], list[str]]:
    """The entities and the actions of recent entries, for the filters' lists."""
    recent = select(Audit.entity, Audit.action).order_by(Audit.id.desc()).limit(RECENT).subquery()
    pairs = session.execute(select(recent.c.entity, recent.c.action).distinct()).all()
    return sorted({pair[0] for pair in pairs}), sorted({pair[1] for pair in pairs})


def differences(entry: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """(field, before, after) of an entry as words; None on the side that has nothing to say."""
    before, following = entry["before"], entry["after"]
    names = list(dict.fromkeys([*(before or {}), *(following or {})]))
    return [
        (
            name.replace("_", " "),
            None if before is None else words(before.get(name)),
            None if following is None else words(following.get(name)),
        )
        for name in names
    ]


def words(value: Any) -> str:
    """A value of an entry as people read it."""
    if value is None or value == "" or value == [] or value == {}:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {words(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(words(each) for each in value)
    return str(value)


def export(runtime: Runtime, viewer: Viewer, filters: Filters) -> Iterator[str]:
    """The filtered entries as lines of CSV, newest first; cells that a spreadsheet would calculate are made plain text.

    Raises ``Forbidden`` before the first line.
    """
    require(viewer, Act.ADMINISTER)
    return _lines(runtime, viewer, filters)


def _lines(runtime: Runtime, viewer: Viewer, filters: Filters) -> Iterator[str]:
    yield _line(COLUMNS)
    cursor: str | None = None
    while True:
        with runtime.store.read() as session:
            page = audit_page(session, viewer, filters, runtime.settings.zone, cursor, MOST)
        for entry in page.items:
            cells = [entry[name] if isinstance(entry[name], str) else _json(entry[name]) for name in COLUMNS]
            yield _line([guard(cell) for cell in cells])
        if page.next is None:
            return
        cursor = page.next


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _shape(row: Audit) -> dict[str, Any]:
    return {
        "number": row.id,
        "at": moment_text(row.at),
        "actor": row.actor,
        "action": row.action,
        "entity": row.entity,
        "id": row.entity_id,
        "before": row.before,
        "after": row.after,
        "reason": row.reason,
    }
