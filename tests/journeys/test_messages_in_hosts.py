"""Mentions at the work: written once in Jira and Notion, also when answers get lost or the worker dies; they wait with their connection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import select, update

from connector.hosts.jira.fields import plain_text
from connector.services.messages import tell_item
from connector.services.messages.sending import anything_due, send_due
from connector.store.tables import Connection, Message, Person, PersonAccount
from tests.journeys.conftest import Site
from tests.support.notion_place import Workspace
from tests.support.world import Company


def tell(company: Company, connection: int, ref: str, key: str = "r1", **more: Any) -> None:
    with company.runtime.store.write() as session:
        alice = session.scalars(select(Person.id).where(Person.name == "Alice")).one()
        lines = ["Update open: Setup; lock today 16:00", "Setup: last check-in 5 Nov."]
        told: dict[str, Any] = {"lines": lines, "mention": [alice], "link": "/key-results/kr-1/check-in", **more}
        assert tell_item(session, connection, ref, key=key, kind="reminder", now=company.runtime.now(), **told)


def account(company: Company, connection: int, name: str) -> None:
    company.runtime.settings.quiet_hours = ""
    with company.runtime.store.write() as session:
        alice = session.scalars(select(Person.id).where(Person.name == "Alice")).one()
        session.add(PersonAccount(person_id=alice, connection_id=connection, account=name))


def send(company: Company) -> list[str]:
    while send_due(company.runtime):
        pass
    with company.runtime.store.read() as session:
        return list(session.scalars(select(Message.state).order_by(Message.id)))


def comments(site: Site) -> list[str]:
    issue = site.sandbox.world.find(site.epics[0])
    assert issue is not None
    return [plain_text(each["body"]) for each in issue["comments"]]


def test_a_mention_is_written_once_at_the_epic(site: Site) -> None:
    account(site.company, site.connection, "70121:alice")
    tell(site.company, site.connection, site.ref(site.epics[0]))
    assert send(site.company) == ["sent"]
    assert send(site.company) == ["sent"]
    base = site.company.runtime.settings.base_url
    assert comments(site) == [
        f"70121:alice Update open: Setup; lock today 16:00\nSetup: last check-in 5 Nov.\n{base}/key-results/kr-1/check-in"
    ]


def test_a_comment_whose_answer_got_lost_is_found_again(site: Site) -> None:
    account(site.company, site.connection, "70121:alice")
    site.sandbox.fail(path="/comment", method="POST", status=503, commit=True)
    tell(site.company, site.connection, site.ref(site.epics[0]))
    assert send(site.company) == ["waiting"]
    site.company.clock.ahead += 61.0
    assert send(site.company) == ["sent"]
    assert len(comments(site)) == 1


def test_a_worker_that_died_after_writing_leaves_one_comment(site: Site) -> None:
    account(site.company, site.connection, "70121:alice")
    tell(site.company, site.connection, site.ref(site.epics[0]))
    assert send(site.company) == ["sent"]
    with site.company.runtime.store.write() as session:  # as it stands when the process dies before it notes so
        session.execute(update(Message).values(state="waiting", done=0, unsure=True))
    assert send(site.company) == ["sent"]
    assert len(comments(site)) == 1


def test_comments_wait_with_a_parked_connection_and_others_go_on(site: Site) -> None:
    account(site.company, site.connection, "70121:alice")
    site.sandbox.fail(path="/comment", method="POST", status=401)
    site.sandbox.fail(path="myself", status=401)
    tell(site.company, site.connection, site.ref(site.epics[0]))
    tell(site.company, site.connection, site.ref(site.epics[1]), "r2")
    assert send(site.company) == ["waiting", "waiting"]
    with site.company.runtime.store.read() as session:
        assert session.get_one(Connection, site.connection).parked_at is not None
    site.company.clock.ahead += 90_000.0
    assert not anything_due(site.company.runtime)
    with site.company.runtime.store.write() as session:
        session.execute(update(Connection).values(parked_at=None))
    assert send(site.company) == ["sent", "sent"]


def test_an_issue_that_is_gone_needs_no_comment_and_a_refused_one_is_given_up(site: Site) -> None:
    account(site.company, site.connection, "70121:alice")
    tell(site.company, site.connection, "99999")
    assert send(site.company) == ["not_needed"]
    site.sandbox.fail(path="/comment", method="POST", status=403)
    tell(site.company, site.connection, site.ref(site.epics[0]))
    tell(site.company, site.connection, site.ref(site.epics[1]), "r2")
    assert send(site.company) == ["not_needed", "given_up", "sent"]


def test_a_mention_in_notion_is_written_once_also_when_the_answer_got_lost(place: Workspace) -> None:
    world = place.box.world
    account(place.company, place.connection, world.data["person"])
    row = place.row(1.0)
    place.box.fail(path="comments", method="POST", status=503, commit=True)
    tell(place.company, place.connection, row)
    assert send(place.company) == ["waiting"]
    place.company.clock.ahead += 61.0
    assert send(place.company) == ["sent"]
    (comment,) = [each for each in world.data["comments"].values() if each["created_by"] == world.data["bot"]]
    assert comment["rich_text"][0]["mention"]["user"]["id"] == world.data["person"]
    tell(place.company, place.connection, row, "r2", lines=["<b>**hostile**</b> [x](y)"], mention=[])
    assert send(place.company) == ["sent", "sent"]


def test_nothing_is_written_twice_by_two_workers(site: Site) -> None:
    account(site.company, site.connection, "70121:alice")
    tell(site.company, site.connection, site.ref(site.epics[0]))
    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(lambda _: send_due(site.company.runtime), range(6))) == 1
    assert len(comments(site)) == 1
