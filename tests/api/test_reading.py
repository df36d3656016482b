"""What the API shows: shapes, unknown values, pages, filters, and who may see it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from connector.store.tables import Connection, KeyResult, Mapping
from tests.api.conftest import Api
from tests.support.world import Company

CONTRACT = """
    id title objective owner kind unit start target current progress raw_progress expected state reasons movement confidence
    as_of updated_at source blocker decision_needed
""".split()  # noqa: SIM905  # a list of words reads as one


def test_a_key_result_has_exactly_the_fields_of_the_contract_in_their_order(api: Api) -> None:
    found = api.get("key-results").json["items"][0]
    assert list(found)[: len(CONTRACT)] == CONTRACT
    assert set(found) - set(CONTRACT) == {"low", "high", "weight", "cadence", "flags"}
    assert list(found["source"])[:5] == ["kind", "connection", "items", "done", "total"]


def test_values_and_words(api: Api) -> None:
    found = {entry["id"]: entry for entry in api.get("key-results").json["items"]}
    setup = found["kr-setup"]
    assert (setup["current"], setup["progress"], setup["raw_progress"]) == (41.0, 0.41, 0.41)
    assert (setup["owner"], setup["objective"], setup["confidence"]) == ("alice@acme.example", "onboarding", 5)
    assert (setup["blocker"], setup["decision_needed"]) == ("no test site", "budget")
    assert setup["as_of"].endswith("Z")
    assert datetime.fromisoformat(setup["as_of"]).utcoffset() is not None


def test_unknown_is_null_and_never_zero(api: Api) -> None:
    found = api.get("key-results/kr-signups").json
    assert found["state"] == "no_data"
    assert all(found[name] is None for name in ("current", "progress", "raw_progress", "movement", "confidence", "as_of"))
    assert all(found["source"][name] is None for name in ("kind", "connection", "items", "done", "total", "read_at"))


def test_a_detail_tells_readings_check_ins_and_sources(api: Api, acme: Company) -> None:
    jira = acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "a@b.example", "api_token": "very-secret"})
    acme.mapping("kr-setup", jira, select={"epics": ["ACME-1"]}, measure="done_share", mode="context")
    found = api.get("key-results/kr-setup").json
    assert found["readings"][0]["value"] == 41.0
    assert found["readings"][0]["kind"] == "check_in"
    assert found["check_ins"][0]["author"] == "alice@acme.example"
    source = found["sources"][0]
    assert (source["connection"], source["mode"], source["measure"]) == ("acme-jira", "context", "done_share")
    assert source["query"] == "children of ACME-1"
    assert source["items"] is None  # not read yet
    assert "not known" in source["explanation"]
    assert "very-secret" not in api.get("key-results/kr-setup").text


def test_objectives(api: Api) -> None:
    found = api.get("objectives/onboarding").json
    assert list(found) == [
        "id", "title", "cycle", "team", "supports", "progress", "coverage", "reporting", "total", "state", "key_results", "closed_at",
        "stage", "restricted",
    ]  # fmt: skip
    assert found["progress"] == 0.41
    assert (found["reporting"], found["total"], found["coverage"]) == (1, 3, "1 of 3 reporting")
    assert found["key_results"] == ["kr-late", "kr-setup", "kr-signups"]
    assert api.get("objectives").json["items"] == [found]


def test_an_objective_without_key_results_is_not_measurable_yet(api: Api, acme: Company) -> None:
    acme.objective("empty")
    found = api.get("objectives/empty").json
    assert (found["progress"], found["coverage"], found["state"], found["key_results"]) == (None, "not measurable yet", "no_data", [])


def test_connections_never_show_a_secret(api: Api, acme: Company) -> None:
    acme.connection("acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "very-secret"})
    answer = api.get("connections")
    found = answer.json["items"][0]
    assert (found["name"], found["webhook"], found["parked"], found["behind"]) == ("acme-jira", "set", False, 0)
    assert "secret" not in answer.text.replace("webhook_secret", "")


@pytest.mark.parametrize(("role", "tells"), [("viewer", False), ("member", False), ("champion", False), ("lead", True), ("admin", True)])
def test_only_who_looks_after_connections_reads_where_they_lead_and_what_is_wrong(
    as_role: Any, acme: Company, role: str, tells: bool
) -> None:
    number = acme.connection("acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "very-secret"})
    mapping = acme.mapping("kr-setup", number)
    with acme.runtime.store.write() as session:
        row = session.get_one(Connection, number)
        row.account, row.parked_at, row.parked_reason = "bot-1", acme.runtime.now(), "401 of the bot"
        row.webhook_secret, row.armed_until = None, acme.runtime.now() + timedelta(hours=1)
        session.get_one(Mapping, mapping).broken = "the epic SECRET-1 is gone"
    answer = as_role(role).get("connections")
    assert answer.status_code == 200
    found = answer.json["items"][0]
    assert (found["name"], found["host"], found["parked"], found["behind"]) == ("acme-jira", "jira", True, 1)
    told = (found["url"], found["account"], found["parked_reason"], found["webhook"], found["broken_mappings"][0]["reason"])
    assert found["broken_mappings"][0]["key_result"] == "kr-setup"
    if tells:
        assert told == ("https://acme.example", "bot-1", "401 of the bot", "armed", "the epic SECRET-1 is gone")
    else:
        assert told == ("", "", None, "missing", "")


def test_deliveries_and_runs_are_shown_newest_first(api: Api, acme: Company) -> None:
    jira = acme.connection("acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "very-secret"})
    acme.deliver(jira, {"webhookEvent": "jira:issue_updated", "secret": "payload"})
    acme.deliver(jira, {"webhookEvent": "jira:issue_deleted"})
    answer = api.get("deliveries", connection="acme-jira", state="pending")
    assert [entry["event"] for entry in answer.json["items"]] == ["jira:issue_deleted", "jira:issue_updated"]
    assert "payload" not in answer.text
    assert api.get("deliveries", connection="other").json["items"] == []
    assert api.get("runs").json == {"items": [], "next": None}


def test_retired_things_are_left_out(api: Api, acme: Company) -> None:
    acme.connection("old", "jira", "https://acme.example", {"email": "a@b.example", "api_token": "x"})
    with acme.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "kr-late").values(retired_at=acme.runtime.now()))
        session.execute(update(Connection).values(retired_at=acme.runtime.now()))
    assert [entry["id"] for entry in api.get("key-results").json["items"]] == ["kr-setup", "kr-signups"]
    assert api.get("key-results/kr-late").status_code == 404
    assert api.get("objectives/onboarding").json["total"] == 2
    assert api.get("connections").json["items"] == []


def test_pages_follow_each_other(api: Api) -> None:
    first = api.get("key-results", limit=2).json
    second = api.get("key-results", limit=2, cursor=first["next"]).json
    assert [entry["id"] for entry in first["items"] + second["items"]] == ["kr-late", "kr-setup", "kr-signups"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"state": "no_data"}, {"kr-signups", "kr-late"}),
        ({"owner": "ALICE@acme.example"}, {"kr-setup", "kr-signups", "kr-late"}),
        ({"owner": "bob@acme.example"}, set()),
        ({"objective": "other"}, set()),
        ({"cycle": "now"}, {"kr-setup", "kr-signups", "kr-late"}),
        ({"team": "Growth"}, set()),
    ],
)
def test_filters(api: Api, query: dict[str, str], expected: set[str]) -> None:
    assert {entry["id"] for entry in api.get("key-results", **query).json["items"]} == expected


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "nonsense"},
        {"cursor": "WzEsMl0"},
        {"cursor": "é"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"unknown": "1"},
        {"state": "green"},
        {"limit": ["1", "2"]},
        {"team": "\x00"},
    ],
)
def test_a_bad_query_is_400_as_problem_details(api: Api, query: dict[str, Any]) -> None:
    answer = api.get("key-results", **query)
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == 400
    assert answer.json["errors"][0]["field"] == next(iter(query))


@pytest.mark.parametrize("path", ["key-results/none", "objectives/none", "key-results/%00", "nothing"])
def test_what_is_not_there_is_404(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("path", ["key-results", "key-results/kr-setup", "objectives", "connections", "deliveries", "runs"])
def test_without_a_valid_token_nothing_is_shown(as_role: Any, app: Any, path: str) -> None:
    answer = as_role(None).get(path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    wrong = app.test_client().get(f"/api/v1/{path}", headers={"Authorization": "Bearer okr_wrong"})
    assert (wrong.status_code, 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]) == (401, True)


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("viewer", "key-results", 200),
        ("champion", "objectives", 200),
        ("member", "connections", 200),
        ("viewer", "deliveries", 403),
        ("member", "runs", 403),
        ("champion", "runs", 403),
        ("lead", "runs", 200),
        ("lead", "deliveries", 200),
    ],
)
def test_roles(as_role: Any, role: str, path: str, status: int) -> None:
    assert as_role(role).get(path).status_code == status
