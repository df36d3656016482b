"""What came of an ask, what is being done, and the last thanks, said of key results wherever people look (R045, R064, R102). Reads only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.agenda import ACTION_WORDS, VERDICT_WORDS, Action, Verdict
from connector.domain.okr_columns import DECISION_STATES
from connector.domain.plain_text import one_line
from connector.domain.wording import day_text, local_day_text
from connector.store.tables import Decision, Person, Recognition

SAID_FOR = timedelta(days=28)  # an answer older than this is history: the page of the key result has it
THANKS_STAND = timedelta(days=14)  # on panels
_, OPEN, _, DROPPED = DECISION_STATES


def said_of(session: Session, ids: Collection[str], now: datetime, zone: tzinfo) -> dict[str, str]:
    """What came of the asks of key results, what is past its day, and the last thanks, each as one line (R045, R064, R102)."""
    parts = [found for found in (decided_of(session, ids, now, zone), thanks_of(session, ids, now, zone)) if found] if ids else []
    return {name: " · ".join(found[name] for found in parts if name in found) for name in ids if any(name in found for found in parts)}


def decided_line(row: Decision, owner: str) -> str:
    """ "Intervene, reallocate resources: Move 12 k€ (Chloe, due 12 Dec)", or the outcome of one that was not followed."""
    verdict = VERDICT_WORDS.get(Verdict(row.verdict), "") if row.verdict in set(Verdict) else ""
    if row.state == DROPPED:
        return f"{verdict or 'Dropped'}: no decision follows"
    action = ACTION_WORDS[Action(row.action)].lower() if row.action in set(Action) else ""
    head = ", ".join(part for part in (verdict, action) if part)
    tail = ", ".join(part for part in (owner, f"due {day_text(row.due)}" if row.due else "") if part)
    return f"{f'{head}: ' if head else ''}{row.title}{f' ({tail})' if tail else ''}"


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


def thanks_of(session: Session, key_results: Collection[str], now: datetime, zone: tzinfo) -> dict[str, str]:
    """By key result, the last thanks while they are fresh (R102): "Thanks from Lea, 20 Nov: for the launch"."""
    last = select(func.max(Recognition.id)).where(Recognition.key_result_id.in_(key_results)).group_by(Recognition.key_result_id)
    rows = session.execute(
        select(Recognition.key_result_id, Recognition.text, Recognition.at, Person.name)
        .join(Person, Person.id == Recognition.sender_id)
        .where(Recognition.id.in_(last), Recognition.at > now - THANKS_STAND)
    )
    return {ident: one_line(f"Thanks from {name}, {local_day_text(at, zone)}: {text}") for ident, text, at, name in rows}
