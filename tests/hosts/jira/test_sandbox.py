"""The stand-in itself: lag, state in and out, moves between projects, faults that end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from connector.hosts.jira.sandbox import JiraSandbox


class Clock:
    def __init__(self):
        self.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self):
        return self.now


def search(box, jql, **more):
    return [issue["key"] for issue in box.rest._search({"jql": jql, "fields": ["key"], **more}).body["issues"]]


def test_the_index_lags_and_reconciling_does_not():
    clock = Clock()
    box = JiraSandbox(clock=clock)
    box.index_lag = 30
    key = box.add_issue("ACME", "one")
    ref = int(box.world.find(key)["id"])
    assert search(box, "project = ACME") == []
    assert search(box, "project = ACME", reconcileIssues=[ref]) == [key]
    clock.now += timedelta(seconds=31)
    assert search(box, "project = ACME") == [key]
    box.set_status(key, "done")
    assert search(box, "statusCategory = Done") == []
    assert search(box, "statusCategory = Done", reconcileIssues=[ref]) == [key]
    box.delete(key)
    assert search(box, "project = ACME") == [key]
    clock.now += timedelta(seconds=31)
    assert search(box, "project = ACME") == []


def test_state_goes_out_and_in(host, sandbox, make):
    host.write_panel("ACME-1", make.panel(make.key_result()), {})
    host.notify("ACME-1", "a", "hello")
    sandbox.world.projects["NEW"] = {"id": "10009", "key": "NEW", "name": "New", "archived": False}
    sandbox.move_to_project("ACME-4", "NEW")
    state = json.loads(json.dumps(sandbox.to_json()))
    other = JiraSandbox()
    other.from_json(state)
    assert other.to_json() == state
    assert other.world.find("ACME-1")["properties"]["okr"]["version"] == 1
    assert other.world.find("ACME-4")["key"] == "NEW-1"
    assert other.add_issue("ACME") == "ACME-8"


def test_reads_and_writes_are_counted(host, sandbox, make):
    sandbox.forget_log()
    host.write_panel("ACME-1", make.panel(make.key_result()), {})
    host.fetch_comment("ACME-1", "1")
    assert (sandbox.reads, sandbox.writes) == (0, 2)
    host.fetch_items(["10001"], [])
    assert sandbox.reads == 2


def test_a_large_site_is_walked_quickly(host, sandbox, make):
    for number in range(2000):
        sandbox.add_issue("ACME", f"n{number}", parent="ACME-1", category="done" if number % 2 else "new")
    items, _ = make.walk(host, host.plan([make.wanted(host, make.epics("ACME-1"))]))
    assert len(items) == 2002
