"""Product events of the Forge app through its door: kept before they are answered, for their own site only, once, and worked off."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.services.events import handle_deliveries
from connector.store.tables import Connection, Delivery, ForgeInstallation
from tests.support.forge import SYSTEM_TOKEN, Forge, forge_site

FIXTURES = Path(__file__).parent.parent / "fixtures" / "jira-product-events"
PATH = "/forge/v1/events"


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forge_site(tmp_path) as found:
        yield found


def body(name: str = "updated_issue_status") -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return whole


def send(forge: Forge, whole: Any, **more: Any) -> int:
    return forge.call("POST", PATH, whole, account="", module="okr-events", **more).status_code


def stored(forge: Forge) -> list[Delivery]:
    with forge.company.runtime.store.read() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def test_every_event_is_kept_whole_and_then_worked_off(forge: Forge) -> None:
    expected = []
    for path in sorted(FIXTURES.glob("*.json")):
        raw = path.read_bytes()
        headers = {"Content-Type": "application/json", **forge.headers(forge.token(forge.claims("")))}
        answer = forge.client.post(PATH, data=raw, headers=headers)
        assert (answer.status_code, answer.data) == (204, b""), path.stem
        if not path.stem.endswith("_again"):
            expected.append((forge.connection, json.loads(raw)["payload"]["eventType"]))
    assert [(kept.connection_id, kept.event) for kept in stored(forge)] == expected
    with forge.company.runtime.store.read() as session:
        handle_deliveries(forge.company.runtime, session.get_one(Connection, forge.connection))
    assert {kept.state for kept in stored(forge)} == {"done", "ignored"}
    assert "unknown event" not in {kept.reason for kept in stored(forge)}


def test_the_trace_is_kept_and_no_token(forge: Forge) -> None:
    assert send(forge, body()) == 204
    (kept,) = stored(forge)
    assert set(kept.headers) == {"content-type", "x-b3-traceid"} | ({"user-agent"} & set(kept.headers))
    assert SYSTEM_TOKEN not in str(kept.headers)


def test_a_repeat_is_one_delivery_and_two_changes_are_two(forge: Forge) -> None:
    for name in ("updated_issue_status", "updated_issue_status_again", "updated_issue_status", "updated_issue_parent"):
        assert send(forge, body(name)) == 204
    assert len(stored(forge)) == 2


def test_two_changes_that_read_the_same_and_have_no_moment_both_count(forge: Forge) -> None:
    for _ in range(2):
        assert send(forge, body("updated_project")) == 204
    assert len(stored(forge)) == 2


def test_without_a_valid_token_nothing_is_kept(forge: Forge) -> None:
    assert forge.client.post(PATH, json=body()).status_code == 401
    assert send(forge, body(), aud="another app") == 401
    assert stored(forge) == []


def test_an_installation_that_is_not_accepted_gets_nothing_in(forge: Forge) -> None:
    with forge.company.runtime.store.write() as session:
        session.execute(update(ForgeInstallation).values(state="refused"))
    assert send(forge, body()) == 403
    other = "ari:cloud:ecosystem::installation/bbbbbbbb-0000-0000-0000-000000000002"
    assert send(forge, body(), installation=other, cloud_id="99999999-2222-3333-4444-555555555555") == 403
    assert stored(forge) == []


def test_a_retired_connection_gets_nothing_in(forge: Forge) -> None:
    with forge.company.runtime.store.write() as session:
        session.execute(update(Connection).values(retired_at=forge.company.runtime.now()))
    assert send(forge, body()) == 403
    assert stored(forge) == []


@pytest.mark.parametrize("whole", [[], {"payload": {}}, {"payload": {"eventType": "avi:confluence:updated:page"}}])
def test_what_is_no_event_of_jira_is_told_so(forge: Forge, whole: Any) -> None:
    assert send(forge, whole) == 400
    assert stored(forge) == []


def test_a_store_that_takes_nothing_makes_forge_come_again(forge: Forge) -> None:
    assert send(forge, body("created_issue")) == 204
    forge.app.extensions["door"].deliveries._patience = 0.2
    with closing(sqlite3.connect(str(forge.company.runtime.store.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert send(forge, body()) == 503
        other.execute("ROLLBACK")
    assert send(forge, body("updated_issue_status_again")) == 204
    assert len(stored(forge)) == 2
