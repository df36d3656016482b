"""Cycles, teams and forums over HTTP: from a first cycle to its start, with the same refusals as on the pages."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from connector.store.tables import Audit, Cycle, KeyResult, Objective, Team
from tests.api.conftest import Api
from tests.support.world import Company

# Far ahead: the cycle "now" of the tests goes by the real day, and the next must lie behind it in any year.
DAYS = {"start": "2097-01-04", "end": "2097-04-02"}


def send(api: Api, method: str, path: str, body: Any = None, **query: str) -> Any:
    more = {} if body is None else {"json": body}
    return api.client.open(f"/api/v1/{path}", method=method, headers=api.headers, query_string=query, **more)


def test_from_a_first_cycle_to_its_start(acme: Company, api: Api) -> None:
    made = api.post("cycles", {"name": "next", **DAYS})
    assert made.status_code == 201
    assert {key: made.json[key] for key in ("name", "start", "end")} == {"name": "next", **DAYS}
    copied = api.post("cycles/next/copy", {"to": "next", "objectives": ["onboarding"]})
    assert copied.status_code == 422
    copied = api.post("cycles/now/copy", {"to": "next", "objectives": ["onboarding"], "target": "same"})
    assert (copied.status_code, copied.json["key_results"]) == (201, 3)
    listed = {each["name"]: each for each in api.get("cycles").json["items"]}
    assert (listed["next"]["phase"], listed["next"]["drafts"], listed["now"]["phase"]) == ("scheduled", 1, "running")
    assert api.post("cycles/next/ready", {}).json == {"cycle": "next", "objectives": 1}
    refused = api.post("cycles/next/start", {})
    assert refused.status_code == 409
    assert "3 of 3 key results have something to do" in refused.json["detail"]

    assert api.post("forums", {"name": "Board", "caller": "alice@acme.example"}).status_code == 201
    team = send(api, "PATCH", "teams/Growth", {"forum": "Board", "lead": "bob@acme.example"})
    assert (team.status_code, team.json["forum"]) == (200, "Board")
    with acme.runtime.store.write() as session:
        growth = session.scalars(select(Team)).one()
        session.execute(update(Objective).values(team_id=growth.id))
    checklist = api.get("cycles/next/checklist").json
    assert {item["name"] for each in checklist["ready"]["key_results"] for item in each["items"] if not item["green"]} == {
        "from and to",
        "source",
    }
    for each in checklist["ready"]["key_results"]:
        assert api.post(f"key-results/{each['id']}/by-hand", {}).json == {"id": each["id"], "by_hand": True}
    with acme.runtime.store.write() as session:  # the copies began at the last value, which nobody knew of two of them
        session.execute(update(KeyResult).where(KeyResult.start.is_(None), KeyResult.kind == "metric").values(start=1.0))
    started = api.post("cycles/next/start", {})
    assert (started.status_code, started.json["started"]) == (200, True)
    assert api.post("cycles/next/stop", {}).status_code == 422
    assert api.post("cycles/next/stop", {"reason": "too early"}).json["started"] is False


def test_an_override_is_kept_with_its_reason(acme: Company, api: Api) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Cycle).values(started_at=None))
    assert api.post("cycles/now/start", {"reason": "the board wants it"}).status_code == 200
    with acme.runtime.store.read() as session:
        line = session.scalars(select(Audit).order_by(Audit.id.desc())).first()
    assert line is not None
    assert (line.reason, line.actor) == ("the board wants it", "admin script")
    assert line.after is not None
    assert "kr-setup: source" in line.after["red"]


def test_a_change_names_the_version_it_was_made_on(api: Api) -> None:
    api.post("cycles", {"name": "next", **DAYS})
    version = api.get("cycles/next").json["version"]
    changed = send(api, "PATCH", "cycles/next", {"end": "2097-03-31", "version": version})
    assert (changed.status_code, changed.json["changed"]) == (200, ["last day"])
    stale = send(api, "PATCH", "cycles/next", {"end": "2097-03-30", "version": version})
    assert (stale.status_code, stale.json["theirs"]["end"]) == (409, "2097-03-31")
    assert send(api, "PATCH", "cycles/next", {"end": "2097-03-30", "version": stale.json["version"]}).status_code == 200
    assert send(api, "DELETE", "cycles/next").json == {"name": "next"}
    assert api.get("cycles/next").status_code == 404
    assert send(api, "DELETE", "cycles/now").status_code == 409


def test_teams_and_forums_are_made_changed_and_retired(api: Api) -> None:
    made = api.post("teams", {"name": "Sales", "members": ["bob@acme.example"]})
    assert (made.status_code, made.json["members"]) == (201, ["bob@acme.example"])
    assert {each["name"] for each in api.get("teams").json["items"]} == {"Growth", "Sales"}
    assert send(api, "PATCH", "teams/Sales", {"members": []}).json["members"] == []
    assert send(api, "DELETE", "teams/Sales").status_code == 200
    assert api.get("teams/Sales").status_code == 404
    assert api.post("forums", {"name": "Board"}).json["remarks"]
    assert api.get("forums").json["items"] == [
        {"name": "Board", "caller": "", "active": False, "teams": [], "meets": "", "next_review_at": None}
    ]
    version = api.get("forums/Board").json["version"]
    assert send(api, "PATCH", "forums/Board", {"caller": "bob@acme.example", "version": version}).json["caller"] == "bob@acme.example"
    assert send(api, "DELETE", "forums/Board", version=version).status_code == 409
    assert send(api, "DELETE", "forums/Board").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("cycles", {"name": "a", "start": "soon", "end": "2097-01-01"}, "start"),
        ("cycles", {"name": "now", **DAYS}, "name"),
        ("cycles/now/copy", {"to": "none", "objectives": ["onboarding"]}, "to"),
        ("cycles/now/copy", {"to": "now", "objectives": []}, "objectives"),
        ("teams", {"name": "A", "lead": "nobody@acme.example"}, "lead"),
        ("forums", {"caller": "bob@acme.example"}, "name"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(api: Api, path: str, body: Any, field: str) -> None:
    refused = api.post(path, body)
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json["errors"]] == [field]


def test_roles(as_role: Any) -> None:
    for role in ("champion", "member", "viewer"):
        assert as_role(role).get("cycles").status_code == 200
        assert as_role(role).get("cycles/now/checklist").status_code == 200
        assert as_role(role).get("findings").status_code == 200
        for path in ("cycles", "teams", "forums", "cycles/now/start", "cycles/now/copy"):
            assert as_role(role).post(path, {"name": "a", **DAYS}).status_code == 403
    assert as_role("lead").post("cycles", {"name": "a", **DAYS}).status_code == 201


def test_findings_tell_only_what_the_caller_may_know_of(acme: Company, as_role: Any) -> None:
    acme.objective("secret")
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "secret").values(restricted=True))
    told = {role: {each["objective"] for each in as_role(role).get("findings").json["items"]} for role in ("admin", "lead")}
    assert told == {"admin": {"onboarding", "secret"}, "lead": {"onboarding"}}


FORUM = {
    "name": "Board",
    "caller": "bob@acme.example",
    "leaders": ["alice@acme.example"],
    "weekday": "thursday",
    "zone": "Europe/Berlin",
    "country": "DE",
    "lock": {"time": "15:00"},
}


def test_a_forum_that_meets_has_reviews_that_can_be_skipped(api: Api, as_role: Any) -> None:
    made = api.post("forums", FORUM)
    assert made.status_code == 201
    assert (made.json["lock"], made.json["cadence"], made.json["remarks"]) == ({"time": "15:00", "days_before": 1}, "weekly", [])
    [entry] = api.get("forums").json["items"]
    assert entry["meets"] == "Thursday 10:00, weekly (Europe/Berlin)"
    planned = api.get("reviews", forum="Board").json["items"]
    assert len(planned) == 5
    assert entry["next_review_at"] == planned[0]["starts_at"]
    assert api.get("reviews", forum="None").json["items"] == []
    assert len(api.get("reviews", since=planned[1]["day"], until=planned[2]["day"]).json["items"]) == 2
    first = api.get("reviews", limit=2).json
    assert api.get("reviews", cursor=first["next"]).json["items"] == planned[2:]
    for query in ({"since": "0"}, {"state": "gone"}, {"cursor": "x"}, {"limit": 0}):
        assert api.get("reviews", **query).status_code == 400
    ident = planned[0]["id"]
    assert as_role("member").post(f"reviews/{ident}/skip", {"reason": "no"}).status_code == 403
    refused = api.post(f"reviews/{ident}/skip", {"reason": " "})
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "reason")
    skipped = api.post(f"reviews/{ident}/skip", {"reason": "offsite"})
    assert (skipped.json["state"], skipped.json["skipped_reason"], skipped.json["remarks"]) == ("skipped", "offsite", [])
    assert api.post(f"reviews/{ident}/skip", {"reason": "offsite"}).status_code == 409
    assert [each["day"] for each in api.get("reviews", state="skipped").json["items"]] == [planned[0]["day"]]
    assert send(api, "DELETE", f"reviews/{ident}/skip").json == planned[0]
    for path in ("reviews/99999/skip", "reviews/x/skip"):
        assert api.post(path, {"reason": "offsite"}).status_code == 404


def test_a_part_of_a_forum_changes_and_the_rest_stays(api: Api) -> None:
    api.post("forums", FORUM)
    changed = send(api, "PATCH", "forums/Board", {"lock": {"days_before": 2}, "cadence": "fortnightly", "first_on": "2026-11-17"}).json
    assert changed["lock"] == {"time": "15:00", "days_before": 2}
    assert (changed["leaders"], changed["country"], changed["first_on"]) == (["alice@acme.example"], "DE", "2026-11-17")
    assert send(api, "PATCH", "forums/Board", {"weekday": None}).json["remarks"] == [
        "No review is planned: choose the weekday on which it meets."
    ]
    assert api.get("reviews").json["items"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cadence", "monthly"),
        ("weekday", "someday"),
        ("time", "ten"),
        ("zone", "Mars"),
        ("country", "ZZ"),
        ("minutes", 1),
        ("first_on", "soon"),
        ("sponsor", "nobody@acme.example"),
        ("leaders", ["nobody@acme.example"]),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_at_its_field(api: Api, field: str, value: Any) -> None:
    refused = api.post("forums", {**FORUM, field: value})
    assert refused.status_code == 422
    assert [each["field"].partition("[")[0] for each in refused.json["errors"]] == [field]
    assert api.get("forums").json["items"] == []
