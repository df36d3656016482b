"""Calls of the app as the door notes them, for tests of installations without the door."""

from __future__ import annotations

import base64
import json
from typing import Any

from sqlalchemy import select

from connector.services.forge.installations import note
from connector.services.forge.invocation import verify
from connector.store.tables import ForgeInstallation
from tests.support.forge import SYSTEM_TOKEN, Forge

ANOTHER = "ari:cloud:ecosystem::installation/bbbbbbbb-0000-0000-0000-000000000002"
LOGIN = {"email": "bot@acme.example", "api_token": "sandbox-token"}


def jwt(ends: float, mark: str = "a") -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part({'exp': ends, 'mark': mark})}.signature"


def seen(forge: Forge, account: str = "", *, system: str | None = SYSTEM_TOKEN, hourly: bool = False, **claims: Any) -> ForgeInstallation:
    """A call of the app, as the door notes it."""
    forge.atlassian.systems |= {system} if system else set()
    token = forge.token(forge.claims(account, **claims))
    invocation = verify(forge.company.runtime, forge.headers(token, account, system=system))
    return note(forge.company.runtime, invocation, hourly=hourly)


def environment(forge: Forge, kind: str, **claims: Any) -> dict[str, Any]:
    """The claims of an installation from this environment of the app."""
    given = forge.claims("", **claims)
    given["app"]["environment"]["type"] = kind
    return {"app": given["app"], "context": given["context"]}


def rows(forge: Forge, table: Any) -> list[Any]:
    with forge.company.runtime.store.read() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def opened(forge: Forge, sealed: str | None) -> Any:
    assert sealed is not None
    return forge.company.runtime.vault.open(sealed)
