"""A company whose key results have a history: values, check-ins and counted nights, written directly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.services.signals import nightly
from connector.store.tables import CheckIn, KeyResult, MappingDay, Reading, Signal
from tests.support.world import Company, company


@dataclass
class Past:
    """Writes what happened, in days before now; gives what signals say of it."""

    acme: Company
    connection: int = 0

    def day(self, days: float) -> datetime:
        """Noon, so many days ago: a test at midnight tells the same."""
        today = datetime.combine(self.acme.runtime.now().date(), time(0, 5), tzinfo=UTC)
        return today - timedelta(days=days)

    def values(self, name: str, *told: tuple[float, float | None], kind: str = "mapping", **source: Any) -> None:
        with self.acme.runtime.store.write() as session:
            before = None
            for days, value in told:
                at = self.day(days)
                session.add(
                    Reading(
                        key_result_id=name, value=value, previous=before, kind=kind, as_of=at, day=at.date(), recorded_at=at, actor="sync",
                        source=source,
                    )
                )  # fmt: skip
                before = value

    def check_in(self, name: str, days: float, **columns: Any) -> None:
        at = self.day(days)
        with self.acme.runtime.store.write() as session:
            told = {"decision": "none", "draft": False, **columns}
            session.add(CheckIn(key_result_id=name, as_of=at, created_at=at, source="test", source_id=f"{name} {days}", **told))

    def mapped(self, name: str, **rule: Any) -> int:
        if not self.connection:
            self.connection = self.acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {})
        rule = {"select": {"jql": "project = ACME"}, "measure": "done_count", "mode": "context", **rule}
        return self.acme.mapping(name, self.connection, **rule)

    def weeks(self, mapping: int, done: Sequence[int], *, items: int = 200, base: int = 50, points: bool = False, ago: int = 0) -> None:
        """Nights at the end of each week, today the last, with so much done in each."""
        today = self.acme.runtime.now().date()
        total = base
        with self.acme.runtime.store.write() as session:
            for place in range(len(done) + 1):
                total += done[place - 1] if place else 0
                row: dict[str, Any] = {"items": items, "done": total}
                if points:
                    row = {"items": items, "done": 1, "points": float(items), "points_done": float(total), "started": 0}
                day = today - timedelta(weeks=len(done) - place + ago)
                session.add(MappingDay(mapping_id=mapping, day=day, **row))

    def look(self) -> int:
        return nightly.find_all(self.acme.runtime)

    def signals(self, name: str | None = None, *, ended: bool = False) -> dict[str, Signal]:
        with self.acme.runtime.store.read() as session:
            query = select(Signal).order_by(Signal.id)
            if not ended:
                query = query.where(Signal.ended_at.is_(None))
            if name is not None:
                query = query.where(Signal.key_result_id == name)
            return {row.kind: row for row in session.scalars(query)}

    def insight(self, name: str) -> dict[str, Any]:
        with self.acme.runtime.store.read() as session:
            return dict(session.get_one(KeyResult, name).insight)


@pytest.fixture
def past(tmp_path: Path, database_kind: str, database_url: str) -> Iterator[Past]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        yield Past(found)
