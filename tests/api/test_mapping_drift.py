"""The API of what could be mapped, suggestions, mapping many at once, and drift."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, update

from connector.store.tables import Candidate, Mapping, Objective
from tests.api.conftest import Api
from tests.support.world import Company


@pytest.fixture
def site(acme: Company) -> int:
    ident = acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "bot@acme.example", "api_token": "t"})
    now = acme.runtime.now()
    rows = [
        {
            "connection_id": ident,
            "ref": f"1000{number}",
            "key": f"ACME-{number}",
            "title": f"Epic {number}",
            "kind": "epic",
            "container": "ACME",
            "category": "done" if number == 3 else "new",
            "labels": ["okr:kr-setup"] if number == 1 else [],
            "points": 5.0 if number == 3 else None,
            "fed_by": [],
            "seen_at": now,
        }
        for number in (1, 2, 3)
    ]
    with acme.runtime.store.write() as session:
        session.execute(insert(Candidate), rows)
    return ident


def patch(api: Api, path: str, body: Any) -> Any:
    return api.client.patch(f"/api/v1/{path}", json=body, headers=api.headers)


def test_candidates_come_in_pages_with_the_unaligned_effort(api: Api, site: int) -> None:
    first = api.get("candidates", state="all", limit=2).json
    assert [each["key"] for each in first["items"]] == ["ACME-1", "ACME-2"]
    assert first["unaligned"]["share"] == 1.0
    rest = api.get("candidates", state="all", limit=2, cursor=first["next"]).json
    assert ([each["key"] for each in rest["items"]], rest["next"]) == (["ACME-3"], None)
    assert [each["key"] for each in api.get("candidates", text="okr:kr").json["items"]] == ["ACME-1"]
    assert api.get("candidates", connection="other").json == {"items": [], "next": None, "unaligned": None}
    assert api.get("candidates", cursor="x").status_code == 400


def test_what_needs_no_mapping(api: Api, site: int) -> None:
    ident = api.get("candidates", state="done").json["items"][0]["id"]
    assert patch(api, f"candidates/{ident}", {"ignored": True}).json == {"id": ident, "title": "Epic 3", "ignored": True}
    assert [each["key"] for each in api.get("candidates", state="ignored").json["items"]] == ["ACME-3"]
    assert api.get("candidates").json["unaligned"] is None
    for wrong in ("999", "x", "9" * 30, "99999999999"):
        assert patch(api, f"candidates/{wrong}", {"ignored": True}).status_code == 404


def test_suggest_map_and_map_again(api: Api, acme: Company, site: int) -> None:
    found = api.post("candidates/suggestions", {"rules": [{"field": "label", "pattern": "okr:"}], "by_text": False}).json
    assert (found["total"], found["considered"], found["unknown"]) == (1, 3, [])
    (pair,) = found["pairs"]
    assert (pair["work"], pair["key_result"], pair["confidence"], pair["mode"]) == ("ACME-1", "kr-setup", "by rule", "value")
    wish = {"pairs": [{"candidate": pair["candidate"], "key_result": "kr-setup"}]}
    made = api.post("candidates/map", wish).json
    assert [each["mode"] for each in made["made"]] == ["value"]
    assert made["skipped"] == []
    again = api.post("candidates/map", wish).json
    assert (again["made"], [each["why"] for each in again["skipped"]]) == ([], ["mapped already"])
    stored = api.get(f"mappings/{made['made'][0]['mapping']}").json
    assert (stored["select"], stored["measure"], stored["connection"]) == ({"epics": ["ACME-1"]}, "done_share", "acme-jira")


def test_faults_name_their_field(api: Api, site: int) -> None:
    answer = api.post("candidates/suggestions", {"rules": [{"field": "title", "pattern": "no id"}]})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "pattern")
    assert api.post("candidates/map", {"pairs": []}).status_code == 422
    huge = api.post("candidates/map", {"pairs": [{"candidate": 10**18, "key_result": "kr-setup"}]}).json
    assert "look again" in huge["skipped"][0]["why"]


def test_a_look_is_asked_of_a_worker(api: Api, acme: Company, site: int) -> None:
    assert api.post("candidates/look", {"connection": "acme-jira"}).json == {"asked": True}
    assert ("look", (site,)) in acme.runtime.queue.nudges  # type: ignore[attr-defined]
    assert api.post("candidates/look", {"connection": "nobody"}).json["errors"][0]["field"] == "connection"


def test_drift_for_those_who_may_know(api: Api, as_role: Any, acme: Company, site: int) -> None:
    ident = acme.mapping("kr-setup", site, select={"jql": "project = ACME"}, measure="done_share")
    with acme.runtime.store.write() as session:
        session.execute(update(Mapping).values(broken="Jira does not accept the JQL any more"))
    found = api.get("drift").json["items"]
    assert [(each["subject"], each["kind"]) for each in found] == [
        ("connection:acme-jira", "done work not mapped"),
        (f"mapping:{ident}", "source broken"),
    ]
    assert (found[1]["key_result"], found[1]["mapping"], found[1]["answers"], found[1]["since"]) == ("kr-setup", ident, "Alice", None)
    first = api.get("drift", limit=1).json
    assert api.get("drift", limit=1, cursor=first["next"]).json["items"] == found[1:]
    assert api.get("drift", kind="source broken").json["items"] == found[1:]
    assert len(as_role("viewer").get("drift").json["items"]) == 2
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).values(restricted=True))
    assert [each["subject"] for each in as_role("lead").get("drift").json["items"]] == ["connection:acme-jira"]


@pytest.mark.parametrize("role", ["member", "viewer", "champion"])
def test_who_does_not_write_maps_nothing(as_role: Any, site: int, role: str) -> None:
    other = as_role(role)
    assert other.get("candidates").status_code == 403
    assert other.post("candidates/map", {"pairs": [{"candidate": 1, "key_result": "kr-setup"}]}).status_code == 403
    assert other.post("candidates/look", {"connection": "acme-jira"}).status_code == 403
    assert patch(other, "candidates/1", {"ignored": True}).status_code == 403
