"""Work as facts: want, claim, finish, postpone. The same conditional updates on SQLite and Postgres.

A change adds one to ``wanted`` in its own transaction; a worker claims with a lease, does the work, and marks the *claimed*
number done; what came in between stays wanted. Losing a lease means somebody else took over: ``finish`` then changes nothing.

On Postgres writers lock rows in the order of their ids, and a claim passes over those that somebody is writing: it never waits, so two
claims never wait for each other. SQLite has one writer at a time.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select, update
from sqlalchemy.orm import Session

from connector.store.tables import CommentCommand, DecisionIssue, GoalTarget, Item, KeyResult, LeadsPage, Mapping, Message, OkrRow, Panel

Workable = (
    type[CommentCommand]
    | type[DecisionIssue]
    | type[GoalTarget]
    | type[Item]
    | type[KeyResult]
    | type[LeadsPage]
    | type[Mapping]
    | type[Message]
    | type[OkrRow]
    | type[Panel]
)
BATCH = 500  # ids per statement: below SQLite's limit of bound values


@dataclass(frozen=True, slots=True)
class Claim:
    """Work taken: row id, the number to mark done, and the lease that proves it is ours."""

    id: Any
    wanted: int
    attempts: int
    lease: str


def want(
    session: Session, table: Workable, ids: Collection[Any], now: float, *, quiet: float = 0.0, longest: float = 0.0, gap: float = 0.0
) -> None:
    """Add one piece of wanted work to each row.

    The first change after at least ``gap`` seconds of rest is ready at once; later ones wait until ``quiet`` seconds pass
    without a change, but never longer than ``longest`` after the first (all seconds).
    """
    clean = table.wanted == table.done
    settled = _least(now + quiet, case((clean, now), else_=table.first_at) + longest)
    rested = and_(clean, table.served_at < now - gap)
    # A row that backs off after an error keeps its waiting time: new changes must not hammer a host that is down.
    backing_off = and_(table.attempts > 0, table.ready_at > now)
    values = {
        table.wanted: table.wanted + 1,
        table.first_at: case((clean, now), else_=table.first_at),
        table.ready_at: case((backing_off, table.ready_at), (rested, now), else_=settled),
    }
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), BATCH):
        among = _among(session, table, ordered[start : start + BATCH])
        session.execute(update(table).where(among).values(values).execution_options(synchronize_session=False))


def claim(
    session: Session,
    table: Workable,
    now: float,
    *,
    limit: int,
    lease_seconds: float,
    where: Sequence[ColumnElement[bool]] = (),
    newest_first: bool = False,
    not_ready_too: bool = False,
) -> list[Claim]:
    """Take up to ``limit`` rows with waiting work whose lease has lapsed and which are ready (or backing off no longer).

    On Postgres without those that somebody writes at this moment: they are taken the next time.
    """
    lease = secrets.token_hex(8)
    ready = (table.attempts == 0) | (table.ready_at <= now) if not_ready_too else table.ready_at <= now
    open_work = and_(table.wanted > table.done, table.lease_until < now, ready, *where)
    order = table.ready_at.desc() if newest_first else table.ready_at
    chosen = select(table.id).where(open_work).order_by(order).limit(limit)
    if _has_row_locks(session):  # a CTE with locks is computed once; a bare subquery might be again for each row
        taken = chosen.with_for_update(skip_locked=True, key_share=True).cte("taken")
        chosen = select(taken.c.id)
    rows = session.execute(
        update(table)
        .where(table.id.in_(chosen.scalar_subquery()), table.wanted > table.done, table.lease_until < now)
        .values(lease=lease, lease_until=now + lease_seconds)
        .returning(table.id, table.wanted, table.attempts)
        .execution_options(synchronize_session=False)
    ).all()
    return [Claim(row.id, row.wanted, row.attempts, lease) for row in rows]


def finish(session: Session, table: Workable, claims: Collection[Claim], now: float) -> set[Any]:
    """Mark the claimed numbers done and free the leases. Returns the ids that were still ours."""
    groups: dict[tuple[str, int], list[Any]] = {}
    for claimed in sorted(claims, key=_by_id):
        groups.setdefault((claimed.lease, claimed.wanted), []).append(claimed.id)
    kept: set[Any] = set()
    for (lease, number), ids in groups.items():
        for start in range(0, len(ids), BATCH):
            kept.update(
                session.scalars(
                    update(table)
                    .where(_among(session, table, ids[start : start + BATCH]), table.lease == lease)
                    .values(
                        {
                            table.done: number,
                            table.lease_until: 0.0,
                            table.lease: "",
                            table.attempts: 0,
                            table.error: None,
                            table.served_at: now,
                            table.first_at: now,
                        }
                    )
                    .returning(table.id)
                    .execution_options(synchronize_session=False)
                )
            )
    return kept


def release(session: Session, table: Workable, *where: ColumnElement[bool]) -> None:
    """Free the leases of rows with waiting work, whoever holds them: only for a caller who knows that nobody works on them."""
    session.execute(
        update(table)
        .where(table.wanted > table.done, table.lease_until > 0.0, *where)
        .values({table.lease_until: 0.0, table.lease: ""})
        .execution_options(synchronize_session=False)
    )


def renew(session: Session, table: Workable, claims: Collection[Claim], until: float) -> bool:
    """Keep the leases of claims that take long. False when none of them is ours any more."""
    ids = sorted(claimed.id for claimed in claims)
    leases = {claimed.lease for claimed in claims}
    ours = False
    for start in range(0, len(ids), BATCH):
        kept = session.execute(
            update(table)
            .where(_among(session, table, ids[start : start + BATCH]), table.lease.in_(leases))
            .values(lease_until=until)
            .returning(table.id)
            .execution_options(synchronize_session=False)
        ).all()
        ours = ours or bool(kept)
    return ours


def postpone(session: Session, table: Workable, claims: Collection[Claim], *, ready_at: float, error: str, failed: bool = True) -> None:
    """Give the claims back: not before ``ready_at``. ``failed`` counts an attempt."""
    for claimed in sorted(claims, key=_by_id):
        session.execute(
            update(table)
            .where(table.id == claimed.id, table.lease == claimed.lease)
            .values(
                {
                    table.lease_until: 0.0,
                    table.lease: "",
                    table.ready_at: ready_at,
                    table.error: error[:500],
                    table.attempts: table.attempts + (1 if failed else 0),
                }
            )
            .execution_options(synchronize_session=False)
        )


def next_due(session: Session, table: Workable, *where: ColumnElement[bool]) -> float | None:
    """When the first waiting row may be claimed (epoch seconds; a held lease counts until it lapses); None when nothing waits."""
    free_at = case((table.lease_until > table.ready_at, table.lease_until), else_=table.ready_at)
    moment = session.scalar(select(func.min(free_at)).where(table.wanted > table.done, *where))
    return None if moment is None else float(moment)


def waiting(session: Session, table: Workable, *where: ColumnElement[bool]) -> int:
    """How many rows have work waiting, ready or not."""
    return session.scalar(select(func.count()).select_from(table).where(table.wanted > table.done, *where)) or 0


def _has_row_locks(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _among(session: Session, table: Workable, ids: Collection[Any]) -> ColumnElement[bool]:
    """Rows of these ids; where rows are locked, in the order of their ids, whatever order a plan would read them in."""
    if not _has_row_locks(session):
        return table.id.in_(ids)
    locked = select(table.id).where(table.id.in_(ids)).order_by(table.id).with_for_update(key_share=True).cte("locked")
    return table.id.in_(select(locked.c.id))


def _by_id(claimed: Claim) -> Any:
    return claimed.id


def _least(first: Any, second: Any) -> Any:
    return case((second < first, second), else_=first)
