"""The check-in form in the panel of an issue: through the door, for the key results of that issue alone, filed once."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from connector.store.tables import CheckIn, Cycle, Item, MappingItem, Objective, Team, TeamMember
from tests.support.forge import ALICE, BOB, CHARLIE, STRANGER
from tests.support.issue_scene import EPIC, STORY, IssueScene, issue_scene, words

PATH = "/forge/v1/check-in/kr-invoice"
_FIELD = re.compile(r'<input (?:id="[^"]+" )?(?:type="hidden" )?name="(\w+)"(?: type="\w+")?[^>]*? value="([^"]*)"')
_CHOSEN = re.compile(r'<input type="(?:radio|checkbox)" name="(\w+)" value="([^"]+)" checked')


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[IssueScene]:
    with issue_scene(tmp_path) as made:
        yield made


def call(scene: IssueScene, method: str = "GET", body: Any = None, *, by: str = BOB, on: str = EPIC, path: str = PATH) -> TestResponse:
    return scene.forge.call(method, path, body, account=by, issue=scene.ref(on) if on else "")


def entries(answer: TestResponse) -> dict[str, Any]:
    form = str((answer.json or {})["html"])
    found = {name: unescape(value) for name, value in _FIELD.findall(form) if name not in ("confidence", "decision", "delayed")}
    return {**found, **dict(_CHOSEN.findall(form))}


def filed(scene: IssueScene) -> list[CheckIn]:
    with scene.company.runtime.store.read() as session:
        return list(session.scalars(select(CheckIn).where(CheckIn.source == "jira").order_by(CheckIn.id)))


def test_an_update_from_an_issue_in_three_clicks(scene: IssueScene) -> None:
    assert f'data-get="{PATH}"' in str((scene.panel(account=BOB).json or {})["html"])
    answer = call(scene)
    html = str((answer.json or {})["html"])
    assert f'data-post="{PATH}" data-check="{PATH}/check" data-check-into="#check-in-live"' in html
    assert not re.search(r"style=|<script|on\w+=\"|csrf", html)
    form = entries(answer)
    assert (form["value"], form["confidence"]) == ("42", "7")
    saved = call(scene, "POST", {**form, "decision": "approval"})
    assert saved.status_code == 200
    assert saved.json == {"said": "Check-in saved: 42\u00a0%, confidence 7, asks for approval."}
    row = filed(scene)[0]
    assert (row.value, row.decision, row.movement, row.draft) == (42.0, "approval", "flat", False)
    assert row.author_id == scene.person("Bob")
    assert row.seconds is not None
    assert "approval" in scene.text(account=BOB)


def test_a_story_below_the_epic_opens_the_same_form(scene: IssueScene) -> None:
    assert call(scene, on=STORY).status_code == 200


def test_a_draft_comes_back_at_once_with_what_is_missing(scene: IssueScene) -> None:
    answer = call(scene, "POST", entries(call(scene)))
    assert answer.status_code == 200
    assert (answer.json or {})["said"] == "Saved as a draft. It does not count yet, still to add: the decision needed."
    html = str((answer.json or {})["html"])
    assert re.search(r'<fieldset class="field bad"[^>]*tabindex="-1"[^>]*aria-invalid="true" autofocus><legend>Decision needed', html)
    assert call(scene, "POST", {**entries(answer), "decision": "none"}).status_code == 200
    assert [row.draft for row in filed(scene)] == [False]


def test_a_mistake_is_422_with_the_form_and_what_was_typed(scene: IssueScene) -> None:
    answer = call(scene, "POST", {**entries(call(scene)), "value": "many", "decision": "none"})
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert entries(answer)["value"] == "many"
    assert 'aria-invalid="true"' in str((answer.json or {})["html"])


def test_a_conflict_is_409_with_both_versions_and_the_next_save_files(scene: IssueScene) -> None:
    mine, theirs = entries(call(scene)), entries(call(scene, by=ALICE))
    assert call(scene, "POST", {**theirs, "value": "50", "decision": "none"}, by=ALICE).status_code == 200
    answer = call(scene, "POST", {**mine, "value": "44", "decision": "budget"})
    assert answer.status_code == 409
    html = words(str((answer.json or {})["html"]))
    assert "Alice checked in meanwhile" in html
    assert "Value 50 % 44 %" in html
    again = entries(answer)
    assert (again["value"], again["decision"]) == ("44", "budget")
    assert call(scene, "POST", again).status_code == 200
    assert [row.value for row in filed(scene)] == [50.0, 44.0]


def test_the_same_save_sent_again_files_one(scene: IssueScene) -> None:
    form = {**entries(call(scene)), "decision": "none"}
    assert [call(scene, "POST", form).status_code for _ in range(3)] == [200, 200, 200]
    assert len(filed(scene)) == 1


def test_a_form_of_somebody_else_is_refused(scene: IssueScene) -> None:
    form = {**entries(call(scene, by=ALICE)), "decision": "none"}
    answer = call(scene, "POST", form)
    assert answer.status_code == 422
    assert filed(scene) == []


def test_no_change_in_two_clicks(scene: IssueScene) -> None:
    answer = call(scene)
    assert 'name="no_change" value="none">No change, nothing needed' in str((answer.json or {})["html"])
    assert call(scene, "POST", {**entries(answer), "no_change": "none"}).status_code == 200
    assert filed(scene)[0].decision == "none"


@pytest.mark.parametrize("by", [CHARLIE, STRANGER])
def test_others_read_it_and_save_nothing(scene: IssueScene, by: str) -> None:
    answer = call(scene, by=by)
    assert answer.status_code == 200
    assert "ask Bob, who owns this one" in words(str((answer.json or {})["html"]))
    assert "<form" not in str((answer.json or {})["html"])
    for path in (PATH, f"{PATH}/check"):
        refused = call(scene, "POST", {"value": "42", "confidence": "7", "decision": "none"}, by=by, path=path)
        assert refused.status_code == 403
    assert filed(scene) == []


def test_a_member_of_the_team_updates_too(scene: IssueScene) -> None:
    with scene.company.runtime.store.write() as session:
        team = Team(name="Growth")
        session.add(team)
        session.flush()
        session.get_one(Objective, "onboarding").team_id = team.id
        session.add(TeamMember(team_id=team.id, person_id=scene.person("Charlie")))
    assert call(scene, "POST", {**entries(call(scene, by=CHARLIE)), "decision": "none"}, by=CHARLIE).status_code == 200
    assert "Charlie" in scene.text(account=BOB)


def test_an_issue_that_is_hidden_or_serves_something_else_opens_no_form(scene: IssueScene) -> None:
    scene.company.key_result("kr-other")
    assert call(scene, path="/forge/v1/check-in/kr-other", by=ALICE).status_code == 404
    assert call(scene, on="ACME-90", by=ALICE).status_code == 404
    assert call(scene, path="/forge/v1/check-in/none", by=ALICE).status_code == 404
    scene.forge.atlassian.hidden.add((CHARLIE, scene.ref(STORY)))
    assert call(scene, by=CHARLIE, on=STORY).status_code == 403
    assert call(scene, "POST", {}, by=CHARLIE, on=STORY).status_code == 403


def test_a_restricted_key_result_is_none_for_others(scene: IssueScene) -> None:
    scene.set(Objective, "onboarding", restricted=True)
    for method in ("GET", "POST"):
        assert call(scene, method, {} if method == "POST" else None, by=CHARLIE).status_code == 404
        assert call(scene, method, {} if method == "POST" else None, by=CHARLIE, on="").status_code == 404
    assert call(scene).status_code == 200


def test_from_a_dashboard_there_is_no_issue_and_no_way_back_to_one(scene: IssueScene) -> None:
    answer = call(scene, on="")
    assert answer.status_code == 200
    assert "data-get" not in str((answer.json or {})["html"])


@pytest.mark.parametrize("body", [None, [], "text", 5, {"value": {"a": 1}}, {"value": "x\x00"}, {"value": "4" * 30_000}])
def test_what_is_no_form_is_refused_with_words(scene: IssueScene, body: Any) -> None:
    answer = call(scene, "POST", body)
    assert answer.status_code in (400, 422)
    assert filed(scene) == []


def test_what_is_typed_is_looked_at_while_typing(scene: IssueScene) -> None:
    form = entries(call(scene))
    answer = call(scene, "POST", {**form, "value": "45", "confidence": ["3"]}, path=f"{PATH}/check")
    text = words(str((answer.json or {})["html"]))
    assert "moving closer to target by 3 points" in text
    assert "asks for help" in text
    assert filed(scene) == []


def test_an_update_takes_well_under_a_minute_and_is_measured(scene: IssueScene) -> None:
    begun, company, stands = time.monotonic(), scene.company, time.time()
    company.runtime.clock = lambda: stands + company.clock.ahead
    for number in range(5):
        form = entries(call(scene))
        company.clock.ahead += 20  # somebody reads and chooses
        assert call(scene, "POST", {**form, "value": str(43 + number), "decision": "none"}).status_code == 200
    assert time.monotonic() - begun < 20
    assert all(20 <= (row.seconds or 0) <= 24 for row in filed(scene))
    metrics = scene.forge.client.get("/metrics").text
    found = re.search(r'okr_check_in_seconds\{source="jira"\} (\S+)', metrics)
    assert found
    assert 20 <= float(found[1]) < 60
    assert re.search(r'okr_check_ins_timed\{source="jira"\} 5.0', metrics)


# --- what Jira does not show ------------------------------------------------------------------------------------------------


def stuck(scene: IssueScene) -> None:
    with scene.company.runtime.store.write() as session:
        session.execute(update(Item).where(Item.key.in_(("ACME-12", "ACME-20"))).values(status="Blocked"))


def test_only_issues_that_jira_shows_to_the_person_can_be_picked_as_a_blocker(scene: IssueScene) -> None:
    stuck(scene)
    scene.forge.atlassian.hidden.add((BOB, scene.ref("ACME-12")))
    scene.forge.atlassian.asked.clear()
    html = str((call(scene).json or {})["html"])
    assert "ACME-12" not in html
    assert "Step 2" not in html
    assert '<option value="ACME-20 Template 0">' in html
    assert scene.forge.atlassian.asked == [("GET", f"issue/{scene.ref(EPIC)}"), ("POST", "issue/bulkfetch")]
    form = entries(call(scene))
    call(scene, "POST", {**form, "value": "x"})
    assert call(scene, "POST", {**form, "value": "43"}, path=f"{PATH}/check").status_code == 200
    assert len(scene.forge.atlassian.asked) == 2  # remembered
    assert "ACME-12 Step 2" in str((call(scene, by=ALICE).json or {})["html"])
    text = scene.text(account=BOB)
    assert "Blocker? ACME-20 has the status “Blocked” and 1 more" in text
    assert "ACME-12" not in text


def test_without_an_answer_of_jira_nothing_is_offered_and_the_form_still_opens(scene: IssueScene) -> None:
    stuck(scene)
    scene.text(account=BOB)  # the issue itself is remembered
    scene.forge.atlassian.status = 500
    answer = call(scene)
    assert answer.status_code == 200
    assert "check-in-blockers" not in str((answer.json or {})["html"])


def test_items_of_other_connections_are_not_offered_inside_jira(scene: IssueScene) -> None:
    other = scene.company.connection("other-jira", "jira", "https://other.example", {"email": "b@acme.example", "api_token": "t"})
    mapping = scene.company.mapping("kr-invoice", other, select={"jql": "project = X"}, measure="done_share", mode="context")
    with scene.company.runtime.store.write() as session:
        item = Item(
            connection_id=other, ref=scene.ref(EPIC), key="OTHER-1", title="Elsewhere", kind="issue", category="new", status="Blocked"
        )
        session.add(item)
        session.flush()
        session.add(MappingItem(mapping_id=mapping, item_id=item.id))
    assert "OTHER-1" not in str((call(scene).json or {})["html"])
    assert "OTHER-1" not in scene.text(account=BOB)


def test_a_key_result_ahead_of_its_cycle_is_not_there_for_others(scene: IssueScene) -> None:
    scene.set(Cycle, 1, started_at=None)
    for on in (EPIC, ""):
        assert call(scene, by=CHARLIE, on=on).status_code == 404
        assert call(scene, "POST", {"value": "1"}, by=STRANGER, on=on).status_code == 404
        assert call(scene, on=on).status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31"])
def test_a_day_long_before_the_cycle_is_refused_at_its_field(scene: IssueScene, day: str) -> None:
    answer = call(scene, "POST", {**entries(call(scene)), "decision": "none", "as_of": day})
    assert answer.status_code == 422
    assert "at most a year older than the cycle" in words(str((answer.json or {})["html"]))
    assert filed(scene) == []
