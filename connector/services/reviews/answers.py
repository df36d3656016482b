"""What came of an ask, and what is being done, said of key results wherever their owners look (R045, R064). Two statements at most."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.plain_text import one_line
from connector.domain.wording import local_day_text
from connector.services.decisions import OPEN, decided_line
from connector.store.tables import Decision, Person

SAID_FOR = timedelta(days=28)  # an answer older than this is history: the page of the key result has it


def decided_of(session: Session, key_results: Collection[str], now: datetime, zone: tzinfo) -> dict[str, str]:
    """By key result, its last answer: "Decided 19 Nov: Intervene, reallocate resources: Move 12 k€ (Chloe, due 12 Dec)".

    Open decisions that are past their day are counted behind it. Without either a key result is left out.
    """
    if not key_results:
        return {}
    today = now.astimezone(zone).date()
    query = (
        select(Decision, Person.name)
        .outerjoin(Person, Person.id == Decision.owner_id)
        .where(Decision.key_result_id.in_(key_results), Decision.decided_at.is_not(None) | (Decision.state == OPEN))
        .order_by(Decision.id)
    )
    last: dict[str, tuple[Decision, str]] = {}
    overdue: dict[str, int] = {}
    for row, name in session.execute(query):
        overdue[row.key_result_id] = overdue.get(row.key_result_id, 0) + _is_overdue(row, today)
        if row.decided_at is not None and row.decided_at > now - SAID_FOR:
            before = last.get(row.key_result_id)
            if before is None or before[0].decided_at is None or before[0].decided_at <= row.decided_at:
                last[row.key_result_id] = (row, name or "")
    found: dict[str, str] = {}
    for name in {*last, *(name for name, count in overdue.items() if count)}:
        parts = []
        if name in last and (row := last[name][0]).decided_at is not None:
            parts.append(one_line(f"Decided {local_day_text(row.decided_at, zone)}: {decided_line(row, last[name][1])}"))
        if count := overdue.get(name, 0):
            parts.append(f"{count} open {'decision is' if count == 1 else 'decisions are'} past the due date")
        found[name] = " · ".join(parts)
    return found


def _is_overdue(row: Decision, today: date) -> bool:
    return row.state == OPEN and row.due is not None and row.due < today
