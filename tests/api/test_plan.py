"""Objectives, key results and sign-offs through the API: the same rules as on the pages, with fields and versions in the problems."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.support.world import Company

NEW = {"title": "Churn from 5 to 3", "objective": "onboarding", "owner": "alice@acme.example", "start": 5, "target": 3}


def send(api: Any, method: str, path: str, body: Any = None, **query: Any) -> Any:
    return api.client.open(f"/api/v1/{path}", method=method, json=body, query_string=query, headers=api.headers)


def fields(answer: Any) -> set[str]:
    assert answer.status_code == 422, answer.text
    return {each["field"] for each in answer.json["errors"]}


def test_an_objective_and_its_key_result_are_made_changed_and_retired(api: Any) -> None:
    made = api.post("objectives", {"title": "Customers stay", "cycle": "now", "stage": "ready", "supports": "onboarding"})
    assert made.status_code == 201
    assert made.json["id"] == "customers-stay"
    result = api.post("key-results", {**NEW, "objective": "customers-stay", "milestones": None})
    assert result.status_code == 201, result.text
    ident = result.json["id"]
    changed = send(api, "PATCH", f"key-results/{ident}", {"target": 2})
    assert fields(changed) == {"reason"}
    changed = send(api, "PATCH", f"key-results/{ident}", {"target": 2, "reason": "asked", "version": result.json["version"]})
    assert changed.status_code == 200
    assert (changed.json["target"], changed.json["changed"]) == (2.0, ["target"])
    stale = send(api, "PATCH", f"key-results/{ident}", {"target": 1, "reason": "asked", "version": result.json["version"]})
    assert stale.status_code == 409
    assert stale.json["theirs"]["target"] == 2.0
    assert stale.json["version"] == changed.json["version"] == api.get(f"key-results/{ident}/plan").json["version"]
    told = api.get(f"key-results/{ident}/changes").json["items"]
    assert [(each["action"], each["reason"]) for each in told] == [("changed", "asked"), ("made", "")]
    assert [goal["id"] for goal in api.get("objectives/customers-stay/chain").json["items"]] == ["onboarding", "customers-stay"]
    assert fields(send(api, "DELETE", "objectives/customers-stay")) == {"reason"}
    retired = send(api, "DELETE", "objectives/customers-stay", reason="merged")
    assert retired.json == {"id": "customers-stay", "key_results": 1}
    assert api.get(f"key-results/{ident}").status_code == 404
    assert send(api, "DELETE", "objectives/customers-stay", reason="merged").status_code == 404


def test_faults_name_their_fields(api: Any) -> None:
    assert fields(api.post("key-results", {"title": "Churn", "objective": "onboarding", "owner": "x"})) == {"owner", "start", "target"}
    assert fields(api.post("key-results", {**NEW, "objective": "nowhere"})) == {"objective"}
    assert fields(api.post("key-results", {**NEW, "cadence": "monthly"})) == {"cadence"}
    assert fields(api.post("objectives", {"stage": "done"})) == {"title", "cycle", "stage"}
    assert fields(api.post("key-results", {**NEW, "kind": "gauge"})) == {"kind"}
    assert "phased_targets[0].day" in fields(api.post("key-results", {**NEW, "phased_targets": [{"day": "soon", "value": 4}]}))


def test_a_relative_target_is_computed_or_asks_for_its_baseline(api: Any) -> None:
    relative = {**NEW, "title": "Lead time", "start": 50, "target": None, "change": "reduce by 20 %"}
    assert api.post("key-results", relative).json["target"] == 40.0
    assert fields(api.post("key-results", {**relative, "start": None})) == {"start"}
    baseline = api.post("key-results", {**relative, "title": "Reduce lead time by 20 %", "start": None, "set_baseline": True}).json
    assert (baseline["title"], baseline["kind"]) == ("Set the baseline for lead time", "yes_no")


def test_quality_is_told_for_what_is_stored_and_for_what_is_written(api: Any) -> None:
    judged = api.post("key-results/quality", {"title": "Improve the quality of support", "objective": "onboarding"}).json
    verdicts = {each["name"]: each for each in judged["verdicts"]}
    assert list(verdicts) == ["specific", "measurable", "achievable", "relevant", "time-bound"]
    assert verdicts["specific"]["passed"] is False
    assert verdicts["specific"]["words"]
    for span in verdicts["specific"]["words"]:
        assert "Improve the quality of support"[span["start"] : span["end"]] == span["text"]
    assert api.post("key-results/quality", {"title": "Ship 12 releases"}).json["label"] == "output"
    assert api.get("key-results/kr-setup/quality").json["verdicts"][1]["passed"] is True
    page = api.get("quality", cycle="now").json
    assert [each["id"] for each in page["items"]] == ["kr-late", "kr-setup", "kr-signups"]
    assert page["total"] == 3
    assert api.get("quality", state="signed").json["items"] == []


def test_a_champion_returns_a_wording_and_its_owner_takes_it_over(as_role: Any) -> None:
    champion, admin, member = as_role("champion"), as_role("admin"), as_role("member")
    path = "key-results/kr-setup/sign-offs"
    assert fields(champion.post(path, {"verdict": "returned"})) == {"suggestion"}
    assert fields(champion.post(path, {"verdict": "maybe"})) == {"verdict"}
    assert champion.post(path, {"verdict": "signed", "title": "Another wording"}).status_code == 409
    word = champion.post(path, {"verdict": "returned", "suggestion": "Set-up in 5 minutes for 90 %", "comment": "who?"}).json
    assert admin.get(path).json["state"] == "returned"
    assert member.post(f"{path}/{word['id']}/take-over", {}).status_code == 403
    assert admin.post(f"{path}/x/take-over", {}).status_code == 404
    assert admin.post(f"{path}/{word['id'] + 1}/take-over", {}).status_code == 409
    taken = admin.post(f"{path}/{word['id']}/take-over", {})
    assert taken.json["title"] == "Set-up in 5 minutes for 90 %"
    assert "suggested by" in admin.get("key-results/kr-setup/changes").json["items"][0]["reason"]
    assert admin.get(path).json["state"] == "reworded"
    assert admin.post(f"{path}/{word['id']}/take-over", {}).status_code == 409
    champion.post(path, {"verdict": "signed"})
    assert [each["verdict"] for each in admin.get(path).json["items"]] == ["signed", "returned"]
    assert admin.get("quality", state="signed").json["total"] == 1


def test_they_move_in_their_lists(api: Any) -> None:
    assert send(api, "POST", "key-results/kr-signups/move", {"direction": "up"}).json == {"id": "kr-signups", "moved": True}
    assert send(api, "POST", "objectives/onboarding/move", {"direction": "down"}).json == {"id": "onboarding", "moved": False}


WRITING = (
    ("POST", "objectives", {"title": "x"}),
    ("PATCH", "objectives/onboarding", {"title": "x"}),
    ("DELETE", "objectives/onboarding", None),
    ("POST", "objectives/onboarding/move", {"direction": "up"}),
    ("GET", "objectives/onboarding/plan", None),
    ("POST", "key-results", {"title": "x"}),
    ("PATCH", "key-results/kr-setup", {"title": "x"}),
    ("DELETE", "key-results/kr-setup", None),
    ("POST", "key-results/kr-setup/move", {"direction": "up"}),
    ("GET", "key-results/kr-setup/plan", None),
    ("POST", "key-results/quality", {"title": "x"}),
)


@pytest.mark.parametrize("role", ["champion", "member", "viewer"])
@pytest.mark.parametrize(("method", "path", "body"), WRITING)
def test_writing_is_for_those_who_write(as_role: Any, role: str, method: str, path: str, body: Any) -> None:
    assert send(as_role(role), method, path, body).status_code == 403


@pytest.mark.parametrize("role", ["lead", "member", "viewer"])
def test_signing_off_is_for_champions_and_admins(as_role: Any, role: str) -> None:
    assert as_role(role).post("key-results/kr-setup/sign-offs", {"verdict": "signed"}).status_code == 403


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_the_list_of_verdicts_is_for_those_who_write_or_sign(as_role: Any, role: str) -> None:
    assert as_role(role).get("quality").status_code == 403


def test_what_is_restricted_does_not_exist_for_others(as_role: Any, app: Flask, acme: Company) -> None:
    admin, lead = as_role("admin"), as_role("lead")
    assert send(admin, "PATCH", "objectives/onboarding", {"restricted": True}).status_code == 200
    for path in (
        "objectives/onboarding/plan",
        "objectives/onboarding/chain",
        "key-results/kr-setup/plan",
        "key-results/kr-setup/quality",
        "key-results/kr-setup/changes",
        "key-results/kr-setup/sign-offs",
    ):
        assert lead.get(path).status_code == 404
        assert admin.get(path).status_code == 200
    assert lead.get("quality").json == {"items": [], "page": 1, "pages": 1, "total": 0}
    assert send(lead, "PATCH", "key-results/kr-setup", {"target": 1, "reason": "x"}).status_code == 404
