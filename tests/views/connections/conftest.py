"""A company with the real application, a signed-in admin, and both stand-ins on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from tests.support.signed_in import Visit
from tests.support.standin import running
from tests.support.world import Company, company


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url, public_url="https://okr.acme.example") as found:
        found.objective()
        found.key_result("kr-setup")
        yield found


@pytest.fixture
def admin(app: Flask, acme: Company) -> Visit:
    return Visit(app, acme.runtime, "ada@acme.example")


@pytest.fixture
def jira() -> Iterator[JiraSandbox]:
    sandbox = JiraSandbox({"issues": [{"key": "ACME-1", "type": "Epic"}, {"key": "ACME-2", "parent": "ACME-1"}]})
    with running(sandbox) as url:
        sandbox.address = url  # type: ignore[attr-defined]
        yield sandbox


@pytest.fixture
def notion() -> Iterator[NotionSandbox]:
    sandbox = NotionSandbox()
    sandbox.world.add_database("Deals", {"Name": "title", "Seats": "number"})
    with running(sandbox) as url:
        sandbox.address = url  # type: ignore[attr-defined]
        yield sandbox
