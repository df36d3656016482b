"""A forum that reviews twelve key results, its lock behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connector.domain.rights import Viewer
from connector.runtime import Runtime
from connector.services import check_ins
from connector.services.reviews import closing, deciding, holding
from connector.services.reviews.reading import Held, load_held
from connector.services.rhythm import locking
from connector.services.rollup import want_all
from connector.store.tables import CheckIn, Decision, Forum, ForumMember, Objective, Person, Reading, Review, ReviewItem, Team
from tests.support.world import Company, company

ASKS = {"kr-1": "budget", "kr-2": "approval", "kr-3": "scope"}
STALLED = ("kr-4", "kr-5")
DAY = timedelta(days=1)


@dataclass
class Meeting:
    """A company whose forum is about to meet. Alice owns everything and is a member; Nadia calls decisions; Lea leads."""

    company: Company
    forum: int
    people: dict[str, int] = field(default_factory=dict)

    @property
    def runtime(self) -> Runtime:
        return self.company.runtime

    def viewer(self, name: str) -> Viewer:
        with self.runtime.store.read() as session:
            row = session.get_one(Person, self.people[name])
            return Viewer(row.email, row.role, row.id, row.email, row.name)

    def review(self, hours: float = 18.0, *, lock: bool = True) -> int:
        """A review that starts in so many hours, its lock a moment ago."""
        now = self.runtime.now()
        with self.runtime.store.write() as session:
            row = Review(
                forum_id=self.forum,
                day=now.date() + timedelta(days=len(session.scalars(select(Review.id)).all())),
                starts_at=now + timedelta(hours=hours),
                lock_at=now - timedelta(minutes=1) if lock else now + timedelta(hours=1),
                created_at=now,
            )
            session.add(row)
            session.flush()
            ident = row.id
        if lock:
            self.company.work()
            assert locking.lock(self.runtime, ident)
        return ident

    def opened(self, **more: Any) -> int:
        ident = self.review(**more)
        holding.open_review(self.runtime, self.viewer("Nadia"), ident)
        return ident

    def held(self, review: int, name: str = "Nadia") -> Held:
        with self.runtime.store.read() as session:
            return load_held(session, self.viewer(name), review, self.runtime.settings.zone)

    def items(self, review: int) -> list[ReviewItem]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(ReviewItem).where(ReviewItem.review_id == review).order_by(ReviewItem.position)))

    def talked(self, review: int) -> list[ReviewItem]:
        return [each for each in self.items(review) if not each.folded]

    def given(self, **more: Any) -> dict[str, Any]:
        due = (self.runtime.now() + timedelta(days=10)).date().isoformat()
        return {
            "verdict": "intervene",
            "action": "reallocate",
            "text": "Move 12 k€ to ads",
            "owner": "alice@acme.example",
            "due": due,
        } | more

    def decide(self, review: int, item: int, name: str = "Nadia", **more: Any) -> None:
        deciding.decide(self.runtime, self.viewer(name), review, item, self.given(**more))

    def hold(self, review: int, item: int, name: str = "Nadia") -> None:
        deciding.decide(self.runtime, self.viewer(name), review, item, {"verdict": "hold"})

    def hold_all(self, review: int) -> None:
        for each in self.talked(review):
            if each.fits and each.verdict is None:
                self.hold(review, each.id)

    def close(self, review: int, name: str = "Nadia", **more: Any) -> None:
        closing.close(self.runtime, self.viewer(name), review, **more)

    def decisions(self) -> list[Decision]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(Decision).order_by(Decision.id)))

    def row(self, review: int) -> Review:
        with self.runtime.store.read() as session:
            return session.get_one(Review, review)

    def check_in(self, name: str, value: float, confidence: int = 6, decision: str = "none", **more: Any) -> None:
        data = {"value": value, "confidence": confidence, "decision": decision} | more
        check_ins.file_check_in(self.runtime, name, data, author="alice@acme.example")


def build_meeting(acme: Company, key_results: int = 12) -> Meeting:
    """The forum with its key results, without any check-in."""
    runtime = acme.runtime
    today = runtime.now().date()
    for number in range(4):
        acme.objective(f"o-{number}", start=today - timedelta(days=40), end=today + timedelta(days=50))
    with runtime.store.write() as session:
        session.add_all(
            [
                Person(email="nadia@acme.example", name="Nadia", role="member"),
                Person(email="lea@acme.example", name="Lea", role="lead"),
                Person(email="viv@acme.example", name="Viv", role="viewer"),
            ]
        )
        session.flush()
        people = {row.name: row.id for row in session.scalars(select(Person))}
        forum = Forum(name="Product review", caller_id=people["Nadia"], minutes=30)
        session.add(forum)
        session.flush()
        session.add(ForumMember(forum_id=forum.id, person_id=people["Lea"], leader=True))
        team = session.scalars(select(Team)).one()
        team.forum_id = forum.id
        for row in session.scalars(select(Objective)):
            row.team_id = team.id
        ident = forum.id
    for number in range(1, key_results + 1):
        acme.key_result(f"kr-{number}", f"o-{number % 4}", created_at=_long_ago(today))
    return Meeting(acme, ident, people)


def _long_ago(today: date) -> datetime:
    return datetime.combine(today - timedelta(days=40), time(8), tzinfo=UTC)


def play(meeting: Meeting) -> None:
    """Four weeks of check-ins: three ask for something now, two stand still, the others are on their way."""
    now = meeting.runtime.now()
    with meeting.runtime.store.write() as session:
        for week in range(3, -1, -1):
            at = now - timedelta(days=7 * week, minutes=5)
            for number in range(1, 13):
                name = f"kr-{number}"
                value = 20.0 if name in STALLED else 54.0 - 8 * week
                if week == 0 and name in ASKS:
                    continue
                row = CheckIn(
                    key_result_id=name,
                    author_id=meeting.people["Alice"],
                    value=value,
                    confidence=6,
                    decision="none",
                    as_of=at,
                    created_at=at,
                    source="test",
                    source_id=f"{name}-{week}",
                )
                session.add(row)
                session.flush()
                session.add(
                    Reading(
                        key_result_id=name,
                        value=value,
                        kind="check_in",
                        as_of=at,
                        day=at.date(),
                        recorded_at=at,
                        source={"check_in": row.id},
                    )
                )
        want_all(session, meeting.runtime.epoch())
    for name, decision in ASKS.items():
        meeting.check_in(name, 54.0, 6, decision, comment="12 k€ for ads")
    meeting.company.work()


@contextmanager
def met(folder: Path) -> Iterator[Meeting]:
    """The company with all that ``play`` makes happen."""
    with company(folder) as acme:
        found = build_meeting(acme)
        play(found)
        yield found
