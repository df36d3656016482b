"""The dialect over recorded deliveries, over what the stand-in sends, and over anything at all."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.hosts.base import Event, Ignored, NotThisHost
from connector.hosts.jira import dialect, product_events
from tests.support.standin import running
from webhooks.signatures import verify

FIXTURES = Path(__file__).parents[2] / "fixtures" / "jira-webhooks"

# file → the events as (kind, ref, comment), or the reason why it is ignored, or the refusal
EXPECTED = {
    "hookdeck/jira.issue_updated": [("changed", "10002", "")],
    "jenkins-jira-trigger/integration--addComment": [("changed", "10000", ""), ("comment", "10000", "10000")],
    "jenkins-jira-trigger/integration--cloudAddComment": [("comment", "10023", "10021")],
    "jenkins-jira-trigger/integration--updateCustomField": [("changed", "10015", "")],
    "jenkins-jira-trigger/integration--updateDescription": [("changed", "10001", "")],
    "jenkins-jira-trigger/integration--updateStatus": [("changed", "10011", "")],
    "jenkins-jira-trigger/parameter--empty_custom_field": [("changed", "10401", "")],
    "jenkins-jira-trigger/parameter--multi_value_custom_field": [("changed", "10402", "")],
    "jenkins-jira-trigger/parameter--single_value_custom_field": [("changed", "10400", "")],
    "jenkins-jira-trigger/webhook--cloud_comment_added": [("comment", "10023", "10021")],
    "jenkins-jira-trigger/webhook--issue_created": [("changed", "10003", "")],
    "jenkins-jira-trigger/webhook--issue_updated_fields_updated": [("changed", "10010", "")],
    "jenkins-jira-trigger/webhook--issue_updated_status_updated": [("changed", "10010", "")],
    "jenkins-jira-trigger/webhook--issue_updated_with_comment": [("changed", "10003", ""), ("comment", "10003", "10000")],
    "jenkins-jira-trigger/webhook--issue_updated_without_comment": [("changed", "10510", "")],
    "zulip/attachment_created": "attachment",
    "zulip/example_anomalous_payload": NotThisHost,
    "zulip/issue_created_with_custom_fields": [("changed", "10033", "")],
    "zulip/issue_deleted": [("deleted", "10400", "")],
    "zulip/issue_updated__status": [("changed", "10000", "")],
    "zulip/worklog_created": "worklog",
}


def delivery_body(name):
    raw = (FIXTURES / f"{name}.json").read_bytes()
    data = json.loads(raw)
    return json.dumps(data["body"]).encode() if "topic" in data else raw


def body(event, **more):
    return orjson.dumps({"webhookEvent": event, "timestamp": 1795167000000, **more})


def test_every_recorded_delivery_has_an_expected_outcome():
    assert {f"{path.parent.name}/{path.stem}" for path in FIXTURES.glob("*/*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_deliveries(name):
    raw, expected = delivery_body(name), EXPECTED[name]
    if expected is NotThisHost:
        with pytest.raises(NotThisHost):
            dialect.parse({}, raw)
        with pytest.raises(NotThisHost):
            dialect.delivery({}, raw)
        return
    event = dialect.delivery({}, raw).event
    assert (event in dialect.handled) != (event in dialect.ignored)
    outcome = dialect.parse({}, raw)
    if isinstance(expected, str):
        assert outcome == Ignored(expected)
        return
    assert [(one.kind, one.ref, one.comment_id) for one in outcome] == expected
    assert all(one.at is not None and one.at.tzinfo is UTC for one in outcome)


def test_authors_and_containers_of_cloud_and_server():
    (cloud,) = dialect.parse({}, delivery_body("zulip/issue_created_with_custom_fields"))
    assert (cloud.author, cloud.container) == ("712020:28d10afc-d4b0-47f2-b86f-74d9a5f29c81", "KAN")
    server = dialect.parse({}, delivery_body("jenkins-jira-trigger/integration--updateStatus"))[0]
    assert (server.author, server.container) == ("admin", "TEST")


def test_identity_is_jiras_own_or_the_bodys_hash():
    raw = body("jira:issue_updated", issue={"id": "1"})
    assert dialect.delivery({"x-atlassian-webhook-identifier": "abc-1"}, raw).key == "abc-1"
    assert dialect.delivery({}, raw).key == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    assert len(dialect.delivery({"x-atlassian-webhook-identifier": "x" * 5000}, raw).key) < 100


def test_signature_and_handshake():
    assert dialect.signature({"x-hub-signature": "sha256=ab"}) == "sha256=ab"
    assert dialect.signature({}) is None
    assert dialect.handshake({}, b'{"verification_token": "secret_x"}') is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b'{"webhookEvent": "jira:iss',
        b"[]",
        b'"jira:issue_updated"',
        b'{"webhookEvent": 7}',
        b'{"webhookEvent": ""}',
        b'{"verification_token": "secret_x"}',
        b'{"id": "1", "type": "page.content_updated", "entity": {"id": "2", "type": "page"}, "workspace_id": "w"}',
    ],
)
def test_what_jira_would_never_send(raw):
    for read in (dialect.parse, dialect.delivery):
        with pytest.raises(NotThisHost):
            read({}, raw)


@pytest.mark.parametrize("field", ["IssueParentAssociation", "Epic Link", "Parent Link", "Parent", "Parent Issue", "epic link"])
def test_both_parents_of_a_moved_child_are_named(field):
    item = {"field": field, "fieldtype": "jira", "from": "10001", "fromString": "ACME-1", "to": "10007", "toString": "ACME-7"}
    raw = body("jira:issue_updated", issue={"id": "10042", "key": "ACME-12", "fields": None}, changelog={"items": [item]})
    (event,) = dialect.parse({}, raw)
    assert event.parent_refs == ("10001", "10007")
    assert event.container == "ACME"


def test_parents_by_field_id_by_key_and_by_the_current_field():
    item = {"field": "Übergeordnet", "fieldId": "parent", "from": None, "fromString": "ACME-1", "to": "", "toString": None}
    issue = {"id": 10042, "fields": {"parent": {"id": "10007", "key": "ACME-7"}}}
    (event,) = dialect.parse({}, body("jira:issue_updated", issue=issue, changelog={"items": [item, None, "odd"]}))
    assert (event.ref, event.parent_refs) == ("10042", ("ACME-1", "10007"))


@pytest.mark.parametrize("field", ["RemoteWorkItemLink", "RemoteIssueLink"])
def test_our_own_link_is_left_alone_but_not_with_other_changes(field):
    link = {"field": field, "from": None, "to": "10000"}
    status = {"field": "status", "fieldId": "status", "from": "1", "to": "2"}
    assert dialect.parse({}, body("jira:issue_updated", issue={"id": "1"}, changelog={"items": [link]})) == Ignored("remote link only")
    assert len(dialect.parse({}, body("jira:issue_updated", issue={"id": "1"}, changelog={"items": [link, status]}))) == 1


def test_property_events():
    assert dialect.parse({}, body("issue_property_set", property={"key": "okr"})) == Ignored("own property")
    assert dialect.parse({}, body("issue_property_set", property={"key": "other"})) == Ignored("issue property")


@pytest.mark.parametrize(
    ("event", "container"),
    [("project_archived", "ACME"), ("project_soft_deleted", "ACME"), ("project_restored_archived", "ACME"), ("issuetype_updated", "")],
)
def test_what_changes_many_items_asks_for_a_new_list(event, container):
    (told,) = dialect.parse({}, body(event, project={"key": "ACME", "id": 10000}))
    assert (told.kind, told.container) == ("scope", container)


def test_every_listed_event_is_handled_or_ignored_and_unknown_ones_are_named():
    assert not dialect.handled & dialect.ignored
    for event in dialect.ignored - set(product_events.REASONS):
        assert dialect.parse({}, body(event)).reason not in ("", "unknown event")
    assert dialect.parse({}, body("jira:issue_teleported")) == Ignored("unknown event")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"issue": None},
        {"issue": {"id": "1"}},
        {"issue": {"id": "1", "fields": None}},
        {"issue": {"id": "1", "fields": {"parent": None, "project": None}}, "changelog": {"items": None}},
        {"issue": {"id": "1"}, "changelog": None, "user": None, "comment": None},
        {"issue": {"id": "1"}, "timestamp": 10**18},
        {"issue": {"id": "1"}, "timestamp": "soon"},
        {"issue": {"id": True}},
    ],
)
@pytest.mark.parametrize("event", ["jira:issue_updated", "jira:issue_deleted", "comment_created", "project_deleted"])
def test_missing_parts_are_no_surprise(event, more):
    outcome = dialect.parse({}, orjson.dumps({"webhookEvent": event, **more}))
    assert isinstance(outcome, (list, Ignored))


def test_a_comment_without_issue_is_found_by_its_address():
    comment = {"id": "7", "self": "https://acme.atlassian.net/rest/api/2/issue/10014/comment/7", "author": {"accountId": "a"}}
    assert dialect.parse({}, body("comment_created", comment=comment)) == [
        Event("comment", ref="10014", comment_id="7", author="a", at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(sorted(dialect.handled | dialect.ignored)) | st.text(max_size=20)
keys = ("issue", "changelog", "comment", "user", "timestamp", "project", "property", "worklog")


@settings(max_examples=300)
@given(names | json_values, st.dictionaries(st.sampled_from(keys), json_values), json_values, json_values)
def test_nothing_but_not_this_host_is_ever_raised(event, more, fields, items):
    data = {"webhookEvent": event, **more}
    deeper = {"webhookEvent": event, "issue": {"id": "1", "fields": fields}, "changelog": {"items": items}, "comment": fields}
    for payload in (data, deeper, fields):
        raw = orjson.dumps(payload)
        for read in (dialect.parse, dialect.delivery):
            try:
                read({}, raw)
            except NotThisHost:
                continue


@given(st.binary(max_size=60))
def test_bytes_of_any_kind(raw):
    for read in (dialect.parse, dialect.delivery):
        try:
            read({}, raw)
        except NotThisHost:
            continue


# --- what the stand-in sends -------------------------------------------------------------------------------------------------


class Door:
    """Keeps deliveries; answers 503 to the first ``down`` of them."""

    def __init__(self, down=0):
        self.got = []
        self.down = down

    def __call__(self, environ, start_response):
        raw = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        self.got.append((headers, raw))
        self.down -= 1
        status = "503 Service Unavailable" if self.down >= 0 else "200 OK"
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return [b""]


def test_the_stand_ins_deliveries_are_signed_and_read(sandbox):
    door = Door()
    with running(door) as address:
        sandbox.webhook_url, sandbox.webhook_secret = f"{address}/webhooks/acme-jira", "shared"
        sandbox.set_status("ACME-3", "done")
        sandbox.move("ACME-3", "ACME-7")
        sandbox.delete("ACME-3")
        sandbox.archive_project("ACME")
        assert sandbox.hooks.wait()
    assert all(verify(["shared"], raw, dialect.signature(headers)) for headers, raw in door.got)
    assert len({dialect.delivery(headers, raw).key for headers, raw in door.got}) == 4
    status, moved, deleted, archived = [dialect.parse(headers, raw)[0] for headers, raw in door.got]
    one, seven = sandbox.world.issues, sandbox.world
    assert status.parent_refs == (next(ref for ref, issue in one.items() if issue["key"] == "ACME-1"),)
    assert len(moved.parent_refs) == 2
    assert deleted.kind == "deleted"
    assert (archived.kind, archived.container) == ("scope", "ACME")
    assert seven.find("ACME-3") is None


def test_a_door_that_is_down_gets_the_same_delivery_again(sandbox):
    door = Door(down=2)
    sandbox.hooks.pauses = (0.01, 0.01, 0.01)
    with running(door) as address:
        sandbox.webhook_url = address
        sandbox.set_status("ACME-3", "done")
        assert sandbox.hooks.wait()
    assert [headers.get("x-atlassian-webhook-retry") for headers, _ in door.got] == [None, "1", "2"]
    assert len({headers["x-atlassian-webhook-identifier"] for headers, _ in door.got}) == 1
    assert "x-hub-signature" not in door.got[0][0]
    assert sandbox.hooks.sent == [("jira:issue_updated", 200)]


def test_writing_a_panel_echoes_only_what_is_ignored(host, sandbox, make):
    door = Door()
    with running(door) as address:
        sandbox.webhook_url = address
        sandbox.world.settings["actor"] = {"accountId": "acc-alice"}
        host.write_panel("ACME-1", make.panel(make.key_result()), {})
        assert sandbox.hooks.wait()
    assert {dialect.parse(headers, raw).reason for headers, raw in door.got} == {"remote link only", "own property"}
    assert {json.loads(raw)["user"]["accountId"] for _, raw in door.got} == {host.identify()}
