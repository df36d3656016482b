"""A company with a little history behind the real application, and tokens for every role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from connector.app import create_app
from connector.services import check_ins, tokens
from tests.support.world import Company, company


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", start=0.0, target=100.0)
        found.key_result("kr-signups", unit="", start=400.0, target=900.0)
        found.key_result("kr-late", unit="", start=0.0, target=5.0, kind="at_most")
        check_ins.file_check_in(
            found.runtime,
            "kr-setup",
            {"value": 41, "confidence": 5, "blocker": "no test site", "decision": "budget"},
            author="alice@acme.example",
        )
        found.work()
        yield found


@pytest.fixture
def app(acme: Company) -> Flask:
    return create_app(acme.runtime)


class Api:
    """The test client with a token."""

    def __init__(self, client: FlaskClient, token: str | None) -> None:
        self.client, self.headers = client, {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query_string=query, headers=self.headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(
            f"/api/v1/{path}", json=body, headers={**self.headers, **{key.replace("_", "-"): value for key, value in headers.items()}}
        )


@pytest.fixture
def as_role(app: Flask, acme: Company) -> Any:
    made: dict[str, str] = {}

    def role(name: str | None) -> Api:
        if name is not None and name not in made:
            made[name] = tokens.create(acme.runtime, f"{name} script", name)
        return Api(app.test_client(), made[name] if name else None)

    return role


@pytest.fixture
def api(as_role: Any) -> Api:
    found: Api = as_role("admin")
    return found
