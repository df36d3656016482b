"""A company with providers to sign in with, and a browser without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from connector.app import create_app
from connector.services.sign_in import oauth
from connector.store.tables import Audit, BrowserSession, Identity, Person
from tests.support.providers import CLIENT_ID, CLIENT_SECRET, AccountStandIn, OidcStandIn, account_stand_in, oidc_stand_in
from tests.support.world import Company, company


@dataclass
class Door:
    """The application with its providers, and one browser."""

    company: Company
    app: Flask
    client: FlaskClient
    issuer: OidcStandIn
    accounts: AccountStandIn

    def leave(self, provider: str = "oidc", next_path: str = "") -> Any:
        """Click on the provider's button."""
        return self.client.get(f"/sign-in/{provider}", query_string={"next": next_path} if next_path else None)

    def come_back(self, provider: str = "oidc", **changes: str) -> Any:
        """Leave, agree at the provider, come back; ``changes`` override what comes back."""
        left = self.leave(provider)
        assert left.status_code == 303, left.text
        answer = self.issuer.authorize(left.location) if provider == "oidc" else {"code": "good", "state": state_of(left.location)}
        return self.client.get(f"/sign-in/{provider}/callback", query_string={**answer, **changes})

    def signed_in_as(self) -> str | None:
        """The address of whoever this browser is signed in as."""
        page = self.client.get("/account")
        if page.status_code != 200:
            return None
        with self.company.runtime.store.read() as session:
            return next((each for each in session.scalars(select(Person.email)) if each in page.text), None)

    def rows(self, table: Any) -> list[Any]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(table)))

    def nothing_happened(self) -> None:
        """Nobody is signed in, nobody was added, nothing is bound."""
        assert self.signed_in_as() is None
        assert self.rows(BrowserSession) == self.rows(Identity) == self.rows(Audit) == []
        assert len(self.rows(Person)) == 3


def state_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["state"][0]


@pytest.fixture
def issuer() -> Iterator[OidcStandIn]:
    with oidc_stand_in() as found:
        yield found


@pytest.fixture
def door(tmp_path: Path, database_url: str, issuer: OidcStandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    settings = {
        "oidc_issuer": issuer.url,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_name": "Acme account",
        "atlassian_client_id": CLIENT_ID,
        "atlassian_client_secret": CLIENT_SECRET,
        "notion_client_id": CLIENT_ID,
        "notion_client_secret": CLIENT_SECRET,
        "public_url": "http://localhost",
    }
    with account_stand_in() as accounts, company(tmp_path, database_url, **settings) as acme:
        for name, person in (("atlassian", "/me"), ("notion", "")):
            token = "/oauth/token" if name == "atlassian" else "/v1/oauth/token"
            addresses = oauth.Addresses(f"{accounts.url}/authorize", accounts.url + token, accounts.url + person if person else "")
            monkeypatch.setitem(oauth.ADDRESSES, name, addresses)
        acme.objective()
        app = create_app(acme.runtime)
        yield Door(acme, app, app.test_client(), issuer, accounts)
