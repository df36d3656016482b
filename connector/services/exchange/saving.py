"""Saves what an import changes about one key result: definition, owner, a reading, a check-in, and the audit trail."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from connector.domain.model import Kind
from connector.services.exchange.sheets import number_text
from connector.store import work
from connector.store.tables import Audit, CheckIn, KeyResult, Objective, Person, Reading

_WORDS = {"start": "From", "target": "To", "owner_id": "Owner", "value": "Current value", "confidence": "Confidence", "blocker": "Blocker"}


def create_key_result(
    objective: Objective, *, id: str, title: str, owner: Person | None, now: datetime, columns: Mapping[str, Any]
) -> KeyResult:
    """A new key result of an objective, not yet in the session."""
    values: dict[str, Any] = {
        "unit": "",
        "weight": 1.0,
        "cadence": "weekly",
        "strict": False,
        "decimals": 0,
        "position": 10_000,  # behind those that have a place in a file
        "checkpoints": [],
        "phased_targets": [],
        "milestones": [],
        **columns,
    }
    return KeyResult(id=id, objective_id=objective.id, title=title, owner_id=owner.id if owner else None, created_at=now, **values)


def save_changes(
    session: Session,
    row: KeyResult,
    plan: Mapping[str, Any],
    emails: Mapping[int, str],
    *,
    actor: str,
    now: datetime,
    epoch: float,
    created: bool = False,
) -> tuple[str, ...]:
    """Carry out a plan (start, target, owner_id, value, confidence, blocker) and tell it in words: "Current value 41 → 42"."""
    ends = {"start": "low", "target": "high"} if row.kind == Kind.BETWEEN else {"start": "start", "target": "target"}
    before = {
        "start": getattr(row, ends["start"]),
        "target": getattr(row, ends["target"]),
        "owner_id": row.owner_id,
        "value": row.current,
        "confidence": row.confidence,
        "blocker": row.blocker,
    }
    for name in ("start", "target"):
        if name in plan:
            setattr(row, ends[name], plan[name])
    if "owner_id" in plan:
        row.owner_id = plan["owner_id"]
    if "value" in plan:
        session.add(
            Reading(
                key_result_id=row.id,
                value=plan["value"],
                previous=row.current,
                kind="import",
                as_of=now,
                day=now.date(),
                recorded_at=now,
                actor=actor,
                source={"file": actor},
            )
        )
    if "confidence" in plan or "blocker" in plan:
        # Without a value of its own: the reading above carries it, and movement is measured against the owner's last number.
        session.add(
            CheckIn(
                key_result_id=row.id,
                confidence=plan.get("confidence", row.confidence),
                blocker=plan.get("blocker", row.blocker),
                decision=row.decision_needed,
                movement=row.movement,
                as_of=now,
                delayed=False,
                draft=False,
                created_at=now,
                source="import",
                source_id=secrets.token_hex(12),
            )
        )
    shown = {name: (_shown(name, before[name], emails), _shown(name, plan[name], emails)) for name in plan}
    session.add(
        Audit(
            at=now,
            actor=actor,
            action="import_create" if created else "import",
            entity="key_result",
            entity_id=row.id,
            before=None if created else {name: old for name, (old, _) in shown.items()},
            after={name: new for name, (_, new) in shown.items()},
        )
    )
    session.flush()
    work.want(session, KeyResult, [row.id], epoch)
    return tuple(f"{_WORDS[name]} {old or '–'} → {new or '–'}" for name, (old, new) in shown.items())


def _shown(name: str, value: Any, emails: Mapping[int, str]) -> str:
    if value is None:
        return ""
    if name == "owner_id":
        return emails.get(value, "")
    return number_text(float(value)) if isinstance(value, (int, float)) else str(value)
