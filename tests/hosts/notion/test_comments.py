"""An answer in a discussion: written once, found again when its confirmation got lost, edited, never repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.errors import Gone, Uncertain


@pytest.fixture
def row(box):
    _, source = box.world.add_database("Deals", {"Name": {"type": "title"}})
    return box.world.add_row(source, {"Name": "one"})


@pytest.fixture
def asked(box, row):
    return box.world.add_comment(row, "/okr status")


def ours(box):
    return [each for each in box.world.data["comments"].values() if each["created_by"] == box.world.data["bot"]]


def test_an_answer_is_one_comment_in_the_discussion(host, box, row, asked):
    person = box.world.data["person"]
    receipt = host.reply(row, asked["id"], person, "40 %, at risk", {})
    assert [each["discussion"] for each in ours(box)] == [asked["discussion"]]
    before = host.requests
    assert host.reply(row, asked["id"], person, "40 %, at risk", receipt) == receipt
    assert host.requests == before
    assert host.reply(row, asked["id"], person, "42 %", receipt)["comment"] == receipt["comment"]
    assert len(ours(box)) == 1
    assert host.fetch_comment(row, receipt["comment"]).text.endswith(" 42 %")


@pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": True}])
def test_an_answer_whose_confirmation_got_lost_is_found_again(host, box, row, asked, trouble):
    box.world.add_comment(row, "another discussion")
    box.fail(path="/comments", method="POST", commit=True, **trouble)
    with pytest.raises(Uncertain):
        host.reply(row, asked["id"], box.world.data["person"], "words " * 400, {})
    receipt = host.reply(row, asked["id"], box.world.data["person"], "words " * 400, {})
    assert [each["id"] for each in ours(box)] == [receipt["comment"]]


def test_two_comments_of_a_discussion_have_two_answers(host, box, row, asked):
    second = box.world.add_comment(row, "/okr confidence 7", discussion=asked["discussion"])
    for comment, text in ((asked, "one"), (second, "two")):
        host.reply(row, comment["id"], "", text, {})
    assert len(ours(box)) == 2


def test_a_deleted_answer_is_written_anew_and_a_deleted_question_is_gone(host, box, row, asked):
    receipt = host.reply(row, asked["id"], "", "40 %", {})
    del box.world.data["comments"][receipt["comment"]]
    assert host.reply(row, asked["id"], "", "41 %", receipt)["comment"] != receipt["comment"]
    box.world.data["comments"].clear()
    with pytest.raises(Gone):
        host.reply(row, asked["id"], "", "41 %", {})


def test_a_note_whose_confirmation_got_lost_is_found_by_its_words(host, box, row):
    person, before = box.world.data["person"], datetime.now(UTC)
    box.fail(path="comments", method="POST", status=503, commit=True)
    with pytest.raises(Uncertain):
        host.notify(row, [person], "2 updates are open")
    assert len(ours(box)) == 1
    found = host.notify(row, [person], "2 updates are open", since=before)
    assert (found["comment"], len(ours(box))) == (ours(box)[0]["id"], 1)
    host.notify(row, [person], "1 update is open", since=before)
    host.notify(row, [person], "2 updates are open", since=before + timedelta(days=1))
    assert len(ours(box)) == 3


def test_a_note_mentions_several_people(host, box, row):
    others = [box.world.data["person"], box.world.data["bot"]]
    host.notify(row, others, "hello")
    runs = ours(box)[0]["rich_text"]
    assert [run["mention"]["user"]["id"] for run in runs if run["type"] == "mention"] == others
