"""What waits for somebody: asks without an answer, and blockers, each since it first stood there without a break."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.services.insight.scope import ASKED
from connector.store.tables import CheckIn, Connection


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
    """The open asks (kind of decision by key result), oldest first; ``text`` is what the last check-in says to it."""
    since: dict[str, datetime | None] = {}
    words: dict[str, str] = {}
    for row in _check_ins(session, asked, CheckIn.decision, CheckIn.comment):
        if row.decision not in ASKED:
            since[row.key_result_id] = None
        elif since.get(row.key_result_id) is None:
            since[row.key_result_id] = row.created_at
        words[row.key_result_id] = row.comment or ""
    return _oldest_first([Point(name, words.get(name, ""), since.get(name), kind) for name, kind in asked.items()])


def load_blockers(session: Session, blocked: Collection[str]) -> list[Point]:
    """The blockers of these key results, oldest first."""
    since: dict[str, datetime | None] = {}
    last: dict[str, Any] = {}
    for row in _check_ins(session, blocked, CheckIn.blocker, CheckIn.blocker_link, CheckIn.as_of):
        if not row.blocker:
            since[row.key_result_id] = None
        elif since.get(row.key_result_id) is None:
            since[row.key_result_id] = row.as_of
        last[row.key_result_id] = row
    sites = _sites(session, last.values())
    found = []
    for name in blocked:
        row = last.get(name)
        if row is None or not row.blocker:
            continue
        link = row.blocker_link if isinstance(row.blocker_link, dict) and row.blocker_link.get("connection") in sites else {}
        address = str(link.get("url") or "")
        found.append(
            Point(
                name,
                row.blocker,
                since.get(name),
                key=str(link.get("key") or ""),
                address=address if address.startswith("https://") else "",
            )
        )
    return _oldest_first(found)


def _check_ins(session: Session, ids: Collection[str], *columns: Any) -> Any:
    if not ids:
        return ()
    return session.execute(
        select(CheckIn.key_result_id, CheckIn.created_at, *columns)
        .where(CheckIn.key_result_id.in_(list(ids)), CheckIn.draft.is_(False))
        .order_by(CheckIn.id)
    )


def _sites(session: Session, rows: Collection[Any]) -> set[int]:
    """The connections among the picked blockers that still work for us: the way to another is not offered."""
    named = {row.blocker_link.get("connection") for row in rows if isinstance(row.blocker_link, dict)}
    wanted = [ident for ident in named if isinstance(ident, int)]
    if not wanted:
        return set()
    return set(session.scalars(select(Connection.id).where(Connection.id.in_(wanted), Connection.retired_at.is_(None))))


def _oldest_first(points: list[Point]) -> list[Point]:
    return sorted(points, key=lambda each: (each.since is None, each.since.timestamp() if each.since else 0.0, each.key_result))
