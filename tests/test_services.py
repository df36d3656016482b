"""The services that other tests lean on are real ones and clean."""

import psycopg
import pytest
from redis import Redis


def test_redis_is_empty_and_keeps_what_it_is_told(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("kept", "yes")
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendonly")["appendonly"] == "yes"
        assert client.config_get("appendfsync")["appendfsync"] == "everysec"


def test_redis_is_empty_again(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_postgres_gives_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)


@pytest.mark.databases("sqlite", "postgres")
def test_database_of_each_kind(database_url: str, database_kind: str) -> None:
    assert database_url.startswith({"sqlite": "sqlite:", "postgres": "postgresql:"}[database_kind])
