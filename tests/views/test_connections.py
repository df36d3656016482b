"""The pages of connections: wizard, health, webhook; what is refused, what stays typed, and what never shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select, update

from connector.app import create_app
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from connector.store.tables import Audit, Connection, Objective, Run
from tests.support.signed_in import Visit
from tests.support.standin import running
from tests.support.world import Company, company

JIRA_TOKEN = "sandbox-token"
MARK = re.compile(r'name="tested" value="([^"]+)"')
SECRET = re.compile(r'<code class="secret">([^<]+)</code>')


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url, public_url="https://okr.acme.example") as found:
        found.objective()
        found.key_result("kr-setup")
        yield found


@pytest.fixture
def app(acme: Company) -> Flask:
    return create_app(acme.runtime)


@pytest.fixture
def admin(app: Flask, acme: Company) -> Visit:
    return Visit(app, acme.runtime, "ada@acme.example")


@pytest.fixture
def jira() -> Iterator[JiraSandbox]:
    sandbox = JiraSandbox({"issues": [{"key": "ACME-1", "type": "Epic"}, {"key": "ACME-2", "parent": "ACME-1"}]})
    with running(sandbox) as url:
        sandbox.address = url  # type: ignore[attr-defined]
        yield sandbox


@pytest.fixture
def notion() -> Iterator[NotionSandbox]:
    sandbox = NotionSandbox()
    sandbox.world.add_database("Deals", {"Name": "title", "Seats": "number"})
    with running(sandbox) as url:
        sandbox.address = url  # type: ignore[attr-defined]
        yield sandbox


def address(sandbox: Any) -> str:
    url: str = sandbox.address
    return url


def typed(jira: Any, **change: str) -> dict[str, str]:
    return {"name": "acme-jira", "url": address(jira), "email": "bot@acme.example", "api_token": JIRA_TOKEN, "token_expires": "", **change}


def row_of(acme: Company, name: str) -> Connection | None:
    with acme.runtime.store.read() as session:
        return session.scalar(select(Connection).where(Connection.name == name))


def connect(admin: Visit, jira: Any, **change: str) -> None:
    tested = admin.post("/connect/jira-token", typed(jira, **change))
    assert tested.status_code == 200, tested.text
    found = MARK.search(tested.text)
    assert found
    assert admin.post("/connect", {"tested": found[1]}).status_code == 303


# --- the wizard ------------------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_a_jira_site_is_tested_then_saved_and_leads_to_its_webhook(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    assert "API token with scopes" in admin.get("/connect").text
    form = admin.get("/connect/jira-token")
    assert "id.atlassian.com" in form.text
    tested = admin.post("/connect/jira-token", typed(jira, token_expires="2099-03-31"))
    assert tested.status_code == 200
    assert "The login works" in tested.text
    assert "ACME" in tested.text
    assert JIRA_TOKEN not in tested.text
    assert row_of(acme, "acme-jira") is None  # nothing is saved by a test
    found = MARK.search(tested.text)
    assert found
    saved = admin.post("/connect", {"tested": found[1]})
    assert (saved.status_code, saved.headers["Location"]) == (303, "/connections/acme-jira/webhook")
    row = row_of(acme, "acme-jira")
    assert row is not None
    assert acme.runtime.vault.open(row.auth) == {"email": "bot@acme.example", "api_token": JIRA_TOKEN}
    assert (row.url, row.options, row.bot_id != "", row.webhook_secret) == (address(jira), {"token_expires": "2099-03-31"}, True, None)
    with acme.runtime.store.read() as session:
        entry = session.scalars(select(Audit).where(Audit.entity == "connection")).one()
    assert (entry.actor, entry.action, entry.entity_id) == ("ada@acme.example", "create", "acme-jira")
    assert JIRA_TOKEN not in str(entry.after)


def test_a_scoped_token_and_a_service_account_find_their_cloud_id(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    jira.world.settings["scoped_token"] = True
    jira.world.settings["scopes"] = "read:jira-work read:jira-user write:jira-work"
    tested = admin.post("/connect/jira-scoped", typed(jira))
    assert tested.status_code == 200, tested.text
    assert admin.post("/connect", {"tested": MARK.search(tested.text)[1]}).status_code == 303  # type: ignore[index]
    entered = {"name": "acme-service", "url": address(jira), "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    tested = admin.post("/connect/jira-service", entered)
    assert tested.status_code == 200, tested.text
    assert "write:jira-work" in tested.text
    assert admin.post("/connect", {"tested": MARK.search(tested.text)[1]}).status_code == 303  # type: ignore[index]
    cloud = jira.world.settings["cloud_id"]
    for name in ("acme-jira", "acme-service"):
        row = row_of(acme, name)
        assert row is not None
        assert acme.runtime.vault.open(row.auth)["cloud_id"] == cloud


def test_a_notion_workspace_is_connected(acme: Company, admin: Visit, notion: NotionSandbox) -> None:
    tested = admin.post("/connect/notion-token", {"name": "acme-notion", "url": address(notion), "token": TOKEN})
    assert tested.status_code == 200, tested.text
    assert "Deals" in tested.text
    admin.post("/connect", {"tested": MARK.search(tested.text)[1]})  # type: ignore[index]
    row = row_of(acme, "acme-notion")
    assert row is not None
    assert row.host == "notion"


def test_what_is_missing_is_said_with_its_mend_before_saving(admin: Visit, jira: JiraSandbox) -> None:
    jira.rest.denied.add("EDIT_ISSUES")
    page = admin.post("/connect/jira-token", typed(jira)).text
    assert "give it the project permission Edit issues there" in page
    assert "Save all the same" in page


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"api_token": "wrong-credential-9"}, "auth", "does not accept these credentials"),
        ({"api_token": ""}, "api_token", "Fill this in"),
        ({"email": "no address"}, "email", "not usable"),
        ({"name": ""}, "name", "Enter a name"),
        ({"name": "no spaces"}, "name", "letters, digits"),
        ({"url": "ftp://acme.example"}, "url", "not a web address"),
        ({"url": "https://user:word@acme.example"}, "url", "Leave user and password out"),
        ({"token_expires": "soon"}, "token_expires", "Enter a day"),
    ],
)
def test_a_failing_test_keeps_what_was_typed_but_secrets(
    acme: Company, admin: Visit, jira: JiraSandbox, change: dict[str, str], field: str, words: str
) -> None:
    entered = typed(jira, **change)
    answer = admin.post("/connect/jira-token", entered)
    assert answer.status_code == 422
    assert words in answer.text
    if field != "auth":
        assert f'id="e-{field}"' in answer.text
    for name in ("name", "email"):
        assert f'value="{entered[name]}"' in answer.text
    assert entered["api_token"] == "" or entered["api_token"] not in answer.text
    assert row_of(acme, entered["name"]) is None


def test_a_host_that_is_away_is_no_fault_of_the_form(acme: Company, admin: Visit) -> None:
    answer = admin.post("/connect/jira-token", {**typed_at("http://127.0.0.1:1")})
    assert answer.status_code == 422
    assert "does not answer now" in answer.text
    assert 'value="http://127.0.0.1:1"' in answer.text


def typed_at(url: str) -> dict[str, str]:
    return {"name": "acme-jira", "url": url, "email": "bot@acme.example", "api_token": "never-shown-1", "token_expires": ""}


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.atlassian.net",
        "https://127.0.0.1",
        "https://127.1",
        "https://2130706433",
        "https://0x7f.1",
        "https://[::1]",
        "https://[::ffff:10.0.0.1]",
        "https://10.1.2.3",
        "https://192.168.0.1",
        "https://169.254.169.254",
        "https://metadata.google.internal",
        "https://localhost",
        "https://jira",
        "https://jira.local",
        "https://acme.atlassian.net:22",
        "https://acme.atlassian.net:6379",
    ],
)
def test_addresses_inside_are_refused_with_words(tmp_path: Path, url: str) -> None:
    with company(tmp_path) as strict:
        strict.runtime.settings.allow_private_hosts = False
        visit = Visit(create_app(strict.runtime), strict.runtime, "ada@acme.example")
        answer = visit.post("/connect/jira-token", typed_at(url))
    assert answer.status_code == 422
    assert 'id="e-url"' in answer.text
    assert "OKR_ALLOW_PRIVATE_HOSTS=1 allows it" in answer.text
    assert "never-shown-1" not in answer.text


def test_a_name_that_is_taken_or_retired_is_refused(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    assert "is called acme-jira already" in admin.post("/connect/jira-token", typed(jira)).text
    admin.post("/connections/acme-jira/retire", {"confirm": "acme-jira"})
    assert "keeps its name and history" in admin.post("/connect/jira-token", typed(jira)).text


def test_a_tested_login_is_for_the_same_person_and_not_for_ever(
    acme: Company, app: Flask, admin: Visit, jira: JiraSandbox
) -> None:
    found = MARK.search(admin.post("/connect/jira-token", typed(jira)).text)
    assert found
    other = Visit(app, acme.runtime, "eve@acme.example")
    assert other.post("/connect", {"tested": found[1]}).status_code == 422
    assert admin.post("/connect", {"tested": found[1][:-4]}).status_code == 422
    acme.clock.ahead = 3600
    assert "too old" in admin.post("/connect", {"tested": found[1]}).text
    assert row_of(acme, "acme-jira") is None


@pytest.mark.parametrize(("role", "status"), [("lead", 403), ("champion", 403), ("member", 403), ("viewer", 403)])
def test_only_admins_connect(app: Flask, acme: Company, jira: JiraSandbox, role: str, status: int) -> None:
    visit = Visit(app, acme.runtime, f"{role}@acme.example", role)
    for path in ("/connect", "/connect/jira-token"):
        assert visit.get(path).status_code == status
    assert visit.post("/connect/jira-token", typed(jira)).status_code == status


def test_a_form_without_its_token_is_refused(admin: Visit, jira: JiraSandbox) -> None:
    assert admin.post("/connect/jira-token", typed(jira), token="").status_code == 400


# --- health ----------------------------------------------------------------------------------------------------------------------


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
        session.add(Run(connection_id=row.id, kind="full", status="done", started_at=now - timedelta(hours=3), finished_at=now, repaired=4, seen=9))
        session.execute(update(Connection).values(last_sync_at=now - timedelta(hours=3)))
    for number in range(5):
        acme.deliver(row.id, {"webhookEvent": "jira:issue_updated", "number": number})
    page = admin.get("/connections/acme-jira").text
    for words in ("Working", "repaired 4 of 9 items", "Key result kr-setup", "Key result kr-secret", "5 deliveries in 48 hours", "until 2099-03-31"):
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
    seen: list[str] = []

    def count(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    event.listen(acme.runtime.store.engine, "before_cursor_execute", count)
    try:
        for path in ("/connections", "/connections/acme-jira", "/connections/acme-jira/webhook", "/connect", "/connect/jira-token"):
            seen.clear()
            assert admin.get(path).status_code == 200
            assert len(seen) <= 10, seen
    finally:
        event.remove(acme.runtime.store.engine, "before_cursor_execute", count)


def test_new_credentials_unpark(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    jira.world.settings["api_token"] = "the-new-one-77"
    admin.post("/connections/acme-jira/checks")
    parked = admin.get("/connections/acme-jira").text
    assert "Jira no longer accepts the login" in parked
    assert "Test and resume" in parked
    wrong = admin.post("/connections/acme-jira/credentials", {"kind": "jira-token", "url": "", "email": "bot@acme.example", "api_token": "nope-1234"})
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


# --- webhooks --------------------------------------------------------------------------------------------------------------------


def test_the_webhook_is_made_for_an_admin_of_jira(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    assert "Create the webhook for me" in admin.get("/connections/acme-jira/webhook").text
    answer = admin.post("/connections/acme-jira/webhook/register")
    assert answer.status_code == 303
    row = row_of(acme, "acme-jira")
    assert row is not None
    made = list(jira.admin.webhooks.values())
    assert [hook["url"] for hook in made] == ["https://okr.acme.example/webhooks/acme-jira"]
    assert made[0]["secret"] == acme.runtime.vault.open(row.webhook_secret or "")
    assert admin.post("/connections/acme-jira/webhook/register").status_code == 303
    assert len(jira.admin.webhooks) == 1
    row = row_of(acme, "acme-jira")
    assert row is not None
    assert row.previous_webhook_secret is not None


def test_without_the_right_the_steps_and_the_secret_are_shown_once(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    jira.rest.denied.add("ADMINISTER")
    page = admin.post("/connections/acme-jira/webhook/register")
    assert page.status_code == 200
    assert "does not administer Jira" in page.text
    row = row_of(acme, "acme-jira")
    assert row is not None
    secret = acme.runtime.vault.open(row.webhook_secret or "")
    assert secret in SECRET.findall(page.text)
    assert secret not in admin.get("/connections/acme-jira/webhook").text
    # The webhook that signs with it must not break by another attempt.
    assert secret not in admin.post("/connections/acme-jira/webhook/register").text
    row = row_of(acme, "acme-jira")
    assert row is not None
    assert acme.runtime.vault.open(row.webhook_secret or "") == secret


def test_a_new_secret_leaves_the_former_one_a_day(acme: Company, app: Flask, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    first = SECRET.findall(admin.post("/connections/acme-jira/webhook/secret").text)[0]
    second = SECRET.findall(admin.post("/connections/acme-jira/webhook/secret").text)[0]
    assert first != second
    row = row_of(acme, "acme-jira")
    assert row is not None
    opened = acme.runtime.vault.open
    assert (opened(row.webhook_secret or ""), opened(row.previous_webhook_secret or "")) == (second, first)
    assert row.previous_secret_until is not None
    assert timedelta(hours=23) < row.previous_secret_until - acme.runtime.now() <= timedelta(hours=24)


def test_a_handshake_is_armed_waited_for_and_shown_once(acme: Company, app: Flask, admin: Visit, notion: NotionSandbox) -> None:
    tested = admin.post("/connect/notion-token", {"name": "acme-notion", "url": address(notion), "token": TOKEN})
    admin.post("/connect", {"tested": MARK.search(tested.text)[1]})  # type: ignore[index]
    token = "secret_tNy0verification"
    door = app.test_client()
    assert door.post("/webhooks/acme-notion", json={"verification_token": token}).status_code == 401
    assert admin.post("/connections/acme-notion/webhook/arm").status_code == 303
    waiting = admin.get("/connections/acme-notion/webhook/state")
    assert (waiting.status_code, "24 h left" in waiting.text) == (200, True)
    assert door.post("/webhooks/acme-notion", json={"verification_token": token}).status_code == 200
    came = admin.get("/connections/acme-notion/webhook/state")
    assert (came.status_code, "Show the token" in came.text, token in came.text) == (286, True, False)
    assert token in SECRET.findall(admin.post("/connections/acme-notion/webhook/token").text)
    assert admin.post("/connections/acme-notion/webhook/token").status_code == 409
    assert token not in admin.get("/connections/acme-notion/webhook").text
    assert admin.post("/connections/acme-notion/webhook/arm").status_code == 409
    assert admin.post("/connections/acme-notion/webhook/arm", {"replace": "1"}).status_code == 303
    row = row_of(acme, "acme-notion")
    assert row is not None
    assert (row.webhook_secret, row.previous_webhook_secret is not None) == (None, True)


def test_nothing_is_written_twice_in_the_audit_by_looking(acme: Company, admin: Visit, jira: JiraSandbox) -> None:
    connect(admin, jira)
    with acme.runtime.store.read() as session:
        before = session.scalar(select(func.count()).select_from(Audit))
    for path in ("/connections", "/connections/acme-jira", "/connections/acme-jira/webhook"):
        admin.get(path)
    with acme.runtime.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Audit)) == before
