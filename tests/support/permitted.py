"""A Jira connection whose login is a person's permission, given at a stand-in that voids each refresh token after its use."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from connector.hosts.jira import oauth
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.limits import Budget
from connector.store.tables import Connection
from tests.support.world import Company

BACK = "https://okr.acme.example/sign-in/atlassian/callback"


def permit(jira: JiraSandbox, url: str, scopes: str = " ".join(oauth.SCOPES)) -> dict[str, str]:
    """The login that a person's permission gives."""
    client, secret = jira.permissions.client
    code = jira.permissions.give(BACK, scopes)
    auth = oauth.exchange_code(url, client, secret, BACK, code, budget=Budget("consent"), allow_private=True)
    return {**auth, "cloud_id": jira.world.settings["cloud_id"]}


def connect(acme: Company, jira: JiraSandbox, url: str, name: str = "acme-jira") -> int:
    """A stored connection with such a login."""
    return acme.connection(name, "jira", url, permit(jira, url))


def row_of(acme: Company, ident: int) -> Connection:
    """The connection as it is stored now."""
    with acme.runtime.store.read() as session:
        return session.get_one(Connection, ident)


def login_of(acme: Company, ident: int) -> dict[str, Any]:
    """Its stored login, opened."""
    found: dict[str, Any] = acme.runtime.vault.open(row_of(acme, ident).auth)
    return found


def asked_who(acme: Company, ident: int) -> str:
    """Whom the host says that this login is, asked over a client of its own."""
    with closing(acme.runtime.connect(row_of(acme, ident))) as host:
        return host.identify()


def age(acme: Company, ident: int, ends: str) -> None:
    """Let the stored access token end at another moment (ISO text), as far as we know."""
    with acme.runtime.store.write() as session:
        row = session.get_one(Connection, ident)
        row.auth = acme.runtime.vault.seal({**acme.runtime.vault.open(row.auth), "expires_at": ends})
