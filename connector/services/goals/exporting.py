"""Writes key results' numbers into goals: wanted as facts, only when they differ from what was sent last. One way.

Trouble with goals is the goal's alone: it neither parks nor pauses the connection, whose work items matter more.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.errors import Busy, Gone, HostError, InputError, Offline
from connector.hosts.goals import GoalNumbers, Goals
from connector.runtime import Runtime
from connector.services.connections import BACK_OFF
from connector.services.facts import Facts, load_facts
from connector.services.goals.linking import forget_target
from connector.services.goals.numbers import numbers_of, target_name
from connector.store import work
from connector.store.tables import Connection, GoalTarget

log = structlog.get_logger(__name__)

SLICE = 4
QUIET, LONGEST, REST = 5.0, 30.0, 30.0  # seconds: people look at goals now and then, and the API counts points


def want_changed(session: Session, key_results: set[str], now: float) -> None:
    """Ask for the goals of changed key results."""
    if not key_results:
        return
    linked = session.scalars(select(GoalTarget.id).where(GoalTarget.id.in_(key_results))).all()
    work.want(session, GoalTarget, linked, now, quiet=QUIET, longest=LONGEST, gap=REST)


def export_due(runtime: Runtime, connection: Connection, *, limit: int = SLICE) -> int:
    """Write some goals that are due. Never raises for the host: what fails waits and is told in ``goals list``."""
    now = runtime.epoch()
    with runtime.store.write() as session:
        claims = work.claim(
            session, GoalTarget, now, limit=limit, lease_seconds=90, where=[GoalTarget.connection_id == connection.id], not_ready_too=True
        )
    if not claims:
        return 0
    goals: Goals | None = None
    try:
        goals = runtime.goals(connection)
        for position, claim in enumerate(claims):
            try:
                _export(runtime, goals, claim)
            except (Busy, Offline) as error:
                _give_back(runtime, claims[position:], error)
                break
            except HostError as error:
                _refused(runtime, connection, claim, error)
    except InputError as error:  # the connection logs in another way now
        for claim in claims:
            _done(runtime, claim, error=error.message)
    finally:
        if goals is not None:
            goals.close()
    return len(claims)


def _export(runtime: Runtime, goals: Goals | None, claim: work.Claim) -> None:
    with runtime.store.read() as session:
        row = session.get_one(GoalTarget, claim.id)
        facts = load_facts(session, [row.id], computing=False).get(row.id)
    if facts is None or goals is None:
        _done(runtime, claim, error="the key result is retired" if facts is None else "the host has no goals")
        return
    if not facts.public:
        _done(runtime, claim, error="not shown outside any more (restricted or a draft); the goal keeps its last numbers")
        return
    try:
        numbers = numbers_of(facts)
    except InputError as error:
        _done(runtime, claim, error=error.message)
        return
    digest = _digest(row.goal, numbers)
    if numbers is None or digest == row.digest:
        _done(runtime, claim)
        return
    target = _written(goals, row, facts, numbers)
    _done(runtime, claim, metric_target=target, digest=digest, exported_at=runtime.now())
    log.info("goal_exported", key_result=row.id)


def _written(goals: Goals, row: GoalTarget, facts: Facts, numbers: GoalNumbers) -> str:
    """Write the numbers; gives the id of the metric target. One that is not known yet is looked for before one is added."""
    target = row.metric_target
    if not target:
        name = target_name(facts)
        present = goals.find(row.goal).targets
        target = next((each.id for each in present if each.name == name), "")
        if not target:
            return goals.add_target(row.goal, name, numbers)
    goals.write(target, numbers)
    return target


def _digest(goal: str, numbers: GoalNumbers | None) -> str:
    if numbers is None:
        return ""
    plain = [goal, *(round(number, 9) + 0.0 for number in (numbers.start, numbers.target, numbers.current))]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:32]


def _done(runtime: Runtime, claim: work.Claim, *, error: str = "", **values: Any) -> None:
    with runtime.store.write() as session:
        if work.finish(session, GoalTarget, [claim], runtime.epoch()):
            session.execute(update(GoalTarget).where(GoalTarget.id == claim.id).values(error=error[:500] or None, **values))


def _give_back(runtime: Runtime, claims: list[work.Claim], error: HostError) -> None:
    """Silence and "too many": all wait, longer each time, and never less than what was asked for."""
    wait = max(BACK_OFF[min(claims[0].attempts, len(BACK_OFF) - 1)], getattr(error, "retry_after", None) or 0.0, 1.0)
    with runtime.store.write() as session:
        work.postpone(session, GoalTarget, claims, ready_at=runtime.epoch() + wait, error=error.message)


def _refused(runtime: Runtime, connection: Connection, claim: work.Claim, error: HostError) -> None:
    log.warning("goal_refused", connection=connection.name, key_result=claim.id, reason=error.message)
    if isinstance(error, Gone) and claim.attempts == 0:
        # The metric target may have been deleted there: look once more, from the goal on.
        with runtime.store.write() as session:
            forget_target(session, claim.id)
            work.postpone(session, GoalTarget, [claim], ready_at=runtime.epoch() + 1.0, error=error.message)
        return
    _done(runtime, claim, error=error.message)
