"""The mapping editor without a browser: what the preview says, what is saved, what comes back with its message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mappings.views.live import END
from tests.support.mapping_desk import Desk, errors_of, mapping_desk, text_of

WHY = "the epic was split"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with mapping_desk(tmp_path) as found:
        yield found


# --- the preview -----------------------------------------------------------------------------------------------------------------


def test_the_preview_says_value_rule_items_and_outcome(desk: Desk) -> None:
    answer = desk.lead.post("/mappings/preview", desk.form())
    assert 'data-outcome="the value becomes 40"' in answer.text
    told = text_of(answer.text)
    assert "5 items match, 2 done: the value would be 40." in told
    assert "Share done of the direct children of ACME-1: 2 of 5 = 40 %." in told
    assert "ACME-10 Step 0 Done counted" in told
    assert answer.headers["X-Accel-Buffering"] == "no"


def test_titles_from_the_host_are_text(desk: Desk) -> None:
    desk.jira.add_issue("ACME", "<script>alert(1)</script>\n<!--next-->\n", key="ACME-30", parent="ACME-1")
    answer = desk.lead.post("/mappings/preview", desk.form()).text
    assert "<script>" not in answer
    assert answer.count(END) == 1


def test_what_is_not_filled_in_yet_asks_no_host(desk: Desk) -> None:
    assert desk.preview(epic="") == ["Pick at least one epic."]
    assert desk.preview(kind="jql", measure="sum:done") == [
        "Enter a JQL query, such as: project = ACME AND labels = growth. Choose the number field."
    ]
    assert desk.jira.log == []


def test_a_query_that_jira_refuses_names_its_field(desk: Desk) -> None:
    answer = desk.lead.post("/mappings/preview", desk.form(kind="jql", jql="project = = ACME")).text
    assert 'data-at="jql"' in answer
    assert "Jira does not accept the JQL" in text_of(answer)


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"epic": "ACME-2"}, "Nothing matches; is the selector right?"),
        ({"kind": "jql", "jql": "statusCategory = Done"}, "The query is not limited to a project"),
        ({"measure": "done_count"}, "A count gives a plain number, but the key result is in %"),
        ({"key_result": "kr-seats", "measure": "done_share"}, "a share is 0 to 1 unless the unit is %"),
        ({"key_result": "kr-seats", "measure": "done_count"}, "With every item done the value would be 5, and the target is 100"),
        ({"measure": "sum:all", "field": "Story Points"}, "has no Story Points"),
    ],
)
def test_warnings_before_saving(desk: Desk, values: dict[str, str], warning: str) -> None:
    for number in (12, 13, 14):
        desk.jira.set_field(f"ACME-{number}", "customfield_10026", 3)
    (told,) = desk.preview(**values)
    assert warning.lower() in told.lower()


def test_work_that_counts_twice_in_the_objective_is_told(desk: Desk) -> None:
    desk.save(key_result="kr-seats", measure="done_count")
    desk.company.work(desk.ids[0])
    (told,) = desk.preview()
    assert "5 items also feed “Key result kr-seats” of the same objective" in told


# --- saving ----------------------------------------------------------------------------------------------------------------------


def test_saving_leads_to_the_key_result_and_says_what_happens(desk: Desk) -> None:
    desk.preview()
    saved = desk.save()
    assert (saved.status_code, saved.headers["Location"]) == (303, "/key-results/kr-setup")
    assert "Mapping saved. acme-jira is read now: the value becomes 40." in desk.lead.get("/key-results/kr-setup").text
    desk.company.work(desk.ids[0])
    assert desk.company.row("kr-setup").current == 40.0


def test_without_a_preview_the_words_promise_no_number(desk: Desk) -> None:
    desk.save()
    assert "acme-jira is read now, and the value follows." in desk.lead.get("/key-results/kr-setup").text


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"epic": ""}, "epics", "Pick at least one epic"),
        ({"epic": "ACME-999"}, "epics", "ACME-999 does not exist in Jira"),
        ({"kind": "jql", "jql": "project = = ACME"}, "jql", "Jira does not accept the JQL"),
        ({"kind": "project", "project": "NOPE"}, "project", "The project NOPE does not exist"),
        ({"measure": "sum:done"}, "field", "Choose the number field"),
        ({"measure": "sum:done", "field": "No such"}, "measure", "Jira has no field 'No such'"),
        ({"owner": "nobody@acme.example"}, "owner", "No active person has the e-mail address"),
    ],
)
def test_what_does_not_fit_comes_back_with_the_message_at_its_field(desk: Desk, values: dict[str, str], field: str, message: str) -> None:
    answer = desk.save(**values)
    assert answer.status_code == 422
    assert errors_of(answer.text)[field].startswith(message)
    assert f'value="{values.get("owner", "alice@acme.example")}"' in answer.text
    assert desk.rows() == []


def test_the_same_mapping_twice_and_one_that_does_not_go_with_it_are_refused(desk: Desk) -> None:
    desk.save()
    assert "very same mapping" in errors_of(desk.save().text)["epics"]
    assert "cannot be put together" in errors_of(desk.save(epic="ACME-2", measure="done_count").text)["measure"]
    assert len(desk.rows()) == 1


def edit_form(desk: Desk, path: str = "/mappings/1") -> dict[str, Any]:
    page = desk.lead.get(path).text
    found = re.search(r'name="version" value="(\w+)"', page)
    assert found
    return desk.form(mapping="1", version=found[1])


def test_a_stored_mapping_is_changed_with_a_reason(desk: Desk) -> None:
    desk.save()
    form = edit_form(desk)
    answer = desk.lead.post("/mappings/1", {**form, "epic": "ACME-2"})
    assert errors_of(answer.text)["reason"].startswith("A change of scope needs a reason")
    assert desk.lead.post("/mappings/1", {**form, "epic": "ACME-2", "reason": WHY}).status_code == 303
    assert desk.rows()[0].rule["select"] == {"epics": ["ACME-2"]}
    desk.lead.post("/mappings/1", {**edit_form(desk), "epic": "ACME-2"})
    assert "Nothing was different, so nothing was saved." in desk.lead.get("/mappings").text


def test_of_two_who_save_at_once_the_second_sees_both_versions(desk: Desk) -> None:
    desk.save()
    form = edit_form(desk)
    desk.lead.post("/mappings/1", {**form, "epic": "ACME-2", "reason": WHY})
    answer = desk.lead.post("/mappings/1", {**form, "measure": "done_count", "reason": WHY})
    assert answer.status_code == 409
    told = text_of(answer.text)
    assert "Changed meanwhile" in told
    assert "What is measured done_share done_count" in told
    version = re.search(r'name="version" value="(\w+)"', answer.text)
    assert version
    assert desk.lead.post("/mappings/1", {**form, "measure": "done_count", "reason": WHY, "version": version[1]}).status_code == 303
    assert desk.rows()[0].rule["measure"] == "done_count"


def test_a_mapping_is_switched_off_and_on_again(desk: Desk) -> None:
    desk.save()
    desk.company.work(desk.ids[0])
    version = edit_form(desk)["version"]
    answer = desk.lead.post("/mappings/1/off", {"version": version})
    assert answer.status_code == 422
    assert errors_of(answer.text)["off_reason"].startswith("A change of scope needs a reason")
    assert desk.lead.post("/mappings/1/off", {"version": version, "off_reason": WHY}).status_code == 303
    assert "No mapping fits these filters" in desk.lead.get("/mappings?connection=acme-jira").text
    assert "Switched off" in desk.lead.get("/mappings?state=off").text
    page = desk.lead.get("/mappings/1").text
    assert "This mapping is switched off" in page
    assert "Save mapping" not in page
    assert desk.lead.post("/mappings/1/on").status_code == 303
    assert desk.company.row("kr-setup").current == 40.0


def test_the_form_of_a_stored_mapping_shows_all_of_it(desk: Desk) -> None:
    values = {
        "connection": "acme-notion",
        "kind": "database",
        "epic": "",
        "source": f"{desk.database}/{desk.source}",
        "filter_name": ["Stage", "Paid"],
        "filter_value": ["Won", "yes"],
        "measure": "sum:all",
        "field": "Seats",
        "key_result": "kr-seats",
        "wont_do": "",
    }
    desk.lead.post("/mappings/parts", desk.form(connection="acme-notion", kind="database"))
    assert desk.save(**values).status_code == 303
    page = desk.lead.get("/mappings/1").text
    assert "Deals" in page
    assert re.findall(r"<option selected>(\w+)</option>", page) == ["Paid", "yes", "Stage", "Won", "Seats"]
    assert 'value="sum:all" selected' in page
    assert "<details open>" in page
    assert desk.rows()[0].rule["select"]["filter"] == {"Stage": ["Won"], "Paid": [True]}


def test_an_unknown_mapping_is_not_found(desk: Desk) -> None:
    assert desk.lead.get("/mappings/77").status_code == 404
    assert desk.lead.get("/mappings/x").status_code == 404
    assert desk.lead.get("/mappings/new?key_result=none").status_code == 404


def test_what_an_address_names_is_kept_while_a_key_result_is_chosen(desk: Desk) -> None:
    page = desk.lead.get("/mappings/new?connection=acme-jira&kind=epics&epic=ACME-2&epic=ACME-1&other=1").text
    (address,) = re.findall(r'href="(/mappings/new\?key_result=kr-seats[^"]*)"', page)
    assert "other" not in address
    form = desk.lead.get(address.replace("&amp;", "&")).text
    assert re.findall(r'name="epic" value="([^"]+)" id="c-[^"]+" checked', form) == ["ACME-2", "ACME-1"]
    again = desk.lead.get("/mappings/new?q=nothing&kind=epics&epic=ACME-2").text
    assert '<input type="hidden" name="epic" value="ACME-2">' in again


# --- from a project ----------------------------------------------------------------------------------------------------------------


def test_who_comes_from_a_project_is_offered_its_epics_what_is_not_mapped_first_and_can_search_all(desk: Desk) -> None:
    desk.jira.add_issue("ACME", "Another epic", key="ACME-40", type="Epic")
    assert "project=ACME" in desk.lead.get("/mappings/new?connection=acme-jira&project=ACME").text
    page = desk.lead.get("/mappings/new?connection=acme-jira&project=ACME&key_result=kr-setup").text
    assert 'name="within" value="ACME" checked' in page
    offered = desk.lead.post("/mappings/choices", desk.form(epic="", q="", within="ACME", within_of="ACME")).text
    searches = [str(body) for method, path, body in desk.jira.log if path.endswith("/search/jql")]
    assert "ACME-40" in offered
    assert 'project = "ACME"' in searches[-1] or "project = ACME" in searches[-1]
    desk.jira.forget_log()
    assert "ACME-40" in desk.lead.post("/mappings/choices", desk.form(epic="", q="", within_of="ACME")).text
    assert not any("project =" in str(body) for _, path, body in desk.jira.log if path.endswith("/search/jql"))
