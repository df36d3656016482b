"""A company with forums, reviews and updates at set moments, for tests of what people are told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connector.services.people import notices
from connector.store.tables import CheckIn, Forum, Message, Objective, Person, Raised, Review, Team
from tests.support.world import Company, company

BEGIN, END = date(2026, 10, 5), date(2027, 1, 3)


@dataclass
class Told:
    """Forums with a team each; ``lead`` Bob, ``caller`` Cleo, ``sponsor`` Sten. Times are UTC unless a forum has a zone."""

    company: Company
    people: dict[str, int] = field(default_factory=dict)
    forums: dict[str, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def at(self, moment: str) -> datetime:
        """Set the clock."""
        wanted = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        self.company.clock.ahead = wanted.timestamp() - time.time()
        return wanted

    def person(self, name: str, **columns: Any) -> int:
        with self.company.runtime.store.write() as session:
            row = Person(email=f"{name.lower()}@acme.example", name=name, **columns)
            session.add(row)
            session.flush()
            self.people[name] = row.id
        return self.people[name]

    def forum(self, name: str, **columns: Any) -> int:
        """A forum with a team and an objective of the same name."""
        with self.company.runtime.store.write() as session:
            row = Forum(name=name, caller_id=self.people["Cleo"], sponsor_id=self.people["Sten"], **columns)
            session.add(row)
            session.flush()
            team = Team(name=f"Team {name}", lead_id=self.people["Bob"], forum_id=row.id)
            session.add(team)
            session.flush()
            ident, team_id = row.id, team.id
        self.forums[name] = ident
        self.company.objective(name, start=BEGIN, end=END)
        with self.company.runtime.store.write() as session:
            session.get_one(Objective, name).team_id = team_id
        return ident

    def key_result(self, name: str, forum: str, **columns: Any) -> str:
        made = datetime.combine(BEGIN, datetime.min.time(), tzinfo=UTC)
        return self.company.key_result(name, forum, **{"title": name.capitalize(), "created_at": made, **columns})

    def review(self, forum: str, lock: str, starts: str = "", **columns: Any) -> int:
        lock_at = datetime.fromisoformat(lock).replace(tzinfo=UTC)
        starts_at = datetime.fromisoformat(starts).replace(tzinfo=UTC) if starts else lock_at + timedelta(hours=18)
        with self.company.runtime.store.write() as session:
            row = Review(
                forum_id=self.forums[forum],
                day=starts_at.date(),
                lock_at=lock_at,
                starts_at=starts_at,
                created_at=lock_at,
                minutes={},
                **columns,
            )
            session.add(row)
            session.flush()
            return row.id

    def update(self, key_result: str, moment: str, **columns: Any) -> None:
        """A complete check-in that was filed at a moment."""
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        with self.company.runtime.store.write() as session:
            session.add(
                CheckIn(key_result_id=key_result, as_of=at, created_at=at, source_id=f"u{next(self._numbers)}", **{"value": 1.0, **columns})
            )

    def notices(self, who: str) -> list[str]:
        """What stands on a person's page, oldest first."""
        with self.company.runtime.store.read() as session:
            return [each.text for each in reversed(notices.of_person(session, self.people[who]))]

    def messages(self) -> list[Message]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(Message).order_by(Message.id)))

    def raised(self) -> list[tuple[str, str, int, str]]:
        """(key result, kind, level, whom) of every step."""
        names = {ident: name for name, ident in self.people.items()}
        with self.company.runtime.store.read() as session:
            rows = session.scalars(select(Raised).order_by(Raised.id)).all()
        return [(row.key_result_id, row.kind, row.level, names.get(row.person_id or 0, "")) for row in rows]

    def change(self, statement: Any) -> None:
        with self.company.runtime.store.write() as session:
            session.execute(statement)


@contextmanager
def told_company(folder: Path, database_url: str = "", **settings: Any) -> Iterator[Told]:
    """A company whose forum Product meets on Thursdays at 10:00 with a lock on Wednesdays at 16:00; Alice owns."""
    with company(folder, database_url, **settings) as acme:
        found = Told(acme)
        found.at("2026-10-05T08:00")
        for name in ("Alice", "Bob", "Charlie", "Cleo", "Sten"):
            found.person(name)
        found.forum("Product")
        yield found
