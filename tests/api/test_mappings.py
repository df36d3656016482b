"""Mappings through the API: the same services as the pages, with the token's rights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.hosts.jira.sandbox import JiraSandbox
from tests.api.conftest import Api
from tests.support.standin import running
from tests.support.world import Company

MAPPING = {"key_result": "kr-setup", "connection": "acme-jira", "select": {"epics": ["ACME-1"]}, "measure": "done_share"}
WHY = "the epic was split"


@pytest.fixture
def jira(acme: Company) -> Iterator[JiraSandbox]:
    issues: list[dict[str, Any]] = [{"key": "ACME-1", "type": "Epic", "summary": "Guided run"}, {"key": "ACME-9", "type": "Epic"}]
    issues += [{"key": f"ACME-{number}", "parent": "ACME-1", "category": "done" if number < 4 else "new"} for number in range(2, 7)]
    sandbox = JiraSandbox({"issues": issues})
    with running(sandbox) as url:
        acme.connection("acme-jira", "jira", url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        yield sandbox


def send(api: Api, method: str, path: str, body: Any = None, **query: str) -> Any:
    return api.client.open(f"/api/v1/{path}", method=method, json=body, query_string=query, headers=api.headers)


def test_a_mapping_is_saved_listed_changed_and_switched_off(api: Api, acme: Company, jira: JiraSandbox) -> None:
    made = api.post("mappings", MAPPING)
    assert made.status_code == 201
    told = made.json
    assert (told["state"], told["items"], told["owner"], told["options"]) == ("waiting", None, "alice@acme.example", {})
    acme.work(1)
    (listed,) = api.get("mappings", key_result="kr-setup").json["items"]
    assert (listed["state"], listed["items"], listed["value"]) == ("working", 5, 40.0)
    path = f"mappings/{told['id']}"
    changed = send(api, "PATCH", path, {"select": {"epics": ["ACME-9"]}, "reason": WHY, "version": listed["version"]})
    assert (changed.status_code, changed.json["select"], changed.json["measure"]) == (200, {"epics": ["ACME-9"]}, "done_share")
    stale = send(api, "PATCH", path, {"mode": "context", "reason": WHY, "version": listed["version"]})
    assert (stale.status_code, stale.json["theirs"]["select"]) == (409, {"epics": ["ACME-9"]})
    assert send(api, "DELETE", path).status_code == 422
    off = send(api, "DELETE", path, reason=WHY, version=changed.json["version"])
    assert (off.status_code, off.json["state"]) == (200, "off")
    assert api.get("mappings").json["items"] == []
    assert api.get(path).json["state"] == "off"
    assert send(api, "PATCH", path, {"active": True}).json["state"] == "waiting"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key_result": "none"}, ""),
        ({"connection": "none"}, ""),
        ({"select": {"epics": ["NOPE-1"]}}, "select"),
        ({"select": {}}, "mapping.select"),
        ({"colour": "red"}, "mapping"),
        ({"owner": "nobody@acme.example"}, "owner"),
    ],
)
def test_what_cannot_be_is_422_with_its_field(api: Api, jira: JiraSandbox, change: dict[str, Any], field: str) -> None:
    answer = api.post("mappings", {**MAPPING, **change})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == field


def test_a_change_needs_its_reason_and_a_switch_stands_alone(api: Api, jira: JiraSandbox) -> None:
    path = f"mappings/{api.post('mappings', MAPPING).json['id']}"
    assert send(api, "PATCH", path, {"measure": "done_count"}).json["errors"][0]["field"] == "reason"
    assert send(api, "PATCH", path, {"active": False, "mode": "context"}).json["errors"][0]["field"] == "active"
    assert send(api, "PATCH", path, {"owner": "bob@acme.example"}).json["owner"] == "bob@acme.example"
    assert send(api, "PATCH", path, {"owner": None}).json["owner"] is None
    assert send(api, "PATCH", path, {"wont_do": "exclude", "reason": WHY}).json["options"] == {"wont_do": "exclude"}
    assert send(api, "PATCH", path, {"wont_do": None, "reason": WHY}).json["options"] == {}


@pytest.mark.parametrize("ident", ["77", "x", "9" * 40, "-1"])
def test_an_unknown_mapping_is_404(api: Api, jira: JiraSandbox, ident: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"mode": "context"}), ("DELETE", None)):
        assert send(api, method, f"mappings/{ident}", body).status_code == 404


def test_roles(as_role: Any, jira: JiraSandbox) -> None:
    ident = as_role("lead").post("mappings", MAPPING).json["id"]
    member = as_role("member")
    assert member.get("mappings").json["items"][0]["id"] == ident
    assert member.post("mappings", MAPPING).status_code == 403
    assert member.get("mappings/search", connection="acme-jira").status_code == 403
    assert send(member, "PATCH", f"mappings/{ident}", {"mode": "context"}).status_code == 403
    assert send(member, "DELETE", f"mappings/{ident}").status_code == 403


def test_what_can_be_mapped_is_found(api: Api, jira: JiraSandbox) -> None:
    (found,) = api.get("mappings/search", connection="acme-jira", text="guided").json["items"]
    assert (found["key"], found["title"], found["kind"]) == ("ACME-1", "Guided run", "epic")
    assert api.get("mappings/search", connection="none").status_code == 404
    assert api.get("mappings/search", connection="acme-jira", container="no key!").status_code == 400
    assert api.get("mappings/search").status_code == 400


def test_a_host_that_is_away_saves_nothing(api: Api, jira: JiraSandbox) -> None:
    jira.fail(drop=True, times=20)
    assert api.post("mappings", MAPPING).status_code == 503
    assert api.get("mappings").json["items"] == []


def test_a_bad_cursor_is_400(api: Api) -> None:
    assert api.get("mappings", cursor="none").status_code == 400
