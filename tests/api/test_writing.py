"""Check-ins and previews through the API: who may, what is refused, and that repeating does nothing twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from connector.hosts.jira.sandbox import JiraSandbox
from connector.services import tokens
from connector.store.tables import Audit, CheckIn, Cycle, Mapping, Objective, Team, TeamMember
from tests.api.conftest import Api
from tests.support.signed_in import add_person
from tests.support.standin import running
from tests.support.world import Company

PATH = "key-results/kr-setup/check-ins"
GOOD: dict[str, Any] = {
    "value": 45,
    "confidence": 7,
    "blocker": "waiting for legal",
    "decision": "none",
    "as": "alice@acme.example",
}


def count(acme: Company) -> int:
    with acme.runtime.store.read() as session:
        return session.scalar(select(func.count()).select_from(CheckIn)) or 0


def test_a_check_in_moves_the_key_result(api: Api, acme: Company) -> None:
    answer = api.post(PATH, GOOD)
    assert answer.status_code == 201
    assert (answer.json["draft"], answer.json["missing"], answer.json["repeated"]) == (False, [], False)
    acme.work()
    found = api.get("key-results/kr-setup").json
    assert (found["current"], found["confidence"], found["blocker"]) == (45.0, 7, "waiting for legal")
    assert found["movement"] == "up"


def test_the_audit_names_the_token_that_spoke_for_somebody(api: Api, acme: Company) -> None:
    assert api.post(PATH, GOOD).status_code == 201
    with acme.runtime.store.read() as session:
        entry = session.scalars(select(Audit).where(Audit.action == "check_in").order_by(Audit.id.desc())).first()
        names = {each.name for each in tokens.list_tokens(acme.runtime)}
    assert entry is not None
    assert entry.after is not None
    assert entry.actor == entry.after["token"]
    assert entry.actor in names
    assert entry.after["author"] == "alice@acme.example"


def test_who_files_a_number_and_looks_again_sees_it(api: Api) -> None:
    assert api.post(PATH, GOOD).status_code == 201
    found = api.get("key-results/kr-setup").json
    assert (found["current"], found["confidence"]) == (45.0, 7)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"confidence": 0}, "confidence"),
        ({"confidence": 11}, "confidence"),
        ({"confidence": 7.5}, "confidence"),
        ({"confidence": ""}, "confidence"),
        ({"confidence": True}, "confidence"),
        ({"value": "many"}, "value"),
        ({"value": True}, "value"),
        ({"decision": "maybe"}, "decision"),
        ({"decision": ""}, "decision"),
        ({"comment": "x" * 281}, "comment"),
        ({"comment": "a\x00b"}, "comment"),
        ({"blocker": "one\ntwo"}, "blocker"),
        ({"as_of": "soon"}, "as_of"),
        ({"colour": "red"}, "colour"),
        ({"as": "nobody@acme.example"}, "as"),
        ({"as": ""}, "as"),
        ({"delayed": "yes"}, "delayed"),
    ],
)
def test_bad_fields_are_named_and_nothing_is_kept(api: Api, acme: Company, change: dict[str, Any], field: str) -> None:
    before = count(acme)
    answer = api.post(PATH, {**GOOD, **change})
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.json["errors"][0]["field"].split(".")[0] == field
    assert count(acme) == before


@pytest.mark.parametrize("missing", ["value", "confidence", "decision"])
def test_what_is_missing_makes_a_draft(api: Api, acme: Company, missing: str) -> None:
    answer = api.post(PATH, {name: value for name, value in GOOD.items() if name != missing})
    assert answer.status_code == 201
    assert (answer.json["draft"], answer.json["missing"]) == (True, [missing])
    acme.work()
    assert api.get("key-results/kr-setup").json["current"] == 41.0


def test_280_characters_are_not_too_many(api: Api) -> None:
    assert api.post(PATH, {**GOOD, "comment": "x" * 280}).status_code == 201


@pytest.mark.parametrize("by_header", [True, False])
def test_the_same_key_files_only_once(api: Api, acme: Company, by_header: bool) -> None:
    headers = {"Idempotency_Key": "abc"} if by_header else {}
    body = GOOD if by_header else {**GOOD, "source_id": "abc"}
    before = count(acme)
    first, second = api.post(PATH, body, **headers), api.post(PATH, body, **headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert (second.json["id"], second.json["repeated"]) == (first.json["id"], True)
    assert count(acme) == before + 1
    other = api.post("key-results/kr-signups/check-ins", body, **headers)
    assert (other.status_code, other.json["key_result"]) == (201, "kr-signups")


def test_a_key_is_of_the_one_who_asks(app: Any, acme: Company) -> None:
    people = {name: add_person(acme.runtime, f"{name}@acme.example", "member") for name in ("bob", "charlie")}
    for person in people.values():
        join_team(acme, person)
    bob, charlie = (Api(app.test_client(), tokens.create(acme.runtime, name, "member", person=f"{name}@acme.example")) for name in people)
    before, key = count(acme), {"Idempotency_Key": "2026-W47"}
    assert bob.post(PATH, {"value": 43, "doubt": "never", "comment": "my words"}, **key).json["draft"]
    theirs = charlie.post(PATH, {"value": 44, "confidence": 6, "decision": "none"}, **key)
    assert (theirs.status_code, theirs.json["repeated"]) == (201, False)
    assert count(acme) == before + 2  # Bob's draft waits for Bob
    whole = {"value": 45, "confidence": 8, "decision": "none"}
    assert bob.post(PATH, whole, **key).json["draft"] is False
    second = Api(app.test_client(), tokens.create(acme.runtime, "bobs other", "member", person="bob@acme.example"))
    again = second.post(PATH, whole, **key)
    assert (again.status_code, again.json["repeated"]) == (200, True)


@pytest.mark.parametrize(
    "change",
    [{"value": 9}, {"confidence": 1}, {"decision": "budget"}, {"blocker": "fire"}, {"comment": "x"}, {"doubt": "x"}, {"delayed": True}],
)
def test_a_key_with_other_words_is_a_conflict(api: Api, acme: Company, change: dict[str, Any]) -> None:
    body = {"value": 45, "confidence": 8, "decision": "none", "as": "alice@acme.example"}
    key = {"Idempotency_Key": "abc"}
    first = api.post(PATH, body, **key)
    before = count(acme)
    other = api.post(PATH, {**body, **change}, **key)
    assert other.status_code == 409
    assert "says something else" in other.json["detail"]
    for same in (body, {"value": 45, "as": "alice@acme.example"}):  # the request of a draft that came first may come late
        again = api.post(PATH, same, **key)
        assert (again.status_code, again.json["id"], again.json["repeated"]) == (200, first.json["id"], True)
    someone = api.post(PATH, {**body, "as": "bob@acme.example"}, **key)
    assert (someone.status_code, "somebody else" in someone.json["detail"]) == (409, True)
    assert count(acme) == before


def test_a_closed_cycle_takes_no_update(api: Api, acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Cycle).values(start=acme.runtime.now().date() - timedelta(60), end=acme.runtime.now().date() - timedelta(2)))
    answer = api.post(PATH, GOOD)
    assert answer.status_code == 409
    assert "is over" in answer.json["detail"]


def test_a_closed_objective_takes_no_update(api: Api, acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).values(closed_at=acme.runtime.now()))
    assert api.post(PATH, GOOD).status_code == 409


def test_an_unknown_key_result_is_404(api: Api) -> None:
    assert api.post("key-results/none/check-ins", GOOD).status_code == 404


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("champion", 403), ("member", 201), ("lead", 201), ("admin", 201)])
def test_who_may_file(as_role: Any, role: str, status: int) -> None:
    assert as_role(role).post(PATH, GOOD).status_code == status


def test_a_token_of_a_person_needs_no_as(app: Any, acme: Company, as_role: Any) -> None:
    nobody = {name: value for name, value in GOOD.items() if name != "as"}
    answer = as_role("member").post(PATH, nobody)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "as")
    mine = Api(app.test_client(), tokens.create(acme.runtime, "bob@acme.example", "member"))
    assert mine.post(PATH, nobody).status_code == 201
    assert mine.get("key-results/kr-setup").json["check_ins"][0]["author"] == "bob@acme.example"


def join_team(acme: Company, person: int) -> None:
    with acme.runtime.store.write() as session:
        team = session.scalars(select(Team)).one()
        session.get_one(Objective, "onboarding").team_id = team.id
        session.add(TeamMember(team_id=team.id, person_id=person))


def test_a_person_updates_what_they_own_or_their_team_has(app: Any, acme: Company) -> None:
    bob = add_person(acme.runtime, "bob@acme.example", "member")
    mine = Api(app.test_client(), tokens.create(acme.runtime, "bobs", "member", person="bob@acme.example"))
    own = {name: value for name, value in GOOD.items() if name != "as"}
    answer = mine.post(PATH, own)
    assert answer.status_code == 403
    assert "ask Alice, who owns this one" in answer.json["detail"]
    join_team(acme, bob)
    assert mine.post(PATH, own).status_code == 201


def test_a_doubt_and_a_named_blocker_over_the_api(app: Any, acme: Company) -> None:
    hers = Api(app.test_client(), tokens.create(acme.runtime, "hers", "member", person="alice@acme.example"))
    own = {name: value for name, value in GOOD.items() if name != "as"}
    assert hers.post(PATH, {**own, "doubt": "may slip into spring"}).status_code == 201
    assert hers.get("key-results/kr-setup").json["check_ins"][0]["doubt"] == "may slip into spring"
    script = Api(app.test_client(), tokens.create(acme.runtime, "script", "admin"))
    told = script.get("key-results/kr-setup").json["check_ins"][0]
    assert (told["doubt"], told["blocker_link"]) == (None, None)
    assert hers.post(PATH, {**own, "doubt": "x" * 281}).status_code == 422


@pytest.mark.parametrize(("role", "status"), [("member", 403), ("lead", 201), ("admin", 201)])
def test_a_token_of_a_person_speaks_for_nobody_else(app: Any, acme: Company, role: str, status: int) -> None:
    join_team(acme, add_person(acme.runtime, "bob@acme.example", role))
    mine = Api(app.test_client(), tokens.create(acme.runtime, "bobs", role, person="bob@acme.example"))
    before = count(acme)
    answer = mine.post(PATH, {**GOOD, "as": "alice@acme.example"})
    assert answer.status_code == status
    if status == 403:
        assert "bob@acme.example" in answer.json["detail"]
        assert count(acme) == before
    assert mine.post(PATH, {**GOOD, "as": " Bob@ACME.example "}).status_code == 201
    with acme.runtime.store.read() as session:
        entry = session.scalars(select(Audit).where(Audit.action == "check_in").order_by(Audit.id.desc())).first()
    assert entry is not None
    assert (entry.actor, entry.after and entry.after["author"]) == ("bobs", "bob@acme.example")


def test_the_body_must_be_json(app: Any, api: Api) -> None:
    client, path = app.test_client(), f"/api/v1/{PATH}"
    assert client.post(path, data="{half", headers=api.headers, content_type="application/json").status_code == 400
    assert client.post(path, data="value=1", headers=api.headers, content_type="text/plain").status_code == 415
    assert client.post(path, data="[]", headers=api.headers, content_type="application/json").status_code == 422
    assert client.post(path, data=b'"' + b"x" * 1_100_000 + b'"', headers=api.headers, content_type="application/json").status_code == 413
    wrong = client.delete(path, headers=api.headers)
    assert (wrong.status_code, wrong.content_type) == (405, "application/problem+json")


@pytest.fixture
def jira(acme: Company) -> Any:
    issues: list[dict[str, Any]] = [{"key": "ACME-1", "type": "Epic"}]
    issues += [{"key": f"ACME-{number}", "parent": "ACME-1", "category": "done" if number < 4 else "new"} for number in range(2, 7)]
    sandbox = JiraSandbox({"issues": issues})
    with running(sandbox) as url:
        acme.connection("acme-jira", "jira", url, {"email": "bot@acme.example", "api_token": "sandbox-token"})
        yield sandbox


MAPPING = {"connection": "acme-jira", "key_result": "kr-setup", "select": {"epics": ["ACME-1"]}, "measure": "done_share"}


def test_a_preview_says_what_would_become_of_the_value(api: Api, acme: Company, jira: Any) -> None:
    found = api.post("mappings/preview", MAPPING).json
    assert (found["before"], found["after"]) == (41.0, 40.0)
    assert found["sentence"] == "5 items match, 2 done: the value would go from 41 to 40"
    assert (found["items"], found["done"], found["total"], found["without_number"]) == (5, 2, 5, 0)
    assert [row["key"] for row in found["rows"]] == [f"ACME-{number}" for number in range(2, 7)]
    assert [row["standing"] for row in found["rows"]] == ["counted"] * 2 + ["not yet"] * 3
    with acme.runtime.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Mapping)) == 0


def test_a_preview_without_key_result_and_by_jql(api: Api, jira: Any) -> None:
    found = api.post(
        "mappings/preview", {"connection": "acme-jira", "select": {"jql": "project = ACME AND parent = ACME-1"}, "measure": "count"}
    ).json
    assert (found["before"], found["after"], found["cut_off"]) == (None, 5.0, False)


def test_a_long_walk_is_cut_off_and_gives_no_number(api: Api, jira: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.services.preview.MOST_ITEMS", 2)
    jira.rest.page_limit = 2
    found = api.post("mappings/preview", MAPPING).json
    assert (found["after"], found["cut_off"]) == (None, True)
    assert "cut_off" in {entry["code"] for entry in found["warnings"]}


@pytest.mark.parametrize(
    "change",
    [
        {"select": {"epics": ["NOPE-1"]}},
        {"select": {"jql": "project = = ACME"}},
        {"select": {}},
        {"measure": "progress"},
        {"measure": {"sum": "No such field"}},
        {"connection": "nobody"},
        {"key_result": "none"},
        {"mode": "both"},
        {"colour": "red"},
    ],
)
def test_a_mapping_that_cannot_be_is_422(api: Api, jira: Any, change: dict[str, Any]) -> None:
    answer = api.post("mappings/preview", {**MAPPING, **change})
    assert answer.status_code == 422
    assert answer.json["detail"]


def test_a_host_that_does_not_answer_is_503(api: Api, acme: Company, tmp_path: Path) -> None:
    acme.connection("acme-jira", "jira", "http://127.0.0.1:1", {"email": "bot@acme.example", "api_token": "sandbox-token"})
    answer = api.post("mappings/preview", MAPPING)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_wrong_credentials_are_502_and_do_not_show(api: Api, acme: Company, jira: Any) -> None:
    with running(jira) as url:
        acme.connection("other", "jira", url, {"email": "bot@acme.example", "api_token": "wrong-credential"})
        answer = api.post("mappings/preview", {**MAPPING, "connection": "other"})
    assert answer.status_code == 502
    assert "wrong-credential" not in answer.text


def test_members_may_not_preview(as_role: Any, jira: Any) -> None:
    assert as_role("member").post("mappings/preview", MAPPING).status_code == 403
    assert as_role("lead").post("mappings/preview", MAPPING).status_code == 200


STEPS = [{"title": "Price agreed", "weight": 1.0, "done": False}, {"title": "Sales trained", "weight": 3.0, "done": False}]


@pytest.mark.parametrize(
    ("given", "value"),
    [({"Sales trained": True}, 0.75), ({"0": True}, 0.25), (["Price agreed", 1], 1.0), ({}, 0.0)],
)
def test_steps_of_milestones_are_ticked_by_title_or_index(api: Api, acme: Company, given: Any, value: float) -> None:
    acme.key_result("kr-launch", kind="milestones", unit="", start=None, target=None, milestones=STEPS)
    body = {"milestones": given, "confidence": 7, "decision": "none", "as": "alice@acme.example"}
    answer = api.post("key-results/kr-launch/check-ins", body)
    assert (answer.status_code, answer.json["draft"]) == (201, False)
    acme.work()
    found = api.get("key-results/kr-launch").json
    assert (found["current"], found["check_ins"][0]["value"]) == (value, value)
    assert [step["weight"] for step in acme.row("kr-launch").milestones] == [1.0, 3.0]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"milestones": {"Sales": True}}, "milestones", "no step is called 'Sales'"),
        ({"milestones": [7]}, "milestones", "they count from 0 to 1"),
        ({"milestones": {"Sales trained": "yes"}}, "milestones", "boolean"),
        ({"value": 2}, "value", "/key-results/kr-launch/check-in"),
    ],
)
def test_steps_that_are_not_there_and_numbers_are_refused(api: Api, acme: Company, changes: dict[str, Any], field: str, words: str) -> None:
    acme.key_result("kr-launch", kind="milestones", unit="", start=None, target=None, milestones=STEPS)
    answer = api.post("key-results/kr-launch/check-ins", {"confidence": 7, "decision": "none", "as": "alice@acme.example", **changes})
    assert answer.status_code == 422
    assert any(each["field"].startswith(field) and words in each["message"] for each in answer.json["errors"])
    assert not any(step["done"] for step in acme.row("kr-launch").milestones)


def test_a_repeated_request_ticks_once(api: Api, acme: Company) -> None:
    acme.key_result("kr-launch", kind="milestones", unit="", start=None, target=None, milestones=STEPS)
    body = {"milestones": {"0": True}, "confidence": 7, "decision": "none", "as": "alice@acme.example", "source_id": "one"}
    codes = [api.post("key-results/kr-launch/check-ins", body).status_code for _ in range(2)]
    assert codes == [201, 200]
    with acme.runtime.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Audit).where(Audit.action == "update")) == 1
