"""The wizard: what is tested, refused and kept, and that nothing is saved untested."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from connector.app import create_app
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from connector.store.tables import Audit
from tests.support.connecting import JIRA_TOKEN, MARK, address, connect, row_of, typed
from tests.support.signed_in import Visit
from tests.support.world import Company, company


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
        ({"email": "no address"}, "email", "not an e-mail address"),
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


def test_a_tested_login_is_for_the_same_person_and_not_for_ever(acme: Company, app: Flask, admin: Visit, jira: JiraSandbox) -> None:
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
