"""Filling in the wizard as an admin does, and looking at what was stored."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from connector.store.tables import Connection
from tests.support.signed_in import Visit
from tests.support.world import Company

JIRA_TOKEN = "sandbox-token"
MARK = re.compile(r'name="tested" value="([^"]+)"')
SECRET = re.compile(r'<code class="secret">([^<]+)</code>')


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
