"""The signals that stand, for pages, panels, pre-reads and agendas; and the one way in which they begin, change and end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from connector.domain.signals import Seen
from connector.domain.signals.finding import QUESTIONS, question_of
from connector.store.batches import batches
from connector.store.inserts import insert_into
from connector.store.tables import KeyResult, Signal


def standing(session: Session, key_results: Collection[str], *, dismissed: bool = False) -> dict[str, list[Signal]]:
    """The signals that stand by key result, oldest first; ``dismissed``: those that were waved away too."""
    if not key_results:
        return {}
    query = select(Signal).where(Signal.key_result_id.in_(key_results), Signal.ended_at.is_(None)).order_by(Signal.id)
    if not dismissed:
        query = query.where(Signal.dismissed_at.is_(None))
    found: dict[str, list[Signal]] = {}
    for row in session.scalars(query):
        found.setdefault(str(row.key_result_id), []).append(row)
    return found


def keep(
    session: Session,
    found: Iterable[Seen],
    now: datetime,
    *,
    kinds: Collection[str],
    subjects: Collection[str],
    about: Mapping[str, str | None] | None = None,
) -> int:
    """Make the signals of some kinds and subjects those that were found: new ones begin, others change or end. Returns how many did.

    ``subjects``: all that were looked at, also those without a signal; what is about a mapping of a key result counts with the key
    result. ``about``: the key result of a subject that is none itself, None for a forum. A dismissed signal stays dismissed.
    """
    wanted = {(seen.kind, seen.subject): seen for seen in found}
    rows = session.execute(
        select(Signal.id, Signal.kind, Signal.subject, Signal.sentence, Signal.numbers).where(
            Signal.ended_at.is_(None),
            Signal.kind.in_(kinds),
            or_(Signal.subject.in_(subjects), Signal.key_result_id.in_(subjects)),
        )
    ).all()
    over = [row.id for row in rows if (row.kind, row.subject) not in wanted]
    changed = []
    for row in rows:
        seen = wanted.pop((row.kind, row.subject), None)
        if seen is not None and (row.sentence != seen.sentence or row.numbers != dict(seen.numbers)):
            changed.append({"id": row.id, "sentence": seen.sentence, "numbers": dict(seen.numbers), "changed_at": now})
    if over:
        session.execute(update(Signal).where(Signal.id.in_(over)).values(ended_at=now))
    if changed:
        session.execute(update(Signal), changed)
    _begin(session, [wanted[key] for key in sorted(wanted)], now, about or {})
    return len(over) + len(changed) + len(wanted)


def _begin(session: Session, fresh: Sequence[Seen], now: datetime, about: Mapping[str, str | None]) -> None:
    if not fresh:
        return
    rows = [
        {
            "kind": seen.kind,
            "subject": seen.subject,
            "key_result_id": about.get(seen.subject, seen.subject),
            "sentence": seen.sentence,
            "numbers": dict(seen.numbers),
            "seen_at": now,
            "changed_at": now,
            "dismissed_reason": "",
        }
        for seen in fresh
    ]
    session.execute(insert_into(session, Signal).on_conflict_do_nothing(), rows)  # two that look at the same moment note one


def end_elsewhere(session: Session, kinds: Collection[str], running: Collection[str], now: datetime) -> int:
    """End the signals of key results that do not run any more. Returns how many."""
    kept = set(running)
    rows = session.execute(
        select(Signal.id, Signal.key_result_id).where(Signal.ended_at.is_(None), Signal.kind.in_(kinds), Signal.key_result_id.is_not(None))
    )
    over = [row.id for row in rows if row.key_result_id not in kept]
    for part in batches(over):
        session.execute(update(Signal).where(Signal.id.in_(part)).values(ended_at=now))
    return len(over)


def keep_insight(session: Session, ids: Collection[str], numbers: Mapping[str, Mapping[str, Any]], now: datetime) -> set[str]:
    """Keep what was computed beside the value, and the question that panels show. Returns the key results whose question changed.

    ``numbers``: what was computed anew; those that are not named keep their numbers, and only the question is chosen again.
    """
    asked: dict[str, dict[str, str]] = {}
    passed: dict[str, set[str]] = {}
    for kind, name, sentence, told_with in session.execute(
        select(Signal.kind, Signal.key_result_id, Signal.sentence, Signal.numbers).where(
            Signal.key_result_id.in_(ids), Signal.kind.in_(QUESTIONS), Signal.ended_at.is_(None), Signal.dismissed_at.is_(None)
        )
    ):
        asked.setdefault(str(name), {})[kind] = sentence
        if (told_with or {}).get("passed"):
            passed.setdefault(str(name), set()).add(kind)
    rewritten, changed = [], set()
    for name, before in session.execute(select(KeyResult.id, KeyResult.insight).where(KeyResult.id.in_(ids))).all():
        question = question_of(asked.get(name, {}), passed.get(name, ()))
        base = dict(numbers[name]) if name in numbers else {key: value for key, value in (before or {}).items() if key != "question"}
        after = base | ({"question": question} if question else {})
        if after == (before or {}):
            continue
        told = {"id": name, "insight": after}
        if question != (before or {}).get("question", ""):
            changed.add(name)
        rewritten.append(told)
    if rewritten:
        session.execute(update(KeyResult), rewritten)
    if changed:
        session.execute(update(KeyResult).where(KeyResult.id.in_(changed)).values(updated_at=now))
    return changed
