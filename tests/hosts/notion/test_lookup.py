"""What an admin looks for in Notion: data sources, rows, people; what a missing capability does; how the webhook is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector.errors import InputError, Offline, Refused
from connector.hosts import notion
from connector.hosts.base import ConnectionSettings, HostPerson
from connector.hosts.limits import Budget
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.sandbox import NotionSandbox
from tests.hosts.notion.conftest import check

GONE = "99999999-9999-4999-8999-999999999999"
OAUTH = {"access_token": "ntn_sandbox", "refresh_token": "nrt_planted", "client_id": "c-1", "client_secret": "s-planted"}


@pytest.fixture
def deals(box: NotionSandbox) -> dict[str, str]:
    status = {"type": "status", "groups": {"To-do": ["Lead"], "Complete": ["Won"]}}
    database, source = box.world.add_database("Deals", {"Name": "title", "Stage": status, "OKR status": "status"})
    rows = {name: box.world.add_row(source, {"Name": name, "Stage": "Won"}) for name in ("Acme deal", "Beta deal")}
    return {"database": database, "source": source, **rows}


# --- databases and rows ------------------------------------------------------------------------------------------------


def test_a_title_finds_data_sources_and_then_rows(box: NotionSandbox, host: NotionHost, deals: dict[str, str]) -> None:
    box.world.add_page("Deal notes")  # in no database: nothing to map
    found = host.search("deal")
    assert [(each.kind, each.title) for each in found] == [("data_source", "Deals"), ("row", "Acme deal"), ("row", "Beta deal")]
    assert (found[0].ref, found[0].container, found[0].key) == (deals["source"], deals["database"], "")
    assert (found[1].ref, found[1].container, found[1].status) == (deals["Acme deal"], deals["source"], "Won")
    assert host.requests == 2
    assert [each.title for each in host.search("deal", limit=1)] == ["Deals"]
    assert host.requests == 3


def test_an_empty_text_gives_what_changed_lately(box: NotionSandbox, host: NotionHost, deals: dict[str, str]) -> None:
    assert host.search("")[0].title == "Deals"
    assert all(body["sort"]["direction"] == "descending" for _, _, _, body in box.log)


@pytest.mark.parametrize("form", ["{}", "https://www.notion.so/acme/Deals-{}", "https://app.notion.com/p/{}?v=1"])
def test_a_link_or_id_names_a_database_or_a_row(host: NotionHost, deals: dict[str, str], form: str) -> None:
    (database,) = host.search(form.format(deals["database"].replace("-", "")))
    assert (database.kind, database.ref, database.title) == ("database", deals["database"], "Deals")
    (row,) = host.search(form.format(deals["Beta deal"].replace("-", "")))
    assert (row.kind, row.ref, row.container) == ("row", deals["Beta deal"], deals["source"])
    assert host.requests == 3


def test_a_row_opened_in_its_database_is_the_row(box: NotionSandbox, host: NotionHost, deals: dict[str, str]) -> None:
    link = f"https://www.notion.so/{deals['database'].replace('-', '')}?v=0&p={deals['Acme deal'].replace('-', '')}"
    assert [each.ref for each in host.search(link)] == [deals["Acme deal"]]
    assert host.requests == 1
    box.world.trash(deals["Acme deal"])
    assert host.search(link) == []
    assert host.search(GONE) == []


def test_rows_of_one_data_source_or_database(host: NotionHost, box: NotionSandbox, deals: dict[str, str]) -> None:
    _, other = box.world.add_database("Risks", {})
    box.world.add_row(other, {"Name": "Beta risk"})
    assert [each.title for each in host.search("Beta", container=deals["source"])] == ["Beta deal"]
    assert host.requests == 1
    assert [each.title for each in host.search("Beta", container=deals["database"])] == ["Beta deal"]
    assert {each.title for each in host.search("", container=deals["source"])} == {"Acme deal", "Beta deal"}
    with pytest.raises(InputError) as caught:
        host.search("Beta", container="no id")
    assert caught.value.where == "container"


def test_answers_of_the_stand_in_are_as_notion_types_them(host: NotionHost, box: NotionSandbox, deals: dict[str, str]) -> None:
    box.world.add_person("Alice Moreau", "alice@acme.example")
    check("ListUsersResponse", host._client.users())
    check("UserObjectResponse", host._client.user(box.world.data["person"]))
    found = host._client.call("POST", "search", body={"query": "deal"})
    check("SearchResponse", {**found, "results": []})
    assert len(found["results"]) == 3


def test_queries_are_a_jira_matter(host: NotionHost) -> None:
    assert "Jira" in host.check_query("project = ACME").errors[0]
    assert host.requests == 0


# --- people ------------------------------------------------------------------------------------------------------------


def test_members_are_active_and_who_left_is_not(box: NotionSandbox, host: NotionHost) -> None:
    alice, bob = box.world.add_person("Alice", "a@acme.example"), box.world.add_person("Bob", "b@acme.example")
    guest = box.world.add_person("Gus", "g@other.example", guest=True)
    box.world.remove_person(bob)
    asked = [alice.replace("-", ""), bob, guest, "no id"]
    assert host.accounts(asked) == {asked[0]: True, bob: False, guest: None, "no id": None}
    assert host.requests == 3
    assert host.accounts([]) == {}


def test_many_members_are_read_in_pages(box: NotionSandbox, host: NotionHost) -> None:
    everybody = [box.world.add_person(f"P{number}", f"p{number}@acme.example") for number in range(230)]
    assert set(host.accounts(everybody).values()) == {True}
    assert host.requests == 3


def test_without_user_information_nothing_is_known_of_anybody(box: NotionSandbox, host: NotionHost) -> None:
    alice = box.world.add_person("Alice", "a@acme.example")
    box.missing = {"user"}
    assert host.accounts([alice, GONE]) == {alice: None, GONE: None}
    with pytest.raises(Refused, match='"Read user information" is missing; tick it in Notion') as caught:
        host.people()
    assert not caught.value.parks
    told = host.describe()
    assert told.warnings == ("no database is shared with this connection: open one in Notion, ••• → Connections, and add it",)
    assert "Read user information" in told.notes[0]


def test_an_outage_is_not_taken_for_people_who_left(box: NotionSandbox, host: NotionHost) -> None:
    box.fail(path="/users", status=502)
    with pytest.raises(Offline):
        host.accounts([GONE])


def test_people_come_in_pages_without_bots(box: NotionSandbox, host: NotionHost) -> None:
    box.world.data["people"] = [{"id": box.world.data["person"], "name": "Zoe", "email": "zoe@acme.example"}]
    for number in range(120):
        box.world.add_person(f"P{number}", f"p{number}@acme.example")
    first = host.people()
    assert len(first.people) == 100
    assert first.people[0] == HostPerson(box.world.data["person"], "Zoe", "zoe@acme.example", True)
    last = host.people(cursor=first.cursor)
    assert (len(last.people), last.cursor) == (21, None)
    assert [each.name for each in host.people("ZOE@").people] == ["Zoe"]
    box.missing = {"user_email"}
    assert host.people("zoe").people[0].email is None


# --- capabilities and logins -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "act", "capability"),
    [
        ("read_content", lambda host, row: host.describe(), "Read content"),
        ("update_content", lambda host, row: host.write_values(row, {"Name": "x"}), "Update content"),
        ("insert_comments", lambda host, row: host.notify(row, [], "x"), "Insert comments"),
        ("read_comments", lambda host, row: host.fetch_comment(row, GONE), "Read comments"),
    ],
)
def test_a_missing_capability_is_named_with_the_mend(
    box: NotionSandbox, host: NotionHost, deals: dict[str, str], missing: str, act: Callable[..., Any], capability: str
) -> None:
    box.missing = {missing}
    with pytest.raises(Refused, match=f'"{capability}" is missing; tick it in Notion') as caught:
        act(host, deals["Acme deal"])
    assert caught.value.code == "restricted_resource"


def test_used_up_blocks_are_not_called_a_missing_capability(box: NotionSandbox, host: NotionHost, deals: dict[str, str]) -> None:
    box.block_limit = True
    with pytest.raises(Refused) as caught:
        host._client.append(deals["Acme deal"], [{"type": "paragraph", "paragraph": {"rich_text": []}}], {"type": "end"})
    assert "capability" not in str(caught.value)
    box.log.clear()  # a paragraph is no part of what we send, so not for the check of our own requests


def test_a_permission_by_oauth_works_and_says_how_to_renew_it(base: str, box: NotionSandbox) -> None:
    settings = ConnectionSettings("acme-notion", "notion", base, OAUTH)
    host = notion.build(settings, budget=Budget("acme-notion"), allow_private=True)
    assert host.describe().bot_id == box.world.data["bot"]
    box.token = "ntn_other"
    with pytest.raises(Refused, match="connect the workspace again") as caught:
        host.identify()
    assert caught.value.parks
    assert "planted" not in f"{caught.value}{settings!r}{host.settings!r}"
    host.close()


def test_a_refused_token_says_what_to_check(make_host: Callable[..., NotionHost]) -> None:
    with pytest.raises(Refused, match="has not been replaced"):
        make_host(token="ntn_wrong").identify()


@pytest.mark.parametrize(
    ("auth", "where"),
    [
        ({}, "auth.token"),
        ({"token": ""}, "auth.token"),
        ({"token": "a b"}, "auth.token"),
        ({"token": "x", "access_token": "y"}, "auth.access_token"),
        ({"access_token": "x"}, "auth.refresh_token"),
        ({**OAUTH, "client_secret": "x\n"}, "auth.client_secret"),
        ({**OAUTH, "more": "x"}, "auth.more"),
    ],
)
def test_credentials_of_the_wrong_shape_name_the_key(auth: dict[str, str], where: str) -> None:
    with pytest.raises(InputError) as caught:
        notion.check_auth(auth)
    assert caught.value.where == where


def test_credentials_need_no_completing(base: str) -> None:
    settings = ConnectionSettings("acme-notion", "notion", base, OAUTH)
    assert notion.complete_auth(settings, budget=Budget("n"), allow_private=True) == OAUTH


# --- webhook and quota -------------------------------------------------------------------------------------------------


def test_the_webhook_is_made_by_hand_and_every_value_is_told(host: NotionHost) -> None:
    url = "https://okr.acme.example/webhooks/acme-notion"
    told = host.register_webhook(url, "a-secret-of-ours")
    assert (told.created, told.id) == (False, "")
    assert f"Webhook URL: {url}" in told.how
    assert set(told.events) == notion.dialect.handled - {"automation"}
    assert all(event in " ".join(told.how) for event in told.events)
    assert "a-secret-of-ours" not in repr(told)
    assert host.requests == 0


def test_the_quota_is_our_own_budget_until_notion_tells(make_host: Callable[..., NotionHost], box: NotionSandbox) -> None:
    host = make_host(requests_per_minute=10)
    for _ in range(3):
        host.identify()
    told = host.quota()
    assert told is not None
    assert (told["used"], told["limit"], told["remaining"], told["source"]) == (0.3, 10, 7, "budget")
    box.fail(status=429, headers={"Retry-After": "30"})
    with pytest.raises(Exception, match="429"):
        host.identify()
    told = host.quota()
    assert told is not None
    assert (told["used"], told["source"]) == (1.0, "host")
