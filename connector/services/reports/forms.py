"""What updates cost and what the form could do without, from openings of forms and from what check-ins hold (S12, R037, R117)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from connector.domain.form_diet import OPTIONAL, Cost, Opened, Usage, cost, proposals, untouched
from connector.services.check_ins.hiding import hidden_fields
from connector.store.batches import batches
from connector.store.tables import CheckIn, FormOpening

WINDOW = timedelta(days=28)  # two cadences, also of fortnightly key results


@dataclass(frozen=True, slots=True)
class Diet:
    """``total``: over all places · ``places``: by where the form was opened · ``hide``: optional fields that nobody used ·
    ``hidden``: those that the form leaves out.
    """

    total: Cost
    places: dict[str, Cost]
    usage: Usage
    proposals: tuple[str, ...]
    hide: tuple[str, ...]
    hidden: tuple[str, ...] = ()

    @property
    def to_hide(self) -> tuple[tuple[str, str], ...]:
        """(field, what it is called) of those that nobody used and the form still has."""
        return tuple((name, word) for name, word in OPTIONAL.items() if word in self.hide)

    @property
    def to_show(self) -> tuple[tuple[str, str], ...]:
        """(field, what it is called) of those that the form leaves out."""
        return tuple((name, OPTIONAL[name]) for name in self.hidden)


def load_diet(session: Session, names: Collection[str], now: datetime) -> Diet:
    """Of these key results, over the last four weeks. Two statements for five hundred of them, and one."""
    since = now - WINDOW
    opened: dict[str, list[Opened]] = {}
    updates = 0
    used: dict[str, int] = dict.fromkeys(OPTIONAL.values(), 0)
    hidden = hidden_fields(session)
    for part in batches(sorted(names)):
        query = select(
            FormOpening.key_result_id, FormOpening.place, FormOpening.opened_at, FormOpening.saved_at, FormOpening.clicks,
            FormOpening.offered, FormOpening.kept,
        ).where(FormOpening.key_result_id.in_(part), FormOpening.opened_at >= since)  # fmt: skip
        for name, place, at, saved, clicks, offered, kept in session.execute(query):
            opened.setdefault(place, []).append(Opened(f"{place} {name}", at, saved, clicks, offered, kept))
        counted = session.execute(
            select(
                func.count(),
                func.sum(case((func.coalesce(CheckIn.comment, "") != "", 1), else_=0)),
                func.sum(case((func.coalesce(CheckIn.doubt, "") != "", 1), else_=0)),
                func.sum(case((CheckIn.delayed, 1), else_=0)),
            ).where(
                CheckIn.key_result_id.in_(part),
                CheckIn.draft.is_(False),
                CheckIn.created_at >= since,
                CheckIn.source.in_(("page", "jira")),  # places where the optional fields stand
            )
        ).one()
        updates += counted[0]
        for field, count in zip(used, counted[1:], strict=True):
            used[field] += int(count or 0)
    for name in hidden:
        used.pop(OPTIONAL[name])  # nobody can use it, and nobody is told to take it off
    usage = Usage(updates, used)
    total = cost([each for rows in opened.values() for each in rows], now)
    return Diet(
        total,
        {place: cost(rows, now) for place, rows in sorted(opened.items())},
        usage,
        tuple(proposals(total, usage)),
        tuple(untouched(usage)),
        tuple(name for name in OPTIONAL if name in hidden),
    )
