"""Fixtures for every test: real services on request, hypothesis profiles. Shared fixtures of one part stand in its own folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

from tests.support.services import Postgres, postgres_server, redis_server

# CI must not find a new example by chance: there the examples are the same in every run.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", 'databases(*names): run with each of these in the fixture database_url ("sqlite", "postgres")')


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("databases")
    if marker is not None and "database_kind" in metafunc.fixturenames:
        metafunc.parametrize("database_kind", marker.args)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the developer's shell and no .env file of the project decides how a test ends."""
    for name in list(os.environ):
        if name.startswith("OKR_") or name == "PORT":
            monkeypatch.delenv(name)
    # pydantic-settings reads .env from the working directory; tests that want one make their own.
    from connector.settings import Settings

    monkeypatch.setitem(Settings.model_config, "env_file", None)


@pytest.fixture(scope="session")
def _redis_session() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
def redis_url(_redis_session: str) -> Iterator[str]:
    """URL of a real server, empty at the start of each test."""
    with Redis.from_url(_redis_session) as client:
        client.flushall()
        yield _redis_session


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One Postgres for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """URL of an empty Postgres database made for this test."""
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def database_kind() -> str:
    """ "sqlite" unless the test asks for others with ``@pytest.mark.databases("sqlite", "postgres")``."""
    return "sqlite"


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of the kind asked for."""
    if database_kind == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path / 'okr.db'}"
