"""Reads: the same on both databases, a fixed number of statements per page, pages without gaps or repeats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text, update

from connector.domain.rights import SYSTEM
from connector.errors import InputError
from connector.store import reads
from connector.store.base import Store
from connector.store.reads.paging import decode_cursor, encode_cursor, moment_text, share
from connector.store.tables import Connection, KeyResult, Mapping, Objective, Run
from tests.support.counting import statements
from tests.support.world import Company, company

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
def acme(tmp_path: Path, database_kind: str, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        for objective in ("onboarding", "growth", "Ärger"):
            found.objective(objective)
        for number in range(7):
            found.key_result(f"kr-{number}", ("onboarding", "growth")[number % 2], position=number // 3)
        yield found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_pages_show_everything_once_in_one_order(acme: Company, limit: int) -> None:
    with acme.runtime.store.read() as session:
        whole = [entry["id"] for entry in reads.key_results_page(session, SYSTEM, limit=200).items]
        assert sorted(whole) == [f"kr-{number}" for number in range(7)]
        found: list[str] = []
        cursor = None
        while True:
            page = reads.key_results_page(session, SYSTEM, cursor, limit)
            assert len(page.items) <= limit
            found += [entry["id"] for entry in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert found == whole
        objectives = reads.everything(lambda after, _: reads.objectives_page(session, SYSTEM, after, 1))
        assert [entry["id"] for entry in objectives] == [entry["id"] for entry in reads.objectives_page(session, SYSTEM).items]
        assert len(objectives) == 3


def test_a_page_costs_the_same_however_long_it_is(acme: Company) -> None:
    jira = acme.connection("acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "x"})
    for number in range(7):
        acme.mapping(f"kr-{number}", jira, select={"epics": ["ACME-1"]}, measure="done_share")
    pages: list[tuple[Any, int]] = [
        (reads.key_results_page, 1),
        (reads.objectives_page, 2),
        (lambda session, viewer, **more: reads.connections_page(session, viewer, now=acme.runtime.now(), **more), 2),
        (reads.deliveries_page, 1),
        (reads.runs_page, 1),
    ]
    for read, expected in pages:
        for limit in (1, 200):
            with statements(acme.runtime.store, "SELECT") as seen, acme.runtime.store.read() as session:
                read(session, SYSTEM, limit=limit)
            assert len(seen) == expected


def test_read_at_is_the_oldest_source_and_unknown_before_all_were_read(acme: Company) -> None:
    now = acme.runtime.now().replace(microsecond=0)
    first = acme.connection("a", "jira", "https://a.example", {"email": "a@b.example", "api_token": "x"})
    second = acme.connection("b", "jira", "https://b.example", {"email": "a@b.example", "api_token": "x"})
    for connection in (first, second):
        acme.mapping("kr-0", connection, select={"epics": ["ACME-1"]}, measure="done_count")

    def read_at() -> str | None:
        with acme.runtime.store.read() as session:
            detail = reads.key_result_detail(session, SYSTEM, "kr-0")
        assert detail is not None
        found: str | None = detail["source"]["read_at"]
        return found

    def answered(connection: int, ago: timedelta) -> None:
        with acme.runtime.store.write() as session:
            session.execute(update(Connection).where(Connection.id == connection).values(last_success_at=now - ago))

    assert read_at() is None
    answered(first, timedelta(hours=1))
    assert read_at() is None
    answered(second, timedelta(hours=3))
    assert read_at() == moment_text(now - timedelta(hours=3))
    with acme.runtime.store.write() as session:
        session.execute(update(Mapping).where(Mapping.connection_id == second).values(retired_at=now))
    assert read_at() == moment_text(now - timedelta(hours=1))


def test_connections_tell_what_is_wrong(acme: Company) -> None:
    now = acme.runtime.now()
    jira = acme.connection("acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "x"})
    mapping = acme.mapping("kr-0", jira, select={"epics": ["ACME-1"]}, measure="done_count")
    acme.deliver(jira, {"webhookEvent": "jira:issue_updated"})
    with acme.runtime.store.write() as session:
        session.execute(update(Mapping).values(broken="the epic is gone"))
        session.execute(
            update(Connection).values(
                webhook_secret=None, armed_until=now + timedelta(hours=1), parked_at=now, parked_reason="no right", paused_until=4e9
            )
        )
    with acme.runtime.store.read() as session:
        found = reads.connections_page(session, SYSTEM, now=now).items[0]
        later = reads.connections_page(session, SYSTEM, now=now + timedelta(hours=2)).items[0]
    assert (found["parked"], found["parked_reason"], found["webhook"]) == (True, "no right", "armed")
    assert later["webhook"] == "missing"
    assert found["paused_until"] == "2096-10-02T07:06:40.000Z"
    assert found["broken_mappings"] == [{"id": mapping, "key_result": "kr-0", "reason": "the epic is gone"}]
    assert found["behind"] == 2  # one delivery, one mapping to list


def test_objectives_weigh_their_key_results(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(KeyResult).values(retired_at=acme.runtime.now()))
    acme.key_result("a", "growth", progress=0.5, weight=3.0, state="on_track")
    acme.key_result("b", "growth", progress=0.1, weight=1.0, state="at_risk")
    acme.key_result("c", "growth", weight=100.0)
    with acme.runtime.store.read() as session:
        found = reads.objective_detail(session, SYSTEM, "growth")
        assert found is not None
        assert (found["progress"], found["coverage"], found["state"]) == (0.4, "2 of 3 reporting", "at_risk")
        assert reads.objective_detail(session, SYSTEM, "none") is None
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).values(retired_at=acme.runtime.now()))
    with acme.runtime.store.read() as session:
        assert reads.objectives_page(session, SYSTEM).items == []
        assert reads.key_results_page(session, SYSTEM).items == []
        assert reads.key_result_detail(session, SYSTEM, "a") is None


def test_runs_show_their_counts(acme: Company) -> None:
    jira = acme.connection("acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "x"})
    with acme.runtime.store.write() as session:
        for seen in (1, 2):
            session.add(Run(connection_id=jira, kind="full", started_at=acme.runtime.now(), seen=seen, repaired=3))
    with acme.runtime.store.read() as session:
        first = reads.runs_page(session, SYSTEM, limit=1)
        second = reads.runs_page(session, SYSTEM, first.next, 1)
    assert [(entry["seen"], entry["repaired"]) for entry in first.items + second.items] == [(2, 3), (1, 3)]
    assert second.next is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "W10",
        "é",
        encode_cursor([1]),
        "WzEsImEiLDk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5LCJiIl0",  # [1,"a",99999999999999999999999,"b"]
        encode_cursor([1, "a\x00", 1, "b"]),
        "a" * 3000,
    ],
)
def test_a_cursor_of_another_list_is_refused(acme: Company, cursor: str) -> None:
    with acme.runtime.store.read() as session, pytest.raises(InputError):
        reads.key_results_page(session, SYSTEM, cursor)


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_page_has_a_size(acme: Company, limit: int) -> None:
    with acme.runtime.store.read() as session, pytest.raises(InputError):
        reads.key_results_page(session, SYSTEM, limit=limit)


PARTS = st.one_of(
    st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60),
    st.integers(1 - 2**63, 2**63 - 1),
)


class TestPaging:
    pytestmark = pytest.mark.databases("sqlite")

    @given(st.lists(PARTS, max_size=6))
    def test_a_cursor_gives_back_its_key(self, key: list[str | int]) -> None:
        assert decode_cursor(encode_cursor(key), [type(part) for part in key]) == key

    @given(st.text())
    def test_any_other_text_is_refused_in_words(self, text: str) -> None:
        with pytest.raises(InputError):
            decode_cursor(text, (int, str, int, str))

    def test_unknown_and_infinite_shares_are_null(self) -> None:
        assert share(None) is None
        assert share(float("inf")) is None
        assert share(1 / 3) == 0.3333333333


def test_a_new_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "okr.db"
    store = Store(f"sqlite:///{path}")
    try:
        with store.write() as session:
            session.execute(text("CREATE TABLE secret (number INTEGER)"))
            modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    finally:
        store.close()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert set(modes) >= {"okr.db", "okr.db-wal"}
    assert set(modes.values()) == {0o600}
