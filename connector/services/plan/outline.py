"""What the planning pages list: a cycle as a tree of objectives and key results, and what is worth a look before the next review.

Reads only, in a fixed number of statements; everything is what the viewer may know of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from connector.domain import readiness
from connector.domain.model import Kind
from connector.domain.rights import Viewer
from connector.domain.scoring import faults
from connector.domain.wording import start_text, target_text
from connector.services.facts import load_definition
from connector.services.plan import quality, sign_offs
from connector.services.plan.key_results_changes import Goal
from connector.store.tables import Cycle, KeyResult, Objective, Person, Team
from connector.store.visibility import DRAFT, visible

PER_PAGE = 20  # objectives
OWNERLESS = "ownerless"
NO_KEY_RESULTS, ORPHAN, MANY = "no key results", "orphan", "many key results"  # the kinds of ``readiness.Remark``


@dataclass(frozen=True, slots=True)
class Leaf:
    """One key result of the tree. ``promise`` is "from 400 to 900", or what is missing; ``failing`` names the verdicts that failed.

    ``judged`` is False beyond the number that one page judges.
    """

    id: str
    title: str
    owner: str
    ownerless: bool
    weight: float
    promise: str
    complete: bool
    failing: tuple[str, ...]
    judged: bool
    output: bool
    sign_off: str


@dataclass(frozen=True, slots=True)
class Branch:
    """One objective of the tree. ``supports`` is the title of the objective it serves, "" for none or one that is not known."""

    id: str
    title: str
    team: str
    supports: str
    draft: bool
    restricted: bool
    closed: bool
    key_results: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth a look: ``kind`` is one of the constants above. ``key_result`` is "" when it is about the objective."""

    kind: str
    objective: str
    title: str
    key_result: str
    sentence: str


def tree(session: Session, viewer: Viewer, cycle_id: int, now: datetime, zone: Any, *, page: int = 1) -> list[Branch]:
    """``PER_PAGE`` objectives of a cycle with their key results, how well these are built, and what champions said.

    ``page`` counts from 1. Six statements.
    """
    above, shown = aliased(Objective), aliased(Objective)
    part = (
        select(shown.id)
        .where(shown.cycle_id == cycle_id, shown.retired_at.is_(None), visible(viewer, shown))
        .order_by(shown.position, shown.id)
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
        .subquery()
    )
    rows = session.execute(
        select(Objective, Team.name, above.title.label("goal"), KeyResult, Person.name.label("owner"), Person.active)
        .select_from(Objective)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(above, and_(above.id == Objective.supports_id, above.retired_at.is_(None), visible(viewer, above)))
        .outerjoin(KeyResult, and_(KeyResult.objective_id == Objective.id, KeyResult.retired_at.is_(None)))
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .join(part, part.c.id == Objective.id)
        .order_by(Objective.position, Objective.id, KeyResult.position, KeyResult.id)
    ).all()
    ids = [row.KeyResult.id for row in rows if row.KeyResult is not None]
    judged = quality.judge_stored(session, ids, now, zone) if ids else {}
    words = sign_offs.last_words(session, ids) if ids else {}
    leaves: dict[str, list[Leaf]] = {}
    for row in rows:
        found = leaves.setdefault(row.Objective.id, [])
        if row.KeyResult is not None:
            found.append(_leaf(row.KeyResult, row.owner, row.active, judged.get(row.KeyResult.id), words.get(row.KeyResult.id)))
    first = {row.Objective.id: row for row in reversed(rows)}
    return [_branch(first[ident].Objective, first[ident].name, first[ident].goal, tuple(found)) for ident, found in leaves.items()]


def goals(session: Session, viewer: Viewer, cycle_id: int) -> list[Goal]:
    """The objectives of a cycle, in their order. One statement."""
    query = select(Objective.id, Objective.title).where(Objective.cycle_id == cycle_id, Objective.retired_at.is_(None), visible(viewer))
    return [Goal(row.id, row.title) for row in session.execute(query.order_by(Objective.position, Objective.id))]


def _branch(row: Objective, team: str | None, goal: str | None, leaves: tuple[Leaf, ...]) -> Branch:
    return Branch(row.id, row.title, team or "", goal or "", row.stage == DRAFT, row.restricted, row.closed_at is not None, leaves)


def _leaf(row: KeyResult, owner: str | None, active: bool | None, judged: quality.Judged | None, word: sign_offs.Word | None) -> Leaf:
    definition = load_definition(row)
    wrong = faults(definition)
    promise = target_text(definition) if not wrong else f"{wrong[0].field} is missing"
    if not wrong and definition.kind is Kind.METRIC:
        promise = f"from {start_text(definition)} to {promise}"
    return Leaf(
        id=row.id,
        title=row.title,
        owner=owner or "",
        ownerless=_is_ownerless(row, active),
        weight=row.weight,
        promise=promise,
        complete=not wrong,
        failing=tuple(verdict.name for verdict in judged.quality.verdicts if verdict.passed is False) if judged else (),
        judged=judged is not None,
        output=bool(judged and judged.quality.output.label),
        sign_off=sign_offs.state_of(word, row.title),
    )


def _is_ownerless(row: Any, active: bool | None) -> bool:
    return row.owner_id is None or not active or OWNERLESS in (row.flags or ())


def findings(session: Session, viewer: Viewer, today: date, many: int) -> list[Finding]:
    """What is worth a look in the cycles that are not over: objectives without a goal or a key result, key results without an owner.

    One statement. ``many``: above so many key results an objective is told.
    """
    rows = session.execute(
        select(
            Objective.id,
            Objective.title,
            Objective.supports_id,
            Cycle.end,
            KeyResult.id.label("result"),
            KeyResult.title.label("promise"),
            KeyResult.owner_id,
            KeyResult.flags,
            Person.active,
        )
        .select_from(Objective)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(KeyResult, and_(KeyResult.objective_id == Objective.id, KeyResult.retired_at.is_(None), Cycle.end >= today))
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(Objective.retired_at.is_(None), Objective.closed_at.is_(None), Cycle.retired_at.is_(None), visible(viewer))
        .order_by(Cycle.start, Objective.position, Objective.id, KeyResult.position, KeyResult.id)
    ).all()
    current = {row.id: row.title for row in rows if row.end >= today}
    held: dict[str, list[Any]] = {}
    for row in rows:
        if row.result is not None:
            held.setdefault(row.id, []).append(row)
    alone = readiness.orphans([(row.id, row.supports_id) for row in rows])
    found = []
    for ident, title in current.items():
        results = held.get(ident, [])
        if not results:
            found.append(Finding(NO_KEY_RESULTS, ident, title, "", "not measurable yet: add a key result; until then it counts in no mean"))
        if ident in alone:
            found.append(Finding(ORPHAN, ident, title, "", "names no goal that it supports, and no objective supports it"))
        if sentence := readiness.many_key_results(len(results), many):
            found.append(Finding(MANY, ident, title, "", sentence))
        found += [
            Finding(OWNERLESS, ident, row.promise, row.result, "has no active owner: name one person")
            for row in results
            if _is_ownerless(row, row.active)
        ]
    return found
