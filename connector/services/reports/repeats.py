"""Blockers that keep coming back in a cycle: the same link or words, in several key results or again after they were gone (R085)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.signals.blocked import DETECTED, DISMISSED
from connector.store.batches import batches
from connector.store.tables import Blocker, CheckIn

MOST = 20


@dataclass(frozen=True, slots=True)
class Repeated:
    """``times``: how often it began to hold something up; ``key_results``: what it held up."""

    text: str
    link: str
    address: str
    times: int
    key_results: tuple[str, ...]
    last: datetime


@dataclass(slots=True)
class _Spell:
    """One stretch of check-ins in a row that name the same blocker."""

    key_result: str
    text: str
    link: dict[str, Any]
    last: datetime


def load_repeats(session: Session, names: Collection[str], since: datetime) -> list[Repeated]:
    """The most repeated first. Carrying one blocker on from update to update is one time."""
    spells: dict[str, list[_Spell]] = defaultdict(list)
    for part in batches(sorted(names)):
        query = (
            select(CheckIn.key_result_id, CheckIn.blocker, CheckIn.blocker_link, CheckIn.created_at)
            .where(CheckIn.key_result_id.in_(part), CheckIn.draft.is_(False), CheckIn.created_at >= since)
            .order_by(CheckIn.key_result_id, CheckIn.id)
        )
        standing: dict[str, str] = {}
        for name, text, link, at in session.execute(query):
            key = _key(text or "", link)
            if key and standing.get(name) == key:
                spells[key][-1].last = at
            elif key:
                spells[key].append(_Spell(name, text, link or {}, at))
            standing[name] = key
        seen = select(Blocker.key_result_id, Blocker.text, Blocker.link, Blocker.since).where(
            Blocker.key_result_id.in_(part), Blocker.source == DETECTED, Blocker.ended_by != DISMISSED, Blocker.since >= since
        )
        for name, text, link, at in session.execute(seen):
            key = _key(text, link)
            if link and all(each.key_result != name for each in spells.get(key, ())):  # what was declared too counts once
                spells[key].append(_Spell(name, text, link, at))
    found = [_repeated(rows) for rows in spells.values() if len(rows) > 1]
    return sorted(found, key=lambda each: (-each.times, -each.last.timestamp(), each.text))[:MOST]


def _key(text: str, link: Any) -> str:
    """What makes two blockers the same: the item they point to, else their words."""
    if isinstance(link, dict) and link.get("ref"):
        return f"{link.get('connection')}\0{link['ref']}"
    return " ".join(text.casefold().split()).rstrip(".")


def _repeated(rows: list[_Spell]) -> Repeated:
    latest = max(rows, key=lambda each: each.last)
    address = str(latest.link.get("url") or "")
    return Repeated(
        latest.text,
        str(latest.link.get("key") or ""),
        address if address.startswith("https://") else "",
        len(rows),
        tuple(dict.fromkeys(each.key_result for each in rows)),
        latest.last,
    )
