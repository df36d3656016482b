"""A small company with a forum, for tests of messages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.services.messages.sending import send_due
from connector.services.people import notices
from connector.store.tables import Channel, Forum, Message, Person, Team
from tests.support.mail import MailServer, mail_server
from tests.support.world import Company, company


@dataclass
class Desk:
    """A company whose team Growth is reviewed by the forum Product."""

    company: Company
    forum: int = 0
    people: dict[str, int] = field(default_factory=dict)

    def channel(self, kind: str, url: str = "", *, name: str = "", forum: bool = True) -> int:
        with self.company.runtime.store.write() as session:
            row = Channel(
                name=name or kind,
                kind=kind,
                forum_id=self.forum if forum and kind != "mail" else None,
                secret=self.company.runtime.vault.seal(url),
                created_at=self.company.runtime.now(),
            )
            session.add(row)
            session.flush()
            return row.id

    def messages(self) -> list[Message]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(Message).order_by(Message.id)))

    def notices(self, who: str) -> list[str]:
        with self.company.runtime.store.read() as session:
            return [each.text for each in notices.of_person(session, self.people[who])]

    def at(self, moment: str) -> datetime:
        """Set the clock, to a moment in UTC."""
        wanted = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        self.company.clock.ahead = wanted.timestamp() - time.time()
        return wanted

    def send(self) -> list[str]:
        """Send what is due; the states of all messages."""
        while send_due(self.company.runtime):
            pass
        return [row.state for row in self.messages()]

    def change(self, statement: Any) -> None:
        with self.company.runtime.store.write() as session:
            session.execute(statement)


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with company(tmp_path, database_url, quiet_hours="") as acme:
        acme.objective()
        found = Desk(acme)
        with acme.runtime.store.write() as session:
            forum = Forum(name="Product")
            session.add(forum)
            session.flush()
            found.forum = forum.id
            found.people = {row.name: row.id for row in session.scalars(select(Person))}
            session.execute(update(Team).values(forum_id=forum.id))
        yield found


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as found:
        yield found
