"""Issues, fields and texts as real sites send them, and as none should."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Category, Item, Unknown
from connector.hosts.jira import fields as f

FIXTURES = Path(__file__).parents[2] / "fixtures" / "jira-api"


def load(name):
    return json.loads((FIXTURES / name).read_text())


def item(fields, **more):
    return f.read_item({"id": "1", "key": "ACME-1", "fields": fields}, site="https://acme.atlassian.net/", **more)


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*SP-*.json")), ids=lambda path: path.stem)
def test_recorded_cloud_issues(path):
    data = json.loads(path.read_text())
    read = f.read_item(data, site="https://improvingflow.atlassian.net")
    assert read.ref == data["id"]
    assert read.key == data["key"]
    assert read.container == "SP"
    assert read.category.value == data["fields"]["status"]["statusCategory"]["key"]
    assert read.created_at.tzinfo is UTC
    assert read.updated_at is not None


def test_a_recorded_server_issue():
    data = load("jenkins-jira-trigger/issue_with_customfield.json")
    custom = [name for name in data["fields"] if name.startswith("customfield")]
    read = f.read_item(data, site="http://localhost:2990/jira", wanted=custom)
    assert (read.ref, read.key, read.kind, read.category) == ("11120", "TEST-136", "issue", Category.NEW)
    assert read.url == "http://localhost:2990/jira/browse/TEST-136"
    assert set(read.fields) == set(custom)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-09-06T04:34:26.239+0000", datetime(2021, 9, 6, 4, 34, 26, 239000, UTC)),
        ("2021-09-06T06:34:26.000+0200", datetime(2021, 9, 6, 4, 34, 26, 0, UTC)),
        ("2021-09-06", datetime(2021, 9, 6, tzinfo=UTC)),
        (1795167000000, datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        (10**20, None),
    ],
)
def test_moments(text, moment):
    assert f.read_moment(text) == moment


def test_points_are_found_by_schema_and_never_by_id():
    infos = f.read_fields(
        [
            {"id": "customfield_1", "name": "Schätzung", "schema": {"type": "number", "custom": f.POINTS_TEAM}},
            {"id": "customfield_2", "name": "Story Points", "schema": {"type": "number", "custom": f.FLOAT}},
            {"id": "customfield_3", "name": "Revenue", "schema": {"type": "number", "custom": f.FLOAT}},
            {"id": "customfield_4", "name": "Story Points", "schema": {"type": "string", "custom": "x:textfield"}},
            {"id": "customfield_5", "name": "Epic Link", "schema": {"type": "any", "custom": f.EPIC_LINK}},
            {"name": "no id"},
            None,
        ]
    )
    assert f.point_fields(infos) == ("customfield_1", "customfield_2")
    assert f.find_fields(infos, "Story Points") == ("customfield_2", "customfield_4")
    assert f.find_fields(infos, "customfield_3") == ("customfield_3",)
    assert f.find_fields(infos, "revenue") == ("customfield_3",)
    assert f.find_fields(infos, "Nope") == ()
    assert f.epic_link_field(infos) == "customfield_5"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (None, None),
        (0, 0.0),
        (3, 3.0),
        (True, True),
        ("x", "x"),
        ({"value": "Gold", "child": {"value": "EU"}}, "Gold / EU"),
        ({"name": "High"}, "High"),
        ({"displayName": "Alice"}, "Alice"),
        ([{"value": "a"}, {"value": "b"}], ("a", "b")),
        ([], ()),
        (["com.atlassian.greenhopper.service.sprint.Sprint@1[id=1,name=Sprint 7,state=ACTIVE]"], ("Sprint 7",)),
        ({"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "hi"}]}]}, "hi"),
    ],
)
def test_values(raw, value):
    assert f.read_value(raw) == value


@pytest.mark.parametrize("raw", [{}, {"odd": 1}, [{"odd": 1}], 10**400])
def test_what_cannot_be_read_is_unknown_and_never_zero(raw):
    assert isinstance(f.read_value(raw), Unknown)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ({"hierarchyLevel": 1, "subtask": False, "name": "Initiative"}, "epic"),
        ({"hierarchyLevel": 0, "name": "Epic"}, "issue"),
        ({"subtask": True, "name": "Teilaufgabe"}, "subtask"),
        ({"hierarchyLevel": -1}, "subtask"),
        ({"name": "Epic"}, "epic"),
        (None, "issue"),
    ],
)
def test_kinds(kind, expected):
    assert item({"issuetype": kind}).kind == expected


@pytest.mark.parametrize(
    ("fields", "category"),
    [
        ({"status": {"name": "Done", "statusCategory": {"key": "new"}}}, Category.NEW),
        ({"status": {"name": "Done"}}, Category.UNDEFINED),
        ({"status": {"statusCategory": {"key": "brand-new"}}}, Category.UNDEFINED),
        ({"status": {"statusCategory": {"id": 3}}}, Category.DONE),
        ({"status": None, "statusCategory": {"key": "indeterminate"}}, Category.STARTED),
    ],
)
def test_done_is_the_category_and_never_the_name(fields, category):
    assert item(fields).category == category


def test_parents_from_parent_or_epic_link():
    assert item({"parent": {"id": "7", "key": "ACME-7"}, "customfield_5": "ACME-1"}, epic_link="customfield_5").parents == ("7",)
    assert item({"parent": None, "customfield_5": "ACME-1"}, epic_link="customfield_5").parents == ("ACME-1",)
    assert item({"customfield_5": "ACME-1"}, epic_link="customfield_5", ids={"ACME-1": "1000"}).parents == ("1000",)
    assert item({"customfield_5": {"data": {"id": 9, "key": "A-9"}}}, epic_link="customfield_5").parents == ("9",)
    assert item({}).parents == ()


def test_text_of_a_document_and_back():
    assert f.plain_text(f.document("one\ntwo")) == "one\ntwo"
    body = {
        "type": "doc",
        "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "/okr 64"}, {"type": "hardBreak"}, {"type": "text", "text": "ok"}]},
            {
                "type": "paragraph",
                "content": [{"type": "mention", "attrs": {"id": "a", "text": "@Alice"}}, {"type": "emoji", "attrs": {"shortName": ":+1:"}}],
            },
        ],
    }
    assert f.plain_text(body) == "/okr 64\nok\n@Alice:+1:"
    assert f.plain_text("wiki *text*") == "wiki *text*"
    assert f.plain_text(None) == ""


def test_a_text_nested_beyond_reason_does_no_harm():
    node = {"type": "text", "text": "deep"}
    for _ in range(5000):
        node = {"type": "paragraph", "content": [node]}
    assert f.plain_text(node) == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "key", "value", "name", "content", "type", "data"]), inner)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*f.BASE_FIELDS, "customfield_1", "statusCategory"]), json_values), json_values)
def test_any_answer_gives_an_item_or_nothing(fields, issue):
    read = item(fields, wanted=["customfield_1"], epic_link="customfield_1")
    assert isinstance(read, Item)
    value = read.fields.get("customfield_1")
    assert not (isinstance(value, float) and math.isnan(value))
    f.read_item(issue, site="")
    f.read_fields(issue)
    f.plain_text(issue)
