"""Setting a webhook up: by us, by hand, and the handshake that shows its token once."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select

from connector.domain.button_secret import button_secret
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from connector.store.tables import Audit
from tests.support.connecting import MARK, SECRET, address, connect, row_of
from tests.support.signed_in import Visit
from tests.support.world import Company


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
    assert admin.post("/connections/acme-notion/webhook/button").status_code == 409
    door = app.test_client()
    assert door.post("/webhooks/acme-notion", json={"verification_token": token}).status_code == 401
    assert admin.post("/connections/acme-notion/webhook/arm").status_code == 303
    app.extensions["door"].connections.forget()  # it looks anew a moment after a refusal; the test is faster than that
    waiting = admin.get("/connections/acme-notion/webhook/state")
    assert (waiting.status_code, "24 h left" in waiting.text) == (200, True)
    assert door.post("/webhooks/acme-notion", json={"verification_token": token}).status_code == 200
    came = admin.get("/connections/acme-notion/webhook/state")
    assert (came.status_code, "Show the token" in came.text, token in came.text) == (286, True, False)
    assert token in SECRET.findall(admin.post("/connections/acme-notion/webhook/token").text)
    assert admin.post("/connections/acme-notion/webhook/token").status_code == 409
    assert token not in admin.get("/connections/acme-notion/webhook").text
    assert button_secret(token) not in admin.get("/connections/acme-notion/webhook").text
    shown = admin.post("/connections/acme-notion/webhook/button").text
    assert (button_secret(token) in SECRET.findall(shown), token in shown) == (True, False)
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
