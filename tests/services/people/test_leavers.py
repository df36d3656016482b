"""Owners who left at the host: found by the nightly run, told to the lead, and back when they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.triage import FLAG_OWNERLESS
from connector.hosts.jira.sandbox import JiraSandbox
from connector.services.people import leavers, notices
from connector.services.sync import sync_connection
from connector.store.tables import Audit, Connection, Forum, ForumMember, KeyResult, Notice, Objective, Person, PersonAccount, Team
from tests.support.standin import running
from tests.support.world import Company, company


@dataclass
class Scene:
    company: Company
    jira: JiraSandbox
    connection: int

    def night(self) -> None:
        sync_connection(self.company.runtime, self.connection)
        self.company.work(self.connection)

    def users(self, *, active: bool = True, listed: bool = True) -> None:
        user = {"accountId": "acc-alice", "displayName": "Alice", "emailAddress": "alice@acme.example", "active": active}
        self.jira.world.settings["users"] = [user | {"accountType": "atlassian"}] if listed else []

    def person(self, email: str) -> int:
        with self.company.runtime.store.read() as session:
            return session.scalars(select(Person.id).where(Person.email == email)).one()

    def flags(self) -> list[str]:
        return list(self.company.row("kr-setup").flags)

    def told(self, email: str) -> list[tuple[str, str, str]]:
        with self.company.runtime.store.read() as session:
            return [(each.kind, each.subject, each.link) for each in notices.of_person(session, self.person(email))]

    def change(self, statement: Any) -> None:
        with self.company.runtime.store.write() as session:
            session.execute(statement)


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    jira = JiraSandbox()
    with running(jira) as url, company(tmp_path, database_url) as acme:
        acme.objective()
        acme.key_result("kr-setup")
        login = {"email": "bot@acme.example", "api_token": "sandbox-token"}
        found = Scene(acme, jira, acme.connection("acme-jira", "jira", url, login))
        with acme.runtime.store.write() as session:
            session.add(PersonAccount(person_id=found.person("alice@acme.example"), connection_id=found.connection, account="acc-alice"))
            session.execute(update(Team).values(lead_id=found.person("bob@acme.example")))
            session.execute(update(Objective).values(team_id=session.scalars(select(Team.id)).one()))
        found.users()
        yield found


@pytest.mark.databases("sqlite", "postgres")
def test_a_deactivated_owner_is_flagged_by_one_nightly_run_and_the_lead_is_told_once_a_day(scene: Scene) -> None:
    scene.night()
    assert (FLAG_OWNERLESS in scene.flags(), scene.told("bob@acme.example")) == (False, [])
    scene.users(active=False)
    scene.night()
    scene.night()
    assert FLAG_OWNERLESS in scene.flags()
    assert scene.told("bob@acme.example") == [("ownerless", "kr-setup", "/key-results/kr-setup")]
    assert scene.told("alice@acme.example") == scene.told("charlie@acme.example") == []
    scene.company.clock.ahead = 86_400.0
    scene.night()
    assert len(scene.told("bob@acme.example")) == 2


def test_an_account_that_is_gone_counts_and_one_that_comes_back_clears_it(scene: Scene) -> None:
    scene.users(listed=False)
    scene.night()
    assert FLAG_OWNERLESS in scene.flags()
    scene.users()
    scene.night()
    assert FLAG_OWNERLESS not in scene.flags()
    with scene.company.runtime.store.read() as session:
        changes = [(row.action, row.entity_id) for row in session.scalars(select(Audit).where(Audit.action.in_(("leave", "return"))))]
    assert changes == [("leave", "alice@acme.example"), ("return", "alice@acme.example")]


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize("before", [True, False])
def test_a_host_that_cannot_tell_changes_nothing(scene: Scene, before: bool, status: int) -> None:
    scene.users(active=before)
    scene.night()
    scene.users(active=not before)
    scene.jira.fail(path="user/bulk", status=status)
    scene.night()
    assert (FLAG_OWNERLESS in scene.flags()) is not before


def test_an_owner_who_is_not_active_here_counts_and_a_retired_connection_does_not(scene: Scene) -> None:
    scene.users(active=False)
    scene.night()
    scene.change(update(Connection).values(retired_at=scene.company.runtime.now()))
    assert ("acme-jira", leavers.tell(scene.company.runtime)) == ("acme-jira", 0)
    scene.change(update(Person).where(Person.email == "alice@acme.example").values(active=False))
    scene.change(update(Notice).values(subject="of yesterday"))
    assert leavers.tell(scene.company.runtime) == 1


@pytest.mark.parametrize("change", [update(Team).values(lead_id=None), update(Objective).values(team_id=None)], ids=["no lead", "no team"])
def test_without_a_lead_the_admins_are_told(scene: Scene, change: Any) -> None:
    scene.change(change)
    scene.change(update(Person).where(Person.email == "charlie@acme.example").values(role="admin"))
    scene.users(active=False)
    scene.night()
    assert len(scene.told("charlie@acme.example")) == 1
    assert scene.told("bob@acme.example") == []


def test_closed_and_ended_objectives_trouble_nobody(scene: Scene) -> None:
    scene.users(active=False)
    scene.change(update(Objective).values(closed_at=scene.company.runtime.now()))
    scene.night()
    assert scene.told("bob@acme.example") == []


def test_a_forum_whose_caller_left_plans_nothing_and_its_people_hear_of_it(scene: Scene) -> None:
    with scene.company.runtime.store.write() as session:
        alice, bob, charlie = (scene.person(f"{name}@acme.example") for name in ("alice", "bob", "charlie"))
        forum = Forum(name="Product", caller_id=alice, sponsor_id=charlie, weekday=3)
        session.add(forum)
        session.flush()
        session.add(ForumMember(forum_id=forum.id, person_id=bob, leader=True))
    assert leavers.tell(scene.company.runtime) == 0
    scene.change(update(KeyResult).values(owner_id=bob))
    scene.change(update(Person).where(Person.id == alice).values(active=False))
    assert [leavers.tell(scene.company.runtime), leavers.tell(scene.company.runtime)] == [2, 0]
    assert scene.told("bob@acme.example") == scene.told("charlie@acme.example") == [("uncalled", "1", "/plan/forums/1")]
    scene.change(update(Forum).values(weekday=None))
    scene.company.clock.ahead = 86_400.0
    assert leavers.tell(scene.company.runtime) == 0
