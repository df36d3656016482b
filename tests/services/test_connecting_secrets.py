"""Planted secrets of every kind, and a search for them wherever the product speaks: pages, API, errors, logs, audit, metrics, exports."""

from __future__ import annotations

import base64
import html
import logging
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select

from connector import log
from connector.app import create_app
from connector.domain.rights import SYSTEM
from connector.errors import HostError
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import doctor, tokens
from connector.services.connecting import webhooks
from connector.services.exchange import export
from connector.services.sign_in import links
from connector.services.sync import sync_connection
from connector.store.base import Base
from connector.store.tables import Connection
from connector.web.gate import KEY
from tests.support import permitted
from tests.support.signed_in import Visit
from tests.support.standin import running
from tests.support.world import Company, company

API_TOKEN, CLIENT_SECRET, NOTION_TOKEN = "planted-api-token-4711", "planted-client-secret-4712", "planted-notion-token-4713"
VERIFICATION, WRONG = "planted-verification-4714", "planted-wrong-token-4715"
WORDS = re.compile(r'name="tested" value="([^"]+)"')


class Scene:
    """Everything that was said so far, and the secrets that must not be in it."""

    def __init__(self, acme: Company, app: Flask, jira: JiraSandbox, notion: NotionSandbox, urls: tuple[str, str]) -> None:
        self.acme, self.app, self.jira, self.notion, self.urls = acme, app, jira, notion, urls
        self.secrets = {API_TOKEN, CLIENT_SECRET, NOTION_TOKEN, VERIFICATION, WRONG, "k" * 40}
        self.heard: dict[str, str] = {}

    def hear(self, where: str, text: str | bytes) -> None:
        self.heard[where] = self.heard.get(where, "") + (text if isinstance(text, str) else text.decode("utf-8", "replace"))

    def leaks(self) -> list[tuple[str, str]]:
        def forms(secret: str) -> tuple[str, ...]:
            return secret, base64.b64encode(secret.encode()).decode().rstrip("="), secret.replace("-", "%2D")

        found = [(where, secret) for where in self.heard for secret in self.secrets]
        return [(where, secret) for where, secret in found if any(form in self.heard[where] for form in forms(secret))]


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    jira = JiraSandbox({"issues": [{"key": "ACME-1", "type": "Epic"}, {"key": "ACME-2", "parent": "ACME-1"}]})
    jira.world.settings.update(api_token=API_TOKEN, client_secret=CLIENT_SECRET)
    notion = NotionSandbox(token=NOTION_TOKEN)
    notion.world.add_database("Deals", {"Name": "title", "Seats": "number"})
    app = {"atlassian_client_id": "sandbox-client", "atlassian_client_secret": CLIENT_SECRET}
    with (
        company(tmp_path, database_url, public_url="https://okr.acme.example", **app) as acme,
        running(jira) as one,
        running(notion) as two,
    ):
        acme.objective()
        acme.key_result("kr-setup")
        yield Scene(acme, create_app(acme.runtime), jira, notion, (one, two))


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """The log as production writes it, at its most talkative; the root logger is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.configure("json", "debug")
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def connect(scene: Scene, visit: Visit, kind: str, entered: dict[str, str]) -> None:
    wrong = {name: WRONG if name in ("api_token", "client_secret", "token") else value for name, value in entered.items()}
    scene.hear(f"failed test {kind}", visit.post(f"/connect/{kind}", wrong).text)
    tested = visit.post(f"/connect/{kind}", entered)
    scene.hear(f"test {kind}", tested.text)
    found = WORDS.search(tested.text)
    assert found, tested.text
    scene.hear(f"save {kind}", visit.post("/connect", {"tested": found[1]}).text)


def permit_and_lose(scene: Scene, visit: Visit) -> None:
    """A permission that is given in the browser, renewed, and taken back in an answer that repeats the tokens."""
    jira, acme = scene.jira, scene.acme
    left = visit.post("/connect/jira-oauth", {"name": "acme-permitted", "url": scene.urls[0]})
    scene.hear("leave", left.text)
    link = re.search(r'class="btn main" href="([^"]+)"', left.text)
    assert link, left.text
    back = requests.get(html.unescape(link[1]), allow_redirects=False, timeout=30).headers["Location"]
    way = visit.get(back.removeprefix("https://okr.acme.example"))
    tested = visit.get(way.location)
    scene.hear("come back", tested.text)
    found = WORDS.search(tested.text)
    assert found, tested.text
    scene.hear("save permitted", visit.post("/connect", {"tested": found[1]}).text)
    with acme.runtime.store.read() as session:
        ident = session.scalars(select(Connection.id).where(Connection.name == "acme-permitted")).one()
    scene.secrets |= {value for name, value in permitted.login_of(acme, ident).items() if name.endswith("_token")}
    scene.hear("register permitted", visit.post("/connections/acme-permitted/webhook/register").text)
    scene.hear("webhook permitted", visit.get("/connections/acme-permitted/webhook").text)
    permitted.age(acme, ident, "2026-01-01T00:00:00+00:00")
    scene.hear("checks permitted", visit.post("/connections/acme-permitted/checks").text)
    login = permitted.login_of(acme, ident)
    scene.secrets |= {value for name, value in login.items() if name.endswith("_token")}
    permitted.age(acme, ident, "2026-01-01T00:00:00+00:00")
    told = f'{{"error": "invalid_grant", "error_description": "void: {login["refresh_token"]} of {CLIENT_SECRET}"}}'.encode()
    jira.fail(path="/oauth/token", status=403, body=told)
    jira.fail(path="/ex/jira/", status=401, times=2)
    scene.hear("lost permitted", visit.post("/connections/acme-permitted/checks").text)
    jira.faults.clear()
    row = permitted.row_of(acme, ident)
    assert "void: " in (row.parked_reason or "")
    signed = jira.permissions.signed(iat=1, exp=2)
    scene.secrets.add(signed)
    headers = {"Authorization": f"Bearer {signed}"}
    scene.hear("old token", scene.app.test_client().post("/webhooks/acme-permitted", json={"a": 1}, headers=headers).text)


def pages_of(app: Flask, names: list[str]) -> list[str]:
    """Every page that is read by GET, with what there is filled in."""
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.rule.startswith(("/static", "/events", "/api")) or rule.endpoint.endswith("come_back"):
            continue
        if not rule.arguments:
            found.append(rule.rule)
        elif rule.arguments == {"name"} and "connections" in rule.rule:
            found += [rule.rule.replace("<name>", name) for name in names]
        elif rule.arguments == {"kind"}:
            found += [rule.rule.replace("<kind>", kind) for kind in ("jira-token", "jira-service", "notion-token", "none")]
        elif rule.arguments == {"ident"}:
            found += [re.sub(r"<(?:\w+:)?ident>", ident, rule.rule) for ident in ("kr-setup", "onboarding", "1")]
    return found


def test_no_secret_shows_anywhere(scene: Scene, lines: None, capfd: pytest.CaptureFixture[str]) -> None:
    acme, app = scene.acme, scene.app
    runtime = acme.runtime
    visit = Visit(app, runtime, "ada@acme.example")
    with visit.client.session_transaction() as session:
        scene.secrets.add(session[KEY])
    link = links.make(runtime, SYSTEM, "alice@acme.example")
    scene.secrets.add(link.rstrip("/").rpartition("/")[2].rpartition("=")[2])
    api_token = tokens.create(runtime, "script", "admin")
    scene.secrets.add(api_token)
    headers = {"Authorization": f"Bearer {api_token}"}

    connect(scene, visit, "jira-token", {"name": "acme-jira", "url": scene.urls[0], "email": "bot@acme.example", "api_token": API_TOKEN})
    service = {"name": "acme-service", "url": scene.urls[0], "client_id": "sandbox-client", "client_secret": CLIENT_SECRET}
    connect(scene, visit, "jira-service", service)
    connect(scene, visit, "notion-token", {"name": "acme-notion", "url": scene.urls[1], "token": NOTION_TOKEN})
    scene.hear("register", visit.post("/connections/acme-jira/webhook/register").text)
    scene.secrets |= {hook["secret"] for hook in scene.jira.admin.webhooks.values()}
    scene.secrets.add(webhooks.make_secret(runtime, SYSTEM, "acme-service"))
    visit.post("/connections/acme-notion/webhook/arm")
    scene.hear("handshake", app.test_client().post("/webhooks/acme-notion", json={"verification_token": VERIFICATION}).text)
    webhooks.show_token(runtime, SYSTEM, "acme-notion")
    scene.hear("bad signature", app.test_client().post("/webhooks/acme-jira", json={"a": 1}, headers={"X-OKR-Secret": WRONG}).text)

    permit_and_lose(scene, visit)

    # Hosts that repeat what they were sent, in answers that are errors.
    with runtime.store.read() as session:
        rows = {row.name: row for row in session.scalars(select(Connection))}
    echo = {"acme-jira": API_TOKEN, "acme-service": CLIENT_SECRET}
    for name, secret in echo.items():
        body = f'{{"errorMessages": ["no such token {secret}"]}}'.encode()
        scene.jira.fail(status=400, times=3, body=body, path="/rest/api/3")
        scene.hear(f"checks {name}", visit.post(f"/connections/{name}/checks").text)
        scene.jira.faults.clear()
    scene.notion.fail(status=400, message=f"no such token {NOTION_TOKEN}", times=2)
    visit.post("/connections/acme-notion/checks")
    host = runtime.connect(rows["acme-jira"])
    scene.jira.fail(status=403, times=1, body=f'{{"errorMessages": ["{API_TOKEN}"]}}'.encode())
    with closing(host), pytest.raises(HostError) as caught:
        host.identify()
    scene.hear("host error", f"{caught.value}{caught.value!r}{caught.value.details}{host.settings!r}")
    acme.mapping("kr-setup", rows["acme-jira"].id, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    acme.work(rows["acme-jira"].id)
    sync_connection(runtime, rows["acme-jira"].id)
    scene.hear("row", repr(rows["acme-jira"]))

    for path in pages_of(app, [*rows, "none"]):
        scene.hear(path, visit.get(path).get_data())
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1") and "GET" in (rule.methods or ()):
            path = rule.rule.replace("<name>", "acme-jira").replace("<id>", "kr-setup")
            scene.hear(path, app.test_client().get(path, headers=headers).get_data())
    for where, entered in (("api test", API_TOKEN), ("api failed test", WRONG)):
        auth = {"email": "bot@acme.example", "api_token": entered}
        body = {"name": "again", "host": "jira", "url": scene.urls[0], "auth": auth, "test": True}
        scene.hear(where, app.test_client().post("/api/v1/connections", json=body, headers=headers).text)
    for path in ("/no-such-page", "/connections/acme-jira/pause", "/connect/none"):
        scene.hear(f"error {path}", visit.get(path).text)
    scene.hear("not signed in", app.test_client().get("/connect", headers={"Authorization": f"Bearer {WRONG}"}).text)
    scene.hear("no csrf", visit.post("/connect/jira-token", {"api_token": API_TOKEN}, token="").text)
    for kind in ("csv", "json"):
        scene.hear(f"export {kind}", b"".join(export(runtime, kind, SYSTEM)))
    scene.hear("doctor", repr(doctor.examine(runtime)))
    with runtime.store.read() as session:
        for name, table in Base.metadata.tables.items():
            scene.hear(f"table {name}", repr([tuple(row) for row in session.execute(select(table))]))
    heard = capfd.readouterr()
    scene.hear("log", heard.err + heard.out)

    assert "host_call" in scene.heard["log"]
    assert "handshake" in scene.heard["table audit"]
    assert len(scene.heard) > 40
    assert scene.leaks() == []


def test_the_search_finds_what_is_there() -> None:
    found = Scene.__new__(Scene)
    found.secrets, found.heard = {"planted-x"}, {"page": "a planted-x b", "header": f"Basic {base64.b64encode(b'planted-x').decode()}"}
    assert found.leaks() == [("page", "planted-x"), ("header", "planted-x")]


def test_no_page_shows_the_sealed_text_either(scene: Scene) -> None:
    """What is sealed stays in the database: nobody shall be able to try keys on it at leisure."""
    visit = Visit(scene.app, scene.acme.runtime, "ada@acme.example")
    connect(scene, visit, "jira-token", {"name": "acme-jira", "url": scene.urls[0], "email": "bot@acme.example", "api_token": API_TOKEN})
    with scene.acme.runtime.store.read() as session:
        row: Any = session.scalars(select(Connection)).one()
    for path in ("/connections", "/connections/acme-jira", "/connections/acme-jira/webhook"):
        assert row.auth not in visit.get(path).text
