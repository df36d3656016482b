"""Connecting a Jira site by a person's permission: there and back again over real HTTP, other sites, and what must not work."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import select

from connector.app import create_app
from connector.hosts.jira import oauth
from connector.hosts.jira.sandbox import JiraSandbox
from connector.store.tables import Connection
from tests.support.signed_in import Visit
from tests.support.standin import running
from tests.support.world import Company, company

LINK = re.compile(r'class="btn main" href="([^"]+)"')
MARK = re.compile(r'name="tested" value="([^"]+)"')
SEALED = re.compile(r'name="permission" value="([^"]+)"')
CALLBACK = "https://okr.acme.example/sign-in/atlassian/callback"
OTHER = {"id": "beta-cloud", "name": "beta", "url": "https://beta.atlassian.net", "scopes": ["read:jira-work"], "avatarUrl": ""}


@pytest.fixture
def jira() -> JiraSandbox:
    return JiraSandbox({"issues": [{"key": "ACME-1", "type": "Epic"}]})


@pytest.fixture
def url(jira: JiraSandbox) -> Iterator[str]:
    with running(jira) as address:
        yield address


@pytest.fixture
def acme(tmp_path: Path, jira: JiraSandbox) -> Iterator[Company]:
    client, secret = jira.permissions.client
    with company(tmp_path, public_url="https://okr.acme.example", atlassian_client_id=client, atlassian_client_secret=secret) as found:
        yield found


@pytest.fixture
def admin(acme: Company) -> Visit:
    return Visit(create_app(acme.runtime), acme.runtime, "ada@acme.example")


def leave(admin: Visit, url: str, path: str = "/connect/jira-oauth", **data: str) -> str:
    """Start; gives the address to which the person is sent."""
    page = admin.post(path, {"name": "acme-jira", "url": url, **data})
    assert page.status_code == 200, page.text
    return html.unescape(LINK.findall(page.text)[-1])


def agree(address: str) -> str:
    """What the browser does at Atlassian: the person agrees and is sent back; gives the way back without our address."""
    answer = requests.get(address, allow_redirects=False, timeout=30)
    assert answer.status_code == 302, answer.text
    back = answer.headers["Location"]
    assert back.startswith(f"{CALLBACK}?")
    return back.removeprefix("https://okr.acme.example")


def come_back(admin: Visit, way: str) -> Any:
    """Through the sign-in's address to where the permission is awaited."""
    hop = admin.get(way)
    if hop.status_code != 303:
        return hop
    assert "/connect/jira/callback" in hop.location
    return admin.get(hop.location)


def rows(acme: Company) -> list[Connection]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(Connection)))


def save(admin: Visit, page: Any, path: str = "/connect") -> None:
    found = MARK.search(page.text)
    assert found, page.text
    assert admin.post(path, {"tested": found[1]}).status_code == 303


def test_there_and_back_again(acme: Company, admin: Visit, jira: JiraSandbox, url: str) -> None:
    form = admin.get("/connect/jira-oauth").text
    assert CALLBACK in form
    assert "Go on to Atlassian" in form
    address = leave(admin, url)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["scope"].split() == list(oauth.SCOPES)
    assert (asked["audience"], asked["prompt"], asked["redirect_uri"]) == ("api.atlassian.com", "consent", CALLBACK)
    back = come_back(admin, agree(address))
    assert back.status_code == 200, back.text
    assert "ACME" in back.text
    assert rows(acme) == []
    save(admin, back)
    [row] = rows(acme)
    stored = acme.runtime.vault.open(row.auth)
    assert set(stored) == {"client_id", "client_secret", "cloud_id", "access_token", "refresh_token", "expires_at"}
    assert stored["cloud_id"] == jira.world.settings["cloud_id"]
    for secret in (stored["access_token"], stored["refresh_token"], stored["client_secret"]):
        assert secret not in back.text + form
    page = admin.get("/connections/acme-jira").text
    assert "renewed every hour" in page
    webhook = admin.get("/connections/acme-jira/webhook").text
    assert "prolonged every week" in webhook
    assert admin.post("/connections/acme-jira/webhook/register").status_code == 303
    webhook = admin.get("/connections/acme-jira/webhook").text
    assert "Sends for the whole site" in webhook
    assert "Make a new secret" not in webhook
    assert "paste the webhook secret" not in webhook
    assert "under Distribution" in webhook
    assert stored["client_secret"] not in webhook
    assert "30 days left" in admin.get("/connections/acme-jira").text
    version = re.findall(r'name="version" value="([^"]*)"', admin.get("/connections/acme-jira").text)[-1]
    assert admin.post("/connections/acme-jira/retire", {"confirm": "acme-jira", "version": version}).status_code == 303
    assert jira.permissions.webhooks == {}
    assert rows(acme)[0].auth == ""


@pytest.mark.parametrize("query", ["code=a-code&state=other", "code=a-code", "error=access_denied&state={state}", "state={state}"])
def test_what_was_not_asked_for_or_was_declined_is_refused(acme: Company, admin: Visit, jira: JiraSandbox, url: str, query: str) -> None:
    state = parse_qs(urlsplit(leave(admin, url)).query)["state"][0]
    answer = admin.get(f"/connect/jira/callback?{query.format(state=state)}")
    assert answer.status_code == 422
    assert jira.calls("/oauth/token") == []
    assert rows(acme) == []


def test_another_state_at_the_shared_address_is_a_sign_in(admin: Visit, url: str) -> None:
    leave(admin, url)
    answer = admin.get("/sign-in/atlassian/callback?code=a-code&state=other")
    assert answer.status_code == 403


def test_a_state_counts_once_and_for_a_while(acme: Company, admin: Visit, url: str) -> None:
    way = agree(leave(admin, url))
    assert come_back(admin, way).status_code == 200
    assert come_back(admin, way).status_code == 403  # nothing is awaited any more: the sign-in knows it as little
    way = agree(leave(admin, url))
    acme.clock.ahead = 1000
    assert "too long ago" in come_back(admin, way).text


def test_another_browser_cannot_finish_it(acme: Company, admin: Visit, url: str) -> None:
    way = agree(leave(admin, url))
    other = Visit(admin.client.application, acme.runtime, "bea@acme.example")
    assert come_back(other, way).status_code == 403
    assert other.get(f"/connect/jira/callback?{way.partition('?')[2]}").status_code == 422


def test_a_permission_for_another_site_offers_the_sites_it_covers(acme: Company, admin: Visit, jira: JiraSandbox, url: str) -> None:
    here = {"id": jira.world.settings["cloud_id"], "name": "acme", "url": url, "scopes": ["read:jira-work"], "avatarUrl": ""}
    wiki = {"id": "wiki", "name": "wiki", "url": "https://wiki.atlassian.net", "scopes": ["read:confluence-content.all"], "avatarUrl": ""}
    elsewhere = url.replace("127.0.0.1", "localhost")
    jira.permissions.sites = [here, OTHER, wiki]
    page = come_back(admin, agree(leave(admin, elsewhere)))
    assert page.status_code == 200, page.text
    assert "beta.atlassian.net" in page.text
    assert "wiki.atlassian.net" not in page.text
    assert f"does not cover {elsewhere}" in page.text
    sealed = SEALED.search(page.text)
    assert sealed
    wrong = admin.post("/connect/jira/site", {"permission": sealed[1], "site": "no-such-site"})
    assert wrong.status_code == 422
    assert "Choose one of the sites" in wrong.text
    tested = admin.post("/connect/jira/site", {"permission": sealed[1], "site": here["id"]})
    assert tested.status_code == 200, tested.text
    save(admin, tested)
    assert rows(acme)[0].url == url
    assert admin.post("/connect/jira/site", {"permission": "not sealed", "site": here["id"]}).status_code == 422
    other = Visit(admin.client.application, acme.runtime, "bea@acme.example")
    assert other.post("/connect/jira/site", {"permission": sealed[1], "site": here["id"]}).status_code == 422


def test_a_permission_for_no_jira_site_is_said(admin: Visit, jira: JiraSandbox, url: str) -> None:
    jira.permissions.sites = []
    answer = come_back(admin, agree(leave(admin, url)))
    assert answer.status_code == 422
    assert "covers no Jira site" in answer.text


def test_a_code_that_atlassian_refuses_is_said_without_repeating_it(admin: Visit, jira: JiraSandbox, url: str) -> None:
    way = agree(leave(admin, url))
    (code,) = jira.permissions.codes
    jira.permissions.codes.clear()
    answer = come_back(admin, way)
    assert answer.status_code == 422
    assert "Atlassian did not give its permission" in answer.text
    assert code not in answer.text


def test_a_parked_site_is_allowed_in_again_by_the_same_site_only(acme: Company, admin: Visit, jira: JiraSandbox, url: str) -> None:
    save(admin, come_back(admin, agree(leave(admin, url))))
    jira.permissions.grants[0].withdrawn = True
    jira.tokens.clear()
    admin.post("/connections/acme-jira/checks")
    assert rows(acme)[0].parked_at is not None
    assert "give the permission again" in admin.get("/connections/acme-jira").text
    jira.permissions.sites = [OTHER]
    wrong = come_back(admin, agree(leave(admin, url, "/connections/acme-jira/credentials", kind="jira-oauth")))
    assert wrong.status_code == 422
    assert "is for https://beta.atlassian.net" in wrong.text
    jira.permissions.sites = None
    back = come_back(admin, agree(leave(admin, url, "/connections/acme-jira/credentials", kind="jira-oauth")))
    save(admin, back, "/connections/acme-jira/credentials/save")
    assert rows(acme)[0].parked_at is None


def test_our_secret_goes_to_atlassian_alone(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"atlassian_client_id": "our-app", "atlassian_client_secret": "our-app-secret"}
    with company(tmp_path, public_url="https://okr.acme.example", **settings) as strict:
        strict.runtime.settings = strict.runtime.settings.model_copy(update={"allow_private_hosts": False})
        visit = Visit(create_app(strict.runtime), strict.runtime, "ada@acme.example")
        answer = visit.post("/connect/jira-oauth", {"name": "acme-jira", "url": "https://acme.evil.example"})
        assert answer.status_code == 422
        assert "sites of Jira Cloud" in answer.text
        address = leave(visit, "https://acme.atlassian.net")
        assert address.startswith("https://auth.atlassian.com/authorize?audience=api.atlassian.com&client_id=our-app&")


def test_without_an_app_it_says_what_to_do(tmp_path: Path) -> None:
    with company(tmp_path) as plain:
        visit = Visit(create_app(plain.runtime), plain.runtime, "ada@acme.example")
        page = visit.get("/connect/jira-oauth").text
        assert "OKR_ATLASSIAN_CLIENT_ID" in page
        assert "Go on to Atlassian</button>" not in page
        answer = visit.post("/connect/jira-oauth", {"name": "acme-jira", "url": "https://acme.atlassian.net"})
        assert answer.status_code == 409


def test_a_lead_may_not_give_it(acme: Company, admin: Visit, url: str) -> None:
    lead = Visit(admin.client.application, acme.runtime, "lea@acme.example", "lead")
    assert lead.get("/connect/jira/callback?code=a&state=b").status_code == 403
    assert lead.post("/connect/jira/site", {"permission": "x", "site": "y"}).status_code == 403
