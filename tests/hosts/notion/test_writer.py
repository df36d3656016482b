"""Panels on real pages of the stand-in: once, unchanged, edited, deleted by people, lost answers, limited workspaces."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from connector.domain.panel import Panel
from connector.errors import Busy, Gone, HostError, Offline, Refused, Uncertain
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.rich_text import text_of
from connector.hosts.notion.sandbox import NotionSandbox
from tests.hosts.notion import samples

OKR: dict[str, Any] = {
    "OKR status": {"type": "status", "groups": {"To-do": ["No data"], "In progress": ["at risk", "Stalled"], "Complete": ["On track"]}},
    "OKR current": "number",
    "OKR progress": {"type": "number", "format": "percent"},
}
ALICE = samples.alone()
CHANGED = samples.alone(current=55, current_text="55 %", progress=0.63, sentence="from 38 % to 65 %, now 55 %")


@pytest.fixture
def row(box: NotionSandbox) -> str:
    _, source = box.world.add_database("Key results", OKR)
    return box.world.add_row(source, {"Name": "Guided set-up finished"})


def callouts(box: NotionSandbox, page: str) -> list[Mapping[str, Any]]:
    return [box.world.data["blocks"][each] for each in box.world.data["pages"][page]["children"]]


def shown(box: NotionSandbox, page: str) -> str:
    found = callouts(box, page)
    assert len(found) == 1
    return text_of(found[0]["content"]["rich_text"])


def value(box: NotionSandbox, page: str, name: str) -> Any:
    source = box.world.data["pages"][page]["source"]
    inner = box.world.data["pages"][page]["values"].get(box.world.property_id(source, name))
    return inner["name"] if isinstance(inner, dict) else inner


def failing(host: NotionHost, page: str, panel: Panel, receipt: Mapping[str, Any], kind: type[HostError]) -> Mapping[str, Any]:
    """The receipt that a failed call hands over."""
    with pytest.raises(kind) as error:
        host.write_panel(page, panel, receipt)
    found: Mapping[str, Any] = error.value.details["receipt"]
    return found


def test_the_first_write_makes_one_callout_at_the_top_and_fills_the_properties(box: NotionSandbox, host: NotionHost, row: str) -> None:
    box.world.add_block(row, "paragraph", {"rich_text": []}, box.world.data["person"])
    receipt = host.write_panel(row, ALICE, {})
    first = callouts(box, row)[0]
    assert (first["type"], first["content"]["icon"]) == ("callout", {"type": "emoji", "emoji": "🔵"})
    assert receipt["written"] == 2
    assert receipt["block"] == first["id"]
    assert receipt["warnings"] == []
    assert [value(box, row, name) for name in OKR] == ["On track", 54, 0.5926]


def test_unchanged_content_sends_nothing_at_all(box: NotionSandbox, host: NotionHost, row: str) -> None:
    receipt = host.write_panel(row, ALICE, {})
    before = host.requests
    again = host.write_panel(row, ALICE, receipt)
    assert host.requests == before
    assert again == {**receipt, "written": 0}


def test_a_change_edits_in_place(box: NotionSandbox, host: NotionHost, row: str) -> None:
    receipt = host.write_panel(row, ALICE, {})
    again = host.write_panel(row, CHANGED, receipt)
    assert (again["block"], again["written"]) == (receipt["block"], 2)
    assert "now 55 %" in shown(box, row)
    assert value(box, row, "OKR current") == 55
    assert box.writes == 4


def test_unknown_empties_a_number_and_never_writes_zero(box: NotionSandbox, host: NotionHost, row: str) -> None:
    receipt = host.write_panel(row, ALICE, {})
    host.write_panel(row, samples.alone(current=None, progress=None, state_word="No data", sentence="no reading yet"), receipt)
    assert [value(box, row, name) for name in OKR] == ["No data", None, None]


def test_a_page_without_properties_gets_the_callout_only(box: NotionSandbox, host: NotionHost) -> None:
    page = box.world.add_page("Objective")
    receipt = host.write_panel(page, samples.together(), {})
    assert receipt["written"] == 1
    assert shown(box, page).startswith("▲  At risk · New customers succeed")
    assert host.write_panel(page, samples.together(samples.STALLED), receipt)["written"] == 1


def test_columns_added_later_are_filled_with_the_next_change(box: NotionSandbox, host: NotionHost) -> None:
    _, source = box.world.add_database("Key results", {"OKR current": "rich_text"})
    page = box.world.add_row(source, {"Name": "x"})
    receipt = host.write_panel(page, ALICE, {})
    box.world.add_property(source, "OKR progress", "number")
    host.write_panel(page, CHANGED, receipt)
    assert value(box, page, "OKR progress") == 0.63
    assert value(box, page, "OKR current")[0]["plain_text"] == "55"


def test_status_options_match_without_letter_case_and_missing_ones_warn(box: NotionSandbox, host: NotionHost, row: str) -> None:
    receipt = host.write_panel(row, samples.alone(state_word="At risk"), {})
    assert value(box, row, "OKR status") == "at risk"
    receipt = host.write_panel(row, samples.alone(state_word="Overdue", current=50), receipt)
    assert receipt["warnings"] == ['"OKR status" has no option "Overdue": add it in Notion']
    assert value(box, row, "OKR current") == 50


def test_a_property_that_vanished_is_noticed_and_the_rest_is_written(box: NotionSandbox, host: NotionHost, row: str) -> None:
    receipt = host.write_panel(row, ALICE, {})
    box.world.remove_property(box.world.data["pages"][row]["source"], "OKR current")
    receipt = host.write_panel(row, CHANGED, receipt)
    assert value(box, row, "OKR progress") == 0.63
    assert "OKR current" not in receipt["schema"]


# --- people delete -----------------------------------------------------------------------------------------------------


def test_a_deleted_callout_comes_back_once_and_then_never_unless_asked(box: NotionSandbox, host: NotionHost, row: str) -> None:
    receipt = host.write_panel(row, ALICE, {})
    box.world.delete_block(receipt["block"])
    receipt = host.write_panel(row, CHANGED, receipt)
    assert (receipt["deleted"], len(callouts(box, row))) == (1, 1)
    box.world.delete_block(receipt["block"])
    receipt = host.write_panel(row, ALICE, receipt)
    assert receipt["dismissed"] is True
    assert callouts(box, row) == []
    assert value(box, row, "OKR current") == 54  # the properties go on
    receipt = host.write_panel(row, CHANGED, receipt)
    assert callouts(box, row) == []
    assert value(box, row, "OKR current") == 55
    receipt = host.write_panel(row, CHANGED, {**receipt, "dismissed": False})
    assert "now 55 %" in shown(box, row)


def test_a_second_writing_that_was_never_noted_is_found(box: NotionSandbox, host: NotionHost, row: str) -> None:
    noted = host.write_panel(row, ALICE, {})
    box.world.delete_block(noted["block"])
    host.write_panel(row, CHANGED, noted)  # and the receipt is lost with the process
    host.write_panel(row, CHANGED, noted)
    assert "now 55 %" in shown(box, row)


def test_lost_sharing_is_no_deletion(box: NotionSandbox, host: NotionHost) -> None:
    page = box.world.add_page("Objective")
    receipt = host.write_panel(page, samples.together(), {})
    box.world.unshare(page)
    kept = failing(host, page, samples.together(samples.STALLED), receipt, Gone)
    assert kept["block"] == receipt["block"]
    assert not kept.get("deleted")
    box.world.share(page)
    assert host.write_panel(page, samples.together(samples.STALLED), kept)["block"] == receipt["block"]


def test_a_trashed_or_missing_page_is_gone(box: NotionSandbox, host: NotionHost, row: str) -> None:
    with pytest.raises(Gone):
        host.write_panel("12345678-1234-1234-1234-123456789012", ALICE, {})
    box.world.trash(row)
    with pytest.raises(Gone):
        host.write_panel(row, ALICE, {})


# --- answers that get lost ---------------------------------------------------------------------------------------------


def test_a_503_after_the_write_that_names_the_block_is_a_success(box: NotionSandbox, host: NotionHost, row: str) -> None:
    box.fail(method="PATCH", path="/children", status=503, commit=True, tell=True)
    receipt = host.write_panel(row, ALICE, {})
    assert receipt["block"] == callouts(box, row)[0]["id"]
    assert host.write_panel(row, CHANGED, receipt)["block"] == receipt["block"]
    assert len(callouts(box, row)) == 1


@pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": True}])
def test_a_write_whose_answer_got_lost_is_found_again(box: NotionSandbox, host: NotionHost, row: str, trouble: dict[str, Any]) -> None:
    box.fail(method="PATCH", path="/children", commit=True, **trouble)
    receipt = failing(host, row, ALICE, {}, Uncertain)
    assert receipt["unsure"] is True
    adopted = host.write_panel(row, ALICE, receipt)
    assert (len(callouts(box, row)), adopted["written"], adopted.get("unsure")) == (1, 0, None)
    assert adopted["block"] == callouts(box, row)[0]["id"]


def test_a_lost_write_is_found_again_though_the_content_has_changed(box: NotionSandbox, host: NotionHost, row: str) -> None:
    box.world.add_block(row, "callout", {"rich_text": [], "icon": {"type": "emoji", "emoji": "💡"}}, box.world.data["person"])
    box.fail(method="PATCH", path="/children", commit=True, status=504)
    receipt = failing(host, row, ALICE, {}, Uncertain)
    receipt = host.write_panel(row, CHANGED, receipt)
    own = [each for each in callouts(box, row) if each["created_by"] == box.world.data["bot"]]
    assert len(own) == 1
    assert "now 55 %" in text_of(own[0]["content"]["rich_text"])


def test_a_write_that_did_not_happen_is_made_after_looking(box: NotionSandbox, host: NotionHost, row: str) -> None:
    box.fail(method="PATCH", path="/children", status=500)
    receipt = failing(host, row, ALICE, {}, Uncertain)
    assert callouts(box, row) == []
    host.write_panel(row, ALICE, receipt)
    assert len(callouts(box, row)) == 1


@pytest.mark.parametrize("path", ["/children", "/pages/", "/blocks/[^/]+$"])
def test_a_conflict_is_read_again_and_repeated_once(box: NotionSandbox, host: NotionHost, row: str, path: str) -> None:
    receipt = host.write_panel(row, ALICE, {}) if path.startswith("/blocks") else {}
    box.fail(method="PATCH", path=path, status=409)
    host.write_panel(row, CHANGED, receipt)
    assert "now 55 %" in shown(box, row)
    assert value(box, row, "OKR current") == 55


@pytest.mark.parametrize("path", ["/children", "/pages/", "/blocks/[^/]+$"])
def test_a_second_conflict_is_tried_again_later(box: NotionSandbox, host: NotionHost, row: str, path: str) -> None:
    receipt = host.write_panel(row, ALICE, {}) if path.startswith("/blocks") else {}
    box.fail(method="PATCH", path=path, status=409, times=2)
    assert failing(host, row, CHANGED, receipt, Offline)["written"] == (0 if path == "/pages/" else 1)


@pytest.mark.parametrize(
    ("trouble", "kind"), [({"status": 429, "headers": {"Retry-After": "90"}}, Busy), ({"status": 502, "html": True}, Offline)]
)
def test_what_was_written_before_a_failure_is_in_the_receipt(
    box: NotionSandbox, host: NotionHost, row: str, trouble: dict[str, Any], kind: type[HostError]
) -> None:
    box.fail(method="PATCH", path="/children", **trouble)
    receipt = failing(host, row, ALICE, {}, kind)
    assert receipt["written"] == 1
    assert host.write_panel(row, ALICE, receipt)["written"] == 1


# --- limited workspaces ------------------------------------------------------------------------------------------------


def test_a_used_up_workspace_is_served_by_properties_alone(box: NotionSandbox, host: NotionHost, row: str) -> None:
    box.block_limit = True
    receipt = host.write_panel(row, ALICE, {})
    assert receipt["property_only"] is True
    assert "blocks" in receipt["warnings"][0]
    assert value(box, row, "OKR status") == "On track"
    before = len(box.log)
    host.write_panel(row, CHANGED, receipt)
    assert [path for _, path, _, _ in box.log[before:]] == [f"/v1/pages/{row}"]


def test_a_missing_capability_is_a_refusal_not_a_limit(box: NotionSandbox, host: NotionHost, row: str) -> None:
    box.fail(method="PATCH", path="/children", status=403)
    assert failing(host, row, ALICE, {}, Refused).get("property_only") is None


def test_an_admin_can_choose_properties_only(box: NotionSandbox, make_host: Callable[..., NotionHost], row: str) -> None:
    make_host(property_only=True).write_panel(row, ALICE, {})
    assert callouts(box, row) == []
    assert value(box, row, "OKR status") == "On track"


def test_a_value_that_did_not_arrive_is_a_warning(box: NotionSandbox, host: NotionHost, row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.hosts.notion.sandbox_pages.accepted_values", lambda properties, sent: {})
    assert '"OKR current" was not taken over by Notion' in host.write_panel(row, ALICE, {})["warnings"]


def test_the_last_key_result_gone_empties_the_panel_but_makes_none(box: NotionSandbox, host: NotionHost, row: str) -> None:
    empty = Panel("okr", ())
    assert host.write_panel(row, empty, {}).get("block") is None
    assert callouts(box, row) == []
    receipt = host.write_panel(row, empty, host.write_panel(row, ALICE, {}))
    assert shown(box, row) == "No key result is linked here any more."
    assert value(box, row, "OKR current") is None
    assert receipt["written"] == 2
