"""A forum before its lock: team Growth, reviewed by the forum Product in Berlin; a review on Thu 19 Nov 10:00, locked on Wed 18 Nov 16:00.

Dora calls decisions, Leo leads, Mia is a member; Alice owns. The clock stands still where a test puts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from connector.domain.pre_read import Snapshot
from connector.services.check_ins import file_check_in
from connector.services.check_ins.filing import Filed
from connector.services.rhythm import locking, pre_reads
from connector.services.rollup import roll_up_dirty
from connector.store import work
from connector.store.tables import CheckIn, Forum, ForumMember, KeyResult, Objective, Person, PreRead, Review, Team
from tests.support.world import Company, company

BERLIN = ZoneInfo("Europe/Berlin")
LOCK = datetime(2026, 11, 18, 16, tzinfo=BERLIN)
START = datetime(2026, 11, 19, 10, tzinfo=BERLIN)
DAY = timedelta(days=1)


@dataclass
class Meeting:
    """The company with its forum and the one review that is planned."""

    company: Company
    forum: int = 0
    review: int = 0
    people: dict[str, int] = field(default_factory=dict)

    @property
    def runtime(self) -> Any:
        return self.company.runtime

    def at(self, moment: datetime) -> None:
        """The clock stands there from now on."""
        stamp = moment.timestamp()
        self.company.runtime.clock = lambda: stamp

    def person(self, name: str, role: str = "member") -> int:
        with self.runtime.store.write() as session:
            email = f"{name.lower()}@acme.example"
            row = session.scalar(select(Person).where(Person.email == email)) or Person(email=email, name=name)
            row.role = role
            session.add(row)
            session.flush()
            self.people[name] = row.id
            return row.id

    def key_result(self, name: str, value: float | None = None, *, objective: str = "onboarding", **more: Any) -> str:
        self.company.key_result(name, objective, **more)
        if value is not None:
            self.check_in(name, value)
        else:
            self.compute()
        return name

    def check_in(self, name: str, value: float, confidence: int = 7, *, decision: str = "none", **more: Any) -> Filed:
        fields = {"value": value, "confidence": confidence, "decision": decision, **more}
        filed = file_check_in(self.runtime, name, fields, author="alice@acme.example")
        self.compute()
        return filed

    def compute(self) -> None:
        with self.runtime.store.write() as session:
            work.want(session, KeyResult, list(session.scalars(select(KeyResult.id))), self.runtime.epoch())
        while roll_up_dirty(self.runtime):
            pass

    def restrict(self, objective: str) -> None:
        self.change(update(Objective).where(Objective.id == objective).values(restricted=True))

    def objective(self, name: str) -> str:
        self.company.objective(name, cycle="2026-Q4")
        self.change(update(Objective).where(Objective.id == name).values(team_id=select(Team.id).scalar_subquery()))
        return name

    def change(self, statement: Any) -> None:
        with self.runtime.store.write() as session:
            session.execute(statement)

    def lock(self) -> bool:
        """Lock the review now, if it is due."""
        return locking.lock(self.runtime, self.review)

    def stored(self) -> PreRead | None:
        with self.runtime.store.read() as session:
            return locking.pre_read_of(session, self.review)

    def snapshot(self) -> Snapshot:
        row = self.stored()
        assert row is not None
        return pre_reads.load(row)

    def check_ins(self, name: str) -> list[CheckIn]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(CheckIn).where(CheckIn.key_result_id == name).order_by(CheckIn.id)))

    def state(self) -> str:
        with self.runtime.store.read() as session:
            return session.get_one(Review, self.review).state


def arrange(found: Company, lock: datetime, start: datetime) -> Meeting:
    """The forum in a company, with nothing to review yet."""
    acme = Meeting(found)
    found.objective("onboarding", cycle="2026-Q4", start=start.date() - 49 * DAY, end=start.date() + 42 * DAY)
    for name, role in (("Dora", "lead"), ("Leo", "member"), ("Mia", "member"), ("Alice", "member")):
        acme.person(name, role)
    with found.runtime.store.write() as session:
        forum = Forum(name="Product", caller_id=acme.people["Dora"], weekday=3, zone="Europe/Berlin")
        session.add(forum)
        session.flush()
        members = [ForumMember(forum_id=forum.id, person_id=acme.people[name], leader=name == "Leo") for name in ("Leo", "Mia")]
        review = Review(forum_id=forum.id, day=start.date(), starts_at=start, lock_at=lock, created_at=lock - 17 * DAY)
        session.add_all([*members, review])
        if session.scalar(select(Team.id)) is None:
            session.add(Team(name="Growth"))
            session.flush()
        session.execute(update(Team).values(forum_id=forum.id))
        session.execute(update(Objective).values(team_id=select(Team.id).scalar_subquery()))
        session.flush()
        acme.forum, acme.review = forum.id, review.id
    return acme


def fill(acme: Meeting, title: str, ads: dict[str, Any], moment: datetime = LOCK - 2 * DAY) -> None:
    """Four key results: one asks for money (``ads`` is its update), one on its way, one without an update, one that fewer may see."""
    acme.key_result("kr-ads", 10, unit="k€", title=title)
    acme.key_result("kr-good", 60)
    acme.key_result("kr-silent")
    acme.objective("secret")
    acme.key_result("kr-merger", 5, objective="secret", title="The merger is signed")
    acme.at(moment)
    acme.check_in("kr-ads", **{"value": 14, "decision": "budget", **ads})
    acme.check_in("kr-good", 66, 8)
    acme.check_in("kr-merger", 5, 3, decision="headcount", comment="Two lawyers")
    acme.restrict("secret")


@contextmanager
def meeting(folder: Path, database_url: str = "", **settings: Any) -> Iterator[Meeting]:
    """The forum on Monday 9 Nov 12:00."""
    with company(folder, database_url, **settings) as found:
        Meeting(found).at(datetime(2026, 11, 9, 12, tzinfo=BERLIN))
        yield arrange(found, LOCK, START)
