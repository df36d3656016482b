"""The company of the quarter: three teams, two forums, a Jira site, a Notion workspace, a mail server, and one clock that stands still.

Nothing is called that the schedule would not call: ``turn`` ticks the schedule and runs the jobs that it asks for until none is left.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from connector import jobs, schedule
from connector.domain.rights import SYSTEM
from connector.hosts.jira.sandbox import JiraSandbox
from connector.queue import JOBS, InlineQueue
from connector.runtime import Runtime
from connector.services import drain as drains
from connector.services.forge.installations import note
from connector.services.leads_page.setting import set_leads_page
from connector.services.messages.channels import add_channel
from connector.store.tables import Cycle, Forum, ForumMember, Objective, Person, PersonAccount, Task, Team, TeamMember
from tests.journeys.quarter.weeks import BEGIN, END, EPICS, KEY_RESULTS
from tests.support.forge import Forge, forge_world
from tests.support.mail import MailServer, mail_server
from tests.support.okr_notion import OkrScene, okr_beside
from tests.support.signed_in import Visit
from tests.support.standin import running
from tests.support.world import SECRET, Company

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
PUBLIC = "https://okr.acme.example"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
OWNERS = ("Alice", "Bob", "Charlie")
AUTH = {"email": "bot@acme.example", "api_token": "sandbox-token"}
ROUNDS = 40
STEP = 25.0  # seconds between two rounds: what gathers meanwhile is written at once


def moment(week: int, told: str, zone: ZoneInfo = BERLIN) -> datetime:
    """ "Tue 09:30" of a week of the quarter, on the wall of a zone."""
    day, _, clock = told.partition(" ")
    hours, _, minutes = clock.partition(":")
    begun = BEGIN + timedelta(days=7 * (week - 1) + DAYS.index(day))
    return datetime(begun.year, begun.month, begun.day, int(hours), int(minutes), tzinfo=zone).astimezone(UTC)


@dataclass
class Quarter:
    """Everything that the weeks are played on."""

    forge: Forge
    notion: OkrScene
    mail: MailServer
    people: dict[str, int] = field(default_factory=dict)
    forums: dict[str, int] = field(default_factory=dict)
    epics: dict[str, str] = field(default_factory=dict)
    stories: dict[str, list[str]] = field(default_factory=dict)
    deals: str = ""
    leads: dict[str, str] = field(default_factory=dict)
    visits: dict[str, tuple[date, Visit]] = field(default_factory=dict)
    tokens: dict[Visit, str] = field(default_factory=dict)
    dark: bool = False
    faults: list[str] = field(default_factory=list)

    def same(self, where: str, seen: object, wanted: object, why: object = "") -> None:
        """Note what is not as the table has it; the quarter is played to its end all the same."""
        if seen != wanted:
            self.faults.append(f"{where}: {seen!r} instead of {wanted!r} {why}")

    @property
    def company(self) -> Company:
        """The company behind both hosts."""
        return self.forge.company

    @property
    def runtime(self) -> Runtime:
        """Its runtime."""
        return self.forge.company.runtime

    @property
    def jira(self) -> JiraSandbox:
        """The Jira site."""
        return self.forge.jira

    @property
    def connections(self) -> tuple[int, int]:
        """Jira, Notion."""
        return self.forge.connection, self.notion.connection

    # --- time ----------------------------------------------------------------------------------------------------------

    def at(self, when: datetime) -> None:
        """Push the clock to a moment; it never goes back."""
        assert when > self.runtime.now(), f"{when} is over"
        self.company.clock.ahead = when.timestamp() - time.time()

    def turn(self) -> None:
        """What the schedule and its workers do at this moment, and in the seconds after it, until nothing is left."""
        queue = self.runtime.queue
        assert isinstance(queue, InlineQueue)
        for _ in range(ROUNDS):
            assert self.jira.hooks.wait()
            self.notion.sandbox.flush()
            self._nights(due=self.dark)
            self.dark = False
            schedule.tick(self.runtime)
            ran = 0
            while queue.nudges:
                # Sources are read every night; of the nights that are left out nothing may be left, such as a source that seems silent.
                (job, arguments) = min(queue.nudges, key=lambda each: each[0] != "sync")
                run_job(job, arguments)
                queue.nudges.pop((job, arguments), None)
                ran += 1
            if not ran and not self._waits():
                return
            self.company.clock.ahead += STEP
        raise AssertionError("the work does not end")

    def let_it_be_night(self) -> None:
        """The next turn is one of the night. Nights in which nothing changes are left out: each reads both hosts whole."""
        self.dark = True

    def _nights(self, *, due: bool) -> None:
        with self.runtime.store.write() as session:
            row = session.get_one(Task, "nightly")
            row.due_at = 0.0 if due else self.runtime.epoch() + 86_400.0

    def _waits(self) -> bool:
        """Whether something falls due within a minute, such as an update that somebody types into a row."""
        with self.runtime.store.read() as session:
            found = [drains.agenda(session, each).due_at for each in self.connections]
        return any(each is not None and each <= self.runtime.epoch() + 60 for each in found)

    # --- people --------------------------------------------------------------------------------------------------------

    def visit(self, name: str) -> Visit:
        """Somebody at our pages, signed in today."""
        day = self.runtime.now().date()
        if self.visits.get(name, (None, None))[0] != day:
            with self.runtime.store.read() as session:
                row = session.get_one(Person, self.people[name])
            self.visits[name] = (day, Visit(self.forge.app, self.runtime, row.email or "", row.role))
        return self.visits[name][1]

    def account(self, name: str) -> dict[str, str]:
        """Somebody at the Jira site."""
        return {"accountId": f"account-{name.lower()}", "displayName": name}

    def post(self, name: str, path: str, data: dict[str, str]) -> TestResponse:
        """Somebody sends a form."""
        visit = self.visit(name)
        if visit not in self.tokens:
            self.tokens[visit] = visit.token()
        return visit.post(path, data, token=self.tokens[visit])

    def name_of(self, person: int | None) -> str:
        """A person's name, "" for nobody."""
        return next((name for name, ident in self.people.items() if ident == person), "")


def run_job(job: str, arguments: tuple[int, ...]) -> None:
    """A job as a worker runs it: by the name under which the queue knows it."""
    module, _, name = JOBS[job].rpartition(".")
    getattr(importlib.import_module(module), name)(*arguments)


# --- building ----------------------------------------------------------------------------------------------------------


@contextmanager
def quarter(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Quarter]:
    """The company on the morning of the quarter's first day."""
    patch.setattr(drains, "LINGER", 0.0)  # the clock is ours: nothing becomes due by waiting
    with ExitStack() as open_:
        forge = open_.enter_context(forge_world(folder, timezone="Europe/Berlin", public_url=PUBLIC, log_level="warning"))
        people = forge.company
        event.listen(people.runtime.store.engine, "connect", _quick)
        people.runtime.store.engine.dispose()
        people.clock.ahead = moment(1, "Mon 06:00").timestamp() - time.time()
        forge.jira.world.clock = people.runtime.now
        patch.setattr(jobs, "get_runtime", lambda: people.runtime)
        forge.connection = people.connection("acme-jira", "jira", forge.site_url, AUTH)
        note(people.runtime, forge.invocation(""))
        for name in OWNERS:
            forge.person(f"{name.lower()}@acme.example", f"account-{name.lower()}")
        notion = open_.enter_context(okr_beside(people, {"panel": "properties"}))  # rows say it in their columns, without a panel on each
        mail = open_.enter_context(mail_server())
        found = Quarter(forge, notion, mail)
        _people(found)
        _goals(found)
        _sources(found)
        door = open_.enter_context(running(forge.app))
        forge.jira.webhook_url, forge.jira.webhook_secret = f"{door}/webhooks/acme-jira", SECRET
        notion.sandbox.webhook_url, notion.sandbox.secret = f"{door}/webhooks/acme-notion", SECRET
        add_channel(people.runtime, SYSTEM, name="Mail", kind="mail", address=mail.address)
        for name, ident in found.forums.items():
            page = notion.world.add_page(f"Leads of {name}")
            set_leads_page(people.runtime, SYSTEM, "acme-notion", page=page, options={"forum": str(ident)})
            found.leads[name] = page
        schedule.prepare(people.runtime)
        found.turn()
        yield found


def _quick(connection: Any, record: object) -> None:
    """Nothing of this database has to outlive a power cut."""
    connection.execute("PRAGMA synchronous=OFF")


def _people(found: Quarter) -> None:
    """Owners, leads of teams, callers, a leader and a sponsor; the two forums; the three teams."""
    with found.runtime.store.write() as session:
        for name, role in (
            *((each, "member") for each in ("Gwen", "Pia", "Sam", "Nadia", "Paul", "Sten")),
            ("Lea", "lead"),
        ):
            session.add(Person(email=f"{name.lower()}@acme.example", name=name, role=role))
        session.flush()
        found.people |= {row.name: row.id for row in session.scalars(select(Person))}
        here = found.people
        session.get_one(Person, here["Charlie"]).zone = "America/New_York"
        for name in ("Paul", "Sam"):
            session.get_one(Person, here[name]).zone = "America/New_York"
        product = Forum(
            name="Product review", caller_id=here["Nadia"], sponsor_id=here["Sten"], weekday=3, time="10:00", zone="Europe/Berlin",
            country="DE-SN",
        )  # fmt: skip
        market = Forum(
            name="Market review", caller_id=here["Paul"], sponsor_id=here["Sten"], weekday=1, time="09:00", zone="America/New_York",
            country="US", cadence="fortnightly", first_on=date(2026, 10, 13),
        )  # fmt: skip
        session.add_all([product, market])
        session.flush()
        for forum in (product, market):
            session.add(ForumMember(forum_id=forum.id, person_id=here["Lea"], leader=True))
            found.forums[forum.name] = forum.id
        for name, lead, owner, forum in (
            ("Growth", "Gwen", "Alice", product),
            ("Platform", "Pia", "Bob", product),
            ("Sales", "Sam", "Charlie", market),
        ):
            team = Team(name=name, lead_id=here[lead], forum_id=forum.id)
            session.add(team)
            session.flush()
            session.add(TeamMember(team_id=team.id, person_id=here[owner]))


def _goals(found: Quarter) -> None:
    """An objective for each team, and the twelve key results."""
    begun = datetime.combine(BEGIN, datetime.min.time(), tzinfo=BERLIN).astimezone(UTC)
    with found.runtime.store.write() as session:
        cycle = Cycle(name="Q4 2026", start=BEGIN, end=END, started_at=begun)
        session.add(cycle)
        session.flush()
        teams = {row.name: row.id for row in session.scalars(select(Team))}
        for position, name in enumerate(teams):
            session.add(
                Objective(
                    id=name.lower(),
                    title=f"{name} this quarter",
                    cycle_id=cycle.id,
                    team_id=teams[name],
                    position=position,
                    created_at=begun,
                    pages=[],
                )
            )
    for name, told in KEY_RESULTS.items():
        columns: dict[str, Any] = {
            "title": told.title, "kind": told.kind, "unit": told.unit, "start": told.start, "target": told.target,
            "owner_id": found.people[told.owner], "cadence": told.cadence, "created_at": begun, "effect_lag": told.lag,
            "decimals": 2 if told.kind == "at_least" else 0,
        }  # fmt: skip
        found.company.key_result(name, told.team.lower(), **columns)
    found.notion.want()


def _sources(found: Quarter) -> None:
    """What feeds key results, or is the work behind them: four epics with their stories, and a database of deals."""
    for name, epic in EPICS.items():
        found.epics[name] = found.jira.add_issue("ACME", epic.title, type="Epic")
        found.stories[name] = [
            found.jira.add_issue("ACME", f"{epic.title}, part {number + 1}", parent=found.epics[name], points=points)
            for number, points in enumerate(epic.points)
        ]
        found.company.mapping(name, found.forge.connection, select={"epics": [found.epics[name]]}, measure=epic.measure, mode=epic.mode)
    database, found.deals = found.notion.world.add_database("Deals", {"Name": "title", "Seats": "number"})
    found.company.mapping("seats", found.notion.connection, select={"database": database}, measure={"sum": "Seats"})
    with found.runtime.store.write() as session:
        for name in ("Nadia", "Lea"):
            session.add(
                PersonAccount(person_id=found.people[name], connection_id=found.forge.connection, account=f"account-{name.lower()}")
            )


__all__ = ["BERLIN", "NEW_YORK", "Quarter", "moment", "quarter", "run_job"]
