"""Commands in comments while the host is away, events come late or out of order, and robots talk back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.commands import parse_commands
from connector.hosts.jira.host import JiraHost
from connector.services import check_ins
from connector.services.comment_commands import working
from connector.store.tables import Connection
from tests.journeys.talking import Talk, talking


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    with talking(tmp_path) as made:
        yield made


@pytest.mark.parametrize(("status", "path"), [(429, "/comment"), (503, "/comment"), (500, "/comment")])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_outage_delays_and_repeats_nothing(talk: Talk, status: int, path: str, method: str) -> None:
    fault = talk.sandbox.fail(status=status, times=2, path=path, method=method)
    talk.say("/okr 64 confidence 7 decision none")
    talk.work()
    for _ in range(6):
        talk.company.clock.ahead += 20
        talk.work()
    assert fault.times == 0
    assert [row.value for row in talk.filed()] == [64.0]
    assert len(talk.answers()) == 1
    assert talk.outcomes() == ["filed"]


def test_an_answer_whose_confirmation_got_lost_is_not_written_twice(talk: Talk) -> None:
    talk.sandbox.fail(path="/comment", method="POST", drop=True, commit=True, times=1)
    talk.say("/okr 64 confidence 7 decision none")
    talk.work()
    for _ in range(4):
        talk.company.clock.ahead += 20
        talk.work()
    assert len(talk.answers()) == 1
    assert talk.outcomes() == ["filed"]


@pytest.mark.parametrize("written", [True, False])
def test_a_worker_that_dies_over_the_answer_is_made_up_for(talk: Talk, monkeypatch: pytest.MonkeyPatch, written: bool) -> None:
    class Killed(BaseException):
        pass

    reply = JiraHost.reply

    def die(*given: Any, **more: Any) -> None:
        if written:
            reply(*given, **more)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(JiraHost, "reply", die)
        talk.say("/okr 64 confidence 7 decision none")
        with pytest.raises(Killed):
            talk.work()
    talk.company.clock.ahead += 600
    talk.work()
    assert [row.value for row in talk.filed()] == [64.0]
    assert len(talk.answers()) == 1


def test_a_right_that_is_missing_for_comments_parks_nothing(talk: Talk) -> None:
    talk.sandbox.fail(status=403, path="/comment", times=100)
    talk.say("/okr 64 confidence 7 decision none")
    talk.work()
    with talk.company.runtime.store.read() as session:
        assert session.get_one(Connection, talk.connection).parked_at is None
    assert talk.outcomes() == ["refused"]


def test_comments_are_carried_out_as_they_were_said(talk: Talk) -> None:
    moment = datetime.now(UTC)
    talk.sandbox.world.clock = lambda: moment
    first = talk.say("/okr 10 confidence 5 decision none", tell=False)
    moment += timedelta(seconds=5)
    second = talk.say("/okr 20 confidence 6 decision none", by="Alice", tell=False)
    talk.tell(second)
    talk.tell(first)
    talk.work()
    assert [row.value for row in talk.filed()] == [10.0, 20.0]


def test_a_comment_that_arrives_after_a_newer_one_does_not_turn_the_number_back(talk: Talk) -> None:
    moment = datetime.now(UTC)
    talk.sandbox.world.clock = lambda: moment
    first = talk.say("/okr 10 confidence 5 decision none", tell=False)
    moment += timedelta(seconds=5)
    talk.say("/okr 20 confidence 6 decision none")
    talk.work()
    talk.tell(first)
    talk.work()
    assert [row.value for row in talk.filed()] == [20.0]
    assert "a newer update of kr-setup" in talk.answers()[-1]


def test_a_comment_held_up_by_an_outage_does_not_undo_what_was_filed_on_a_page_since(talk: Talk) -> None:
    talk.say("/okr 10 confidence 5 decision none", tell=False)
    talk.company.clock.ahead += 3600
    check_ins.file_check_in(
        talk.company.runtime, "kr-setup", {"value": 30, "confidence": 8, "decision": "none"}, author="alice@acme.example"
    )
    talk.tell(talk.comments()[0]["id"])
    talk.work()
    assert [row.value for row in talk.filed()] == [30.0]


def test_twenty_commands_at_once_are_each_filed_and_answered(talk: Talk) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=60)
    talk.sandbox.world.clock = lambda: moment
    for number in range(20):
        moment += timedelta(seconds=1)
        talk.say(f"/okr {number} confidence 7 decision none")
    talk.work()
    assert [row.value for row in talk.filed()] == [float(number) for number in range(20)]
    assert len(talk.answers()) == 20
    assert talk.company.row("kr-setup").current == 19.0


def test_another_robot_that_talks_back_is_not_talked_to_for_ever(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "MOST_ANSWERS", 3)
    for number in range(5):
        talk.say(f"/okr {number} confidence 7 decision none")
        talk.work()
    assert len(talk.answers()) == 3
    assert len(talk.filed()) == 5  # what is said counts, answered or not


def test_no_answer_is_a_command(talk: Talk) -> None:
    for text in (
        "/okr status",
        "/okr help",
        "/okr confidence 7",
        "/okr confidence 99",
        "/okr nonsense",
        "/okr 4 confidence 3 decision none",
    ):
        talk.say(text)
    talk.say("/okr 5 confidence 3", by="Eve")
    talk.work()
    assert len(talk.answers()) == 7
    assert [parse_commands(answer) for answer in talk.answers() if parse_commands(answer)] == []
