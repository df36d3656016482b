"""Ticking the steps of a milestone key result in an update: the ticks are its value, and only done or not is ever written.

A draft moves no step. Its ticks wait in the audit trail, beside the line that says that the draft was saved; the update that completes it
applies them to the steps as they are then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import scoring
from connector.domain.model import Definition, Kind
from connector.domain.steps import Ticks, changes_in, marks_text, read_ticks, state_of, step_keys, ticked
from connector.errors import InputError
from connector.services.facts import Facts
from connector.store.tables import Audit, CheckIn, KeyResult
from mappings.rules import Mode

FIELD = "milestones"
NO_NUMBER = "this key result counts its steps and takes no number. Leave the value out and tick the steps in the check-in form"


@dataclass(frozen=True, slots=True)
class Stepping:
    """What an update does with the steps. ``after``: the definition with its ticks · ``changes``: the ticks that are news."""

    after: Definition
    changes: Ticks

    @property
    def value(self) -> float | None:
        """The share of weight that is done with these ticks."""
        return scoring.milestones_value(self.after.milestones)

    def explained(self) -> dict[str, Any]:
        """What stands behind the value, in the words of a reading."""
        steps = self.after.milestones
        done, total = sum(step.done for step in steps), len(steps)
        return {"items": total, "done": done, "total": total, "explanation": [f"{done} of {total} milestones done"]}

    def told(self) -> list[dict[str, Any]]:
        """Every step as this update leaves it, for the audit trail."""
        steps = state_of(self.after.milestones).items()
        return [
            {"title": step.title, "done": done, "changed": key in self.changes}
            for step, (key, done) in zip(self.after.milestones, steps, strict=True)
        ]


def stepwise(facts: Facts) -> bool:
    """Whether the value is counted from ticked steps: milestones that no mapping feeds."""
    return facts.row.kind == Kind.MILESTONES and bool(facts.row.milestones) and not is_fed(facts)


def is_fed(facts: Facts) -> bool:
    """Whether a mapping gives the value, so that nobody types it."""
    return any(link.rule.mode is Mode.VALUE for link in facts.links)


def marks_of(facts: Facts) -> str:
    """How the steps stand, as a form carries it along; "" where there are none to tick."""
    return marks_text(state_of(facts.definition.milestones)) if stepwise(facts) else ""


def read_steps(facts: Facts, data: Mapping[str, Any], waiting: Ticks, ticks: Ticks | None, address: str) -> Stepping | None:
    """What an update says of the steps; None where the value comes from elsewhere.

    ``waiting``: the ticks of the author's open draft · ``ticks``: those of a form, which says all of them · ``address``: of that form.
    Raises ``InputError`` for steps where there are none, steps that are not there, and a value that the steps do not give.
    """
    given = data.get(FIELD)
    if not stepwise(facts):
        if given is not None:
            raise InputError(
                "its value comes from mapped items, so no step is ticked by hand" if is_fed(facts) else "it has no steps: leave this out",
                where=FIELD,
            )
        return None
    definition = facts.definition
    told = {**waiting, **(read_ticks(given, definition.milestones) if given is not None else {})} if ticks is None else ticks
    changes = changes_in(definition.milestones, told)
    found = Stepping(ticked(definition, changes), changes)
    if ticks is None and (wrong := value_refusal(found, data.get("value"), address)):
        raise InputError(wrong, where="value")
    return found


def value_refusal(stepping: Stepping, value: Any, address: str) -> str:
    """Why a value is not taken where steps are counted; "" for none, and for the one that they give."""
    if value is None:
        return ""
    try:
        same = not isinstance(value, bool) and abs(float(value) - (stepping.value or 0.0)) <= scoring.TOLERANCE
    except (TypeError, ValueError):
        same = False
    if same:
        return ""
    return f"{NO_NUMBER}: {address}"


def form_address(base_url: str, key_result_id: str) -> str:
    """Where the steps of a key result are ticked."""
    return f"{base_url}/key-results/{key_result_id}/check-in"


def write_ticks(session: Session, row: KeyResult, changes: Ticks, actor: str, now: datetime) -> None:
    """Store which steps are done, and say so in the audit trail. Titles, weights and the order stay as they are."""
    if not changes:
        return
    before = list(row.milestones)
    keys = step_keys(step["title"] for step in before)
    after = [{**step, "done": changes[key]} if key in changes else step for key, step in zip(keys, before, strict=True)]
    row.milestones = after
    session.add(
        Audit(at=now, actor=actor, action="update", entity="key_result", entity_id=row.id, before={FIELD: before}, after={FIELD: after})
    )


def waiting_ticks(session: Session, draft: CheckIn | None) -> Ticks:
    """The ticks of an open draft; none for None, and for a draft that says nothing of steps."""
    return {key: done for key, (done, changed) in _told(session, draft).items() if changed}


def told_ticks(session: Session, row: CheckIn) -> Ticks:
    """Every step as a stored check-in said it."""
    return {key: done for key, (done, _) in _told(session, row).items()}


def _told(session: Session, row: CheckIn | None) -> dict[str, tuple[bool, bool]]:
    if row is None:
        return {}
    entries = session.scalars(
        select(Audit.after)
        .where(
            Audit.entity == "key_result",
            Audit.entity_id == row.key_result_id,
            Audit.action == "check_in",
            Audit.at == row.created_at,
        )
        .order_by(Audit.id.desc())
    )
    steps = next((after.get("steps") for after in entries if after and after.get("check_in") == row.id), None) or []
    keys = step_keys(step["title"] for step in steps)
    return {key: (step["done"], step["changed"]) for key, step in zip(keys, steps, strict=True)}
