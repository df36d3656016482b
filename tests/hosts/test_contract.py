"""What every host must do alike, whatever its kind: one scenario per promise of the seam, run against each host's stand-in."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from connector.errors import Busy, HostError, Offline, Refused
from connector.hosts.base import Choice, ConnectionSettings, Host, Page, Wanted
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.limits import Budget
from connector.hosts.notion.sandbox import NotionSandbox
from connector.hosts.registry import HOSTS
from mappings.rules import Selector, SelectorKind
from tests.support.standin import running

SECRET = "planted-webhook-secret"
WRONG = "planted-wrong-token"


@dataclass
class Place:
    """One kind of host with a little work in it: two people, one of whom has left, an app, and 230 items below one thing."""

    kind: str
    box: Any
    url: str
    auth: dict[str, str]
    selector: Selector
    container: str
    here: str
    left: str
    forbid_people: Callable[[], None]

    def host(self, **auth: str) -> Host:
        """A host object; ``auth`` replaces credentials."""
        settings = ConnectionSettings("acme", self.kind, self.url, {**self.auth, **auth}, {"requests_per_minute": 100_000})
        built: Host = HOSTS[self.kind].build(settings, budget=Budget("acme"), allow_private=True)
        return built

    def fail(self, **how: Any) -> None:
        """Make the next requests go wrong."""
        self.box.fail(**how)


def jira_place(url: str, box: JiraSandbox) -> Place:
    box.world.settings["users"] = [
        {"accountId": "acc-alice", "displayName": "Alice Moreau", "emailAddress": "alice@acme.example"},
        {"accountId": "acc-app", "displayName": "An app", "accountType": "app"},
    ]
    box.add_issue(key="ACME-1", summary="Guided set-up", type="Epic")
    for number in range(230):
        box.add_issue(key=f"ACME-{number + 2}", summary=f"Story {number}", parent="ACME-1")
    auth = {"email": "bot@acme.example", "api_token": "sandbox-token"}
    selector = Selector(SelectorKind.EPICS, epics=("ACME-1",))
    return Place("jira", box, url, auth, selector, "ACME", "acc-alice", "acc-bob", lambda: box.rest.denied.add("USER_PICKER"))


def notion_place(url: str, box: NotionSandbox) -> Place:
    database, source = box.world.add_database("Guided set-up", {"Seats": "number"})
    for number in range(230):
        box.world.add_row(source, {"Name": f"Row {number}"})
    here, left = box.world.add_person("Alice Moreau", "alice@acme.example"), box.world.add_person("Bob", "bob@acme.example")
    box.world.remove_person(left)
    selector = Selector(SelectorKind.DATABASE, database=database)
    return Place("notion", box, url, {"token": "ntn_sandbox"}, selector, source, here, left, lambda: box.missing.add("user"))


@pytest.fixture(params=sorted(HOSTS))
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    box, make = {"jira": (JiraSandbox(), jira_place), "notion": (NotionSandbox(), notion_place)}[request.param]
    with running(box) as url:
        yield make(url, box)  # type: ignore[operator]


@pytest.fixture
def host(place: Place) -> Iterator[Host]:
    found = place.host()
    yield found
    found.close()


def test_every_method_of_the_seam_has_the_same_parameters(host: Host) -> None:
    for name, promised in inspect.getmembers(Host, inspect.isfunction):
        if not name.startswith("_"):
            wanted = [(each.name, each.kind, each.default) for each in inspect.signature(promised).parameters.values()]
            given = [(each.name, each.kind, each.default) for each in inspect.signature(getattr(type(host), name)).parameters.values()]
            assert given == wanted, name


def test_every_host_names_the_same_things(place: Place) -> None:
    module = HOSTS[place.kind]
    assert place.kind == module.NAME
    assert module.TITLE
    assert isinstance(module.ONE_ADDRESS, bool)
    settings = ConnectionSettings("acme", place.kind, place.url, place.auth)
    assert module.complete_auth(settings, budget=Budget("acme"), allow_private=True) == place.auth
    assert module.is_renewed(place.auth) is False
    assert module.webhook_secret(place.auth) == ""
    assert module.containers_of([]) in (None, frozenset())


def test_the_connection_test_tells_who_we_are_and_what_is_missing(host: Host) -> None:
    told = host.describe()
    assert told.account
    assert told.bot_id == host.identify()
    assert told.warnings == told.notes == ()
    assert told.containers


def test_what_can_be_mapped_is_found_in_two_requests(place: Place, host: Host) -> None:
    for text, container in (("Guided", ""), ("", ""), ("", place.container), ("no such thing", "")):
        before = host.requests
        found = host.search(text, container=container, limit=5)
        assert host.requests - before <= 2
        assert len(found) <= 5
        assert all(isinstance(each, Choice) and each.ref and each.title and each.url.startswith("http") for each in found)
    (epic,) = host.search("Guided")
    assert (epic.title, epic.open_children) == ("Guided set-up", None)
    assert host.search("no such thing") == []


def test_what_was_found_can_be_mapped(place: Place, host: Host) -> None:
    (found,) = host.search("Guided")
    name = found.key or found.ref
    selector = dataclasses.replace(place.selector, **({"epics": (name,)} if place.kind == "jira" else {"database": name}))
    wanted = Wanted(1, selector, host.resolve(selector, ()))
    assert sum(len(host.list_items(query).items) for query in host.plan([wanted])) == 100


def test_a_whole_walk_is_the_same_read_quickly(place: Place, host: Host) -> None:
    wanted = [Wanted(1, place.selector, host.resolve(place.selector, ()))]
    pages: list[Page] = []
    (query,) = host.plan(wanted)
    assert host.read_all(query, 10_000, pages.append)
    assert sum(len(page.items) for page in pages) == 230
    assert len({item.ref for page in pages for item in page.items}) == 230
    assert not host.read_all(query, 120, lambda page: None)


def test_a_query_is_judged_and_never_a_crash(place: Place, host: Host) -> None:
    for text in ("", "project = ACME", "((", '"', "ORDER BY", "x" * 5000):
        check = host.check_query(text)
        assert check.errors or place.kind == "jira"
        assert check.count is None or not check.errors


def test_accounts_are_here_gone_or_unknown(place: Place, host: Host) -> None:
    assert host.accounts([place.here, place.left]) == {place.here: True, place.left: False}
    place.fail(path="/user", status=403, **({} if place.kind == "jira" else {"code": "restricted_resource"}))
    assert host.accounts([place.here]) == {place.here: None}


def test_people_can_be_listed_to_the_end_without_apps(place: Place, host: Host) -> None:
    names, cursor = [], None
    for _ in range(10):
        page = host.people(cursor=cursor)
        names += [person.name for person in page.people]
        cursor = page.cursor
        if cursor is None:
            break
    assert cursor is None
    assert "Alice Moreau" in names
    assert not {"An app", "OKR bot"} & set(names)
    assert [person.account for person in host.people("alice@").people] == [place.here]


def test_people_who_may_not_be_listed_park_nothing(place: Place, host: Host) -> None:
    place.forbid_people()
    with pytest.raises(Refused) as caught:
        host.people()
    assert not caught.value.parks
    assert host.describe().notes


def test_the_webhook_is_made_or_told(place: Place, host: Host) -> None:
    url = "https://okr.acme.example/webhooks/acme"
    told = host.register_webhook(url, SECRET)
    assert told.created is (place.kind == "jira")
    assert set(told.events) <= HOSTS[place.kind].dialect.handled
    assert told.id if told.created else told.why and any(url in step for step in told.how)
    assert SECRET not in repr(told)
    assert host.register_webhook(url, SECRET) == told


def test_the_quota_is_json_or_unknown(place: Place, host: Host) -> None:
    host.identify()
    told = host.quota()
    assert told is not None
    assert set(told) == {"used", "limit", "remaining", "resets_at", "reason", "source", "at"}
    assert json.loads(json.dumps(dict(told))) == told
    place.fail(status=429, headers={"Retry-After": "5"})
    with pytest.raises(Busy):
        host.identify()
    told = host.quota()
    assert told is not None
    assert (told["used"], told["source"]) == (1.0, "host")


@pytest.mark.parametrize(
    "act",
    [
        lambda host, place: host.search("Guided"),
        lambda host, place: host.people(),
        lambda host, place: host.accounts([place.here]),
        lambda host, place: host.describe(),
    ],
    ids=["search", "people", "accounts", "describe"],
)
def test_outages_waits_and_bad_logins_are_told_apart_everywhere(place: Place, host: Host, act: Callable[[Host, Place], Any]) -> None:
    place.fail(status=502)
    with pytest.raises(Offline):
        act(host, place)
    place.fail(status=429, headers={"Retry-After": "7"})
    with pytest.raises(Busy) as busy:
        act(host, place)
    assert busy.value.retry_after == 7.0
    stranger = place.host(**{"api_token" if place.kind == "jira" else "token": WRONG})
    with pytest.raises(HostError) as caught:
        act(stranger, place)
    stranger.close()
    assert isinstance(caught.value, Refused)
    assert caught.value.parks
    assert WRONG not in f"{caught.value}{caught.value.details}"
    assert "check" in str(caught.value).casefold()
