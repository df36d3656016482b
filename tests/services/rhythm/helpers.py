"""What the tests of forums' calendars share: a clock that stands, a forum, and its reviews as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from connector.domain.rights import SYSTEM
from connector.services.plan import forums
from connector.store.tables import Forum, Person, Review
from tests.support.world import Company

BERLIN = ZoneInfo("Europe/Berlin")


def it_is(acme: Company, moment: str, zone: ZoneInfo = BERLIN) -> None:
    """Set the clock to a local moment such as "2026-11-16 09:00"."""
    stands = datetime.fromisoformat(moment).replace(tzinfo=zone).timestamp()
    acme.runtime.clock = lambda: stands


def person(acme: Company, name: str, role: str = "member") -> int:
    """The id of a person, made when nobody is called so."""
    with acme.runtime.store.write() as session:
        row = session.scalar(select(Person).where(Person.name == name))
        if row is None:
            row = Person(name=name, email=f"{name.lower()}@acme.example", role=role)
            session.add(row)
        row.role = role
        session.flush()
        return row.id


def meets(acme: Company, name: str = "Board", **given: Any) -> int:
    """A forum on Thursdays at 10:00 in Berlin that Bob decides for; returns its id."""
    person(acme, "Bob")
    usual = {"caller": "bob@acme.example", "weekday": "thursday", "zone": "Europe/Berlin"}
    forums.create(acme.runtime, SYSTEM, {"name": name, **usual, **given})
    with acme.runtime.store.read() as session:
        return session.scalars(select(Forum.id).where(Forum.name == name)).one()


def reviews(acme: Company, forum: int | None = None) -> list[Review]:
    with acme.runtime.store.read() as session:
        query = select(Review).order_by(Review.starts_at, Review.forum_id)
        return list(session.scalars(query if forum is None else query.where(Review.forum_id == forum)))


def told(acme: Company, forum: int | None = None, zone: ZoneInfo = BERLIN) -> list[str]:
    """ "Thu 19 Nov 10:00, lock Wed 18 Nov 16:00, planned" for each."""
    return [
        f"{each.starts_at.astimezone(zone):%a %-d %b %H:%M}, lock {each.lock_at.astimezone(zone):%a %-d %b %H:%M}, {each.state}"
        for each in reviews(acme, forum)
    ]
