"""Mails and rooms: sent once, kept while nobody takes them, given up after a day, and said."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from apprise.plugins.slack import NotifySlack
from sqlalchemy import select, update
from werkzeug import Request, Response

from connector.log import configure
from connector.schedule import prune
from connector.services.messages import tell_forum, tell_person
from connector.services.messages.sending import LEASE_SECONDS, anything_due, send_due
from connector.store import work
from connector.store.tables import Channel, Counter, Message, Person
from tests.services.messages.conftest import Desk
from tests.support.mail import MailServer, mail_server
from tests.support.standin import running

HOSTILE = "<!channel> *Setup* & <@U1> [x](http://evil.example) @here"


@pytest.fixture
def full_logging() -> Iterator[None]:
    """Everything is logged, as text, and afterwards as before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure("text", "debug")
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


class Room:
    """A room's webhook over HTTP; answers ``ok`` as Slack does, or what it is told."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.answers: list[tuple[int, str]] = []

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        status, text = self.answers.pop(0) if self.answers else (200, "ok")
        if status == 200:
            self.taken.append(json.loads(request.get_data()))
        return Response(text, status)(environ, start_response)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    found = Room()
    with running(found) as url:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{url}/services")
        yield found


SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def tell(desk: Desk, who: str = "Alice", key: str = "1", **more: Any) -> None:
    text: dict[str, Any] = {
        "kind": "answer",
        "subject": "Was aus der Bitte wurde",
        "lines": ["Décidé."],
        "link": "/key-results/kr-1",
    } | more
    with desk.company.runtime.store.write() as session:
        tell_person(session, desk.people[who], key=key, **text, now=desk.company.runtime.now())


def tell_room(desk: Desk, key: str = "PR-1") -> None:
    now = desk.company.runtime.now()
    with desk.company.runtime.store.write() as session:
        tell_forum(
            session,
            desk.forum,
            key=key,
            kind="pre_read",
            subject=f"Pre-read {HOSTILE}",
            lines=[HOSTILE],
            link="/reviews/1/pre-read",
            now=now,
        )


def channel(desk: Desk, number: int) -> Channel:
    with desk.company.runtime.store.read() as session:
        return session.get_one(Channel, number)


@pytest.mark.parametrize("subject", ["Рост продаж " * 16, "增长团队" * 50, "🎉" * 200, "word " * 39 + "end"])
def test_a_long_title_in_any_letters_is_a_subject_that_mail_servers_take(desk: Desk, server: MailServer, subject: str) -> None:
    desk.channel("mail", server.address)
    tell(desk, subject=subject)
    assert desk.send() == ["sent"]
    assert server.to("alice@acme.example")[0]["Subject"] == subject.strip()


@pytest.mark.databases("sqlite", "postgres")
def test_a_mail_goes_out_once_as_plain_text(desk: Desk, server: MailServer) -> None:
    mail = desk.channel("mail", server.address)
    tell(desk)
    assert anything_due(desk.company.runtime)
    assert desk.send() == ["sent"]
    assert desk.send() == ["sent"]
    (message,) = server.to("alice@acme.example")
    assert (message["Subject"], message["From"], message["To"]) == (
        "Was aus der Bitte wurde",
        "OKR <okr@acme.example>",
        "alice@acme.example",
    )
    assert (message.get_content_type(), message["Auto-Submitted"]) == ("text/plain", "auto-generated")
    base = desk.company.runtime.settings.base_url
    assert message.get_content().split() == ["Décidé.", f"{base}/key-results/kr-1"]
    assert not anything_due(desk.company.runtime)
    assert channel(desk, mail).used_at is not None
    with desk.company.runtime.store.read() as session:
        counted = session.scalars(select(Counter.labels).where(Counter.name == "okr_messages_sent_total")).all()
    assert counted == ['kind="answer",way="mail"']


def test_a_server_that_is_down_is_waited_for_and_then_said(desk: Desk) -> None:
    desk.change(update(Person).where(Person.name == "Bob").values(role="admin"))
    with mail_server() as first:
        port = first.port
    mail = desk.channel("mail", f"mailto://127.0.0.1:{port}?from=okr@acme.example")
    for number in range(3):
        tell(desk, key=str(number))
    assert desk.send() == ["waiting"] * 3
    assert [row.attempts for row in desk.messages()] == [1, 0, 0]  # the first tells for all
    broken = channel(desk, mail).broken or ""
    assert "no answer" in broken
    assert desk.notices("Bob") == []
    for seconds in (61.0, 200.0, 600.0):
        desk.company.clock.ahead += seconds
        desk.send()
    assert len(desk.notices("Bob")) == 1
    assert "takes no messages: no answer" in desk.notices("Bob")[0]
    with mail_server(port) as again:
        desk.company.clock.ahead += 3600.0
        assert desk.send() == ["sent"] * 3
        assert len(again.taken) == 3
    assert channel(desk, mail).broken is None


def test_after_a_day_it_is_given_up_and_the_admins_are_told_once(desk: Desk, server: MailServer) -> None:
    desk.change(update(Person).where(Person.name == "Bob").values(role="admin"))
    desk.channel("mail", server.address)
    tell(desk)
    tell(desk, key="2")
    server.answers = [("RCPT", "451 come back later")] * 100
    for _ in range(40):
        desk.send()
        desk.company.clock.ahead += 3600.0
    assert [(row.state, row.unsure) for row in desk.messages()] == [("given_up", False)] * 2
    assert "451" in (desk.messages()[0].error or "")
    given_up = [text for text in desk.notices("Bob") if "given up" in text]
    assert len(given_up) <= 1
    assert desk.notices("Bob")
    assert server.taken == []


@pytest.mark.parametrize(("command", "answer"), [("RCPT", "550 no such user"), ("DATA", "554 refused")])
def test_a_lasting_refusal_concerns_this_mail_alone(desk: Desk, server: MailServer, command: str, answer: str) -> None:
    mail = desk.channel("mail", server.address)
    tell(desk)
    tell(desk, "Bob")
    server.answers = [(command, answer)]
    assert desk.send() == ["given_up", "sent"]
    assert channel(desk, mail).broken is None


def test_a_server_that_hangs_up_before_it_took_the_mail_is_tried_again(desk: Desk, server: MailServer) -> None:
    desk.channel("mail", server.address)
    tell(desk)
    server.answers = [("RCPT", "close")]
    assert desk.send() == ["waiting"]
    assert desk.messages()[0].unsure is False
    desk.company.clock.ahead += 100.0
    assert desk.send() == ["sent"]
    assert len(server.taken) == 1


def test_a_mail_that_may_have_been_taken_is_not_sent_again_but_said(desk: Desk, server: MailServer) -> None:
    desk.change(update(Person).where(Person.name == "Bob").values(role="admin"))
    desk.channel("mail", server.address)
    tell(desk)
    server.answers = [("DATA", "close")]
    assert desk.send() == ["given_up"]
    assert desk.messages()[0].unsure
    desk.company.clock.ahead += 90_000.0
    assert desk.send() == ["given_up"]
    assert len(server.taken) == 1
    assert "given up" in desk.notices("Bob")[0]


@pytest.mark.databases("sqlite", "postgres")
def test_a_worker_that_died_while_sending_leaves_no_second_mail(desk: Desk, server: MailServer) -> None:
    desk.channel("mail", server.address)
    tell(desk)
    runtime = desk.company.runtime
    with runtime.store.write() as session:  # as far as the worker came
        (claim,) = work.claim(session, Message, runtime.epoch(), limit=1, lease_seconds=LEASE_SECONDS)
        session.execute(update(Message).where(Message.id == claim.id).values(unsure=True))
    assert send_due(runtime) == 0
    desk.company.clock.ahead += LEASE_SECONDS + 1
    assert desk.send() == ["given_up"]
    assert "may have been sent" in (desk.messages()[0].error or "")
    assert server.taken == []


def test_a_worker_that_died_before_sending_leaves_nothing_out(desk: Desk, server: MailServer) -> None:
    desk.channel("mail", server.address)
    tell(desk)
    runtime = desk.company.runtime
    with runtime.store.write() as session:
        work.claim(session, Message, runtime.epoch(), limit=1, lease_seconds=LEASE_SECONDS)
    desk.company.clock.ahead += LEASE_SECONDS + 1
    assert desk.send() == ["sent"]


def test_who_has_left_and_a_channel_that_was_removed_need_no_message(desk: Desk, server: MailServer) -> None:
    mail = desk.channel("mail", server.address)
    tell(desk)
    desk.change(update(Person).where(Person.name == "Alice").values(active=False))
    assert desk.send() == ["not_needed"]
    tell(desk, "Bob")
    desk.change(update(Channel).where(Channel.id == mail).values(retired_at=desk.company.runtime.now()))
    assert desk.send() == ["not_needed", "not_needed"]
    assert server.taken == []


def test_mails_wait_for_the_end_of_the_quiet_hours_of_each_person_and_rooms_do_not(desk: Desk, server: MailServer, room: Room) -> None:
    settings = desk.company.runtime.settings
    settings.quiet_hours = "20:00-07:00"
    desk.change(update(Person).where(Person.name == "Bob").values(zone="Asia/Tokyo"))
    desk.channel("mail", server.address)
    desk.channel("slack", SLACK)
    desk.at("2026-11-20T21:00")  # a Friday night here, a Saturday morning there
    tell(desk)
    tell(desk, "Bob")
    tell_room(desk)
    assert desk.send() == ["waiting", "waiting", "sent"]
    assert desk.notices("Alice")
    desk.at("2026-11-22T21:59")  # a Monday, 6:59 in Tokyo
    assert desk.send() == ["waiting", "waiting", "sent"]
    desk.at("2026-11-22T22:00")
    assert desk.send() == ["waiting", "sent", "sent"]
    desk.at("2026-11-23T07:00")
    assert desk.send() == ["sent", "sent", "sent"]


def test_mails_wait_over_the_weekend_of_where_somebody_is(desk: Desk, server: MailServer) -> None:
    desk.company.runtime.settings.quiet_hours = "20:00-07:00"
    desk.change(update(Person).where(Person.name == "Bob").values(zone="Asia/Riyadh"))
    desk.channel("mail", server.address)
    desk.at("2026-11-20T09:00")  # a Friday
    tell(desk)
    tell(desk, "Bob")
    assert desk.send() == ["sent", "waiting"]
    desk.at("2026-11-22T03:59")  # a Sunday, 6:59 in Riyadh
    assert desk.send() == ["sent", "waiting"]
    desk.at("2026-11-22T04:00")
    assert desk.send() == ["sent", "sent"]


def test_a_slack_room_shows_titles_as_they_are_and_nobody_is_called(desk: Desk, room: Room) -> None:
    desk.channel("slack", SLACK)
    tell_room(desk)
    assert desk.send() == ["sent"]
    (posted,) = room.taken
    assert posted["mrkdwn"] is False
    (attachment,) = posted["attachments"]
    escaped = "&lt;!channel&gt; *Setup* &amp; &lt;@U1&gt; [x](http://evil.example) @here"
    assert attachment["title"] == f"Pre-read {escaped}"
    assert attachment["text"] == f"{escaped}\n{desk.company.runtime.settings.base_url}/reviews/1/pre-read"


def test_a_room_that_refuses_is_said_without_its_address(
    desk: Desk, room: Room, capfd: pytest.CaptureFixture[str], full_logging: None
) -> None:
    number = desk.channel("slack", SLACK)
    room.answers = [(404, "channel_is_archived"), (503, "")]
    tell_room(desk)
    assert desk.send() == ["waiting"]
    broken = channel(desk, number).broken or ""
    assert "404" in broken
    assert "channel_is_archived" in broken
    desk.company.clock.ahead += 61.0
    assert desk.send() == ["waiting"]
    desk.company.clock.ahead += 200.0
    assert desk.send() == ["sent"]
    assert (len(room.taken), channel(desk, number).broken) == (1, None)
    said = capfd.readouterr().err
    assert "message_not_sent" in said
    for secret in ("T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"):
        assert secret not in said + broken


def test_a_room_that_refuses_does_not_hold_up_mails(desk: Desk, room: Room, server: MailServer) -> None:
    desk.channel("slack", SLACK)
    desk.channel("mail", server.address)
    room.answers = [(403, "no_service")]
    tell_room(desk)
    tell_room(desk, "PR-2")
    tell(desk)
    assert desk.send() == ["waiting", "waiting", "sent"]


def test_mattermost_shows_titles_as_they_are(desk: Desk) -> None:
    found = Room()
    with running(found) as url:
        desk.channel("other", f"mmost://{url.removeprefix('http://')}/3ccdd113474722377935511fc85d3dd4")
        tell_room(desk)
        assert desk.send() == ["sent"]
    text = found.taken[0]["text"]
    assert "‹!channel›" in text
    assert r"\*Setup\*" in text
    assert r"\[x\]\(http://evil.example\)" in text
    assert "@here" not in text
    assert text.endswith("/reviews/1/pre-read")


def test_private_addresses_are_not_called_unless_allowed(desk: Desk, server: MailServer) -> None:
    mail = desk.channel("mail", f"mailtos://127.0.0.1:{server.port}?from=okr@acme.example")
    desk.company.runtime.settings.allow_private_hosts = False
    tell(desk)
    assert desk.send() == ["waiting"]
    assert channel(desk, mail).broken
    assert server.taken == []


def test_what_was_told_long_ago_is_forgotten_and_what_waits_is_not(desk: Desk, server: MailServer) -> None:
    mail = desk.channel("mail", server.address)
    tell(desk)
    assert desk.send() == ["sent"]
    tell(desk, key="2")
    desk.company.clock.ahead += 401 * 86_400.0
    prune(desk.company.runtime)
    assert [row.state for row in desk.messages()] == ["waiting"]
    assert channel(desk, mail).name == "mail"
