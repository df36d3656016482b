"""What people and platforms do to a workspace that feeds key results: move, trash, unshare, split, block, slow down, answer twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.rights import SYSTEM
from connector.errors import HostError, Refused
from connector.hosts.base import Host
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import connections
from connector.services import drain as drains
from connector.services import sync as syncs
from connector.services.connecting import checks
from connector.services.sites import connections_of_site, site_of
from connector.store.tables import Connection, Delivery, Item, Mapping, Objective, Run
from tests.support.standin import running
from tests.support.world import Company, company


class Workspace:
    """A database of deals, a key result that sums their seats, and an objective's page that shows it; events come as Notion sends them."""

    def __init__(self, people: Company, box: NotionSandbox, url: str, **options: Any) -> None:
        self.company, self.box, self.world, self.url = people, box, box.world, url
        self.connection = people.connection("acme-notion", "notion", url, {"token": box.token}, **options)
        self.connections = [self.connection]
        self.database, self.source = self.world.add_database("Deals", {"Name": "title", "Seats": "number"})
        self.page = self.world.add_page("Objective")
        people.objective(pages=[{"connection": self.connection, "ref": self.page}])
        people.key_result("kr-seats", unit="", start=0.0, target=100.0)
        self._told = len(box.events)

    def map(self, connection: int = 0, key_result: str = "kr-seats", **select_: Any) -> int:
        wanted = select_ or {"database": self.database}
        return self.company.mapping(key_result, connection or self.connection, select=wanted, measure={"sum": "Seats"})

    def row(self, seats: float) -> str:
        return self.world.add_row(self.source, {"Name": f"Deal of {seats}", "Seats": seats})

    def tell(self) -> None:
        """Every event since the last time, to every connection's own subscription."""
        news, self._told = self.box.events[self._told :], len(self.box.events)
        for event in news:
            for connection in self.connections:
                self.company.deliver(connection, json.dumps(event).encode())

    def forget(self) -> None:
        """What happened so far is told to nobody."""
        self._told = len(self.box.events)

    def work(self, ahead: float = 3.0) -> None:
        self.company.work(*self.connections)
        self.company.clock.ahead += ahead
        self.company.work(*self.connections)

    def night(self, *, full: bool = True) -> Run:
        run = syncs.sync_connection(self.company.runtime, self.connection, trigger="test", full=full)
        self.work()
        return run

    @property
    def current(self) -> float | None:
        return self.company.row("kr-seats").current

    @property
    def state(self) -> str:
        return self.company.row("kr-seats").state

    def broken(self, mapping: int) -> str:
        with self.company.runtime.store.read() as session:
            return session.get_one(Mapping, mapping).broken or ""

    def stored(self, connection: int = 0) -> Connection:
        with self.company.runtime.store.read() as session:
            return session.get_one(Connection, connection or self.connection)

    def callouts(self) -> list[str]:
        return [
            "".join(run["text"]["content"] for run in block["content"]["rich_text"])
            for block in self.world.data["blocks"].values()
            if block.get("type") == "callout" and not block.get("in_trash") and block["page"] == self.page
        ]


@pytest.fixture(autouse=True)
def nobody_lingers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due a moment later is due at the next ``work``: its clock goes ahead."""
    monkeypatch.setattr(drains, "LINGER", 0.0)


@pytest.fixture
def box() -> NotionSandbox:
    return NotionSandbox()


@pytest.fixture
def place(tmp_path: Path, box: NotionSandbox) -> Iterator[Workspace]:
    with running(box) as url, company(tmp_path) as people:
        yield Workspace(people, box, url)


# --- rows that go and come -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False], ids=["by webhook", "by the nightly run"])
@pytest.mark.parametrize("what", ["trash", "archive", "unshare", "move"])
def test_a_row_that_leaves_takes_its_number_with_it(place: Workspace, what: str, told: bool) -> None:
    _, elsewhere = place.world.add_database("Old deals", {"Name": "title", "Seats": "number"})
    place.row(10)
    row = place.row(30)
    place.map()
    place.work()
    assert place.current == 40.0
    place.forget()
    if what == "move":
        place.world.move_page(row, source=elsewhere)
    else:
        getattr(place.world, what)(row)
    if told and what != "unshare":  # no event tells that something is shared no more
        place.tell()
        place.work()
    else:
        place.night()
    assert place.current == 10.0
    assert place.state != "data_late"


@pytest.mark.parametrize("told", [True, False], ids=["by webhook", "by the nightly run"])
@pytest.mark.parametrize("what", ["trash", "unshare", "move"])
def test_a_row_that_comes_back_counts_again(place: Workspace, what: str, told: bool) -> None:
    _, elsewhere = place.world.add_database("Old deals", {"Name": "title", "Seats": "number"})
    place.row(10)
    row = place.row(30)
    place.map()
    leave = {"trash": place.world.trash, "unshare": place.world.unshare, "move": lambda row: place.world.move_page(row, source=elsewhere)}
    back = {"trash": place.world.restore, "unshare": place.world.share, "move": lambda row: place.world.move_page(row, source=place.source)}
    leave[what](row)
    place.work()
    assert place.current == 10.0
    place.forget()
    back[what](row)
    if what == "move":
        place.world.set_property(row, "Seats", 30)
    if told and what != "unshare":
        place.tell()
        place.work()
    else:
        place.night()
    assert place.current == 40.0


def test_a_database_in_the_trash_makes_the_data_late_and_not_zero(place: Workspace) -> None:
    place.row(10)
    mapping = place.map()
    place.work()
    place.forget()
    place.world.trash_database(place.database)
    place.night()
    assert (place.current, place.state) == (10.0, "data_late")
    assert place.broken(mapping)
    place.world.trash_database(place.database, restore=True)
    place.night()
    assert place.state != "data_late"


# --- databases with several data sources -----------------------------------------------------------------------------------


def test_a_data_source_that_is_added_changes_no_number(place: Workspace) -> None:
    """The one that was chosen at first is known by its id; a newcomer must not be taken for it, nor make it ambiguous."""
    place.row(10)
    mapping = place.map()
    place.work()
    second = place.world.add_data_source(place.database, "More deals", {"Seats": "number"})
    place.world.add_row(second, {"Name": "another", "Seats": 500})
    place.tell()
    place.work(ahead=20)
    place.night()
    assert (place.current, place.broken(mapping)) == (10.0, "")


def test_a_choice_between_data_sources_is_asked_for_and_never_made_silently(place: Workspace) -> None:
    place.world.add_data_source(place.database, "More deals", {"Seats": "number"})
    place.row(10)
    mapping = place.map()
    place.work()
    assert place.current is None
    told = place.broken(mapping)
    assert "More deals" in told
    assert "Deals" in told
    assert "data_source" in told


def test_a_data_source_that_was_removed_is_not_replaced_by_another_one(place: Workspace) -> None:
    place.row(10)
    mapping = place.map()
    place.work()
    data = place.world.data
    place.world.add_data_source(place.database, "More deals", {"Seats": "number"})
    place.world.add_data_source(place.database, "Yet more", {"Seats": "number"})
    data["databases"][place.database]["sources"].remove(place.source)
    del data["sources"][place.source]
    for ref in [ref for ref, page in data["pages"].items() if page["source"] == place.source]:
        del data["pages"][ref]
    place.night()
    assert (place.current, place.state) == (10.0, "data_late")
    assert "Yet more" in place.broken(mapping)


# --- time and windows ------------------------------------------------------------------------------------------------------


def test_edits_in_the_minute_of_the_last_look_are_not_lost(place: Workspace) -> None:
    """Notion rounds times down to the minute: what was edited just after a night has a time before it."""
    row = place.row(10)
    for number in range(3):
        place.row(number)
    place.map()
    place.work()
    place.night()
    place.world.set_property(row, "Seats", 25)
    place.forget()
    assert place.night(full=False).kind in ("changes", "full")
    assert place.current == 28.0


def test_more_rows_than_one_query_gives_are_all_counted(tmp_path: Path) -> None:
    box = NotionSandbox()
    box.cap = 25
    with running(box) as url, company(tmp_path) as people:
        place = Workspace(people, box, url)
        for number in range(70):
            place.world.add_row(place.source, {"Name": str(number), "Seats": 1}, created_at=f"2026-01-05T10:{number // 10:02}:00.000Z")
        place.map()
        place.work()
        assert place.current == 70.0


def test_more_rows_in_one_minute_than_one_query_gives_are_told_and_not_cut(tmp_path: Path) -> None:
    box = NotionSandbox()
    box.cap = 25
    with running(box) as url, company(tmp_path) as people:
        place = Workspace(people, box, url)
        for number in range(30):
            place.world.add_row(place.source, {"Name": str(number), "Seats": 1}, created_at="2026-01-05T10:00:00.000Z")
        mapping = place.map()
        place.work()
        with pytest.raises(Refused, match="minute") as caught:
            place.night()
        assert caught.value.code == "window_too_dense"
        assert place.current is None
        with people.runtime.store.read() as session:
            told = session.get_one(Mapping, mapping).error or ""
        assert "minute" in told


# --- limits and outages ----------------------------------------------------------------------------------------------------


def test_a_connection_that_notion_blocked_is_stopped_with_the_words_until_an_admin_resumes(place: Workspace) -> None:
    place.row(10)
    place.map()
    place.work()
    place.box.fail(status=429, headers={"Retry-After": "60"}, additional={"rate_limit_reason": "public_api_request_blocked"}, times=100)
    row = place.row(5)
    place.tell()
    place.work()
    parked = place.stored()
    assert parked.parked_at is not None
    assert "Notion's support" in (parked.parked_reason or "")
    asked = len(place.box.log)
    place.world.set_property(row, "Seats", 6)
    place.tell()
    for _ in range(3):
        place.work(ahead=4000.0)
    assert len(place.box.log) == asked  # not even to see whether it has ended
    assert place.state == "data_late"
    assert not checks.run_checks(place.company.runtime, SYSTEM, "acme-notion")["ok"]
    assert len(place.box.log) == asked + 1
    place.box.troubles.clear()
    assert checks.run_checks(place.company.runtime, SYSTEM, "acme-notion")["ok"]
    place.work()
    place.night()
    assert (place.stored().parked_at, place.current) == (None, 16.0)


def test_a_wish_to_wait_for_minutes_is_obeyed_and_nothing_is_lost(place: Workspace) -> None:
    row = place.row(10)
    place.map()
    place.work()
    place.box.fail(status=429, headers={"Retry-After": "300"}, additional={"rate_limit_reason": "public_api_request_rate_limit"})
    asked = len(place.box.log)
    for number in (20, 30, 40):
        place.world.set_property(row, "Seats", number)
        place.tell()
        place.work(ahead=60.0)
    assert len(place.box.log) == asked + 1
    place.company.clock.ahead += 400.0
    place.work()
    assert place.current == 40.0
    assert "40" in place.callouts()[0]


@pytest.mark.parametrize(
    ("path", "trouble"),
    [
        ("", {"status": 529}),
        ("", {"status": 502, "html": True}),
        ("", {"status": 403, "html": True}),
        ("", {"drop": True}),
        ("", {"status": 409}),
        ("/pages/", {"status": 409}),
        ("/pages/", {"status": 522, "html": True}),
        ("/blocks/", {"status": 409}),
        ("/blocks/", {"status": 503}),
        ("/blocks/", {"drop": True}),
    ],
    ids=str,
)
def test_a_bad_hour_parks_nothing_and_loses_nothing(place: Workspace, path: str, trouble: dict[str, Any]) -> None:
    row = place.row(10)
    place.map()
    place.work()
    place.box.fail(path=path, times=3, **trouble)
    place.world.set_property(row, "Seats", 33)
    place.tell()
    for _ in range(4):
        place.work(ahead=300.0)
    assert place.box.troubles == []
    assert (place.stored().parked_at, place.current) == (None, 33.0)
    [text] = place.callouts()
    assert "33" in text


@pytest.mark.parametrize("tell", [True, False], ids=["with what was written", "without a word"])
@pytest.mark.parametrize("write", ["create the callout", "change the callout", "set the properties"])
def test_a_write_that_was_carried_out_and_answered_503_is_not_made_twice(place: Workspace, write: str, tell: bool) -> None:
    row = place.row(10)
    paths = {"create the callout": "/children", "change the callout": "/blocks/", "set the properties": "/pages/"}
    if write == "set the properties":
        place.world.add_property(place.source, "OKR current", "number")
        page = place.row(0)
        with place.company.runtime.store.write() as session:
            session.get_one(Objective, "onboarding").pages = [{"connection": place.connection, "ref": page}]
        place.page = page
    place.map()
    if write != "create the callout":
        place.work()
        place.world.set_property(row, "Seats", 20)
        place.tell()
    for _ in range(2):
        place.box.fail(method="PATCH", path=paths[write], status=503, commit=True, tell=tell)
    for _ in range(4):
        place.work(ahead=60.0)
    place.box.troubles.clear()
    place.work(ahead=400.0)
    place.work()
    [text] = place.callouts()
    assert ("10" if write == "create the callout" else "20") in text
    writes = place.box.writes
    place.night()
    assert place.box.writes == writes


# --- two connections to one workspace --------------------------------------------------------------------------------------


def second(place: Workspace) -> int:
    found = place.company.connection("acme-notion-2", "notion", place.url, {"token": place.box.token})
    place.connections.append(found)
    for name in ("acme-notion", "acme-notion-2"):
        assert checks.run_checks(place.company.runtime, SYSTEM, name)["ok"]
    return found


def test_two_connections_to_one_workspace_both_measure_and_both_hear(place: Workspace) -> None:
    other = second(place)
    row = place.row(10)
    place.company.key_result("kr-more", unit="", start=0.0, target=100.0)
    place.map()
    place.map(connection=other, key_result="kr-more")
    place.work()
    place.world.set_property(row, "Seats", 15)
    place.tell()
    place.tell()
    place.work()
    assert (place.current, place.company.row("kr-more").current) == (15.0, 15.0)
    assert len(place.callouts()) == 1
    with place.company.runtime.store.read() as session:
        assert {each.state for each in session.scalars(select(Delivery))} <= {"done", "ignored"}
        assert len(session.scalars(select(Item).where(Item.ref == row)).all()) == 2


def test_connections_of_one_workspace_are_known_as_such_and_those_of_others_are_not(place: Workspace) -> None:
    """Every workspace of Notion has the same address."""
    other = second(place)
    stranger = place.company.connection("globex-notion", "notion", place.url, {"token": place.box.token})
    with place.company.runtime.store.write() as session:
        session.get_one(Connection, stranger).site = "another-workspace"
    unknown = place.company.connection("new-notion", "notion", place.url, {"token": place.box.token})
    with place.company.runtime.store.read() as session:
        rows = {row.id: row for row in session.scalars(select(Connection))}
        assert rows[place.connection].site == place.world.data["workspace"]
        assert [row.id for row in connections_of_site(session, rows[other])] == [place.connection, other]
        assert [row.id for row in connections_of_site(session, rows[stranger])] == [stranger]
        assert [row.id for row in connections_of_site(session, rows[unknown])] == [unknown]
        assert len({site_of(row) for row in rows.values()}) == 3


def test_a_connection_that_no_test_has_noted_learns_its_workspace_at_night(place: Workspace) -> None:
    place.map()
    assert place.stored().site == ""
    place.night()
    assert place.stored().site == place.world.data["workspace"]
    place.box.log.clear()
    place.night()
    assert not [path for _, path, _, _ in place.box.log if path.endswith("/users/me")]


@pytest.mark.parametrize(
    ("reason", "both"), [("public_api_space_request_rate_limit", True), ("public_api_request_rate_limit", False)], ids=["workspace", "one"]
)
def test_a_limit_of_the_workspace_lets_all_its_connections_wait(place: Workspace, reason: str, both: bool) -> None:
    other = second(place)
    stranger = place.company.connection("globex-notion", "notion", place.url, {"token": place.box.token})
    row = place.row(10)
    place.map()
    place.work()
    place.box.fail(status=429, headers={"Retry-After": "300"}, additional={"rate_limit_reason": reason})
    place.world.set_property(row, "Seats", 15)
    place.company.deliver(place.connection, json.dumps(place.box.events[-1]).encode())
    drains.drain(place.company.runtime, place.connection)
    now = place.company.runtime.epoch()
    assert place.stored().paused_until - now > 290.0
    assert (place.stored(other).paused_until - now > 290.0) is both
    assert place.stored(stranger).paused_until == 0.0


def _stopped(host: Host) -> HostError | None:
    try:
        host.identify()
    except HostError as error:
        return error
    return None


def test_work_that_nobody_waits_for_does_not_hold_up_what_people_wait_for(tmp_path: Path) -> None:
    """A night whose share of the budget is used up stops for a while; the connection itself goes on."""
    box = NotionSandbox()
    with running(box) as url, company(tmp_path) as people:
        place = Workspace(people, box, url, requests_per_minute=60)
        for number in range(30):
            place.row(number)
        place.map()
        place.work()
        host = people.runtime.connect(place.stored(), patience=0.0, background=True)
        while (stopped := _stopped(host)) is None:
            pass
        host.close()
        assert stopped.code == "background_budget"
        with people.runtime.store.write() as session:
            connections.failed(session, place.connection, stopped, people.runtime.now(), people.runtime.epoch())
        assert place.stored().paused_until <= people.runtime.epoch()
        row = place.row(100)
        place.tell()
        place.work()
        assert place.current == sum(range(30)) + 100
        assert row
