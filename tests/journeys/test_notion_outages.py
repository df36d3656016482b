"""Limits, blocks and outages of Notion, from the first answer to the last callout: nothing parked, lost or made twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector.domain.rights import SYSTEM
from connector.errors import HostError
from connector.hosts.base import Host
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import connections
from connector.services.connecting import checks
from connector.store.tables import Objective
from tests.support.notion_place import Workspace
from tests.support.standin import running
from tests.support.world import company

pytestmark = pytest.mark.usefixtures("nobody_lingers")


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
        place = Workspace(people, box, url, requests_per_minute=180)
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
