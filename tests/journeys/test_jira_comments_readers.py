"""Commands in comments that not everybody reads, at sites that several connections stand for, and answers that Jira refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.hosts.jira.fields import plain_text
from connector.services.drain import drain
from connector.store.tables import CommentCommand, Connection, Objective, Person, PersonAccount
from tests.journeys.talking import ACCOUNTS, Talk, talking

ADMINS = {"type": "role", "value": "Administrators", "identifier": "10002"}
LEGAL = {"type": "group", "value": "legal"}


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    with talking(tmp_path) as made:
        yield made


def say_to_some(talk: Talk, text: str, **restricted: Any) -> str:
    comment = talk.say(text, tell=False)
    found = next(each for each in talk.comments() if each["id"] == comment)
    found |= restricted
    talk.tell(comment)
    return comment


def answers(talk: Talk) -> list[tuple[str, Any, bool]]:
    bot = talk.sandbox.world.settings["account"]["accountId"]
    ours = [each for each in talk.comments() if each["author"]["accountId"] == bot]
    return [(plain_text(each["body"]), each.get("visibility"), each.get("jsdPublic", True)) for each in ours]


# --- restricted comments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("restricted", "visibility", "public"),
    [
        ({"visibility": ADMINS}, ADMINS, True),
        ({"visibility": LEGAL}, LEGAL, True),
        ({"jsdPublic": False}, None, False),
        ({"visibility": ADMINS, "jsdPublic": False}, ADMINS, False),
    ],
)
@pytest.mark.parametrize("text", ["/okr 64 confidence 7 decision none", "/okr confidence 7 the chief leaves in May", "/okr layoffs 7"])
def test_who_may_not_read_a_comment_does_not_read_its_answer(
    talk: Talk, restricted: dict[str, Any], visibility: Any, public: bool, text: str
) -> None:
    say_to_some(talk, text, **restricted)
    talk.work()
    [(said, *shown)] = answers(talk)
    assert shown == [visibility, public]
    assert "chief" not in said
    assert "layoffs" not in said


def test_a_restriction_that_nobody_understands_is_not_answered(talk: Talk) -> None:
    say_to_some(talk, "/okr 64 confidence 7 decision none", visibility={"type": "moon", "value": "full"})
    talk.work()
    assert answers(talk) == []
    assert talk.outcomes() == ["filed"]


def test_an_answer_follows_a_comment_that_is_restricted_later_and_files_nothing_again(talk: Talk) -> None:
    comment = talk.say("/okr 64 confidence 7 decision none")
    talk.work()
    found = next(each for each in talk.comments() if each["id"] == comment)
    found["visibility"] = ADMINS
    talk.tell(comment, event="comment_updated")
    talk.work()
    [(said, visibility, _)] = answers(talk)
    assert visibility == ADMINS
    assert "is updated: value 64" in said
    assert [row.value for row in talk.filed()] == [64.0]


@pytest.mark.parametrize(
    "text",
    [
        "/okr secrets",
        "/okr confidence 7 secrets",
        "/okr 42 secrets",
        "/okr value secrets",
        "/okr decision secrets",
        "/okr secrets value 1 value 2",
        "/okr status of secrets",
        "/okr 5 [~70121:Bob] secrets",
    ],
)
def test_no_answer_repeats_words_of_people(talk: Talk, text: str) -> None:
    talk.say(text)
    talk.work()
    [said] = talk.answers()
    assert "Nothing was filed." in said
    assert "“/okr" in said  # an example
    assert "secrets" not in said
    assert "Bob" not in said


# --- refused answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403])
def test_what_was_filed_stays_filed_when_jira_refuses_the_answer(talk: Talk, status: int) -> None:
    talk.sandbox.fail(status=status, path="/comment", method="POST", times=100)
    talk.say("/okr 64 confidence 7 decision none")
    talk.work()
    assert [row.value for row in talk.filed()] == [64.0]
    with talk.company.runtime.store.read() as session:
        [row] = session.scalars(select(CommentCommand)).all()
        assert session.get_one(Connection, talk.connection).parked_at is None
    assert row.outcome == "filed"
    assert row.error is not None
    assert row.error.startswith("the answer was refused: ")


# --- several connections -----------------------------------------------------------------------------------------------


def second(talk: Talk, *, people: bool = True) -> int:
    """Another connection to the same site, with the same accounts."""
    with talk.company.runtime.store.read() as session:
        first = session.get_one(Connection, talk.connection)
    made = talk.company.connection("acme-two", "jira", first.url, talk.company.runtime.vault.open(first.auth))
    if people:
        with talk.company.runtime.store.write() as session:
            for person in session.scalars(select(Person)):
                session.add(PersonAccount(person_id=person.id, connection_id=made, account=ACCOUNTS[person.name]))
    return made


def tell(talk: Talk, connection: int, comment: str, on: str = "") -> None:
    """The event of a comment, as another connection hears it."""
    own, talk.connection = talk.connection, connection
    talk.tell(comment, on=on)
    talk.connection = own


def work(talk: Talk, *connections: int) -> None:
    for _ in range(2):  # what one hands to the other is done then
        talk.company.clock.ahead += 5
        for connection in connections:
            drain(talk.company.runtime, connection)


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("later_first", [True, False])
def test_two_connections_of_a_site_file_a_comment_once_and_answer_it_once(talk: Talk, mapped: bool, later_first: bool) -> None:
    other = second(talk)
    if mapped:
        talk.company.mapping("kr-setup", other, select={"epics": [talk.epic]}, measure="done_share", mode="context")
        talk.company.work(talk.connection, other)
    order = (other, talk.connection) if later_first else (talk.connection, other)
    comment = talk.say("/okr 64 confidence 7 decision none")
    tell(talk, other, comment)
    work(talk, *order)
    assert [row.value for row in talk.filed()] == [64.0]
    [said] = talk.answers()
    assert "is updated: value 64" in said

    talk.company.clock.ahead += 1
    talk.edit(comment, "/okr 65 confidence 7 decision none")
    tell(talk, other, comment)
    work(talk, *order)
    assert [row.value for row in talk.filed()] == [64.0, 65.0]
    [said] = talk.answers()
    assert "is updated: value 65" in said


def test_a_comment_of_which_only_the_other_connection_hears_is_answered_too(talk: Talk) -> None:
    other = second(talk, people=False)
    comment = talk.say("/okr 64 confidence 7 decision none", tell=False)
    tell(talk, other, comment)
    work(talk, other, talk.connection)
    assert [row.value for row in talk.filed()] == [64.0]
    [said] = talk.answers()
    assert "is updated: value 64" in said


def test_key_results_and_accounts_of_all_connections_of_the_site_count(talk: Talk) -> None:
    other = second(talk)
    talk.company.key_result("kr-reach", title="Customers reached")
    talk.company.mapping("kr-reach", other, select={"epics": [talk.epic]}, measure="done_share")
    talk.company.work(talk.connection, other)
    with talk.company.runtime.store.write() as session:
        for account in session.scalars(select(PersonAccount).where(PersonAccount.connection_id == talk.connection)):
            session.delete(account)
    comment = talk.say("/okr kr-setup 64 confidence 7 decision none\n/okr kr-reach 3 confidence 5 decision none")
    tell(talk, other, comment)
    work(talk, talk.connection, other)
    assert sorted((row.key_result_id, row.value) for row in talk.filed()) == [("kr-reach", 3.0), ("kr-setup", 64.0)]
    assert len(talk.answers()) == 1


def test_an_issue_that_serves_nothing_is_answered_once(talk: Talk) -> None:
    other = second(talk)
    loose = talk.sandbox.add_issue("ACME", "On its own")
    comment = talk.say("/okr 64 confidence 7", on=loose)
    tell(talk, other, comment, on=loose)
    work(talk, other, talk.connection)
    [said] = talk.answers(loose)
    assert "this issue serves no key result" in said.lower()


@pytest.mark.parametrize("change", [{"retired_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"parked_at": datetime(2026, 1, 1, tzinfo=UTC)}])
def test_a_connection_that_may_not_call_is_not_waited_for(talk: Talk, change: dict[str, Any]) -> None:
    other = second(talk)
    talk.company.mapping("kr-setup", other, select={"epics": [talk.epic]}, measure="done_share", mode="context")
    talk.company.work(talk.connection, other)
    with talk.company.runtime.store.write() as session:
        session.execute(update(Connection).where(Connection.id == talk.connection).values(**change))
    comment = talk.say("/okr 64 confidence 7 decision none", tell=False)
    tell(talk, other, comment)
    work(talk, other)
    assert [row.value for row in talk.filed()] == [64.0]
    assert len(talk.answers()) == 1


def test_an_answer_is_no_command_for_another_connection_either(talk: Talk) -> None:
    other = second(talk)
    with talk.company.runtime.store.write() as session:
        session.execute(update(Objective).values(restricted=True))
    talk.say("/okr help")
    talk.work()
    with talk.company.runtime.store.write() as session:
        session.execute(update(Connection).where(Connection.id == other).values(bot_id="another account"))
    answer = talk.comments()[-1]
    answer["body"] = talk.comments()[0]["body"]  # even if it were one
    tell(talk, other, answer["id"])
    work(talk, other, talk.connection)
    assert len(talk.comments()) == 2


# --- what it costs -----------------------------------------------------------------------------------------------------


def test_twenty_commands_cost_a_read_and_a_write_each(talk: Talk) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=60)
    talk.sandbox.world.clock = lambda: moment
    for number in range(20):
        moment += timedelta(seconds=1)
        talk.say(f"/okr {number} confidence 7 decision none")
    talk.sandbox.forget_log()
    talk.work()
    assert len(talk.answers()) == 20
    assert len(talk.sandbox.calls("/comment")) == 40


def test_after_an_outage_a_lost_answer_is_looked_for(talk: Talk) -> None:
    talk.sandbox.fail(path="/comment", method="POST", drop=True, commit=True, times=1)
    talk.say("/okr 64 confidence 7 decision none")
    for _ in range(3):
        talk.company.clock.ahead += 20
        talk.work()
    assert len(talk.answers()) == 1
    assert len(talk.sandbox.calls("/properties/okr-connector", "GET")) == 1
