"""A message that waited says nothing of what was restricted meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from connector.services.messages import tell_forum, tell_item, tell_person
from connector.services.messages.relevance import UNSAID
from connector.store.tables import Objective, Person
from tests.services.messages.conftest import Desk
from tests.support.mail import MailServer

TITLE = "The quiet sale"
EVERYBODY = "An open one"


@pytest.fixture
def two(desk: Desk) -> Desk:
    """One key result under an objective that is restricted later, and one under another."""
    today = desk.company.runtime.now().date()
    desk.company.objective("o-2", start=today - timedelta(days=30), end=today + timedelta(days=60))
    desk.company.key_result("kr-secret", title=TITLE)
    desk.company.key_result("kr-open", "o-2", title=EVERYBODY)
    desk.company.work()
    return desk


def note_room(desk: Desk, key: str, about: list[str]) -> None:
    now = desk.company.runtime.now()
    with desk.company.runtime.store.write() as session:
        text = {"kind": "minutes", "subject": "Minutes of Product", "lines": [f"Intervene: {each}" for each in about]}
        assert tell_forum(session, desk.forum, key=key, **text, link="/reviews/1/minutes", now=now, about=about)  # type: ignore[arg-type]


def restrict(desk: Desk) -> None:
    desk.change(update(Objective).where(Objective.id == "onboarding").values(restricted=True))


def test_a_room_is_not_told_of_what_was_restricted_meanwhile(two: Desk) -> None:
    two.channel("slack", "json://127.0.0.1:9/x")
    note_room(two, "one", ["kr-secret"])
    note_room(two, "both", ["kr-open", "kr-secret"])
    note_room(two, "open", ["kr-open"])
    restrict(two)
    two.send()
    one, both, other = two.messages()
    assert one.state == "not_needed"
    assert (both.state, both.content["lines"], both.content["subject"]) == ("waiting", [UNSAID], "Minutes of Product")
    assert other.content["lines"] == ["Intervene: kr-open"]


def test_a_comment_about_it_is_not_written(two: Desk) -> None:
    acme, now = two.company, two.company.runtime.now()
    jira = acme.connection("acme-jira", "jira", "http://127.0.0.1:1", {"email": "bot@acme.example", "api_token": "t"})
    with acme.runtime.store.write() as session:
        tell_item(session, jira, "10001", key="m", kind="minutes", lines=[TITLE], link="/", now=now, about=["kr-open", "kr-secret"])
    restrict(two)
    assert two.send() == ["not_needed"]


def test_mail_goes_on_to_those_who_may_still_know_alone(two: Desk, server: MailServer) -> None:
    two.channel("mail", server.address)
    two.change(update(Person).where(Person.name == "Bob").values(role="viewer"))
    now = two.company.runtime.now()
    with two.company.runtime.store.write() as session:
        for who in ("Alice", "Bob"):
            for key, about in (("one", ["kr-secret"]), ("both", ["kr-secret", "kr-open"])):
                text = {"kind": "answer", "subject": "What came of it", "lines": about}
                tell_person(session, two.people[who], key=key, **text, link="/", now=now, about=about)  # type: ignore[arg-type]
    restrict(two)
    assert two.send() == ["sent", "sent", "not_needed", "sent"]  # Alice owns it
    assert [each.get_content().splitlines()[:2] for each in server.to("alice@acme.example")] == [
        ["kr-secret", ""],
        ["kr-secret", "kr-open"],
    ]
    (mail,) = server.to("bob@acme.example")
    assert (mail["Subject"], mail.get_content().splitlines()[0]) == ("What came of it", UNSAID)


def test_a_notice_of_before_says_no_more_than_its_reader_may_know_now(two: Desk) -> None:
    two.channel("mail", "mailto://127.0.0.1:1?from=okr@acme.example")
    two.change(update(Person).where(Person.name == "Bob").values(role="viewer"))
    now = two.company.runtime.now()
    with two.company.runtime.store.write() as session:
        for who in ("Alice", "Bob"):
            person = two.people[who]
            tell_person(
                session, person, key="PR-1", kind="pre_read", subject="Pre-read", lines=[TITLE], link="/r/1", now=now, about=["kr-secret"]
            )
            tell_person(session, person, key="own", kind="answer", subject=TITLE, lines=[], link="/key-results/kr-secret", now=now)
        about = ["kr-open", "kr-secret"]
        tell_person(
            session, two.people["Bob"], key="both", kind="pre_read", subject="Both", lines=[TITLE], link="/r/2", now=now, about=about
        )
    before = two.notices("Alice")
    restrict(two)
    two.send()  # the mail is cut; what the notice is about is still known
    assert (two.notices("Bob"), two.notices("Alice")) == ([UNSAID, UNSAID, UNSAID], before)  # Alice owns it
