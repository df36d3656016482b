"""Product events of our Forge app: what each means, who it is on a repeat, and anything at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.hosts.base import Delivery, Ignored, NotThisHost
from connector.hosts.jira import dialect, product_events
from connector.hosts.jira.webhook_set_up import EVENTS

FIXTURES = Path(__file__).parents[2] / "fixtures" / "jira-product-events"
ALICE, BOB = "5b10a2844c20165700ede21a", "5b10a2844c20165700ede21b"

# file → the events as (kind, ref, parents, container, comment, author), or the reason why it is ignored
EXPECTED = {
    "archived_project": [("scope", "", (), "ACME", "", "")],
    "assigned_issue": "assigned",
    "changed_configuration_subtasks": [("scope", "", (), "", "", ALICE)],
    "changed_configuration_voting": "option",
    "commented_issue": [("comment", "10042", (), "", "20017", ALICE)],
    "commented_issue_edited": [("comment", "10042", (), "", "20017", BOB)],
    "created_issue": [("changed", "10042", (), "ACME", "", ALICE)],
    "created_issuelink_blocks": [("changed", "10042", (), "", "", "")],
    "created_issuelink_subtask": [("changed", "10042", ("10001",), "", "", "")],
    "created_project": "project created",
    "created_worklog": "worklog",
    "deleted_comment": "comment deleted",
    "deleted_issue": [("deleted", "10042", (), "ACME", "", ALICE)],
    "deleted_issuelink_epic": [("changed", "10042", ("10001",), "", "", "")],
    "mentioned_comment": "mention",
    "released_version": "version",
    "set_issue_property": "issue property",
    "started_sprint": "sprint",
    "updated_issue_by_the_app": [("changed", "10042", (), "ACME", "", BOB)],
    "updated_issue_parent": [("changed", "10042", ("10001", "10007"), "ACME", "", ALICE)],
    "updated_issue_remote_link": "remote link only",
    "updated_issue_status": [("changed", "10042", (), "ACME", "", ALICE)],
    "updated_issue_status_again": [("changed", "10042", (), "ACME", "", ALICE)],
    "updated_issuetype": [("scope", "", (), "", "", ALICE)],
    "updated_project": [("scope", "", (), "ACME", "", "")],
    "viewed_issue": "viewed",
}


def raw(name):
    return (FIXTURES / f"{name}.json").read_bytes()


def changed(name, **more):
    whole = json.loads(raw(name))
    return orjson.dumps({**whole, "payload": {**whole["payload"], **more}})


def test_every_event_has_an_expected_outcome():
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_events(name):
    event, outcome = dialect.delivery({}, raw(name)).event, dialect.parse({}, raw(name))
    assert (event in dialect.handled) != (event in dialect.ignored)
    if isinstance(EXPECTED[name], str):
        assert outcome == Ignored(EXPECTED[name])
        return
    assert [(one.kind, one.ref, one.parent_refs, one.container, one.comment_id, one.author) for one in outcome] == EXPECTED[name]


def test_an_event_that_stands_alone_means_the_same():
    alone = orjson.dumps(json.loads(raw("updated_issue_parent"))["payload"])
    assert dialect.parse({}, alone) == dialect.parse({}, raw("updated_issue_parent"))
    assert dialect.delivery({}, alone).key == dialect.delivery({}, raw("updated_issue_parent")).key


def test_a_repeat_is_the_same_delivery_and_another_change_is_not():
    first = dialect.delivery({}, raw("updated_issue_status"))
    assert first == Delivery(first.key, "avi:jira:updated:issue", datetime(2026, 11, 20, 10, 15, 30, 125000, UTC))
    assert dialect.delivery({"x-b3-traceid": "another"}, raw("updated_issue_status_again")) == first
    keys = {dialect.delivery({}, raw(name)).key for name in EXPECTED}
    assert len(keys) == len(EXPECTED) - 1


def test_the_moment_is_the_stamp_or_what_the_event_shows():
    assert dialect.delivery({}, raw("commented_issue_edited")).at == datetime(2026, 11, 20, 12, 3, tzinfo=UTC)
    assert dialect.delivery({}, raw("deleted_issue")).at == datetime(2026, 11, 20, 11, 20, tzinfo=UTC)
    assert dialect.delivery({}, changed("deleted_issue", timestamp=1795169730125)).at == datetime(2026, 11, 20, 10, 15, 30, 125000, UTC)
    assert dialect.delivery({}, raw("updated_project")).at is None


def test_a_comment_brings_its_words():
    assert [dialect.parse({}, raw(f"commented_issue{more}"))[0].text for more in ("", "_edited")] == [
        "/okr confidence 7",
        "/okr confidence 8",
    ]


def test_who_generated_it_never_drops_an_event():
    for flag in (True, False, None):
        assert len(dialect.parse({}, changed("updated_issue_status", selfGenerated=flag))) == 1


def test_webhooks_are_not_asked_for_product_events():
    assert not [name for name in EVENTS if name.startswith(product_events.PREFIX)]
    assert not product_events.HANDLED & set(product_events.REASONS)


@pytest.mark.parametrize(
    "body", [b"[]", b'{"payload": 1}', b'{"payload": {"eventType": "avi:confluence:updated:page"}}', b'{"eventType": 7}']
)
def test_what_is_no_event_of_jira_is_refused(body):
    with pytest.raises(NotThisHost):
        dialect.parse({}, body)
    with pytest.raises(NotThisHost):
        dialect.delivery({}, body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    ("issue", "comment", "changelog", "project", "property", "issueLinkType", "timestamp", "atlassianId", "destinationIssueId")
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(product_events.HANDLED | set(product_events.REASONS))), st.dictionaries(keys, json_values))
def test_nothing_surprises_it(name, more):
    body = orjson.dumps({"payload": {**more, "eventType": name}})
    assert dialect.delivery({}, body).event == name
    outcome = dialect.parse({}, body)
    assert isinstance(outcome, Ignored) or all(event.kind in ("changed", "deleted", "comment", "scope") for event in outcome)
