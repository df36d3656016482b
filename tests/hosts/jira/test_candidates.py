"""What a Jira site has to map: epics that are open or changed lately, few requests for many."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from connector.domain.model import Category

NOW = datetime.now(UTC)
YEAR_AGO = NOW - timedelta(days=400)


def walk(host, since=YEAR_AGO, **more):
    found, cursor = [], None
    while True:
        page = host.list_candidates((), since, cursor=cursor, **more)
        found += page.candidates
        if page.cursor is None:
            return {each.key: each for each in found}
        cursor = json.loads(json.dumps(page.cursor))


def test_epics_come_with_what_is_needed_to_judge_them(host, sandbox):
    sandbox.add_issue(
        key="ACME-20", summary="Billing", type="Epic", category="done", points=8, labels=["okr:kr-setup", "q4"], resolution="Done"
    )
    found = walk(host)
    assert set(found) == {"ACME-1", "ACME-7", "ACME-20"}
    billing = found["ACME-20"]
    assert (billing.title, billing.kind, billing.container, billing.points) == ("Billing", "epic", "ACME", 8.0)
    assert (billing.category, billing.labels, billing.status) == (Category.DONE, ("okr:kr-setup", "q4"), "Done")
    assert billing.url.endswith("/browse/ACME-20")
    assert billing.updated_at is not None
    assert found["ACME-7"].points is None


def test_what_is_done_and_old_is_left_out_and_open_work_of_any_age_is_not(host, sandbox):
    old = (NOW - timedelta(days=500)).isoformat()
    sandbox.add_issue(key="ACME-30", type="Epic", category="done", updated=old)
    sandbox.add_issue(key="ACME-31", type="Epic", category="new", updated=old)
    assert set(walk(host, open_too=True)) == {"ACME-1", "ACME-7", "ACME-31"}
    assert set(walk(host)) == {"ACME-1", "ACME-7"}


def test_only_what_changed_since(host, sandbox):
    sandbox.add_issue(key="ACME-40", type="Epic", updated=(NOW - timedelta(days=2)).isoformat())
    assert set(walk(host, NOW - timedelta(days=1))) == {"ACME-1", "ACME-7"}


def test_many_epics_cost_one_request_for_a_hundred(host, sandbox):
    for number in range(248):
        sandbox.add_issue("WEB", f"Epic {number}", type="Epic")
    assert len(walk(host)) == 250
    assert host.requests == 5  # the fields, the kinds of issues, three pages
    walk(host)
    assert host.requests == 9  # the fields are known


def test_the_query_does_not_move_under_a_walk(host, sandbox):
    sandbox.rest.page_limit = 1
    walk(host)
    queries = {body["jql"] for _, _, body in sandbox.calls("search/jql")}
    assert len(queries) == 1
