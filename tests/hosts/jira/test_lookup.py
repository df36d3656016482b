"""What an admin looks for in Jira: epics, the judgement of a JQL, people; and what is told when a right is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InputError, Offline, Refused
from connector.hosts.base import HostPerson
from connector.hosts.jira.jql import summary_contains
from connector.hosts.jira.lookup import is_bounded
from connector.hosts.jira.sandbox_jql import Site, parse
from connector.hosts.jira.sandbox_tree import structure
from tests.hosts.jira.test_transport import SERVICE

USERS = [
    {"accountId": "a-alice", "displayName": "Alice Moreau", "emailAddress": "alice@acme.example"},
    {"accountId": "a-bob", "displayName": "Bob Okafor", "active": False},
    {"accountId": "a-app", "displayName": "Some app", "accountType": "app"},
    {"accountId": "a-desk", "displayName": "A customer", "accountType": "customer"},
]


@pytest.fixture
def people(sandbox):
    sandbox.world.settings["users"] = list(USERS)


def keys(choices):
    return [choice.key for choice in choices]


# --- epics -----------------------------------------------------------------------------------------------------------------


def test_epics_are_found_by_words_of_their_title(host, sandbox):
    (found,) = host.search("guided SET")
    assert (found.ref, found.key, found.title, found.kind) == ("10001", "ACME-1", "Guided set-up", "epic")
    assert (found.container, found.status) == ("ACME", "In Progress")
    assert found.url.endswith("/browse/ACME-1")
    assert host.requests == 2
    assert host.search("nothing like it") == []


def test_an_empty_text_gives_the_epics_changed_last(host, sandbox):
    assert keys(host.search("")) == ["ACME-7", "ACME-1"]
    sandbox.set_status("ACME-1", "done")
    assert keys(host.search("  ")) == ["ACME-1", "ACME-7"]
    assert keys(host.search("", limit=1)) == ["ACME-1"]


def test_one_project_or_all(host, sandbox):
    sandbox.add_issue("WEB", "Guided tour", type="Epic")
    assert keys(host.search("guided")) == ["WEB-1", "ACME-1"]
    assert keys(host.search("guided", container="web")) == ["WEB-1"]
    with pytest.raises(InputError, match="no project NOPE") as caught:
        host.search("guided", container="NOPE")
    assert caught.value.where == "container"


@pytest.mark.parametrize("text", ["ACME-3", "acme-3", "https://acme.atlassian.net/browse/ACME-3?focusedId=1"])
def test_a_whole_key_or_link_finds_an_issue_of_any_kind(host, text):
    (found,) = host.search(text)
    assert (found.key, found.kind) == ("ACME-3", "issue")
    assert host.requests == 1
    assert host.search(text, container="WEB") == []


def test_a_title_that_looks_like_a_key_is_found_as_well(host, sandbox):
    sandbox.add_issue(key="ACME-20", summary="GPT-5 for support", type="Epic")
    assert keys(host.search("GPT-5")) == ["ACME-20"]
    assert host.requests == 2


def test_epics_of_a_site_that_calls_them_otherwise(host, sandbox, monkeypatch):
    monkeypatch.setitem(sandbox_levels(), "Étape", 1)
    sandbox.add_issue(key="ACME-30", summary="Lancement", type="Étape")
    assert [(choice.key, choice.kind) for choice in host.search("lance")] == [("ACME-30", "epic")]


def sandbox_levels():
    from connector.hosts.jira import sandbox_world

    return sandbox_world.LEVELS


@pytest.mark.parametrize("container", ["ACME) OR (project = WEB", '"', "ACME-1", "../x", "A" * 300])
def test_a_project_that_cannot_be_one_is_no_part_of_a_query(host, sandbox, container):
    with pytest.raises(InputError):
        host.search("guided", container=container)
    assert sandbox.log == []


@pytest.mark.parametrize("text", ['x" OR project = ACME OR summary ~ "y', "a\\", '"', "~*?:/[]{}^", "set-up & more", "OR", "\x00\x1b"])
def test_odd_texts_are_words_or_nothing(host, text):
    assert [choice for choice in host.search(text) if choice.kind == "epic" and "set-up" not in choice.title] == []


@given(st.text())
def test_no_text_can_leave_its_quotes(text):
    jql = summary_contains(text)
    if jql:
        site = Site(frozenset(), lambda name: None, {}, None)  # type: ignore[arg-type]
        assert parse(jql, site).test is not None
        words = [clause.removeprefix('summary ~ "').removesuffix('*"') for clause in jql.split(" AND ")]
        assert all(word and not set(word) & set('"\\*~() ') for word in words)


# --- queries ---------------------------------------------------------------------------------------------------------------


def test_a_good_query_is_counted(host, sandbox):
    check = host.check_query("project = ACME AND statusCategory = Done ORDER BY updated")
    assert (check.errors, check.warnings, check.count) == ((), (), 2)
    assert sandbox.calls("jql/parse")[0][2] == {"queries": ["project = ACME AND statusCategory = Done ORDER BY updated"]}


@pytest.mark.parametrize(
    ("jql", "words"),
    [
        ("project = NOPE", "does not exist for the field 'project'"),
        ("project == ACME", "Error in the JQL Query"),
        ("nosuch = 3", "Field 'nosuch' does not exist"),
    ],
)
def test_errors_are_told_in_jiras_words(host, jql, words):
    check = host.check_query(jql)
    assert words in check.errors[0]
    assert check.count is None


@pytest.mark.parametrize("jql", ["", "   ", "ORDER BY updated DESC"])
def test_a_query_without_restriction_is_refused_before_asking(host, sandbox, jql):
    assert "restricts nothing" in host.check_query(jql).errors[0]
    assert sandbox.log == []


def test_a_query_over_every_project_is_warned_of(host):
    check = host.check_query("statusCategory = Done")
    assert check.errors == ()
    assert "every project" in check.warnings[0]
    assert check.count == 2


@pytest.mark.parametrize(
    ("jql", "bounded"),
    [
        ("project = ACME", True),
        ("project in (ACME, WEB) and status = Done", True),
        ("status = Done and (labels = a or parent = ACME-1)", True),
        ("status = Done or project = ACME", False),
        ("not project = ACME", False),
        ("project != ACME", False),
        ("parent is empty", False),
        ("parent is not empty", False),
        ("sprint in openSprints()", True),
        ("summary ~ x", False),
    ],
)
def test_what_keeps_a_query_within_bounds(jql, bounded):
    assert is_bounded(structure(jql)["where"]) is bounded


def test_a_count_that_jira_refuses_is_an_error_and_an_outage_is_raised(host, sandbox):
    sandbox.fail(path="approximate-count", status=400, body=b'{"errorMessages": ["Too complex"], "errors": {}}')
    assert "Too complex" in host.check_query("project = ACME").errors[0]
    sandbox.fail(path="approximate-count", status=502)
    with pytest.raises(Offline):
        host.check_query("project = ACME")


# --- people ----------------------------------------------------------------------------------------------------------------


def test_accounts_are_active_deactivated_or_gone(host, sandbox, people):
    assert host.accounts(["a-alice", "a-bob", "a-nobody"]) == {"a-alice": True, "a-bob": False, "a-nobody": False}
    assert host.requests == 1
    assert host.accounts([]) == {}


def test_many_accounts_are_asked_for_in_batches_and_pages(host, sandbox):
    sandbox.world.settings["users"] = [{"accountId": f"a-{number}"} for number in range(120)]
    asked = [f"a-{number}" for number in range(125)]
    found = host.accounts(asked)
    assert host.requests == 3
    assert [account for account, active in found.items() if not active] == asked[120:]


def test_without_the_right_nothing_is_known_of_anybody(host, build, sandbox, people):
    sandbox.fail(path="user/bulk", status=403)
    assert host.accounts(["a-alice", "a-nobody"]) == {"a-alice": None, "a-nobody": None}
    sandbox.world.settings["scopes"] = "read:jira-work"
    assert build(SERVICE).accounts(["a-alice"]) == {"a-alice": None}


def test_an_outage_or_a_bad_login_is_not_taken_for_people_who_left(host, build, sandbox, people):
    sandbox.fail(path="user/bulk", status=503)
    with pytest.raises(Offline):
        host.accounts(["a-alice"])
    with pytest.raises(Refused) as caught:
        build({"email": "bot@acme.example", "api_token": "wrong-token"}).accounts(["a-alice"])
    assert caught.value.parks


def test_people_come_in_pages_without_apps_and_customers(host, sandbox, people):
    first = host.people()
    assert first.people == (
        HostPerson("a-alice", "Alice Moreau", "alice@acme.example", True),
        HostPerson("a-bob", "Bob Okafor", None, False),
    )
    last = host.people(cursor=first.cursor)
    assert (last.people, last.cursor) == ((), None)


def test_people_by_name(host, people):
    assert [person.account for person in host.people("MOREAU").people] == ["a-alice"]


def test_people_without_the_right_are_refused_with_the_mend_and_park_nothing(host, build, sandbox, people):
    sandbox.rest.denied = {"USER_PICKER"}
    with pytest.raises(Refused, match="Browse users and groups") as caught:
        host.people()
    assert not caught.value.parks
    sandbox.rest.denied = set()
    sandbox.world.settings["scopes"] = "read:jira-work"
    with pytest.raises(Refused, match="read:jira-user") as caught:
        build(SERVICE).people("ali")
    assert not caught.value.parks
