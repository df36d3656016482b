"""An answer to a comment: written once, found again when its confirmation got lost, edited, never repeated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.errors import Gone, HostError, Refused, Uncertain
from connector.hosts.base import Comment
from connector.hosts.jira.fields import document, plain_text

ADMINS = {"type": "role", "value": "Administrators", "identifier": "10002"}
ALICE = {"accountId": "acc-alice", "displayName": "Alice"}


@pytest.fixture
def asked(sandbox):
    return sandbox.add_comment("ACME-1", document("/okr status"), ALICE)["id"]


def ours(sandbox):
    return [each for each in sandbox.world.find("ACME-1")["comments"] if each["author"]["accountId"] != "acc-alice"]


def said(sandbox):
    return [plain_text(each["body"]) for each in ours(sandbox)]


def test_an_answer_is_one_comment_in_the_thread(host, sandbox, asked):
    receipt = host.reply("ACME-1", asked, "acc-alice", "40 %, at risk", {})
    (comment,) = ours(sandbox)
    assert (plain_text(comment["body"]), comment["parentId"]) == ("acc-alice 40 %, at risk", int(asked))
    assert comment["properties"]["okr-connector"]["reply_to"] == asked
    sandbox.forget_log()
    assert host.reply("ACME-1", asked, "acc-alice", "40 %, at risk", receipt) == receipt
    assert sandbox.log == []
    assert host.reply("ACME-1", asked, "acc-alice", "42 %, on track", receipt)["comment"] == receipt["comment"]
    assert said(sandbox) == ["acc-alice 42 %, on track"]


@pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": True}])
def test_an_answer_whose_confirmation_got_lost_is_found_again(host, sandbox, asked, trouble):
    sandbox.fail(path="/comment", method="POST", commit=True, **trouble)
    with pytest.raises(Uncertain):
        host.reply("ACME-1", asked, "acc-alice", "40 %", {})
    receipt = host.reply("ACME-1", asked, "acc-alice", "40 %", {})
    assert [each["id"] for each in ours(sandbox)] == [receipt["comment"]]
    assert sandbox.calls(method="PUT") == []  # an equal text is not written
    host.reply("ACME-1", asked, "acc-alice", "41 %", {})
    assert said(sandbox) == ["acc-alice 41 %"]


def test_a_write_that_never_arrived_is_written_by_the_next_call(host, sandbox, asked):
    sandbox.fail(path="/comment", method="POST", drop=True)
    with pytest.raises(Uncertain):
        host.reply("ACME-1", asked, "", "40 %", {})
    host.reply("ACME-1", asked, "", "40 %", {})
    assert said(sandbox) == ["40 %"]


def test_each_comment_has_its_own_answer_and_other_comments_of_ours_are_left_alone(host, build, sandbox, asked):
    host.notify("ACME-1", ["acc-alice"], "please check in")
    second = sandbox.add_comment("ACME-1", document("/okr confidence 7"), ALICE)["id"]
    other = build(instance="another")
    namesake = build()
    namesake.settings = replace(namesake.settings, name="another connection")
    for number, (speaker, comment) in enumerate(((host, asked), (host, second), (other, asked), (namesake, asked))):
        speaker.reply("ACME-1", comment, "", f"answer {number}", {})
    assert said(sandbox) == ["acc-alice please check in", "answer 0", "answer 1", "answer 2", "answer 3"]
    host.reply("ACME-1", asked, "", "answer 0 again", {})
    assert said(sandbox)[1:] == ["answer 0 again", "answer 1", "answer 2", "answer 3"]


def test_it_is_found_among_many_comments_and_those_before_are_not_read(host, sandbox):
    for number in range(150):
        sandbox.add_comment("ACME-1", document(f"before {number}"), ALICE)
    asked = sandbox.add_comment("ACME-1", document("/okr status"), ALICE)["id"]
    receipt = host.reply("ACME-1", asked, "", "40 %", {})
    for number in range(120):
        sandbox.add_comment("ACME-1", document(f"after {number}"), ALICE)
    sandbox.forget_log()
    assert host.reply("ACME-1", asked, "", "40 %", {}) == receipt
    assert len(sandbox.calls("/comment", "GET")) == 3  # two pages and the property


def test_a_site_without_threads_gets_a_comment_of_its_own(host, sandbox, asked):
    sandbox.rest.threads = False
    receipt = host.reply("ACME-1", asked, "acc-alice", "40 %", {})
    assert [each["id"] for each in ours(sandbox)] == [receipt["comment"]]
    assert "parentId" not in ours(sandbox)[0]


def test_an_answer_that_a_person_deleted_is_written_anew(host, sandbox, asked):
    receipt = host.reply("ACME-1", asked, "", "40 %", {})
    sandbox.world.delete_comment("ACME-1", receipt["comment"])
    again = host.reply("ACME-1", asked, "", "41 %", receipt)
    assert again["comment"] != receipt["comment"]
    assert said(sandbox) == ["41 %"]


def test_a_deleted_issue_is_gone_with_and_without_a_receipt(host, sandbox, asked):
    receipt = host.reply("ACME-1", asked, "", "40 %", {})
    sandbox.delete("ACME-1")
    for known in (receipt, {}):
        with pytest.raises(Gone):
            host.reply("ACME-1", asked, "", "41 %", known)


def test_a_refusal_is_told_and_leaves_nothing(host, sandbox, asked):
    sandbox.fail(path="/comment", method="POST", status=403, times=2)
    with pytest.raises(HostError):
        host.reply("ACME-1", asked, "", "40 %", {})
    assert said(sandbox) == []


def test_a_first_answer_is_one_request(host, sandbox, asked):
    for number in range(5):
        host.notify("ACME-1", ["acc-alice"], f"note {number}")
    sandbox.forget_log()
    host.reply("ACME-1", asked, "", "40 %", {}, again=False)
    assert [method for method, _, _ in sandbox.log] == ["POST"]


# --- comments that answer nothing --------------------------------------------------------------------------------------


def test_a_note_mentions_several_and_its_address_is_a_link(host, sandbox):
    host.notify("ACME-1", ["acc-alice", "acc-bob"], "2 updates are open\nhttps://okr.acme.example/", mark="n1")
    content = ours(sandbox)[-1]["body"]["content"]
    assert [node.get("attrs", {}).get("id") for node in content[0]["content"] if node["type"] == "mention"] == ["acc-alice", "acc-bob"]
    assert content[1]["content"][0]["marks"] == [{"type": "link", "attrs": {"href": "https://okr.acme.example/"}}]


def test_a_note_whose_confirmation_got_lost_is_found_by_its_mark_and_another_is_not(host, build, sandbox):
    before = datetime.now(UTC)
    sandbox.fail(path="/comment", method="POST", status=503, commit=True)
    with pytest.raises(Uncertain):
        host.notify("ACME-1", ["acc-alice"], "hello", mark="n1")
    assert host.notify("ACME-1", ["acc-alice"], "hello", mark="n1", since=before)["comment"] == ours(sandbox)[0]["id"]
    host.notify("ACME-1", ["acc-alice"], "hello", mark="n2", since=before)
    build(instance="another").notify("ACME-1", ["acc-alice"], "hello", mark="n1", since=before)
    host.notify("ACME-1", ["acc-alice"], "hello", mark="n1", since=before + timedelta(days=1))
    assert said(sandbox) == ["acc-alice hello"] * 4


def test_a_note_that_was_not_written_is_written_when_it_is_looked_for(host, sandbox):
    before = datetime.now(UTC)
    sandbox.fail(path="/comment", method="POST", drop=True)
    with pytest.raises(Uncertain):
        host.notify("ACME-1", [], "hello", mark="n1")
    host.notify("ACME-1", [], "hello", mark="n1", since=before)
    assert said(sandbox) == ["hello"]


# --- who may read it ---------------------------------------------------------------------------------------------------


def ask(sandbox, **restricted):
    """A comment that not everybody reads; gives it as the host reads it."""
    comment = sandbox.add_comment("ACME-1", document("/okr status"), ALICE)
    comment |= restricted
    return comment["id"]


def shown_to(sandbox):
    return [(each.get("visibility"), each.get("jsdPublic", True)) for each in ours(sandbox)]


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({}, None),
        ({"jsdPublic": True, "visibility": None}, None),
        ({"visibility": ADMINS}, {"visibility": ADMINS}),
        ({"visibility": {**ADMINS, "more": 1, "value": None}}, {"visibility": {"type": "role", "identifier": "10002"}}),
        ({"jsdPublic": False}, {"internal": True}),
        ({"jsdPublic": False, "visibility": ADMINS}, {"internal": True, "visibility": ADMINS}),
        ({"visibility": {"type": "moon", "value": "full"}}, {"visibility": {}}),
        ({"visibility": "Administrators"}, {"visibility": {}}),
    ],
)
def test_who_reads_a_comment_is_read(host, sandbox, told, read):
    assert host.fetch_comment("ACME-1", ask(sandbox, **told)).restricted == read


@pytest.mark.parametrize("threads", [True, False])
@pytest.mark.parametrize(
    ("told", "answered"),
    [
        ({"visibility": ADMINS}, (ADMINS, True)),
        ({"jsdPublic": False}, (None, False)),
        ({"jsdPublic": False, "visibility": ADMINS}, (ADMINS, False)),
    ],
)
def test_an_answer_is_for_those_who_read_the_comment(host, sandbox, told, answered, threads):
    sandbox.rest.threads = threads
    asked = ask(sandbox, **told)
    comment = host.fetch_comment("ACME-1", asked)
    receipt = host.reply("ACME-1", asked, "acc-alice", "40 %", {}, restricted=comment.restricted)
    host.reply("ACME-1", asked, "acc-alice", "41 %", receipt, restricted=comment.restricted)
    assert (shown_to(sandbox), said(sandbox)) == ([answered], ["acc-alice 41 %"])


def test_an_answer_follows_a_comment_that_is_restricted_later(host, sandbox, asked):
    receipt = host.reply("ACME-1", asked, "acc-alice", "40 %", {})
    host.reply("ACME-1", asked, "acc-alice", "40 %", receipt, restricted={"visibility": ADMINS})
    assert shown_to(sandbox) == [(ADMINS, True)]


def test_nothing_is_answered_where_nobody_knows_who_would_read_it(host, sandbox):
    asked = ask(sandbox, visibility={"type": "moon", "value": "full"})
    sandbox.forget_log()
    with pytest.raises(Refused, match="restricted"):
        host.reply("ACME-1", asked, "acc-alice", "40 %", {}, restricted=Comment(asked, "", "", restricted={"visibility": {}}).restricted)
    assert ours(sandbox) == []


def test_a_refused_restriction_is_not_answered_in_public(host, sandbox, asked):
    sandbox.fail(path="/comment", method="POST", status=400, times=2)
    with pytest.raises(Refused):
        host.reply("ACME-1", asked, "acc-alice", "40 %", {}, restricted={"visibility": ADMINS})
    assert ours(sandbox) == []
