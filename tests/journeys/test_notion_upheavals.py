"""What people do to a workspace that feeds key results: move, trash, unshare, split; and two connections to one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.domain.rights import SYSTEM
from connector.errors import Refused
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import drain as drains
from connector.services.connecting import checks
from connector.services.sites import connections_of_site, site_of
from connector.store.tables import Connection, Delivery, Item, Mapping
from tests.support.notion_place import Workspace
from tests.support.standin import running
from tests.support.world import company

pytestmark = pytest.mark.usefixtures("nobody_lingers")


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
