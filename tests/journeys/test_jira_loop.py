"""A Jira event moves a key result and its panel: real client, real HTTP to the stand-in, real database."""

from __future__ import annotations

import pytest

from connector.services import sync as syncs
from connector.services.drain import drain
from connector.services.runs import count_written
from connector.store.tables import Item, Mapping
from tests.journeys.conftest import Site


def test_closing_a_child_moves_the_value_and_the_panel(site: Site) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    assert site.company.row("kr-setup").current == 0.0
    [link] = site.links(site.epics[0]).values()
    assert "now 0" in link["summary"]

    site.close(site.children[site.epics[0]][0])
    site.work()

    row = site.company.row("kr-setup")
    assert (row.current, row.progress) == (25.0, 0.25)
    assert row.source is not None
    assert (row.source["items"], row.source["done"], row.source["total"], row.source["connection"]) == (4, 1, 4, "acme-jira")
    [link] = site.links(site.epics[0]).values()
    assert "now 25" in link["summary"]
    readings = site.company.readings("kr-setup")
    assert [(reading.value, reading.previous) for reading in readings] == [(0.0, None), (25.0, 0.0)]
    assert readings[-1].source["explanation"] == ["1 of 4 items done → 25\u00a0%"]


def test_a_process_that_was_told_to_end_leaves_the_work_to_the_next(site: Site) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    site.close(site.children[site.epics[0]][0])
    site.company.runtime.stopping.set()
    drain(site.company.runtime, site.connection)
    assert site.company.row("kr-setup").current == 0.0
    site.company.runtime.stopping.clear()
    drain(site.company.runtime, site.connection)
    assert site.company.row("kr-setup").current == 25.0


def test_an_event_without_a_change_writes_nothing(site: Site) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    site.sandbox.forget_log()
    site.event(site.children[site.epics[0]][0])
    site.work()
    assert [method for method, path, _ in site.sandbox.log if method == "PUT" or "remotelink" in path] == []
    assert len(site.company.readings("kr-setup")) == 1


def test_a_move_changes_old_and_new_parent(site: Site) -> None:
    one, two = site.epics
    for name, epic in (("kr-one", one), ("kr-two", two)):
        site.company.key_result(name, unit="", target=10.0)
        site.company.mapping(name, site.connection, select={"epics": [epic]}, measure="count")
    site.work()
    child = site.children[one][0]
    site.sandbox.move(child, two)
    site.event(child)
    site.work()
    assert (site.company.row("kr-one").current, site.company.row("kr-two").current) == (3.0, 5.0)


def test_a_deleted_child_leaves_and_an_epic_without_children_is_unknown(site: Site) -> None:
    epic = site.epics[0]
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [epic]}, measure="done_share")
    site.work()
    refs = {child: site.ref(child) for child in site.children[epic]}
    for child, ref in refs.items():
        site.sandbox.delete(child)
        site.event(child, ref)
    site.work()
    row = site.company.row("kr-setup")
    assert (row.current, row.progress, row.state) == (None, None, "no_data")


def test_a_new_child_that_no_listing_has_seen_counts(site: Site) -> None:
    site.company.key_result("kr-setup", unit="", target=10.0)
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="count")
    site.work()
    child = site.sandbox.add_issue("ACME", "One more", parent=site.epics[0])
    site.event(child)
    site.work()
    assert site.company.row("kr-setup").current == 5.0


def test_jql_membership_is_asked_strongly_while_the_index_lags(site: Site) -> None:
    site.company.key_result("kr-labelled", unit="", target=10.0)
    site.company.mapping(
        "kr-labelled", site.connection, select={"jql": "project = ACME AND labels = onboarding ORDER BY created DESC"}, measure="count"
    )
    site.work()
    assert site.company.row("kr-labelled").current == 0.0
    site.sandbox.index_lag = 3600
    child = site.children[site.epics[0]][0]
    site.sandbox.set_field(child, "labels", ["onboarding"])
    site.event(child)
    site.work()
    assert site.company.row("kr-labelled").current == 1.0


def test_a_refused_token_parks_the_connection_and_no_further_call_is_made(site: Site) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    site.sandbox.fail(status=401, times=1000)
    site.close(site.children[site.epics[0]][0])
    site.work()
    site.sandbox.forget_log()
    site.event(site.children[site.epics[0]][1])
    site.work()
    assert site.sandbox.log == []
    row = site.company.row("kr-setup")
    assert row.current == 0.0


@pytest.mark.parametrize("headers", [{"Retry-After": "0"}, {}, {"Retry-After": "2"}])
def test_a_busy_host_is_left_alone_and_the_work_is_done_later(site: Site, headers: dict[str, str]) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    site.sandbox.fail(status=429, times=1, headers=headers)
    site.close(site.children[site.epics[0]][0])
    site.work()
    assert site.company.row("kr-setup").current == 0.0
    site.sandbox.forget_log()
    site.work()
    assert site.sandbox.log == []  # not before the wait is over
    site.company.clock.ahead += 6
    site.work()
    assert site.company.row("kr-setup").current == 25.0


def test_sync_repairs_what_no_webhook_told_and_the_second_run_writes_nothing(site: Site) -> None:
    epic = site.epics[0]
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [epic]}, measure="done_share")
    site.work()
    site.sandbox.set_status(site.children[epic][0], "done")
    site.sandbox.delete(site.children[epic][1])
    run = syncs.sync_connection(site.company.runtime, site.connection, trigger="test")
    site.company.work(site.connection)
    assert (run.status, run.repaired, run.gone) == ("done", 2, 1)
    assert site.company.row("kr-setup").current == pytest.approx(100 / 3)
    site.company.clock.ahead += 5
    site.work()

    site.sandbox.forget_log()
    second = syncs.sync_connection(site.company.runtime, site.connection, trigger="test")
    site.company.work(site.connection)
    assert (second.seen, second.changed, second.repaired, second.gone) == (3, 0, 0, 0)
    assert count_written(site.company.runtime, second) == 0
    assert site.sandbox.writes == 0


def test_a_closed_cycle_is_frozen_but_the_event_is_stored(site: Site) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    site.company.clock.ahead += 60 * 86_400
    site.close(site.children[site.epics[0]][0])
    site.work()
    row = site.company.row("kr-setup")
    assert (row.current, row.state) == (0.0, "closed")


def test_a_worker_that_dies_with_the_lease_is_replaced(site: Site) -> None:
    from connector.services import connections

    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    assert connections.take_lease(site.company.runtime, site.connection) is not None  # and is never given back
    site.close(site.children[site.epics[0]][0])
    drain(site.company.runtime, site.connection)
    assert site.company.row("kr-setup").current == 0.0
    site.company.clock.ahead += connections.LEASE_SECONDS + 1
    site.work()
    assert site.company.row("kr-setup").current == 25.0


def test_double_counting_inside_one_objective_is_warned_once(site: Site) -> None:
    from connector.services.overlaps import find_overlaps
    from connector.store.tables import Audit

    for name in ("kr-one", "kr-two"):
        site.company.key_result(name, unit="", target=10.0)
        site.company.mapping(name, site.connection, select={"epics": [site.epics[0]]}, measure="count")
    site.work()
    syncs.sync_connection(site.company.runtime, site.connection, trigger="test")
    with site.company.runtime.store.read() as session:
        [overlap] = find_overlaps(session)
        warnings = [row for row in session.query(Audit) if row.action == "double_counting"]
    assert (overlap.first, overlap.second, overlap.items) == ("kr-one", "kr-two", 4)
    assert len(warnings) == 1


def test_one_bad_reference_holds_up_nothing(site: Site) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    site.event("ACME-0", ref="no number at all")
    site.close(site.children[site.epics[0]][0])
    site.work()
    assert site.company.row("kr-setup").current == 25.0
    with site.company.runtime.store.read() as session:
        assert [row.ref for row in session.query(Item) if row.wanted > row.done] == []


def test_an_epic_that_is_deleted_makes_the_data_late_and_keeps_the_value(site: Site) -> None:
    epic = site.epics[0]
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [epic]}, measure="done_share")
    site.work()
    site.close(site.children[epic][0])
    site.work()
    ref = site.ref(epic)
    site.sandbox.delete(epic)
    site.event(epic, ref)
    site.work()
    site.company.clock.ahead += 20
    site.work()
    row = site.company.row("kr-setup")
    assert (row.current, row.state) == (25.0, "data_late")


def test_a_child_that_moves_to_another_project_keeps_counting(site: Site) -> None:
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    child = site.children[site.epics[0]][0]
    ref = site.ref(child)
    site.sandbox.set_status(child, "done")
    site.sandbox.add_issue("OTHER", "Somebody else's")
    moved = site.sandbox.move_to_project(child, "OTHER")
    site.event(moved, ref)
    site.work()
    assert site.company.row("kr-setup").current == 25.0


def test_a_search_that_breaks_is_left_out_of_the_sync_and_the_others_go_on(site: Site) -> None:
    for name in ("kr-good", "kr-bad"):
        site.company.key_result(name, unit="", target=10.0)
    site.company.mapping("kr-good", site.connection, select={"epics": [site.epics[0]]}, measure="done_count")
    site.company.mapping("kr-bad", site.connection, select={"jql": "project = ACME AND cf[10999] = x"}, measure="count")
    with site.company.runtime.store.write() as session:
        for row in session.query(Mapping):
            row.done, row.listed_at, row.resolved = (
                row.wanted,
                site.company.runtime.now(),
                {"refs": {site.epics[0]: site.ref(site.epics[0])}},
            )
    site.sandbox.set_status(site.children[site.epics[0]][0], "done")
    run = syncs.sync_connection(site.company.runtime, site.connection, trigger="test")
    site.company.work(site.connection)
    assert run.status == "done"
    assert site.company.row("kr-good").current == 1.0
    with site.company.runtime.store.read() as session:
        broken = {row.key_result_id: row.broken for row in session.query(Mapping)}
    assert broken["kr-good"] is None
    assert broken["kr-bad"]


def test_several_changes_in_one_day_leave_a_panel_that_a_later_computation_does_not_change(site: Site) -> None:
    epic = site.epics[0]
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [epic]}, measure="done_share")
    site.work()
    for child in site.children[epic][:3]:
        site.close(child)
        site.company.clock.ahead += 5
        site.work()
    site.company.clock.ahead += 5
    site.work()
    row = site.company.row("kr-setup")
    assert (row.current, row.movement) == (75.0, "up")
    before = site.sandbox.writes
    syncs.sync_connection(site.company.runtime, site.connection, trigger="test")
    site.work()
    site.company.clock.ahead += 5
    site.work()
    again = site.company.row("kr-setup")
    assert (again.movement, again.movement_from, again.reasons) == (row.movement, row.movement_from, row.reasons)
    assert site.sandbox.writes == before


def test_listing_a_second_mapping_forgets_nothing_that_the_first_one_measures(site: Site) -> None:
    epic = site.epics[0]
    for number, child in enumerate(site.children[epic], start=1):
        site.sandbox.set_field(child, "customfield_10016", number)
    site.company.key_result("kr-points", unit="", target=10.0)
    site.company.mapping("kr-points", site.connection, select={"epics": [epic]}, measure={"sum": "Story point estimate"})
    site.work()
    assert site.company.row("kr-points").current == 10.0
    site.company.key_result("kr-count", unit="", target=10.0)
    site.company.mapping("kr-count", site.connection, select={"epics": [epic]}, measure="count")
    site.work()
    site.company.work(site.connection)
    assert (site.company.row("kr-points").current, site.company.row("kr-count").current) == (10.0, 4.0)


def test_a_write_whose_fate_is_unknown_is_repeated_also_when_the_value_went_back(site: Site) -> None:
    epic = site.epics[0]
    child = site.children[epic][0]
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [epic]}, measure="done_share")
    site.work()
    site.sandbox.fail(path="remotelink", method="POST", drop=True, commit=True)
    site.close(child)
    site.company.clock.ahead += 5
    site.work()
    site.sandbox.set_status(child, "new")
    site.event(child)
    for _ in range(3):
        site.company.clock.ahead += 10
        site.work()
    assert site.company.row("kr-setup").current == 0.0
    [link] = site.links(epic).values()
    assert "now 0" in link["summary"]
