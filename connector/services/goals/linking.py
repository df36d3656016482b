"""Which key result is shown at which goal: link, unlink, list. Calls the host once, to see that the goal is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Conflict, Gone, InputError, NotFound
from connector.hosts.goals import Goal, Goals
from connector.runtime import Runtime
from connector.services.changes import record
from connector.services.connection_names import connection_called
from connector.services.facts import Facts, load_facts
from connector.services.goals.numbers import numbers_of, target_name
from connector.store import work
from connector.store.tables import Connection, GoalTarget


@dataclass(frozen=True, slots=True)
class Linked:
    """A key result and its goal. ``error``: why the last export did not succeed, "" when it did."""

    key_result: str
    connection: str
    goal: str
    metric_target: str
    exported_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Made:
    """A link that was made: the goal's own words, and the metric target that will be written ("" = one is added)."""

    goal: Goal
    target: str


def link(runtime: Runtime, key_result_id: str, goal: str, connection_name: str, *, target: str = "", viewer: Viewer = SYSTEM) -> Made:
    """Show a key result at a goal from now on.

    Raises ``InputError`` when it cannot be, ``NotFound`` for an unknown key result, connection or goal, ``Conflict`` when the goal has
    several metric targets and none was chosen, ``HostError`` for outages.
    """
    if not runtime.settings.atlassian_goals:
        raise InputError("goals are off; set OKR_ATLASSIAN_GOALS=1 and start the connector again", where="OKR_ATLASSIAN_GOALS")
    with runtime.store.read() as session:
        facts = _known(session, key_result_id)
        connection = connection_called(session, connection_name)
    if not facts.public:
        raise InputError(
            f"{key_result_id} is restricted, a draft, or its cycle was not started: it is shown nowhere outside", where="key_result"
        )
    numbers_of(facts)  # refuses kinds that have no way from here to there
    goals = _goals(runtime, connection)
    try:
        found = goals.find(goal)
    except Gone as error:
        raise NotFound(error.message) from error
    finally:
        goals.close()
    chosen = _chosen(found, target, target_name(facts))
    with runtime.store.write() as session:
        session.execute(delete(GoalTarget).where(GoalTarget.id == key_result_id))
        session.add(GoalTarget(id=key_result_id, connection_id=connection.id, goal=found.id, metric_target=chosen))
        session.flush()
        work.want(session, GoalTarget, [key_result_id], runtime.epoch())
        after = {"goal": found.key or found.id, "name": found.name, "connection": connection.name}
        record(session, viewer, runtime.now(), "link_goal", "key_result", key_result_id, after=after)
    runtime.queue.nudge("drain", connection.id)
    return Made(found, chosen)


def unlink(runtime: Runtime, key_result_id: str, *, viewer: Viewer = SYSTEM) -> None:
    """Stop exporting a key result; what the goal shows stays as it is. Raises ``NotFound``."""
    with runtime.store.write() as session:
        row = session.get(GoalTarget, key_result_id)
        if row is None:
            raise NotFound(f"{key_result_id!r} is linked to no goal")
        record(session, viewer, runtime.now(), "unlink_goal", "key_result", key_result_id, before={"goal": row.goal})
        session.delete(row)


def listed(runtime: Runtime) -> list[Linked]:
    """All links, by key result."""
    query = select(GoalTarget, Connection.name).join(Connection, Connection.id == GoalTarget.connection_id).order_by(GoalTarget.id)
    with runtime.store.read() as session:
        rows = session.execute(query).all()
    return [Linked(row.id, name, row.goal, row.metric_target, row.exported_at, row.error or "") for row, name in rows]


def want_all(session: Session, now: float) -> None:
    """Look at all links once more: the setting may have been off while numbers moved. Equal values are not written."""
    work.want(session, GoalTarget, session.scalars(select(GoalTarget.id)).all(), now)


def forget_target(session: Session, key_result_id: str) -> None:
    """The metric target was deleted at the host: look for one, or add one, at the next export."""
    session.execute(update(GoalTarget).where(GoalTarget.id == key_result_id).values(metric_target="", digest=""))


def _known(session: Session, key_result_id: str) -> Facts:
    facts = load_facts(session, [key_result_id], computing=False).get(key_result_id)
    if facts is None:
        raise NotFound(f"there is no key result {key_result_id!r}")
    return facts


def _goals(runtime: Runtime, connection: Connection) -> Goals:
    goals = runtime.goals(connection)
    if goals is None:
        raise InputError(f"connection {connection.name} is of a host without goals", where="connection")
    return goals


def _chosen(found: Goal, target: str, name: str) -> str:
    """The metric target to write: the named one, ours, or the only one; "" where the goal has none yet."""
    ids = {each.id: each.name for each in found.targets}
    if target:
        if target not in ids:
            raise NotFound(f"the goal {found.key or found.id} has no metric target {target!r}")
        return target
    ours = [each.id for each in found.targets if each.name == name]
    if ours or len(ids) == 1:
        return (ours or list(ids))[0]
    if ids:
        shown = ", ".join(f"{ident} ({words})" for ident, words in ids.items())
        raise Conflict(f"the goal {found.key or found.id} has several metric targets; choose one with --target: {shown}")
    return ""
