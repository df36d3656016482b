"""Describing, resolving, fetching and walking, through the real client and a real socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.model import Category
from connector.errors import Refused
from connector.hosts.base import Resolution, Wanted
from connector.hosts.jira.fields import EPIC_LINK
from connector.hosts.jira.sandbox_fields import POINTS
from mappings.rules import Selector, SelectorKind


def ref(sandbox, key):
    return sandbox.world.find(key)["id"]


# --- describe --------------------------------------------------------------------------------------------------------------


def test_describe_tells_account_projects_and_roles(host, sandbox):
    for number in range(120):
        sandbox.world.projects[f"P{number:03}"] = {"id": str(50000 + number), "key": f"P{number:03}", "name": "x", "archived": False}
    told = host.describe()
    assert told.account == "OKR bot (bot@acme.example)"
    assert told.bot_id == "5b10a2844c20165700ede21g"
    assert len(told.containers) == 121
    assert told.containers[0].key == "ACME"
    assert {info.name: info.role for info in told.fields}["Story Points"] == "points"
    assert {info.name: info.role for info in told.fields}["Customers"] == "number"
    assert told.warnings == ()


def test_describe_names_missing_rights_with_the_mend(host, sandbox):
    sandbox.rest.denied = {"LINK_ISSUES"}
    (warning,) = host.describe().warnings
    assert "ACME" in warning
    assert "Link issues" in warning


# --- resolve ---------------------------------------------------------------------------------------------------------------


def test_resolve_epics_to_ids_and_titles(host, sandbox, make):
    found = host.resolve(make.epics("ACME-1", "ACME-7"), ["", "Customers"])
    assert found.refs == {"ACME-1": ref(sandbox, "ACME-1"), "ACME-7": ref(sandbox, "ACME-7")}
    assert found.titles[found.refs["ACME-1"]] == "Guided set-up"
    assert found.fields == {"": (POINTS, "customfield_10026"), "Customers": ("customfield_10030",)}


def test_resolve_names_every_unknown_epic(host, make):
    with pytest.raises(Refused, match="ACME-98, ACME-99 do not exist"):
        host.resolve(make.epics("ACME-1", "ACME-98", "ACME-99"), [])


def test_resolve_keeps_the_id_of_an_epic_that_is_gone(host, sandbox, make):
    before = host.resolve(make.epics("ACME-1"), [])
    sandbox.delete("ACME-1")
    after = host.resolve(make.epics("ACME-1"), [], before)
    assert after.refs == before.refs
    assert after.missing == ("ACME-1",)


def test_a_moved_epic_is_found_by_id_and_by_its_old_key(host, sandbox, make):
    before = host.resolve(make.epics("ACME-1"), [])
    sandbox.world.projects["NEW"] = {"id": "10009", "key": "NEW", "name": "New", "archived": False}
    assert sandbox.move_to_project("ACME-1", "NEW") == "NEW-1"
    assert host.resolve(make.epics("ACME-1"), [], before).refs == before.refs
    assert host.resolve(make.epics("ACME-1"), []).refs == before.refs


def test_unknown_field_names_near_ones_and_renames_change_nothing(host, build, sandbox, make):
    with pytest.raises(Refused, match="did you mean 'Customers'"):
        host.resolve(make.epics("ACME-1"), ["Custumers"])
    known = host.resolve(make.epics("ACME-1"), ["Customers"])
    sandbox.world.settings["fields"][5] = {**sandbox.world.settings["fields"][5], "name": "Kunden"}
    assert build().resolve(make.epics("ACME-1"), ["Customers"], known).fields == known.fields


def test_fields_of_the_same_name_are_all_taken_in_order(host, sandbox, make):
    twin = {**sandbox.world.settings["fields"][5], "id": "customfield_10031"}
    sandbox.world.settings["fields"] = [*sandbox.world.settings["fields"], twin]
    assert host.resolve(make.epics("ACME-1"), ["Customers"]).fields["Customers"] == ("customfield_10030", "customfield_10031")


@pytest.mark.parametrize(
    ("jql", "words"),
    [
        ("project = NOPE", "The value 'NOPE' does not exist"),
        ("project = ACME AND", "ends too early"),
        ("colour = red", "Field 'colour' does not exist"),
        ("ORDER BY created", "Unbounded"),
    ],
)
def test_bad_jql_is_refused_in_jiras_words(host, make, jql, words):
    with pytest.raises(Refused, match=words):
        host.resolve(make.jql(jql), [])


@pytest.mark.parametrize("status", [404, 405])
def test_without_a_parser_the_search_judges(host, sandbox, make, status):
    sandbox.closed_paths = {"jql/parse": status}
    host.resolve(make.jql("project = ACME order by created"), [])
    with pytest.raises(Refused, match="colour"):
        host.resolve(make.jql("colour = red"), [])


def test_project_selector_gives_its_key_and_refuses_unknown(host):
    assert host.resolve(Selector(SelectorKind.PROJECT, project="ACME"), []).containers == ("ACME",)
    with pytest.raises(Refused, match="NOPE"):
        host.resolve(Selector(SelectorKind.PROJECT, project="NOPE"), [])


# --- fetch -----------------------------------------------------------------------------------------------------------------


def test_fetch_reads_past_the_lagging_index(host, sandbox, make):
    wanted = make.wanted(host, make.epics("ACME-1"), "")
    sandbox.index_lag = 600
    sandbox.set_status("ACME-3", "done")
    fetched = host.fetch_items([ref(sandbox, "ACME-3"), "999999"], [wanted])
    assert fetched.gone == ("999999",)
    (item,) = fetched.items
    assert (item.key, item.category, item.fields[POINTS], item.kind) == ("ACME-3", Category.DONE, 5.0, "issue")
    assert item.parents == (ref(sandbox, "ACME-1"),)
    assert item.updated_at.tzinfo is UTC
    assert item.url.endswith("/browse/ACME-3")


def test_fetch_takes_a_hundred_in_a_request(host, sandbox, make):
    refs = [ref(sandbox, sandbox.add_issue("ACME", parent="ACME-1")) for _ in range(250)]
    sandbox.forget_log()
    assert len(host.fetch_items(refs, []).items) == 250
    assert [len(body["issueIdsOrKeys"]) for _, _, body in sandbox.calls("bulkfetch")] == [100, 100, 50]


@pytest.mark.parametrize("status", [404, 405])
def test_without_bulkfetch_issues_are_read_one_by_one(host, sandbox, status):
    sandbox.closed_paths = {"bulkfetch": status}
    fetched = host.fetch_items([ref(sandbox, "ACME-3"), "999999"], [])
    assert [item.key for item in fetched.items] == ["ACME-3"]
    assert fetched.gone == ("999999",)


def test_a_wrong_address_makes_nothing_gone(host, sandbox):
    sandbox.closed_paths = {"rest/api": 404}
    with pytest.raises(Exception, match="404"):
        host.fetch_items([ref(sandbox, "ACME-3")], [])


def test_archived_and_deleted_issues_are_gone(host, sandbox):
    refs = [ref(sandbox, "ACME-3"), ref(sandbox, "ACME-4")]
    sandbox.delete("ACME-4")
    assert host.fetch_items(refs, []).gone == (refs[1],)
    sandbox.archive_project("ACME")
    assert host.fetch_items(refs, []).gone == tuple(refs)


# --- members ---------------------------------------------------------------------------------------------------------------


def test_members_trusts_no_index_for_what_just_changed(host, sandbox, make):
    wanted = make.wanted(host, make.jql('labels = onboarding AND statusCategory = Done ORDER BY "created" DESC'))
    three, two = ref(sandbox, "ACME-3"), ref(sandbox, "ACME-2")
    sandbox.index_lag = 600
    sandbox.set_status("ACME-3", "done")
    assert host.members([wanted], [two, three, ref(sandbox, "ACME-4")]) == {1: frozenset({two, three})}
    body = sandbox.calls("search/jql")[-1][2]
    assert body["reconcileIssues"]
    assert "ORDER" not in body["jql"]


def test_members_survives_a_deleted_id(host, sandbox, make):
    wanted = make.wanted(host, make.jql("labels = onboarding"))
    two, four = ref(sandbox, "ACME-2"), ref(sandbox, "ACME-4")
    sandbox.delete("ACME-4")
    assert host.members([wanted], [two, four]) == {1: frozenset({two})}


def test_many_queries_are_matched_together_and_a_broken_one_is_named(host, sandbox, make):
    texts = ["labels = onboarding", "project = ACME", "statusCategory = Done", "issuetype = Epic"]
    wanted = [make.wanted(host, make.jql(text), mapping=number) for number, text in enumerate(texts)]
    two = ref(sandbox, "ACME-2")
    sandbox.forget_log()
    told = host.members(wanted, [two])
    assert told == {0: frozenset({two}), 1: frozenset({two}), 2: frozenset({two}), 3: frozenset()}
    assert [path for _, path, _ in sandbox.log] == ["/rest/api/3/jql/match"]
    broken = Wanted(9, make.jql("colour = red"))
    with pytest.raises(Refused) as caught:
        host.members([*wanted, broken], [two])
    assert caught.value.details["mapping"] == 9


# --- walks -----------------------------------------------------------------------------------------------------------------


def test_walk_over_epics_sees_direct_children_once(host, sandbox, make):
    wanted = [make.wanted(host, make.epics("ACME-1"), "", mapping=1), make.wanted(host, make.epics("ACME-7", "ACME-1"), mapping=2)]
    queries = host.plan(wanted)
    assert len(queries) == 1
    items, refs = make.walk(host, queries)
    assert sorted(item.key for item in items) == ["ACME-2", "ACME-3", "ACME-4"]
    assert len(refs) == 3
    assert sandbox.calls("search/jql")[-1][2]["jql"] == "parent in (ACME-1, ACME-7)"


def test_short_pages_are_not_the_end(host, sandbox, make):
    for _ in range(30):
        sandbox.add_issue("ACME", parent="ACME-1")
    sandbox.rest.page_limit = 7
    items, _ = make.walk(host, host.plan([make.wanted(host, make.epics("ACME-1", "ACME-7"))]))
    assert len(items) == 33


def test_subtasks_are_walked_below_the_children(host, sandbox, make):
    sandbox.rest.page_limit = 1
    items, _ = make.walk(host, host.plan([make.wanted(host, make.epics("ACME-1", subtasks=True))]))
    assert sorted(item.key for item in items) == ["ACME-2", "ACME-3", "ACME-5"]
    assert {item.key: item.kind for item in items}["ACME-5"] == "subtask"
    # plain "parent in": the same question on every Jira, and what lies below a child counts whatever its type, as in ``belongs``
    assert all("subTaskIssueTypes" not in body["jql"] for _, _, body in sandbox.calls("search/jql"))


def test_ids_only_asks_for_ids_in_large_pages(host, sandbox, make):
    _, refs = make.walk(host, host.plan([make.wanted(host, make.epics("ACME-1"))], ids_only=True))
    assert len(refs) == 2
    body = sandbox.calls("search/jql")[-1][2]
    assert body["fields"] == ["id"]
    assert body["maxResults"] == 5000


def test_a_deleted_epic_does_not_break_the_walk_of_the_others(host, sandbox, make):
    wanted = make.wanted(host, make.epics("ACME-1", "ACME-7"))
    sandbox.delete("ACME-7")
    items, _ = make.walk(host, host.plan([wanted]))
    assert sorted(item.key for item in items) == ["ACME-2", "ACME-3"]
    sandbox.delete("ACME-1")
    assert make.walk(host, host.plan([wanted])) == ([], [])


def test_incremental_walks_use_relative_minutes(host, sandbox, make):
    old = datetime.now(UTC) - timedelta(days=3)
    for key in ("ACME-2", "ACME-3", "ACME-4"):
        sandbox.world.find(key)["fields"]["updated"] = old
    sandbox.set_status("ACME-4", "done")
    wanted = [make.wanted(host, make.epics("ACME-1", "ACME-7"))]
    items, _ = make.walk(host, host.plan(wanted, since=datetime.now(UTC) - timedelta(minutes=30)))
    assert [item.key for item in items] == ["ACME-4"]
    assert "updated >= -32m" in sandbox.calls("search/jql")[-1][2]["jql"]


def test_very_many_epics_are_asked_by_project_when_it_is_known(host):
    names = tuple(f"ACME-{number}" for number in range(1, 1101))
    wanted = Wanted(1, Selector(SelectorKind.EPICS, epics=names), Resolution(refs={name: name[5:] for name in names}, containers=("ACME",)))
    since = datetime.now(UTC) - timedelta(hours=1)
    assert len(host.plan([wanted])) == 22
    (query,) = host.plan([wanted], since=since)
    assert query.spec["projects"] == ["ACME"]
    (query,) = host.plan([wanted], ids_only=True)
    assert (query.spec["projects"], query.spec["fields"]) == (["ACME"], ["id"])


def test_epics_whose_project_is_unknown_are_asked_for_beside_the_projects(host):
    names = tuple(f"ACME-{number}" for number in range(1, 1101))
    known = Wanted(1, Selector(SelectorKind.EPICS, epics=names), Resolution(refs={name: name[5:] for name in names}, containers=("ACME",)))
    unknown = Wanted(2, Selector(SelectorKind.EPICS, epics=("NEW-1",)), Resolution(refs={"NEW-1": "99999"}))
    kinds = [query.spec["kind"] for query in host.plan([known, unknown], ids_only=True)]
    assert kinds == ["children", "projects"]


def test_a_project_that_is_no_longer_there_does_not_stop_the_walk_over_the_others(host, sandbox, make):
    sandbox.add_issue("OLD", "Story")
    names = tuple(f"ACME-{number}" for number in range(1, 1101))
    wanted = Wanted(
        1, Selector(SelectorKind.EPICS, epics=names), Resolution(refs={name: name[5:] for name in names}, containers=("ACME", "OLD"))
    )
    before = make.walk(host, host.plan([wanted], ids_only=True))[1]
    sandbox.archive_project("OLD")
    after = make.walk(host, host.plan([wanted], ids_only=True))[1]
    assert len(after) == len(before) - 1
    sandbox.archive_project("ACME")
    assert len(make.walk(host, host.plan([wanted], ids_only=True))[1]) == 0


def test_jql_and_project_walks(host, sandbox, make):
    text = 'labels = "onboarding" order by rank'.replace("rank", "created")
    wanted = [make.wanted(host, make.jql(text), mapping=number) for number in (4, 5)]
    wanted.append(make.wanted(host, Selector(SelectorKind.PROJECT, project="ACME"), mapping=6))
    wanted.append(make.wanted(host, Selector(SelectorKind.ISSUES, issues=("ACME-4",)), mapping=7))
    queries = host.plan(wanted)
    assert [query.members_of for query in queries] == [(), (4, 5), ()]
    assert [len(make.walk(host, [query])[1]) for query in queries] == [1, 2, 6]


def test_an_expired_page_token_says_so(host, sandbox, make):
    sandbox.rest.page_limit = 1
    (query,) = host.plan([make.wanted(host, make.epics("ACME-1"))])
    page = host.list_items(query)
    sandbox.rest.expire_tokens()
    with pytest.raises(Refused) as caught:
        host.list_items(query, page.cursor)
    assert caught.value.code == "cursor_expired"


def test_the_old_search_is_never_used(host, sandbox, make):
    make.walk(host, host.plan([make.wanted(host, make.epics("ACME-1"))]))
    assert not [path for _, path, _ in sandbox.log if path.endswith("/search")]


def test_an_epic_link_is_a_parent_too(host, sandbox, make):
    link = {"id": "customfield_10014", "name": "Epic Link", "custom": True, "schema": {"type": "any", "custom": EPIC_LINK}}
    sandbox.world.settings["fields"] = [*sandbox.world.settings["fields"], link]
    key = sandbox.add_issue("ACME", fields={"customfield_10014": "ACME-1"})
    wanted = make.wanted(host, make.epics("ACME-1"))
    (item,) = host.fetch_items([ref(sandbox, key)], [wanted]).items
    assert item.parents == (ref(sandbox, "ACME-1"),)
    (unknown,) = host.fetch_items([ref(sandbox, key)], []).items
    assert unknown.parents == ("ACME-1",)


def test_a_walk_fixes_its_time_at_the_first_page(host, sandbox, make):
    sandbox.rest.page_limit = 1
    (query,) = host.plan([make.wanted(host, make.epics("ACME-1"))], since=datetime.now(UTC) - timedelta(hours=1))
    first = host.list_items(query)
    host._now = lambda: datetime.now(UTC) + timedelta(hours=5)
    host.list_items(query, first.cursor)
    asked = [body["jql"] for _, _, body in sandbox.calls("search/jql")]
    assert asked[-1] == asked[-2]


def test_subtasks_changed_below_unchanged_stories_are_seen(host, sandbox, make):
    old = datetime.now(UTC) - timedelta(days=3)
    for key in ("ACME-2", "ACME-3", "ACME-5"):
        sandbox.world.find(key)["fields"]["updated"] = old
    sandbox.set_status("ACME-5", "new")
    wanted = [make.wanted(host, make.epics("ACME-1", subtasks=True))]
    items, _ = make.walk(host, host.plan(wanted, since=datetime.now(UTC) - timedelta(minutes=30)))
    assert "ACME-5" in {item.key for item in items}


def test_names_of_many_mappings_are_read_together_when_they_are_expected(host, sandbox, make):
    selectors = [make.epics("ACME-1"), make.epics("ACME-1", "ACME-2")]
    plain = [host.resolve(selector, ()) for selector in selectors]
    sandbox.forget_log()
    host.expect([Wanted(number, selector) for number, selector in enumerate(selectors)])
    assert [host.resolve(selector, ()) for selector in selectors] == plain
    assert len(sandbox.calls("bulkfetch")) == 1
    host.expect(())
    host.resolve(selectors[0], ())
    assert len(sandbox.calls("bulkfetch")) == 2
