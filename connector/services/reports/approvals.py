"""How long asks wait for a verdict, by kind and forum (S10). What waits too long names the forum, never a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connector.services.decisions import ASKED, DROPPED, WITHDRAWN
from connector.services.insight.answering import ASK_WORDS
from connector.services.reports.reviews import Loaded
from connector.store.batches import batches
from connector.store.tables import Decision, KeyResult

NO_FORUM = "no forum"
CARRIED = 2  # reviews without a verdict after which the forum is named
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Latency:
    """Asks of one kind in one forum. ``days``: median until the verdict, None while none was given; ``oldest``: of those that wait."""

    forum: str
    kind: str
    asked: int
    answered: int
    days: float | None
    oldest: int | None

    @property
    def waiting(self) -> int:
        """Without a verdict so far."""
        return self.asked - self.answered


@dataclass(frozen=True, slots=True)
class Carried:
    """Asks that have passed at least two reviews of a forum without a verdict. ``key_results``: (id, title, reviews passed)."""

    forum: str
    key_results: tuple[tuple[str, str, int], ...]

    @property
    def sentence(self) -> str:
        """ "Product: 2 asks have passed two reviews or more without a verdict."."""
        count = len(self.key_results)
        return f"{self.forum}: {count} {'ask has' if count == 1 else 'asks have'} passed two reviews or more without a verdict."


@dataclass(frozen=True, slots=True)
class Approvals:
    """Both, and the names of forums by key result."""

    latencies: tuple[Latency, ...]
    carried: tuple[Carried, ...]


def load_approvals(session: Session, found: Loaded, names: Collection[str], since: datetime, now: datetime) -> Approvals:
    """The asks of these key results that were made since a moment, or wait still."""
    asks: list[tuple[Decision, str]] = []
    for part in batches(sorted(names)):
        query = (
            select(Decision, KeyResult.title)
            .join(KeyResult, KeyResult.id == Decision.key_result_id)
            .where(Decision.key_result_id.in_(part), Decision.check_in_id.is_not(None))
            .where(or_(Decision.created_at >= since, Decision.state == ASKED))
            .where(or_(Decision.state != DROPPED, Decision.outcome != WITHDRAWN))
        )
        asks += [(row, title) for row, title in session.execute(query)]
    forum_of = {name: each.id for each in found.forums for name in found.of_forum.get(each.id, ())}
    titles = {each.id: each.name for each in found.forums}
    groups: dict[tuple[str, str], list[Decision]] = defaultdict(list)
    for row, _ in asks:
        groups[titles.get(forum_of.get(row.key_result_id, 0), NO_FORUM), row.kind].append(row)
    latencies = [_latency(forum, kind, rows, now) for (forum, kind), rows in sorted(groups.items())]
    return Approvals(tuple(latencies), tuple(_carried(found, forum_of, titles, asks, now)))


def answered_at(row: Decision) -> datetime | None:
    """When an ask got its verdict; None while it waits."""
    if row.decided_at is not None:
        return row.decided_at
    return row.closed_at if row.state not in (ASKED,) else None


def is_waiting(row: Decision) -> bool:
    """Whether nobody has said anything to it so far."""
    return row.state == ASKED and row.decided_at is None


def _latency(forum: str, kind: str, rows: Sequence[Decision], now: datetime) -> Latency:
    took = [(at - row.created_at) / _DAY for row in rows if not is_waiting(row) and (at := answered_at(row)) is not None]
    waiting = [(now - row.created_at) // _DAY for row in rows if is_waiting(row)]
    return Latency(
        forum, ASK_WORDS.get(kind, kind), len(rows), len(rows) - len(waiting), median(took) if took else None, max(waiting, default=None)
    )


def _carried(
    found: Loaded, forum_of: Mapping[str, int], titles: Mapping[int, str], asks: Sequence[tuple[Decision, str]], now: datetime
) -> list[Carried]:
    told: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
    for row, title in asks:
        forum = forum_of.get(row.key_result_id)
        if forum is None or not is_waiting(row):
            continue
        passed = sum(each.over(now) and row.created_at <= each.row.lock_at for each in found.reviews.get(forum, ()))
        if passed >= CARRIED:
            told[forum].append((row.key_result_id, title, passed))
    return [Carried(titles[forum], tuple(sorted(rows, key=lambda each: (-each[2], each[1])))) for forum, rows in sorted(told.items())]
