"""What was changed of a key result's promise, by whom and why, and the chain of goals above it: for everybody who can see it.

Reads only. Which changes are told is the domain's business (``domain.changes``); the audit trail holds all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from connector.domain.changes import needs_reason
from connector.domain.rights import Viewer
from connector.domain.wording import plain_number
from connector.store.tables import Audit, KeyResult, Objective, Person
from connector.store.visibility import visible

SHOWN = 30  # changes on a page
DEEPEST = 20  # goals in a chain
_LONGEST = 120  # characters of one value
_WORDS = {
    "title": "wording",
    "low": "lower bound",
    "high": "upper bound",
    "strict": "exactly on the bound",
    "phased_targets": "phased targets",
    "supports": "supported goal",
}
_TOLD = {"create": "made", "retire": "retired", "revive": "brought back"}
_UNTOLD = frozenset({"supports", "objective"})  # may name what the reader must not know of


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a change: "target", "60", "50"."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``of`` is "" for the key result's own, else "objective" or "mapping"; ``late`` says why it came late, or is ""."""

    at: datetime
    by: str
    of: str
    action: str  # "changed", "made", "retired", "brought back"
    parts: tuple[Part, ...]
    reason: str
    late: str


@dataclass(frozen=True, slots=True)
class Goal:
    """One link of a chain."""

    id: str
    title: str


def changes_of(session: Session, key_result_id: str, objective_id: str) -> list[Change]:
    """What was changed of a key result, its mappings and its objective, newest first, in one statement.

    The caller has made sure that the viewer may know of the key result.
    """
    # A mapping's line names its key result, and where it is one of several its own number behind that.
    own = or_(Audit.entity_id == key_result_id, Audit.entity_id.startswith(f"{key_result_id}/", autoescape=True))
    mine = or_(and_(Audit.entity == "key_result", Audit.entity_id == key_result_id), and_(Audit.entity == "mapping", own))
    above = and_(Audit.entity == "objective", Audit.entity_id == objective_id)
    rows = session.execute(
        select(Audit, Person.name)
        .outerjoin(Person, Person.email == Audit.actor)
        .where(or_(mine, above), Audit.action.in_(("create", "update", "retire", "revive", "import")))
        .order_by(Audit.id.desc())
        .limit(3 * SHOWN)
    )
    found = (_change(row, name or row.actor) for row, name in rows)
    return [change for change in found if change is not None][:SHOWN]


def _change(row: Audit, by: str) -> Change | None:
    before, after = row.before or {}, row.after or {}
    of = "" if row.entity == "key_result" else row.entity
    if row.action in _TOLD:
        if of == "objective":
            return None
        view = after if row.action == "create" else before or after
        selected = view.get("select") if of == "mapping" else None
        scope = (Part(str(view.get("connection") or "selected"), "", _text(selected)),) if selected else ()
        return Change(row.at, by, of, _TOLD[row.action], scope, row.reason, "")
    parts = tuple(
        Part(_WORDS.get(key, key.replace("_", " ")), *_texts(key, before.get(key), after.get(key)))
        for key in after
        if needs_reason({key: before.get(key)}, {key: after[key]})
    )
    return Change(row.at, by, of, "changed", parts, row.reason, str(after.get("late") or "")) if parts else None


def _texts(key: str, before: Any, after: Any) -> tuple[str, str]:
    if key in _UNTOLD:
        return "", ""
    return _text(before), _text(after)


def _text(value: Any) -> str:
    match value:
        case None | "" | []:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return plain_number(value, 6)
        case list():
            return _cut(", ".join(_entry(each) for each in value))
        case Mapping():
            return _cut("; ".join(f"{key} {_text(part)}" for key, part in value.items()))
        case _:
            return _cut(str(value))


def _entry(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("title") or " ".join(_text(part) for part in value.values()))
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def chain(session: Session, viewer: Viewer, objective_id: str) -> list[Goal]:
    """The goals from the company objective down to this objective, as far as the viewer may know of them. One statement."""
    steps = (
        select(Objective.id, Objective.title, Objective.supports_id, literal(0).label("depth"))
        .where(Objective.id == objective_id, Objective.retired_at.is_(None), visible(viewer))
        .cte("steps", recursive=True)
    )
    above = aliased(Objective)
    steps = steps.union_all(
        select(above.id, above.title, above.supports_id, steps.c.depth + 1)
        .join(steps, above.id == steps.c.supports_id)
        .where(above.retired_at.is_(None), visible(viewer, above), steps.c.depth < DEEPEST)
    )
    rows = session.execute(select(steps.c.id, steps.c.title).order_by(steps.c.depth.desc())).all()
    return list({row.id: Goal(row.id, row.title) for row in rows}.values())


def below(session: Session, viewer: Viewer, objective_id: str) -> tuple[list[Goal], list[Goal]]:
    """The key results of an objective, and the objectives that name it as their goal, in their order. One statement.

    The caller has made sure that the viewer may know of the objective.
    """
    results = select(literal(0).label("part"), KeyResult.id, KeyResult.title, KeyResult.position).where(
        KeyResult.objective_id == objective_id, KeyResult.retired_at.is_(None)
    )
    serving = select(literal(1), Objective.id, Objective.title, Objective.position).where(
        Objective.supports_id == objective_id, Objective.retired_at.is_(None), visible(viewer)
    )
    rows = session.execute(union_all(results, serving)).all()
    found: tuple[list[Goal], list[Goal]] = ([], [])
    for row in sorted(rows, key=lambda each: (each.position, each.id)):
        found[row.part].append(Goal(row.id, row.title))
    return found
