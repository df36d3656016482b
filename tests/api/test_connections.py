"""Connections through the API: the same services as the pages, the same refusals, and no secret that is read back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from connector.store.tables import Connection
from tests.api.conftest import Api
from tests.support.standin import running
from tests.support.world import Company

LOGIN = {"email": "bot@acme.example", "api_token": "sandbox-token"}


@pytest.fixture
def jira() -> Iterator[tuple[JiraSandbox, str]]:
    sandbox = JiraSandbox({"issues": [{"key": "ACME-1", "type": "Epic"}]})
    with running(sandbox) as url:
        yield sandbox, url


def patch(api: Api, path: str, body: Any) -> Any:
    return api.client.patch(f"/api/v1/{path}", json=body, headers=api.headers)


def made(api: Api, jira: tuple[JiraSandbox, str], **change: Any) -> Any:
    return api.post("connections", {"name": "acme-jira", "host": "jira", "url": jira[1], "auth": LOGIN, **change})


def test_a_connection_is_tested_saved_and_read_back_without_its_secret(api: Api, acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    tested = made(api, jira, test=True)
    assert (tested.status_code, tested.json["saved"], tested.json["visible"]) == (200, False, 1)
    assert api.get("connections/acme-jira").status_code == 404
    saved = made(api, jira, options={"token_expires": "2099-03-31"})
    assert (saved.status_code, saved.json["saved"]) == (201, True)
    found = api.get("connections/acme-jira")
    assert (found.json["state"], found.json["webhook"], found.json["token_ends"]) == ("unread", "missing", "2099-03-31")
    assert {each["name"] for each in found.json["checks"]} >= {"Token", "Rights", "Webhook secret", "Nightly sync", "Clock", "Quota used"}
    assert "sandbox-token" not in tested.text + saved.text + found.text
    assert made(api, jira).json["errors"][0]["field"] == "name"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"auth": {"email": "bot@acme.example", "api_token": "wrong-credential"}}, "auth"),
        ({"auth": {"email": "bot@acme.example"}}, "auth.api_token"),
        ({"auth": {"token": "ntn_x"}}, "auth.email"),
        ({"name": "a b"}, "name"),
        ({"url": "ftp://acme.example"}, "url"),
        ({"host": "gitlab"}, "host"),
        ({"options": {"token_expires": "soon"}}, "options.token_expires"),
        ({"options": {"requests_per_minute": 0}}, "options.requests_per_minute"),
        ({"options": {"fields": {"progress": "OKR", "status": "okr"}}}, "options.fields.status"),
        ({"options": {"fields": {"percent": "OKR"}}}, "options.fields.percent"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_named(api: Api, acme: Company, jira: tuple[JiraSandbox, str], change: dict[str, Any], field: str) -> None:
    answer = made(api, jira, **change)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == field
    assert "wrong-credential" not in answer.text
    assert api.get("connections").json["items"] == []


def test_a_host_that_is_away_is_503(api: Api) -> None:
    answer = api.post("connections", {"name": "acme-jira", "host": "jira", "url": "http://127.0.0.1:1", "auth": LOGIN})
    assert answer.status_code == 503


NUMBER = "com.atlassian.jira.plugin.system.customfieldtypes:float"


def test_options_have_versions_and_credentials_are_tested(api: Api, acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    made(api, jira)
    version = api.get("connections/acme-jira").json["settings_version"]
    first = patch(api, "connections/acme-jira", {"options": {"requests_per_minute": 300}, "version": version})
    assert (first.status_code, first.json["options"]) == (200, {"requests_per_minute": 300})
    late = patch(api, "connections/acme-jira", {"options": {"requests_per_minute": 500}, "version": version})
    assert (late.status_code, late.json["theirs"]["requests_per_minute"]) == (409, 300)
    named, now = {"fields": {"progress": "OKR percent"}}, first.json["settings_version"]
    missing = patch(api, "connections/acme-jira", {"options": named, "version": now})
    assert (missing.status_code, missing.json["errors"][0]["field"]) == (422, "options.fields.progress")
    number = {"id": "customfield_10390", "name": "OKR percent", "custom": True, "schema": {"type": "number", "custom": NUMBER}}
    jira[0].world.settings["fields"] = [*jira[0].world.settings["fields"], number]
    assert patch(api, "connections/acme-jira", {"options": named, "version": now}).json["options"] == named
    wrong = patch(api, "connections/acme-jira", {"auth": {**LOGIN, "api_token": "wrong-credential"}})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "auth")
    assert patch(api, "connections/acme-jira", {"auth": LOGIN, "options": {}}).status_code == 422
    assert patch(api, "connections/acme-jira", {}).status_code == 422
    jira[0].world.settings["api_token"] = "the-next-one"
    assert patch(api, "connections/acme-jira", {"auth": {**LOGIN, "api_token": "the-next-one"}}).status_code == 200
    with acme.runtime.store.read() as session:
        row = session.scalars(select(Connection)).one()
    assert acme.runtime.vault.open(row.auth)["api_token"] == "the-next-one"


def test_checks_sync_pause_resume_retire(api: Api, acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    made(api, jira)
    jira[0].rest.denied.add("LINK_ISSUES")
    found = api.post("connections/acme-jira/test", None).json
    rights = next(each for each in found["checks"] if each["name"] == "Rights")
    assert (rights["mark"], rights["mend"]) == ("at_risk", "give it the project permission Link issues there")
    assert api.post("connections/acme-jira/sync", {"full": True}).json["state"] == "asked"
    assert api.post("connections/acme-jira/pause", None).json["state"] == "paused"
    assert api.post("connections/acme-jira/sync", {}).status_code == 409
    assert api.post("connections/acme-jira/test", None).status_code == 409
    assert api.get("connections/acme-jira").json["state"] == "paused"
    assert api.post("connections/acme-jira/resume", None).status_code == 200
    assert api.post("connections/acme-jira/retire", {"version": "0" * 16}).status_code == 409
    assert api.post("connections/acme-jira/retire", {}).json == {"name": "acme-jira", "state": "retired", "mappings": 0}
    assert api.post("connections/acme-jira/pause", None).status_code == 404


def test_the_webhook_is_made_or_explained_and_the_secret_given_once(api: Api, acme: Company, jira: tuple[JiraSandbox, str]) -> None:
    made(api, jira)
    first = api.post("connections/acme-jira/webhook", {}).json
    assert (first["created"], first["secret"]) == (True, None)
    assert [hook["url"] for hook in jira[0].admin.webhooks.values()] == [first["url"]]
    by_hand = api.post("connections/acme-jira/webhook", {"make": "secret"}).json
    assert by_hand["secret"]
    assert any(first["url"] in step for step in by_hand["steps"])
    assert by_hand["secret"] not in api.get("connections/acme-jira").text
    assert api.post("connections/acme-jira/arm", {}).status_code == 409


def test_a_handshake_over_the_api(api: Api, acme: Company) -> None:
    with running(NotionSandbox()) as url:
        saved = api.post("connections", {"name": "acme-notion", "host": "notion", "url": url, "auth": {"token": TOKEN}})
        assert saved.status_code == 201
    assert any("no database is shared" in warning for warning in saved.json["warnings"])
    assert api.post("connections/acme-notion/token", None).status_code == 409
    assert "until" in api.post("connections/acme-notion/arm", {}).json
    assert api.client.post("/webhooks/acme-notion", json={"verification_token": "secret_came"}).status_code == 200
    assert api.post("connections/acme-notion/token", None).json == {"token": "secret_came"}
    assert api.post("connections/acme-notion/token", None).status_code == 409
    assert api.post("connections/acme-notion/webhook", {"make": "secret"}).status_code == 409


@pytest.mark.parametrize(
    ("role", "reads", "writes"), [("viewer", 403, 403), ("member", 403, 403), ("champion", 403, 403), ("lead", 200, 403)]
)
def test_who_may(as_role: Any, api: Api, jira: tuple[JiraSandbox, str], role: str, reads: int, writes: int) -> None:
    made(api, jira)
    asked = as_role(role)
    assert asked.get("connections/acme-jira").status_code == reads
    assert asked.post("connections/acme-jira/test", None).status_code == reads
    assert made(asked, jira, name="another").status_code == writes
    for path in ("webhook", "arm", "token", "sync", "pause", "resume", "retire"):
        assert asked.post(f"connections/acme-jira/{path}", {}).status_code == writes
    assert patch(asked, "connections/acme-jira", {"options": {}}).status_code == writes
