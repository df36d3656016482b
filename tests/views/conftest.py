"""The application over a module's own company (``acme``) and who visits it; ``board`` has thirty key results with their pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from flask import Flask

from connector.app import create_app
from connector.runtime import Runtime
from tests.support.board import fill
from tests.support.signed_in import Pages, Visit
from tests.support.world import Company, company


class Acme(Protocol):
    """A module's company, or what it has built upon one."""

    @property
    def runtime(self) -> Runtime: ...


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    """Alice's key result "kr-setup", from 41 to 60; most modules have a company of their own."""
    with company(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", start=41.0, target=60.0)
        yield found


@pytest.fixture
def app(acme: Acme) -> Flask:
    return create_app(acme.runtime)


@pytest.fixture
def admin(app: Flask, acme: Acme) -> Visit:
    return Visit(app, acme.runtime, "root@acme.example", "admin")


@pytest.fixture
def lead(app: Flask, acme: Acme) -> Visit:
    return Visit(app, acme.runtime, "lea@acme.example", "lead")


@pytest.fixture
def alice(app: Flask, acme: Acme) -> Visit:
    return Visit(app, acme.runtime, "alice@acme.example", "member")


@pytest.fixture
def board(tmp_path: Path, database_url: str) -> Iterator[Pages]:
    """The thirty key results with their pages."""
    with company(tmp_path, database_url) as found:
        fill(found)
        yield Pages(found, create_app(found.runtime))
