"""Connecting Notion by a person's permission: there and back again over real HTTP, and what must not work."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from werkzeug.wrappers import Request, Response

from connector.app import create_app
from connector.hosts.notion.sandbox import TOKEN, NotionSandbox
from connector.store.tables import Connection
from tests.support.signed_in import Visit
from tests.support.standin import running
from tests.support.world import Company, company

LINK = re.compile(r'class="btn main" href="([^"]+)"')
MARK = re.compile(r'name="tested" value="([^"]+)"')
CALLBACK = "https://okr.acme.example/connect/notion/callback"


class Issuer:
    """Notion with the token address of its OAuth, which takes JSON and HTTP Basic only."""

    def __init__(self) -> None:
        self.notion = NotionSandbox()
        self.notion.world.add_database("Deals", {"Name": "title"})
        self.codes = {"good-code"}
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        if request.path != "/v1/oauth/token":
            return self.notion(environ, start_response)
        self.asked.append((request.headers.get("Authorization", ""), request.get_json(silent=True)))
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        given = request.get_json(silent=True) or {}
        basic = base64.b64encode(b"our-client:our-client-secret").decode()
        if request.headers.get("Authorization") != f"Basic {basic}":
            return self._error(401, "unauthorized", "client authentication failed")
        if given.get("code") not in self.codes or given.get("redirect_uri") != CALLBACK:
            return self._error(400, "invalid_grant", f"Invalid code: {given.get('code')}")
        self.codes.discard(given["code"])
        tokens = {"access_token": TOKEN, "refresh_token": "nrt_refresh-token", "token_type": "bearer", "bot_id": "b", "workspace_id": "w"}
        return Response(json.dumps(tokens), content_type="application/json")

    def _error(self, status: int, code: str, message: str) -> Response:
        return Response(json.dumps({"code": code, "error": code, "message": message}), status, content_type="application/json")


@pytest.fixture
def issuer() -> Iterator[tuple[Issuer, str]]:
    found = Issuer()
    with running(found) as url:
        yield found, url


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    more = {"notion_client_id": "our-client", "notion_client_secret": "our-client-secret"}
    with company(tmp_path, public_url="https://okr.acme.example", **more) as found:
        yield found


@pytest.fixture
def admin(acme: Company) -> Visit:
    return Visit(create_app(acme.runtime), acme.runtime, "ada@acme.example")


def leave(admin: Visit, url: str) -> dict[str, str]:
    """Start; gives what Notion is asked."""
    page = admin.post("/connect/notion-oauth", {"name": "acme-notion", "url": url})
    assert page.status_code == 200, page.text
    address = html.unescape(LINK.findall(page.text)[-1])
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{url}/v1/oauth/authorize"
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def rows(acme: Company) -> list[Connection]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(Connection)))


def test_there_and_back_again(acme: Company, admin: Visit, issuer: tuple[Issuer, str]) -> None:
    asked = leave(admin, issuer[1])
    assert (asked["client_id"], asked["redirect_uri"], asked["owner"], asked["response_type"]) == ("our-client", CALLBACK, "user", "code")
    back = admin.get(f"/connect/notion/callback?code=good-code&state={asked['state']}")
    assert back.status_code == 200, back.text
    assert "Deals" in back.text
    for secret in (TOKEN, "nrt_refresh-token", "our-client-secret"):
        assert secret not in back.text
    assert rows(acme) == []
    assert admin.post("/connect", {"tested": MARK.search(back.text)[1]}).status_code == 303  # type: ignore[index]
    [row] = rows(acme)
    stored = acme.runtime.vault.open(row.auth)
    assert stored == {
        "access_token": TOKEN,
        "refresh_token": "nrt_refresh-token",
        "client_id": "our-client",
        "client_secret": "our-client-secret",
    }
    assert issuer[0].asked[0][1] == {"grant_type": "authorization_code", "code": "good-code", "redirect_uri": CALLBACK}


@pytest.mark.parametrize("query", ["code=good-code&state=other", "code=good-code", "error=access_denied&state={state}", "state={state}"])
def test_what_was_not_asked_for_or_was_declined_is_refused(acme: Company, admin: Visit, issuer: tuple[Issuer, str], query: str) -> None:
    asked = leave(admin, issuer[1])
    answer = admin.get(f"/connect/notion/callback?{query.format(**asked)}")
    assert answer.status_code == 422
    assert issuer[0].asked == []
    assert rows(acme) == []


def test_a_state_counts_once_and_for_a_while(acme: Company, admin: Visit, issuer: tuple[Issuer, str]) -> None:
    issuer[0].codes.add("another")
    asked = leave(admin, issuer[1])
    assert admin.get(f"/connect/notion/callback?code=good-code&state={asked['state']}").status_code == 200
    assert admin.get(f"/connect/notion/callback?code=another&state={asked['state']}").status_code == 422
    asked = leave(admin, issuer[1])
    acme.clock.ahead = 1000
    assert "too long ago" in admin.get(f"/connect/notion/callback?code=another&state={asked['state']}").text


def test_a_code_that_notion_refuses_is_said_without_repeating_it(admin: Visit, issuer: tuple[Issuer, str]) -> None:
    asked = leave(admin, issuer[1])
    answer = admin.get(f"/connect/notion/callback?code=some-wrong-code&state={asked['state']}")
    assert answer.status_code == 422
    assert "Notion did not give its permission" in answer.text
    assert "some-wrong-code" not in answer.text


def test_a_parked_workspace_is_allowed_in_again(acme: Company, admin: Visit, issuer: tuple[Issuer, str]) -> None:
    auth = {"access_token": "old", "refresh_token": "old", "client_id": "our-client", "client_secret": "our-client-secret"}
    acme.connection("acme-notion", "notion", issuer[1], auth)
    admin.post("/connections/acme-notion/checks")
    assert rows(acme)[0].parked_at is not None
    page = admin.post("/connections/acme-notion/credentials", {"kind": "notion-oauth"})
    state = parse_qs(urlsplit(html.unescape(LINK.findall(page.text)[-1])).query)["state"][0]
    back = admin.get(f"/connect/notion/callback?code=good-code&state={state}")
    found = MARK.search(back.text)
    assert found, back.text
    assert admin.post("/connections/acme-notion/credentials/save", {"tested": found[1]}).status_code == 303
    assert rows(acme)[0].parked_at is None


def test_without_a_public_connection_it_says_what_to_do(tmp_path: Path) -> None:
    with company(tmp_path) as plain:
        visit = Visit(create_app(plain.runtime), plain.runtime, "ada@acme.example")
        page = visit.get("/connect/notion-oauth").text
        assert "OKR_NOTION_CLIENT_ID" in page
        assert "Go on to Notion</button>" not in page
        assert visit.post("/connect/notion-oauth", {"name": "acme-notion", "url": ""}).status_code == 409
