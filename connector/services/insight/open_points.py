"""What waits for somebody: asks without an answer, and blockers, each since it first stood there without a break."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from connector.domain.signals.blocked import DECLARED
from connector.services.signals.effective import load_told
from connector.store.asks import ASKED, is_waiting
from connector.store.tables import CheckIn, Connection, Decision


@dataclass(frozen=True, slots=True)
class Point:
    """An open ask or blocker. ``since`` None: nobody can tell. ``address``: the picked issue's or row's page at its host, or ""."""

    key_result: str
    text: str
    since: datetime | None
    kind: str = ""
    key: str = ""
    address: str = ""


def load_asks(session: Session, asked: dict[str, str]) -> list[Point]:
    """The open asks (kind of decision by key result), oldest first; ``text`` is what the last check-in says to it.

    One is as old as its decision: what was answered and is asked again begins anew. Without any it is as old as its unbroken run.
    """
    since: dict[str, tuple[datetime, str]] = {}
    for row in _unbroken(session, asked, _ASKS):
        since[row.key_result_id] = (row.asked_at or row.begun_at, row.comment or "")
    told = [(name, kind, *since.get(name, (None, ""))) for name, kind in asked.items()]
    return _oldest_first([Point(name, words, begun, kind) for name, kind, begun, words in told])


def load_blockers(session: Session, blocked: Collection[str]) -> list[Point]:
    """The blockers of these key results, oldest first: named in updates, or seen and confirmed."""
    named = named_blockers(session, blocked)
    rows = load_told(session, list(blocked))
    for row in rows:  # somebody said since the last update that it is cleared
        if row.ended_at is not None and row.key_result_id in named and row.ended_at >= named[row.key_result_id].created_at:
            del named[row.key_result_id]
    told = {name: Point(name, row.blocker, row.begun_as_of) for name, row in named.items()}
    links: dict[str, Any] = {name: row.blocker_link for name, row in named.items()}
    for row in rows:
        if row.source == DECLARED:
            if row.ended_at is None and row.key_result_id in told:
                told[row.key_result_id] = replace(told[row.key_result_id], since=row.since)
        elif row.confirmed_at and not row.clear_at and row.key_result_id not in told:
            told[row.key_result_id], links[row.key_result_id] = Point(row.key_result_id, row.text, row.since), row.link
    sites = _sites(session, list(links.values()))
    return _oldest_first([_addressed(point, links[name], sites) for name, point in told.items()])


def _addressed(point: Point, link: Any, sites: set[int]) -> Point:
    """With the way to the item at its host, where that is a site of ours."""
    picked = link if isinstance(link, dict) and link.get("connection") in sites else {}
    address = str(picked.get("url") or "")
    return replace(point, key=str(picked.get("key") or ""), address=address if address.startswith("https://") else "")


def named_blockers(session: Session, ids: Collection[str]) -> dict[str, Any]:
    """The last check-in of those key results whose updates name a blocker without a break up to now, and when that began."""
    return {row.key_result_id: row for row in _unbroken(session, ids, _BLOCKERS)}


def _unbroken(session: Session, ids: Collection[str], runs: Select[Any]) -> Any:
    """The last check-in of each key result in an unbroken run, and when that began: one statement."""
    return session.connection().execute(runs, {"ids": list(ids)}) if ids else ()


def _runs(stands: ColumnElement[bool], *, asking: bool = False) -> Select[Any]:
    """The runs of the key results ``ids`` in which ``stands`` holds up to the last check-in; ``asking``: since when its ask waits."""
    mine = (CheckIn.key_result_id.in_(bindparam("ids", expanding=True)), CheckIn.draft.is_(False))
    broken = (
        select(CheckIn.key_result_id, func.max(CheckIn.id).label("id"))
        .where(*mine, not_(stands))
        .group_by(CheckIn.key_result_id)
        .subquery()
    )
    run = (
        select(CheckIn.key_result_id, func.min(CheckIn.id).label("begun"), func.max(CheckIn.id).label("last"))
        .outerjoin(broken, broken.c.key_result_id == CheckIn.key_result_id)
        .where(*mine, or_(broken.c.id.is_(None), CheckIn.id > broken.c.id))
        .group_by(CheckIn.key_result_id)
        .subquery()
    )
    begun, last = aliased(CheckIn), aliased(CheckIn)
    same = (Decision.key_result_id == last.key_result_id, Decision.kind == last.decision, is_waiting())
    asked = [select(func.min(Decision.created_at)).where(*same).correlate(last).scalar_subquery().label("asked_at")] if asking else []
    return (
        select(
            run.c.key_result_id,
            begun.created_at.label("begun_at"),
            begun.as_of.label("begun_as_of"),
            last.id,
            last.created_at,
            last.as_of,
            last.comment,
            last.blocker,
            last.blocker_link,
            *asked,
        )
        .join(begun, begun.id == run.c.begun)
        .join(last, last.id == run.c.last)
    )


_ASKS = _runs(func.coalesce(CheckIn.decision, "").in_(ASKED), asking=True)
_BLOCKERS = _runs(func.coalesce(CheckIn.blocker, "") != "")


def _sites(session: Session, links: Collection[Any]) -> set[int]:
    """The connections among the picked blockers that still work for us: the way to another is not offered."""
    named = {link.get("connection") for link in links if isinstance(link, dict)}
    wanted = [ident for ident in named if isinstance(ident, int)]
    if not wanted:
        return set()
    return set(session.scalars(select(Connection.id).where(Connection.id.in_(wanted), Connection.retired_at.is_(None))))


def _oldest_first(points: list[Point]) -> list[Point]:
    return sorted(points, key=lambda each: (each.since is None, each.since.timestamp() if each.since else 0.0, each.key_result))
