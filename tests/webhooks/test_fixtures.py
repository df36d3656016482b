"""All recorded payloads of both hosts, signed, through the door and the drain: none surprises us."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from connector.services.events import handle_deliveries
from connector.store.tables import CommentCommand
from tests.webhooks.conftest import Door

FIXTURES = Path(__file__).parent.parent / "fixtures"
JIRA = sorted((FIXTURES / "jira-webhooks").rglob("*.json"))
NOTION = sorted((FIXTURES / "notion-webhooks").rglob("*.json"))
IGNORED = {
    "zulip/attachment_created": "attachment",
    "zulip/worklog_created": "worklog",
}
NOT_JIRA = {"zulip/example_anomalous_payload"}


def name_of(path: Path) -> str:
    return str(path.relative_to(FIXTURES / path.relative_to(FIXTURES).parts[0]).with_suffix(""))


def payload(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    body: dict[str, Any] = document["body"] if isinstance(document.get("body"), dict) and "headers" in document else document
    return body


def drained(door: Door, name: str) -> tuple[str, str]:
    handle_deliveries(door.runtime, door.connection(name))
    (delivery,) = door.stored()
    return delivery.state, delivery.reason


def test_the_fixtures_are_there() -> None:
    assert len(JIRA) == 21
    assert len(NOTION) == 5


@pytest.mark.parametrize("path", JIRA, ids=name_of)
def test_jira(door: Door, path: Path) -> None:
    body = payload(path)
    if "timestamp" in body:
        body["timestamp"] = int(door.runtime.epoch() * 1000)  # as if it came now
    response = door.post("acme-jira", body)
    if name_of(path) in NOT_JIRA:
        assert response.status_code == 400
        return
    assert (response.status_code, response.get_json()) == (200, {"status": "accepted"})
    reason = IGNORED.get(name_of(path))
    if reason:
        assert drained(door, "acme-jira") == ("ignored", reason)
    elif body["webhookEvent"].startswith("comment_"):
        assert drained(door, "acme-jira") == ("ignored", "no command")
    else:
        assert drained(door, "acme-jira") == ("done", "")


@pytest.mark.parametrize("path", NOTION, ids=name_of)
def test_notion(door: Door, path: Path) -> None:
    body = payload(path) | {"timestamp": door.runtime.now().isoformat()}
    response = door.post("acme-notion", body)
    assert (response.status_code, response.get_json()) == (200, {"status": "accepted"})
    assert drained(door, "acme-notion") == ("done", "")
    with door.runtime.store.read() as session:  # a comment on a page that nobody knows here is not read
        assert session.scalar(select(func.count()).select_from(CommentCommand)) == 0


@pytest.mark.parametrize("path", [*JIRA, *NOTION], ids=name_of)
def test_as_recorded_they_are_never_an_error_of_ours(door: Door, path: Path) -> None:
    for name in ("acme-jira", "acme-notion"):
        response = door.post(name, payload(path))
        assert response.status_code in (200, 400)
        if response.status_code == 200:
            assert response.get_json()["status"] in ("accepted", "ignored")
