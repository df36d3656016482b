"""One connection's page: how it is, what it affects, and what is done about it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from connector.hosts.jira.sandbox import JiraSandbox
from connector.store.tables import Connection, Objective, Panel, Run
from tests.support.connecting import JIRA_TOKEN, address, connect, row_of
from tests.support.counting import statements
from tests.support.signed_in import Visit
from tests.support.world import Company


@pytest.mark.databases("sqlite", "postgres")
def test_the_page_says_how_it_is_and_what_it_affects(acme: Company, app: Flask, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira, token_expires="2099-03-31")
    row = row_of(acme, "acme-jira")
    assert row is not None
    acme.mapping("kr-setup", row.id, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    acme.objective("secret")
    acme.key_result("kr-secret", "secret")
    acme.mapping("kr-secret", row.id, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "secret").values(restricted=True))
        session.add(
            Run(connection_id=row.id, kind="full", status="done", started_at=now - timedelta(hours=3), finished_at=now, repaired=4, seen=9)
        )
        session.execute(update(Connection).values(last_sync_at=now - timedelta(hours=3)))
    for number in range(5):
        acme.deliver(row.id, {"webhookEvent": "jira:issue_updated", "number": number})
    page = admin.get("/connections/acme-jira").text
    for words in (
        "Working",
        "repaired 4 of 9 items",
        "Key result kr-setup",
        "Key result kr-secret",
        "5 deliveries in 48 hours",
        "until 2099-03-31",
    ):
        assert words in page, words
    lead = Visit(app, acme.runtime, "lee@acme.example", "lead").get("/connections/acme-jira").text
    assert "Key result kr-setup" in lead
    assert "kr-secret" not in lead
    assert "1 key result" in lead
    assert "New credentials" not in lead


def test_members_do_not_see_how_connections_are(app: Flask, acme: Company) -> None:
    assert Visit(app, acme.runtime, "mia@acme.example", "member").get("/connections").status_code == 403


def test_pages_cost_at_most_ten_statements(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    for number in range(4):
        row = acme.connection(f"more-{number}", "jira", address(jira), {"email": "bot@acme.example", "api_token": JIRA_TOKEN})
        acme.mapping("kr-setup", row, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    for path in ("/connections", "/connections/acme-jira", "/connections/acme-jira/webhook", "/connect", "/connect/jira-token"):
        with statements(acme.runtime.store) as seen:
            assert admin.get(path).status_code == 200
        assert len([each for each in seen if not each.startswith(("BEGIN", "PRAGMA"))]) <= 10, seen


def test_new_credentials_unpark(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    jira.world.settings["api_token"] = "the-new-one-77"
    admin.post("/connections/acme-jira/checks")
    parked = admin.get("/connections/acme-jira").text
    assert "Jira no longer accepts the login" in parked
    assert "Test and resume" in parked
    wrong = admin.post(
        "/connections/acme-jira/credentials", {"kind": "jira-token", "url": "", "email": "bot@acme.example", "api_token": "nope-1234"}
    )
    assert (wrong.status_code, "nope-1234" in wrong.text) == (422, False)
    row = row_of(acme, "acme-jira")
    assert row is not None
    assert row.parked_at is not None
    right = {"kind": "jira-token", "url": "", "email": "bot@acme.example", "api_token": "the-new-one-77", "new_token_expires": "2099-01-01"}
    assert admin.post("/connections/acme-jira/credentials", right).status_code == 303
    row = row_of(acme, "acme-jira")
    assert row is not None
    assert (row.parked_at, row.options) == (None, {"token_expires": "2099-01-01"})
    assert ("sync", (row.id, 2)) in acme.runtime.queue.nudges  # type: ignore[attr-defined]
    assert "the-new-one-77" not in admin.get("/connections/acme-jira").text


def test_the_checks_tell_missing_rights_and_go_away_when_mended(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    jira.rest.denied.add("LINK_ISSUES")
    assert admin.post("/connections/acme-jira/checks").status_code == 303
    assert "give it the project permission Link issues there" in admin.get("/connections/acme-jira").text
    jira.rest.denied.clear()
    admin.post("/connections/acme-jira/checks")
    assert "Link issues there" not in admin.get("/connections/acme-jira").text


def test_settings_are_saved_and_two_admins_see_both_versions(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    version = re.search(r'name="version" value="(\w+)"', admin.get("/connections/acme-jira").text)
    assert version
    sent = {"requests_per_minute": "300", "token_expires": "", "version": version[1]}
    assert admin.post("/connections/acme-jira/settings", sent).status_code == 303
    late = admin.post("/connections/acme-jira/settings", {**sent, "requests_per_minute": "500"})
    assert late.status_code == 409
    assert "Changed meanwhile" in late.text
    assert ">300<" in late.text
    assert ">500<" in late.text
    bad = admin.post("/connections/acme-jira/settings", {"requests_per_minute": "many", "version": version[1]})
    assert (bad.status_code, 'value="many"' in bad.text) == (422, True)
    row = row_of(acme, "acme-jira")
    assert row is not None
    assert row.options == {"requests_per_minute": 300}


def test_fields_for_the_panels_are_named_checked_and_shown_again(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)

    def save(**fields: str) -> tuple[int, str]:
        version = re.search(r'name="version" value="(\w+)"', admin.get("/connections/acme-jira").text)
        assert version
        answer = admin.post("/connections/acme-jira/settings", {**fields, "version": version[1]})
        return answer.status_code, answer.text

    status, page = save(progress_field="OKR percent", status_field=" okr percent")
    assert (status, "name two fields" in page, 'value="OKR percent"' in page) == (422, True, True)
    jira.forget_log()
    status, page = save(progress_field="OKR percnt", status_field="customfield_10301")
    assert (status, "Jira has no field &#39;OKR percnt&#39;" in page, 'value="OKR percnt"' in page) == (422, True, True)
    assert [(method, path) for method, path, _ in jira.log] == [("GET", "/rest/api/3/field")]
    assert save(progress_field=" customers ", status_field="customfield_10026")[0] == 422  # one of them holds story points
    assert save(progress_field=" Customers ")[0] == 303
    row = row_of(acme, "acme-jira")
    assert row is not None
    assert row.options == {"fields": {"progress": "Customers"}}
    assert 'value="Customers"' in admin.get("/connections/acme-jira").text


def test_fields_are_saved_with_a_note_when_the_host_cannot_be_asked_and_panels_that_fail_are_told(
    acme: Company, admin: Visit, jira: JiraSandbox
) -> None:
    connect(admin, jira)
    with acme.runtime.store.write() as session:
        site = session.scalars(select(Connection).where(Connection.name == "acme-jira")).one()
        site.url = "http://127.0.0.1:9"
        why = "Jira has no field 'OKR percnt'; name one in the connection's settings"
        for ref in ("10001", "10002"):
            session.add(Panel(connection_id=site.id, ref=ref, key_results=[], receipt={}, error=why))
    version = re.search(r'name="version" value="(\w+)"', admin.get("/connections/acme-jira").text)
    assert version
    answer = admin.post("/connections/acme-jira/settings", {"progress_field": "OKR percnt", "version": version[1]})
    assert answer.status_code == 303
    page = admin.get("/connections/acme-jira").text
    assert "Not checked: the host could not be asked for the fields" in page
    assert "2 places could not be written: Jira has no field" in page


def test_pausing_stops_calls_and_resuming_goes_on(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    admin.post("/connections/acme-jira/pause")
    page = admin.get("/connections/acme-jira").text
    assert "Paused" in page
    row = row_of(acme, "acme-jira")
    assert row is not None
    acme.mapping("kr-setup", row.id, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    jira.forget_log()
    acme.work(row.id)
    admin.post("/connections/acme-jira/checks")
    admin.post("/connections/acme-jira/sync")
    assert jira.log == []
    admin.post("/connections/acme-jira/resume")
    acme.work(row.id)
    assert jira.log != []
    assert acme.row("kr-setup").current == 0.0


def test_retiring_needs_the_name_typed_and_keeps_history(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    assert admin.post("/connections/acme-jira/retire", {"confirm": "acme"}).status_code == 422
    assert admin.post("/connections/acme-jira/retire", {"confirm": "acme-jira", "version": "0" * 16}).status_code == 409
    assert admin.post("/connections/acme-jira/retire", {"confirm": "acme-jira"}).status_code == 303
    row = row_of(acme, "acme-jira")
    assert row is not None
    assert (row.retired_at is not None, row.auth) == (True, "")
    page = admin.get("/connections/acme-jira").text
    assert "This connection is retired" in page
    again = {"kind": "jira-token", "url": "", "email": "bot@acme.example", "api_token": JIRA_TOKEN}
    assert admin.post("/connections/acme-jira/credentials", again).status_code == 303
    row = row_of(acme, "acme-jira")
    assert row is not None
    assert row.retired_at is None
