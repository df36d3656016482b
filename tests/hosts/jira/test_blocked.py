"""Flag, status and links of an issue: read as real sites show them, asked for in the same requests, and never a reason to lose an item."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Blocked, BlockingLink, Unknown
from connector.hosts.jira import sandbox_blocking as blocking
from connector.hosts.jira.blocked import flag_fields, read_blocked, told_by, waits
from connector.hosts.jira.fields import CHECKBOXES
from connector.hosts.jira.sandbox_fields import FLAG
from connector.hosts.jira.webhook import JiraDialect

FIXTURES = Path(__file__).parents[2] / "fixtures" / "jira-api" / "jirametrics"
STARTED = {"status": {"name": "In Progress", "statusCategory": {"key": "indeterminate"}}}
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)


def recorded(name):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def test_the_flag_is_found_by_its_kind_and_its_name_in_any_language():
    def field(ident, name, custom=CHECKBOXES, **more):
        return {"id": ident, "name": name, "schema": {"type": "array", "custom": custom}, **more}

    fields = [
        field("customfield_1", "Flagged", "com.atlassian.jira.plugin.system.customfieldtypes:select"),
        field("customfield_2", "Teams"),
        field("customfield_3", "Markiert"),
        field("customfield_4", "フラグ付き", untranslatedName="Flagged"),
        field("customfield_5", "Oflagowane", clauseNames=["cf[5]", "Flagged", "Flagged[Checkboxes]"]),
        {"id": 7, "name": None, "schema": "text"},
        "nonsense",
    ]
    assert flag_fields(fields) == ("customfield_3", "customfield_4", "customfield_5")
    assert flag_fields(None) == ()


def test_recorded_issues_with_and_without_a_flag():
    flagged, plain = recorded("complete--SP-1"), recorded("complete--SP-8")
    told = {**flagged["fields"], **STARTED}
    assert read_blocked(told, (FLAG,)) == Blocked(flag=True)
    assert read_blocked(told, ()) is None
    assert read_blocked(plain["fields"], (FLAG,)) is None


def test_the_recorded_history_of_a_flag():
    entries = [entry for history in recorded("testdata--SP-10")["changelog"]["histories"] for entry in history["items"]]
    off, on = (entry for entry in entries if entry["field"] == "Flagged")
    assert told_by([on], AT) == (AT, False)
    assert told_by([off], AT) == (None, True)


def test_links_are_read_from_the_side_that_waits():
    def link(kind, **sides):
        return {"id": "1", "type": kind, **sides}

    def other(key, category="new"):
        return {"id": key[-1], "key": key, "fields": {"status": {"name": "x", "statusCategory": {"key": category}}}}

    blocks = {"id": "10000", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    renamed = {"id": "10000", "name": "Blocks", "inward": "待ち", "outward": "止める"}
    turned = {"id": "10009", "name": "Waiting", "inward": "blocks", "outward": "is blocked by"}
    told = {
        **STARTED,
        "issuelinks": [
            link(blocks, inwardIssue=other("A-1")),
            link(blocks, outwardIssue=other("A-2")),
            link(renamed, inwardIssue=other("A-3", "done")),
            link(turned, outwardIssue=other("A-4", "nobody-knows")),
            link(turned, inwardIssue=other("A-5")),
            link({"name": "Relates", "inward": "relates to", "outward": "relates to"}, inwardIssue=other("A-6")),
            link(None, inwardIssue=other("A-7")),
            None,
        ],
    }
    assert read_blocked(told, ()) == Blocked(
        links=(BlockingLink("1", "A-1", False), BlockingLink("3", "A-3", True), BlockingLink("4", "A-4", None))
    )
    done = {**told, "issuelinks": [link(blocks, inwardIssue=other("A-1", "done"))]}
    assert read_blocked(done, ()) is None
    assert waits({"name": "Blocks", "inwardName": "is blocked by"}, "inward", "Name")


def test_a_status_counts_among_those_in_progress_only():
    def status(name, category):
        return {"status": {"name": name, "statusCategory": {"key": category}}}

    assert read_blocked(status("Blocked", "indeterminate"), ()) == Blocked(status="Blocked")
    assert read_blocked(status("Blocked", "new"), ()) is None
    assert read_blocked({**status("Blocked", "done"), FLAG: [{"value": "Impediment"}]}, (FLAG,)) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
)


@given(anything, anything, anything)
def test_unknown_shapes_never_raise(flag, links, kind):
    told = {**STARTED, FLAG: flag, "issuelinks": [links, {"type": kind, "inwardIssue": links}]}
    assert read_blocked(told, (FLAG,)) is None or isinstance(read_blocked(told, (FLAG,)), Blocked)
    assert flag_fields([kind, {"id": "x", "name": flag, "schema": links}]) in ((), ("x",))


def test_no_further_request_is_made_and_only_two_fields_are_asked_for(host, sandbox):
    blocking.flag(sandbox.world, "ACME-3")
    blocking.link(sandbox.world, "ACME-4", "ACME-3")
    sandbox.forget_log()
    ref = sandbox.world.find("ACME-3")["id"]
    [item] = host.fetch_items([ref], []).items
    assert item.blocked == Blocked(flag=True, links=(BlockingLink(sandbox.world.find("ACME-4")["id"], "ACME-4", False),))
    assert [path for _, path, _ in sandbox.log if not path.endswith("/field")] == ["/rest/api/3/issue/bulkfetch"]
    body = next(body for _, path, body in sandbox.log if path.endswith("bulkfetch"))
    assert set(body["fields"]) >= {"issuelinks", FLAG}


def test_a_site_without_a_flag_is_not_asked_for_one(host, sandbox):
    sandbox.world.settings["fields"] = [entry for entry in sandbox.world.settings["fields"] if entry["id"] != FLAG]
    [item] = host.fetch_items([sandbox.world.find("ACME-3")["id"]], []).items
    assert item.blocked is None
    body = next(body for _, path, body in sandbox.log if path.endswith("bulkfetch"))
    assert FLAG not in body["fields"]


def test_a_walk_that_was_planned_without_them_says_that_it_does_not_know(host, sandbox):
    reader = host._reader
    fields = ["summary", "status"]
    issue = reader.issues([sandbox.world.find("ACME-3")["id"]], fields)
    assert isinstance(reader.item(next(iter(issue.values())), fields, {}).blocked, Unknown)


@pytest.mark.parametrize("made", [True, False])
def test_an_event_about_a_link_names_who_waits(made):
    kind = {"id": 10000, "name": "Blocks", "inwardName": "is blocked by", "outwardName": "blocks", "isSubTaskLinkType": False}
    body = {
        "timestamp": int(AT.timestamp() * 1000),
        "webhookEvent": "issuelink_created" if made else "issuelink_deleted",
        "issueLink": {"id": 1, "sourceIssueId": 10004, "destinationIssueId": 10003, "issueLinkType": kind},
    }
    [event] = JiraDialect().parse({}, json.dumps(body).encode())
    assert (event.kind, event.ref, event.blocked_at, event.freed) == ("changed", "10003", AT if made else None, not made)
    body["issueLink"]["issueLinkType"] = {"name": "Relates", "inwardName": "relates to", "outwardName": "relates to"}
    assert JiraDialect().parse({}, json.dumps(body).encode()).reason == "issue link"
