"""Work that is held up at a host becomes a blocker with its clock, without anybody typing: real clients, real HTTP, real database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import Viewer
from connector.hosts.jira import sandbox_blocking as blocking
from connector.hosts.jira.sandbox import JiraSandbox
from connector.services.check_ins import file_check_in
from connector.services.facts import load_facts
from connector.services.panels.blocker_notes import blocker_note
from connector.services.rollup import want_all
from connector.services.signals import saying
from connector.services.signals.blockers import standing_blockers
from connector.services.signals.effective import effective
from connector.store import work
from connector.store.tables import Blocker, Forum, Item, Mapping, Notice, Objective, Person, Team
from tests.support.standin import running
from tests.support.world import Company, company

AUTH = {"email": "bot@acme.example", "api_token": "sandbox-token"}
MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
ALICE = "alice@acme.example"


class Week:
    """A company on a clock that stands at Monday 09:00 and is moved by hand, with one key result."""

    def __init__(self, people: Company) -> None:
        self.company = people
        self.at(MONDAY)
        people.objective(start=MONDAY.date() - timedelta(days=40), end=MONDAY.date() + timedelta(days=50))
        people.key_result("kr")

    def at(self, moment: datetime) -> None:
        """Move the clock."""
        self.company.clock.ahead = moment.timestamp() - time.time()

    def look(self) -> None:
        """What the clock's hourly refresh asks for."""
        with self.company.runtime.store.write() as session:
            want_all(session, self.company.runtime.epoch())
        self.company.work()

    def standing(self) -> list[Blocker]:
        with self.company.runtime.store.read() as session:
            return standing_blockers(session, ["kr"]).get("kr", [])

    def every(self) -> list[Blocker]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(Blocker).order_by(Blocker.id)))

    def note(self) -> str:
        """What panels say beside the blocker."""
        with self.company.runtime.store.read() as session:
            return blocker_note(load_facts(session, ["kr"], computing=False)["kr"], (), UTC)

    def notices(self, kind: str) -> list[str]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(Notice.text).where(Notice.kind == kind).order_by(Notice.id)))

    def alice(self) -> Viewer:
        with self.company.runtime.store.read() as session:
            return Viewer(ALICE, "member", session.scalars(select(Person.id).where(Person.email == ALICE)).one(), ALICE)

    def meets(self, **forum: Any) -> None:
        """A forum reviews the key result."""
        with self.company.runtime.store.write() as session:
            row = Forum(name="Board", **forum)
            session.add(row)
            session.flush()
            session.execute(update(Team).values(forum_id=row.id))
            session.execute(update(Objective).values(team_id=select(Team.id).scalar_subquery()))

    def say(self, said: str, **more: Any) -> None:
        [row] = self.standing()
        saying.answer(self.company.runtime, self.alice(), "kr", row.id, said, **more)

    def check_in(self, blocker: str = "", **more: Any) -> None:
        told = {"value": 10, "confidence": 6, "blocker": blocker, "decision": "none", **more}
        file_check_in(self.company.runtime, "kr", told, author=ALICE)
        self.company.work()


class JiraWeek(Week):
    """One epic of four stories; what happens at the site arrives as its webhook's bodies."""

    def __init__(self, people: Company, sandbox: JiraSandbox, url: str) -> None:
        super().__init__(people)
        self.sandbox = sandbox
        self.connection = people.connection("acme-jira", "jira", url, AUTH)
        self.epic = sandbox.add_issue("ACME", "Epic", type="Epic")
        self.stories = [sandbox.add_issue("ACME", f"Story {number}", parent=self.epic) for number in range(4)]
        people.mapping("kr", self.connection, select={"epics": [self.epic]}, measure="done_share")
        people.work(self.connection)
        sandbox.world.listener = self._hear
        sandbox.forget_log()

    def _hear(self, change: tuple[str, dict[str, Any], list[dict[str, Any]]]) -> None:
        event, extra, items = change
        told = {name: {"id": value["id"], "key": value["key"]} if name == "issue" else value for name, value in extra.items()}
        at = int(self.company.runtime.now().timestamp() * 1000)
        self.company.deliver(
            self.connection, {"timestamp": at, "webhookEvent": event, **told, **({"changelog": {"items": items}} if items else {})}
        )

    def work(self) -> None:
        self.company.work(self.connection)
        self.company.clock.ahead += 2
        self.company.work(self.connection)

    def look(self) -> None:
        super().look()
        self.company.work(self.connection)

    def item(self, key: str) -> Item:
        with self.company.runtime.store.read() as session:
            return session.scalars(select(Item).where(Item.key == key)).one()


@pytest.fixture
def week(tmp_path: Path) -> Iterator[JiraWeek]:
    with company(tmp_path) as people:
        sandbox = JiraSandbox(clock=people.runtime.now)
        with running(sandbox) as url:
            yield JiraWeek(people, sandbox, url)


def test_a_flag_set_on_monday_is_a_blocker_after_two_working_days_with_mondays_clock(week: JiraWeek) -> None:
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    assert week.standing() == []
    week.at(MONDAY + timedelta(days=2, minutes=-1))
    week.look()
    assert week.standing() == []
    week.at(MONDAY + timedelta(days=2, minutes=1))
    week.look()
    [row] = week.standing()
    assert (row.source, row.confirmed_at, row.share) == ("detected", None, 0.25)
    assert abs(row.since - MONDAY) < timedelta(seconds=30)
    assert row.text == f"{week.stories[0]} Story 0: flagged"
    assert row.link is not None
    assert row.link["key"] == week.stories[0]
    assert week.note() == f"seen: {week.stories[0]} Story 0: flagged, since 16 Nov, not confirmed yet"
    assert week.company.row("kr").blocker is None  # what nobody confirmed colours nothing
    assert len(week.notices("blocker_seen")) == 1
    week.look()
    assert len(week.every()) == 1
    assert len(week.notices("blocker_seen")) == 1


def test_a_flag_that_is_cleared_by_wednesday_leaves_no_blocker(week: JiraWeek) -> None:
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    week.at(MONDAY + timedelta(days=2, hours=-1))
    blocking.flag(week.sandbox.world, week.stories[0], on=False)
    week.work()
    assert week.item(week.stories[0]).blocked is None
    week.at(MONDAY + timedelta(days=3))
    week.look()
    assert week.every() == []


def test_a_weekend_does_not_count(week: JiraWeek) -> None:
    week.at(MONDAY + timedelta(days=4))  # Friday
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    week.at(MONDAY + timedelta(days=7, hours=23))
    week.look()
    assert week.standing() == []
    week.at(MONDAY + timedelta(days=8, minutes=1))  # Tuesday
    week.look()
    assert len(week.standing()) == 1


def test_the_holidays_of_a_year_count_that_has_begun_where_the_forum_meets(week: JiraWeek) -> None:
    week.meets(zone="Pacific/Auckland", country="NZ")
    week.at(datetime(2026, 12, 29, 22, tzinfo=UTC))  # Wednesday 11:00 in Auckland
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    week.at(datetime(2026, 12, 31, 23, 30, tzinfo=UTC))  # New Year's Day there, the old year here
    week.look()
    assert week.standing() == []
    week.at(datetime(2027, 1, 5, 1, tzinfo=UTC))  # Tuesday 14:00: the 4th is a holiday too
    week.look()
    assert len(week.standing()) == 1


def test_a_flag_cleared_after_it_was_seen_and_before_anybody_else_heard_just_ends(week: JiraWeek) -> None:
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    week.at(MONDAY + timedelta(days=2, hours=1))
    week.look()
    assert len(week.standing()) == 1
    blocking.flag(week.sandbox.world, week.stories[0], on=False)
    week.work()
    [row] = week.every()
    assert (row.ended_by, row.ended_by_id) == ("seen", None)
    assert week.notices("blocker_clear") == []


def test_a_link_is_followed_to_its_end_though_the_other_issue_feeds_nothing(week: JiraWeek) -> None:
    other = week.sandbox.add_issue("ACME", "Contract with the mailing tool")
    blocking.link(week.sandbox.world, other, week.stories[1])
    week.work()
    week.sandbox.forget_log()
    blocked = week.item(week.stories[1]).blocked
    assert blocked is not None
    assert [(link["key"], link["done"]) for link in blocked["links"]] == [(other, False)]
    week.at(MONDAY + timedelta(days=4))
    week.look()
    [row] = week.standing()
    assert row.text == f"{week.stories[1]} Story 1: waits for {other}"
    week.sandbox.forget_log()
    week.sandbox.set_status(other, "done")
    week.work()
    reads = [path for _, path, _ in week.sandbox.log if path.endswith("issue/bulkfetch")]
    assert len(reads) == 1  # the event's own read; the waiting issue is not read for it
    [row] = week.standing()
    assert row.clear_at is not None  # the lead has heard of it: the owner is asked
    assert len(week.notices("blocker_clear")) == 1
    week.look()
    assert len(week.notices("blocker_clear")) == 1
    week.say("clear")
    [row] = week.every()
    assert (row.ended_by, row.ended_by_id) == ("owner", week.alice().person_id)


def test_a_confirmed_one_counts_as_the_blocker_and_its_clearing_is_proposed(week: JiraWeek) -> None:
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    week.at(MONDAY + timedelta(days=2, hours=1))
    week.look()
    week.say("confirm")
    assert week.company.row("kr").blocker == f"{week.stories[0]} Story 0: flagged"
    assert "blocked since 16 Nov" in week.note()
    with week.company.runtime.store.read() as session:
        facts = load_facts(session, ["kr"], computing=False)["kr"]
        since = effective(facts.blockers, facts.check_ins)[1]
    assert since is not None
    assert abs(since - MONDAY) < timedelta(seconds=30)  # the clock of triage
    blocking.flag(week.sandbox.world, week.stories[0], on=False)
    week.work()
    [row] = week.standing()
    assert row.clear_at is not None
    blocking.flag(week.sandbox.world, week.stories[0])  # it came back: nothing is asked any more
    week.work()
    [row] = week.standing()
    assert row.clear_at is None


def test_what_was_waved_away_is_not_said_again_until_it_begins_anew(week: JiraWeek) -> None:
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    week.at(MONDAY + timedelta(days=3))
    week.look()
    week.say("dismiss", reason="a reminder to the team only")
    week.look()
    assert week.standing() == []
    assert week.every()[0].reason == "a reminder to the team only"
    week.at(MONDAY + timedelta(days=7))
    blocking.flag(week.sandbox.world, week.stories[0], on=False)
    week.work()
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    week.at(MONDAY + timedelta(days=10))
    week.look()
    assert len(week.standing()) == 1


def test_declared_after_it_was_seen_keeps_the_earlier_clock(week: JiraWeek) -> None:
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    week.at(MONDAY + timedelta(days=3))
    week.look()
    week.check_in(f"{week.stories[0]} Story 0")
    [row] = week.standing()
    assert row.source == "declared"
    assert abs(row.since - MONDAY) < timedelta(seconds=30)
    week.at(MONDAY + timedelta(days=7))
    week.check_in(f"{week.stories[0]} Story 0, still")  # another text keeps the clock
    [row] = week.standing()
    assert abs(row.since - MONDAY) < timedelta(seconds=30)
    assert row.text.endswith("still")
    week.at(MONDAY + timedelta(days=14))
    week.check_in("")
    assert all(each.source == "detected" for each in week.standing())  # the flag is still there, and is asked about again
    assert [each.ended_by for each in week.every() if each.source == "declared"] == ["update"]


def test_a_declared_one_without_any_item_ends_with_the_next_update_and_can_be_cleared_before(week: JiraWeek) -> None:
    week.check_in("Legal has not answered")
    [row] = week.standing()
    assert (row.source, row.text) == ("declared", "Legal has not answered")
    week.at(MONDAY + timedelta(days=1))
    week.say("clear")
    assert week.standing() == []
    assert week.company.row("kr").blocker is None
    week.look()
    assert week.standing() == []
    week.at(MONDAY + timedelta(days=7))
    week.check_in("Legal has not answered")
    [row] = week.standing()
    assert abs(row.since - (MONDAY + timedelta(days=7))) < timedelta(minutes=1)


def test_a_small_part_of_what_is_left_is_no_blocker(week: JiraWeek) -> None:
    second = week.sandbox.add_issue("ACME", "Second epic", type="Epic")
    for number in range(9):
        week.sandbox.add_issue("ACME", f"More {number}", parent=second)
    with week.company.runtime.store.write() as session:
        row = session.scalars(select(Mapping)).one()
        row.rule = {**row.rule, "select": {"epics": [week.epic, second]}}
        row.resolved, row.listed_at = None, None
        work.want(session, Mapping, [row.id], week.company.runtime.epoch())
    blocking.flag(week.sandbox.world, week.stories[0])
    week.work()
    week.at(MONDAY + timedelta(days=3))
    week.look()
    assert week.standing() == []  # 1 of 13
    for number in range(1, 4):
        week.sandbox.set_status(week.stories[number], "done")
    week.work()
    assert week.standing() == []  # 1 of 10, and another epic is open
    for number in range(9):
        key = next(issue["key"] for issue in week.sandbox.world.issues.values() if issue["fields"]["summary"] == f"More {number}")
        week.sandbox.set_status(key, "done")
    week.work()
    [row] = week.standing()
    assert row.share == 1.0


def test_the_clock_of_an_event_counts_and_not_the_moment_of_the_read(week: JiraWeek) -> None:
    blocking.flag(week.sandbox.world, week.stories[0])
    week.at(MONDAY + timedelta(days=2, hours=1))  # the workers were off, and somebody edited it since
    week.sandbox.set_field(week.stories[0], "summary", "Renamed")
    week.work()
    blocked = week.item(week.stories[0]).blocked
    assert blocked is not None
    assert abs(datetime.fromisoformat(blocked["since"]) - MONDAY) < timedelta(seconds=30)
    assert len(week.standing()) == 1
