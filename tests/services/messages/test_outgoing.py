"""What is noted to be sent: once for each key and place, plain text, nobody who is not here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import update

from connector.services.messages import tell_forum, tell_item, tell_person
from connector.store.tables import Channel, Connection, Person, PersonAccount
from tests.services.messages.conftest import Desk

TEXT: dict[str, Any] = {"kind": "answer", "subject": "What became of your ask", "lines": ["Decided: move Ines to onboarding."]}


def _tell(desk: Desk, who: str = "Alice", key: str = "answer:1", **more: Any) -> bool:
    now = desk.company.runtime.now()
    with desk.company.runtime.store.write() as session:
        return tell_person(session, desk.people[who], key=key, **{**TEXT, "link": "/key-results/kr-1", **more}, now=now)


def test_a_person_has_a_notice_and_with_a_mail_channel_a_mail_waits(desk: Desk) -> None:
    assert _tell(desk)
    (noted,) = desk.messages()
    assert (noted.state, noted.wanted, noted.done) == ("not_needed", 0, 0)
    assert desk.notices("Alice") == ["What became of your ask · Decided: move Ines to onboarding."]
    desk.channel("mail")
    assert _tell(desk, key="answer:2")
    mail = desk.messages()[-1]
    assert (mail.state, mail.way, mail.person_id, mail.wanted) == ("waiting", "mail", desk.people["Alice"], 1)
    assert mail.content == {
        "subject": "What became of your ask",
        "lines": ["Decided: move Ines to onboarding."],
        "link": "/key-results/kr-1",
        "mentions": [],
    }


def test_the_same_is_told_once_also_on_another_day_but_to_each_person(desk: Desk) -> None:
    desk.channel("mail")
    assert _tell(desk)
    desk.company.clock.ahead = 3 * 86_400.0
    assert not _tell(desk)
    assert _tell(desk, "Bob")
    assert (len(desk.messages()), len(desk.notices("Alice")), len(desk.notices("Bob"))) == (2, 1, 1)


@pytest.mark.databases("sqlite", "postgres")
def test_two_who_tell_the_same_at_once_make_one_message(desk: Desk) -> None:
    desk.channel("mail")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: _tell(desk), range(16)))
    assert (sum(told), len(desk.messages()), len(desk.notices("Alice"))) == (1, 1, 1)


def test_a_person_who_is_not_active_or_not_known_gets_no_mail(desk: Desk) -> None:
    desk.channel("mail")
    desk.change(update(Person).where(Person.name == "Bob").values(active=False))
    assert _tell(desk, "Bob")
    assert [row.state for row in desk.messages()] == ["not_needed"]
    desk.people["nobody"] = 999
    assert not _tell(desk, "nobody")


def test_headers_and_lines_are_plain_single_lines(desk: Desk) -> None:
    desk.channel("mail")
    _tell(
        desk,
        subject="Ask\r\nBcc: all@acme.example\x00\u202e",
        lines=["first\nsecond\r\n.\r\nthird\x1b[31m"],
        link="https://elsewhere.example",
    )
    content = desk.messages()[0].content
    assert content["subject"] == "Ask Bcc: all@acme.example"
    assert content["lines"] == ["first", "second", ".", "third [31m"]
    assert content["link"] == ""


def test_a_forum_is_told_in_each_of_its_rooms_once(desk: Desk) -> None:
    now = desk.company.runtime.now()
    rooms = [desk.channel("slack"), desk.channel("teams"), desk.channel("other")]
    desk.channel("slack", name="of nobody", forum=False)
    desk.channel("mail")
    desk.change(update(Channel).where(Channel.id == rooms[2]).values(retired_at=now))
    for expected in (2, 0):
        with desk.company.runtime.store.write() as session:
            assert (
                tell_forum(session, desk.forum, key="PR-1", **{**TEXT, "kind": "pre_read"}, link="/reviews/1/pre-read", now=now) == expected
            )
    assert [(row.way, row.channel_id) for row in desk.messages()] == [("channel", rooms[0]), ("channel", rooms[1])]


def test_a_comment_mentions_people_by_their_accounts_there(desk: Desk) -> None:
    acme, now = desk.company, desk.company.runtime.now()
    jira = acme.connection("acme-jira", "jira", "http://127.0.0.1:1", {"email": "bot@acme.example", "api_token": "t"})
    alice, bob = desk.people["Alice"], desk.people["Bob"]
    with acme.runtime.store.write() as session:
        session.add(PersonAccount(person_id=alice, connection_id=jira, account="acc-alice"))
        session.add(PersonAccount(person_id=bob, connection_id=jira, account="acc-bob", left_at=now))

    def tell(key: str, mention: list[int], ref: str = "10001") -> bool:
        with acme.runtime.store.write() as session:
            return tell_item(session, jira, ref, key=key, kind="reminder", lines=["last check-in 5 Nov"], mention=mention, now=now)

    assert tell("r:1", [bob, alice])
    assert not tell("r:1", [bob, alice])
    assert not tell("r:2", [bob])  # left there
    assert not tell("r:3", [desk.people["Charlie"]])  # has no account there
    assert not tell("r:4", [], ref="")
    assert tell("r:5", [])
    assert [row.content["mentions"] for row in desk.messages()] == [["acc-alice"], []]
    desk.change(update(Connection).values(retired_at=now))
    assert not tell("r:6", [alice])
