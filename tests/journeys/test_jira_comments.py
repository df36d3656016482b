"""A comment at an issue files a check-in, the panel follows, and one answer tells what was filed; over real HTTP to the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connector.hosts.jira.fields import document
from connector.store.tables import CommentCommand, Connection, Cycle, Objective, Person
from tests.journeys.talking import ACCOUNTS, Talk, talking


@pytest.fixture
def talk(tmp_path: Path, database_url: str) -> Iterator[Talk]:
    with talking(tmp_path, database_url) as made:
        yield made


def test_a_command_files_a_check_in_and_the_panel_and_one_answer_follow(talk: Talk) -> None:
    talk.say("Legal is slow.\n/okr 64 confidence 7 blocker waiting for legal decision none")
    talk.work()

    [row] = talk.filed()
    assert (row.value, row.confidence, row.blocker, row.decision, row.draft) == (64.0, 7, "waiting for legal", "none", False)
    assert (row.source, row.author_id) == ("comment", 1)
    [link] = talk.links(talk.epic).values()
    assert "now 64" in link["summary"]
    [answer] = talk.answers()
    assert "“First invoice sent” is updated: value 64\u00a0%, confidence 7, a blocker, no decision needed." in answer
    assert "legal" not in answer.replace("/okr", "")  # words of people are not carried on
    assert talk.outcomes() == ["filed"]


def test_a_comment_without_a_command_costs_no_request(talk: Talk) -> None:
    talk.sandbox.forget_log()
    talk.say("We talked about /ok and okr. See https://okr.example/okrs")
    talk.work()
    assert talk.sandbox.log == []
    assert talk.outcomes() == []


def test_what_is_left_out_is_carried_over_but_never_the_decision(talk: Talk) -> None:
    talk.say("/okr 10 confidence 6 blocker: price list, decision: budget")
    talk.work()
    talk.company.clock.ahead += 10
    talk.say("/okr confidence 5")
    talk.work()

    first, draft = talk.filed()
    assert (draft.draft, draft.value, draft.confidence, draft.blocker, draft.decision) == (True, 10.0, 5, "price list", None)
    answer = talk.answers()[-1]
    assert "kept as a draft" in answer
    assert "value 10\u00a0% (as it stands), confidence 5, a blocker (as before)" in answer
    assert "Still to say: the decision. Add it in a comment, for example “/okr decision none”." in answer

    talk.say("/okr no blocker, decision none")
    talk.work()
    rows = talk.filed()
    assert [(row.draft, row.confidence, row.blocker, row.decision) for row in rows] == [
        (False, 6, "price list", "budget"),
        (False, 5, None, "none"),
    ]
    assert rows[0].id == first.id
    assert talk.outcomes() == ["filed", "draft", "filed"]


def test_a_draft_without_a_blocker_is_completed_without_one(talk: Talk) -> None:
    talk.say("/okr 10 confidence 6 blocker: price list, decision: budget")
    talk.work()
    talk.say("/okr no blocker confidence 8")
    talk.work()
    talk.say("/okr decision none")
    talk.work()
    assert [(row.draft, row.confidence, row.blocker) for row in talk.filed()] == [(False, 6, "price list"), (False, 8, None)]


def test_a_draft_follows_its_source(talk: Talk) -> None:
    talk.say("/okr confidence 6")
    talk.work()
    talk.company.clock.ahead += 10
    talk.close(talk.children[talk.epic][0])
    talk.work()
    talk.company.clock.ahead += 10
    talk.say("/okr decision none")
    talk.work()
    assert [(row.draft, row.value) for row in talk.filed()] == [(False, 25.0)]


@pytest.mark.databases("sqlite", "postgres")
def test_the_databases_agree_on_edits_and_drafts(talk: Talk) -> None:
    comment = talk.say("/okr 42 confidence 7")
    talk.work()
    for text in ("/okr 42 confidence 7 decision none", "/okr 43 confidence 7 decision none", "/okr 42 confidence 7 decision none"):
        talk.company.clock.ahead += 1
        talk.edit(comment, text)
        talk.tell(comment)
        talk.work()
    assert [(row.value, row.draft) for row in talk.filed()] == [(42.0, False), (43.0, False), (42.0, False)]
    assert len(talk.answers()) == 1


@pytest.mark.parametrize("event", ["jira:issue_updated", "avi:jira:commented:issue"])
def test_other_events_that_tell_of_a_comment_do_too(talk: Talk, event: str) -> None:
    comment = talk.say("/okr 64 confidence 7 decision none", tell=False)
    issue = {"id": talk.ref(talk.epic), "key": talk.epic}
    if event.startswith("avi:"):  # of the Forge app: without the comment's words
        told = {"eventType": event, "issue": issue, "atlassianId": ACCOUNTS["Alice"], "comment": {"id": comment}}
    else:
        told = {
            "timestamp": 1,
            "webhookEvent": event,
            "issue": issue,
            "comment": {"id": comment, "author": {"accountId": ACCOUNTS["Alice"]}},
        }
    talk.company.deliver(talk.connection, told)
    talk.work()
    assert [row.value for row in talk.filed()] == [64.0]
    assert len(talk.answers()) == 1


def test_an_event_that_comes_twice_files_once_and_is_answered_once(talk: Talk) -> None:
    comment = talk.say("/okr 64 confidence 7 decision none")
    talk.tell(comment)
    talk.work()
    talk.tell(comment)
    talk.work()
    assert len(talk.filed()) == 1
    assert len(talk.answers()) == 1


def test_status_and_help_are_answered_and_file_nothing(talk: Talk) -> None:
    talk.say("/okr status", by="Eve")  # reading what the panel shows takes no account of ours
    talk.say("/okr help", by="Eve")
    talk.work()
    status, helped = talk.answers()
    assert "“First invoice sent”: from 0\u00a0% to 100\u00a0%, now 0\u00a0%. " in status
    assert "/key-results/kr-setup" in status
    assert "“/okr status” tells where it stands." in helped
    assert talk.filed() == []
    assert talk.outcomes() == ["told", "told"]


def test_a_mistake_files_nothing_and_its_mend_is_told_once(talk: Talk) -> None:
    comment = talk.say("/okr 42 confidence 11 decision none")
    talk.work()
    talk.edit(comment, "/okr 42 confidence 11 decision none\nSorry, all.")
    talk.work()
    [answer] = talk.answers()
    assert "Nothing was filed." in answer
    assert "Confidence: enter a whole number from 1 to 10, for example “/okr confidence 7”." in answer
    assert talk.filed() == []

    talk.edit(comment, "/okr 42 confidence 10 decision none")
    talk.work()
    [row] = talk.filed()
    assert row.confidence == 10
    [answer] = talk.answers()  # ours is edited, no second one is written
    assert "is updated: value 42\u00a0%, confidence 10" in answer


def test_an_edit_files_what_it_changes_and_one_back_is_an_update_too(talk: Talk) -> None:
    comment = talk.say("/okr 42 confidence 7 decision none")
    talk.work()
    for text in ("/okr 42 confidence 7, decision none. Typo mended.", "/OKR value: 42, confidence: 7/10, decision: none"):
        talk.edit(comment, text if "Typo" not in text else "A typo mended\n/okr 42 confidence 7, decision none.")
        talk.work()
    assert len(talk.filed()) == 1
    talk.company.clock.ahead += 1
    talk.edit(comment, "/okr 43 confidence 7 decision none")
    talk.work()
    talk.company.clock.ahead += 1
    talk.edit(comment, "/okr 42 confidence 7 decision none")
    talk.work()
    assert [row.value for row in talk.filed()] == [42.0, 43.0, 42.0]
    assert len(talk.answers()) == 1


def test_an_edit_by_somebody_else_is_theirs(talk: Talk) -> None:
    comment = talk.say("/okr 42 confidence 7 decision none", by="Alice")
    talk.work()
    talk.edit(comment, "/okr 99 confidence 7 decision none", by="Charlie")
    talk.work()
    assert [row.value for row in talk.filed()] == [42.0]
    [answer] = talk.answers()
    assert "Nothing was filed: " in answer
    assert "ask Alice, who owns this one." in answer


def test_a_deleted_comment_undoes_nothing(talk: Talk) -> None:
    comment = talk.say("/okr 42 confidence 7 decision none")
    talk.work()
    late = talk.say("/okr 50 confidence 7 decision none")
    for each in (comment, late):
        talk.sandbox.world.delete_comment(talk.epic, each)
    talk.work()
    assert [row.value for row in talk.filed()] == [42.0]
    assert talk.outcomes() == ["filed", "gone"]


def test_our_own_comments_are_never_read_as_commands(talk: Talk) -> None:
    bot = talk.sandbox.world.settings["account"]
    ours = talk.sandbox.world.add_comment(talk.epic, document("/okr 99 confidence 9 decision none"), bot)
    talk.tell(ours["id"])
    talk.work()
    assert talk.filed() == []
    assert talk.answers() == ["/okr 99 confidence 9 decision none"]

    talk.say("/okr confidence eleven")
    talk.work()
    for _ in range(3):  # each answer of ours raises an event of its own
        for comment in talk.comments():
            talk.tell(comment["id"])
        talk.work()
    assert len(talk.comments()) == 3


def test_answers_are_known_even_when_another_account_of_ours_wrote_them(talk: Talk) -> None:
    talk.say("/okr confidence eleven")
    talk.work()
    with talk.company.runtime.store.write() as session:
        session.execute(update(Connection).values(bot_id="somebody else"))
        session.execute(update(CommentCommand).values(digest="", outcome=""))
    answer = talk.comments()[-1]
    answer["body"] = document("/okr 99 confidence 9 decision none")
    talk.tell(answer["id"])
    talk.work()
    assert talk.filed() == []


def test_an_unknown_account_is_told_once_how_to_become_known(talk: Talk) -> None:
    comment = talk.say("/okr 42 confidence 7 decision none", by="Eve")
    talk.work()
    talk.tell(comment)
    talk.work()
    [answer] = talk.answers()
    assert "Nothing was filed: this account belongs to no person in the OKR connector. An admin adds it to a person at" in answer
    assert talk.filed() == []
    assert talk.outcomes() == ["refused"]


@pytest.mark.parametrize(("role", "filed"), [("lead", 1), ("admin", 1), ("member", 0), ("champion", 0), ("viewer", 0)])
def test_who_may_update_is_asked_of_the_same_rule_as_everywhere(talk: Talk, role: str, filed: int) -> None:
    with talk.company.runtime.store.write() as session:
        session.execute(update(Person).where(Person.name == "Charlie").values(role=role))
    talk.say("/okr 42 confidence 7 decision none", by="Charlie")
    talk.work()
    assert len(talk.filed()) == filed
    assert talk.outcomes() == ["filed" if filed else "refused"]


def test_somebody_who_left_files_nothing(talk: Talk) -> None:
    with talk.company.runtime.store.write() as session:
        session.execute(update(Person).where(Person.name == "Alice").values(active=False))
    talk.say("/okr 42 confidence 7 decision none")
    talk.work()
    assert talk.filed() == []


@pytest.mark.parametrize("hidden", [{"restricted": True}, {"stage": "draft"}])
def test_nothing_is_told_about_what_not_everybody_may_know(talk: Talk, hidden: dict[str, Any]) -> None:
    with talk.company.runtime.store.write() as session:
        session.execute(update(Objective).values(**hidden))
    for text in ("/okr status", "/okr 42 confidence 7 decision none", "/okr kr-setup confidence 7", "/okr help", "/okr status of kr-setup"):
        talk.say(text)
    talk.work()
    assert talk.filed() == []
    said = "\n".join(talk.answers())
    assert "First invoice" not in said
    assert "objective" not in said.lower()
    unknown = talk.answers()[2]
    talk.say("/okr kr-nothing confidence 7")
    talk.work()
    assert talk.answers()[-1] == unknown  # as for a name that nobody has heard of


def test_a_closed_cycle_is_frozen(talk: Talk) -> None:
    with talk.company.runtime.store.write() as session:
        session.execute(update(Cycle).values(end=talk.company.runtime.now().date() - timedelta(days=2)))
    talk.say("/okr 42 confidence 7 decision none")
    talk.work()
    assert talk.filed() == []
    assert "the cycle now is over" in talk.answers()[0]


def test_a_child_of_the_epic_serves_it_too(talk: Talk) -> None:
    child = talk.children[talk.epic][1]
    talk.say("/okr 64 confidence 7 decision none", on=child)
    talk.work()
    assert [row.value for row in talk.filed()] == [64.0]
    assert "is updated" in talk.answers(child)[0]


def test_an_issue_that_serves_nothing_says_so(talk: Talk) -> None:
    loose = talk.sandbox.add_issue("ACME", "On its own")
    talk.say("/okr 64 confidence 7", on=loose)
    talk.work()
    assert "this issue serves no key result" in talk.answers(loose)[0].lower()


def test_several_key_results_are_named_and_each_is_filed_alone(talk: Talk) -> None:
    talk.company.key_result("kr-reach", title="Customers reached", unit="customers", target=10.0)
    talk.company.mapping("kr-reach", talk.connection, select={"epics": [talk.epic]}, measure="count")
    talk.company.work(talk.connection)
    comment = talk.say("/okr confidence 7 decision none")
    talk.work()
    assert talk.filed() == []
    [answer] = talk.answers()
    assert "kr-setup (First invoice sent)" in answer
    assert "kr-reach (Customers reached)" in answer

    talk.edit(comment, "/okr KR-Setup confidence 7 decision none\n/okr kr-reach: 3 customers, confidence 4")
    talk.work()
    assert sorted((row.key_result_id, row.confidence, row.draft) for row in talk.filed()) == [("kr-reach", 4, True), ("kr-setup", 7, False)]
    assert "for example “/okr kr-reach decision none”" in talk.answers()[0]

    talk.edit(comment, "/okr KR-Setup confidence 7 decision none\n/okr kr-reach: 3 customers, confidence 4, decision scope")
    talk.work()
    assert sorted((row.key_result_id, row.decision) for row in talk.filed()) == [("kr-reach", "scope"), ("kr-setup", "none")]
    talk.say("/okr status")
    talk.work()
    assert len([line for line in talk.answers()[1].splitlines() if "/key-results/" in line]) == 2


@pytest.mark.parametrize(
    "text", ["/okr 42 million confidence 7 decision none", "/okr value 42 € decision none", "/okr 1,200 decision none"]
)
def test_a_number_is_not_guessed(talk: Talk, text: str) -> None:
    talk.say(text)
    talk.work()
    assert talk.filed() == []
    assert talk.outcomes() == ["mistake"]


def test_quotes_and_code_are_not_said_and_mentions_do_not_matter(talk: Talk) -> None:
    quoted = {"type": "blockquote", "content": document("/okr 11 confidence 1 decision none")["content"]}
    code = {"type": "codeBlock", "content": [{"type": "text", "text": "/okr 12 confidence 1 decision none"}]}
    mention = {"type": "mention", "attrs": {"id": "70121:bot", "text": "@OKR bot of Acme"}}
    said = {"type": "paragraph", "content": [mention, {"type": "text", "text": " /okr 13 confidence 9 decision none"}]}
    talk.say({"type": "doc", "version": 1, "content": [quoted, code, said]})
    talk.work()
    assert [(row.value, row.confidence) for row in talk.filed()] == [(13.0, 9)]


def test_steps_are_not_told_as_a_number_and_stay_as_they_are(talk: Talk) -> None:
    steps = [{"title": "Price agreed", "weight": 1.0, "done": True}, {"title": "Sales trained", "weight": 1.0, "done": False}]
    talk.company.key_result("kr-launch", title="Launched", kind="milestones", unit="", start=None, target=None, milestones=steps)
    talk.company.mapping("kr-launch", talk.connection, select={"epics": [talk.epic]}, measure="done_share", mode="context")
    talk.company.work(talk.connection)
    talk.say("/okr kr-launch 2 confidence 7 decision none")
    talk.work()
    assert talk.outcomes() == ["mistake"]
    assert (
        "this key result counts its steps and takes no number. Leave the value out and tick the steps in the check-in form: "
        in talk.answers()[0]
    )
    assert "/key-results/kr-launch/check-in" in talk.answers()[0]

    talk.say("/okr kr-launch confidence 7 decision none")
    talk.work()
    assert [(row.value, row.confidence) for row in talk.filed()] == [(0.5, 7)]
    assert "value 1 of 2 (as it stands), confidence 7" in talk.answers()[1]
    assert talk.company.row("kr-launch").milestones == steps
