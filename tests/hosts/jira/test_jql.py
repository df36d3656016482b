"""Text of JQL: what may be cut off and what may not; and the stand-in's own reading of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.hosts.jira import jql
from connector.hosts.jira.sandbox_jql import JqlError, Site, parse

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SITE = Site(frozenset({"ACME"}), {"ACME-1": "1", "ACME-2": "2", "1": "1", "2": "2"}.get, {"story points": "customfield_1"}, NOW)
FACTS = {
    "key": "2",
    "project": "ACME",
    "parent": "1",
    "labels": ["onboarding"],
    "issuetype": "Story",
    "subtask": False,
    "status": "In review",
    "category": "indeterminate",
    "updated": NOW - timedelta(minutes=10),
    "customfield_1": 5,
}


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("project = A ORDER BY rank", "project = A"),
        ("project = A order   by rank DESC, key", "project = A"),
        ("project = A\nORDER\nBY rank", "project = A"),
        ('summary ~ "order by" AND project = A', 'summary ~ "order by" AND project = A'),
        ("summary ~ 'x order by y' order by z", "summary ~ 'x order by y'"),
        (r'summary ~ "a \" order by b" ORDER BY c', r'summary ~ "a \" order by b"'),
        ("reorder by x", "reorder by x"),
        ("ORDER BY created", ""),
        ("project = A AND (labels = x)ORDER BY created", "project = A AND (labels = x)"),
        ("ordering = 1", "ordering = 1"),
    ],
)
def test_order_by_is_cut_outside_quotes_only(text, bare):
    assert jql.strip_order_by(text) == bare


@given(st.text(max_size=30))
def test_a_quoted_value_is_never_cut(value):
    text = f"summary ~ {jql.quoted(value)}"
    assert jql.strip_order_by(f"{text} ORDER BY x") == text


@given(st.text(alphabet='"\\ abc()', max_size=20))
def test_quoting_survives_the_reader(value):
    test = parse(f"status = {jql.quoted(value)}", SITE).test
    assert test({"status": value})


def test_joining_keeps_or_inside():
    assert jql.both("a = 1 OR b = 2 ORDER BY c", "id in (1)") == "(a = 1 OR b = 2) AND id in (1)"
    assert jql.issue_list(["ACME-1", "10", "x) OR (y"]) == 'ACME-1, 10, "x) OR (y"'


def test_since_is_relative_and_rounds_outwards():
    assert jql.updated_since(NOW - timedelta(seconds=61), NOW) == "updated >= -3m"
    assert jql.updated_since(NOW + timedelta(hours=1), NOW) == "updated >= -1m"


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("project = acme", True),
        ("parent in (ACME-1, ACME-2)", True),
        ("parent = ACME-2", False),
        ("id in (2)", True),
        ("key = ACME-1 OR labels in (onboarding, x)", True),
        ("NOT labels = onboarding", False),
        ("labels not in (x)", True),
        ('statusCategory = "In Progress" AND status != Done', True),
        ("updated >= -15m", True),
        ("updated >= -5m", False),
        ("issuetype in subTaskIssueTypes()", False),
        ("issuetype in standardIssueTypes() AND (project = ACME)", True),
        ('"Story Points" >= 5 AND "story points" < 6', True),
        ("resolution is EMPTY AND parent is not EMPTY", True),
        ("project = ACME ORDER BY created DESC, key", True),
    ],
)
def test_the_stand_in_reads(text, matches):
    assert parse(text, SITE).test(FACTS) is matches


@pytest.mark.parametrize(
    "text", ["project", "project =", "project = ACME AND", "(project = ACME", "project = ACME)", "a b c", "parent in ()", "x in f()", "!"]
)
def test_the_stand_in_refuses(text):
    with pytest.raises(JqlError):
        parse(text, SITE)


@given(st.text(alphabet="project=ACM ()\"'andorinot,-1!<>~", max_size=40))
def test_the_stand_in_only_raises_its_own_error(text):
    try:
        query = parse(text, SITE)
        if query.test:
            query.test(FACTS)
    except JqlError:
        return
