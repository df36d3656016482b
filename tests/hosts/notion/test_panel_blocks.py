"""Callout, table and embed of one panel on a page of the stand-in: made together, kept by their ids, never twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from connector.domain.panel import KeyResultPanel, Panel
from connector.errors import Gone, HostError, Refused
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.panel_table import HEAD
from connector.hosts.notion.sandbox import NotionSandbox
from tests.hosts.notion import samples

LIVE = "https://okr.acme.example/embed/abc"


@pytest.fixture
def page(box: NotionSandbox) -> str:
    return box.world.add_page("Objective")


def blocks(box: NotionSandbox, page: str) -> list[Mapping[str, Any]]:
    return [box.world.data["blocks"][each] for each in box.world.data["pages"][page]["children"]]


def kinds(box: NotionSandbox, page: str) -> list[str]:
    return [each["type"] for each in blocks(box, page)]


def table(box: NotionSandbox, page: str) -> list[list[str]]:
    """The cells of the one table."""
    [found] = [each for each in blocks(box, page) if each["type"] == "table"]
    rows = [box.world.data["blocks"][each] for each in found["children"]]
    return [["".join(run["plain_text"] for run in cell) for cell in row["content"]["cells"]] for row in rows]


def tabled(*key_results: KeyResultPanel, **face: object) -> Panel:
    return samples.faced(samples.together(*key_results), table=True, **face)


def named(name: str, **changes: object) -> KeyResultPanel:
    return replace(samples.ON_TRACK, id=name, title=f"Title {name}", **changes)  # type: ignore[arg-type]


def after_failure(host: NotionHost, page: str, panel: Panel, receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    with pytest.raises(HostError) as error:
        host.write_panel(page, panel, receipt)
    found: Mapping[str, Any] = error.value.details["receipt"]
    return found


def test_callout_table_and_embed_are_made_in_one_request_in_their_order(box: NotionSandbox, host: NotionHost, page: str) -> None:
    box.world.add_block(page, "paragraph", {"rich_text": []}, box.world.data["person"])
    receipt = host.write_panel(page, tabled(embed=LIVE), {})
    assert kinds(box, page) == ["callout", "table", "embed", "paragraph"]
    assert receipt["written"] == 1
    assert table(box, page) == [
        list(HEAD),
        ["Guided set-up finished", "38 %", "65 %", "54 %", "● On track", "8 of 10", "Alice"],
        ["First invoice sent in 7 days", "41 %", "60 %", "42 %", "▮▮ Stalled", "7 of 10", "Alice"],
        ["App store rating", "3.9", "4.5", "4.1", "◇ Data late", "7 of 10", "Alice"],
    ]
    assert "abc" not in str(receipt)  # the address opens the page to whoever has it
    before = host.requests
    assert host.write_panel(page, tabled(embed=LIVE), receipt)["written"] == 0
    assert host.requests == before


def test_only_rows_that_changed_are_written(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt = host.write_panel(page, tabled(named("a"), named("b"), named("c")), {})
    box.log.clear()
    host.write_panel(page, tabled(named("a"), named("b", owner="Zoe"), named("c")), receipt)
    assert [body.keys() & {"callout", "table_row"} for _, _, _, body in box.log] == [{"table_row"}]  # the callout does not say the owner
    assert table(box, page)[2][6] == "Zoe"


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        ("abc", "abcd", {"PATCH children": 1}),
        ("abc", "xabc", {"PATCH children": 1}),
        ("abc", "axbyc", {"PATCH children": 2}),
        ("abcd", "ad", {"DELETE": 2}),
        ("abc", "cab", {"PATCH": 3}),
        ("abc", "", {}),
        ("abc", "zyx", {"DELETE": 3, "PATCH children": 1}),
        ("a", "cba", {"PATCH children": 1}),
    ],
)
def test_rows_come_and_go_in_order(
    box: NotionSandbox, host: NotionHost, page: str, before: str, after: str, writes: dict[str, int]
) -> None:
    receipt = host.write_panel(page, tabled(*map(named, before)), {})
    box.log.clear()
    panel = tabled(*map(named, after)) if after else replace(tabled(), key_results=())
    receipt = host.write_panel(page, panel, receipt)
    told: dict[str, int] = {}
    for method, path, _, body in box.log:
        if method != "GET" and "callout" not in (body or {}):
            name = f"{method} children" if path.endswith("/children") else method
            told[name] = told.get(name, 0) + 1
    if after:
        assert [row[0] for row in table(box, page)[1:]] == [f"Title {name}" for name in after]
        assert told == writes
    else:
        assert kinds(box, page) == ["callout"]  # a table of nothing is none
    before_requests = host.requests
    assert host.write_panel(page, panel, receipt)["written"] == 0
    assert host.requests == before_requests


def test_a_table_is_as_long_as_one_call_takes(box: NotionSandbox, host: NotionHost, page: str) -> None:
    host.write_panel(page, samples.faced(samples.many(150), table=True), {})
    shown = table(box, page)
    assert len(shown) == 100
    assert shown[-1][0] == "+52 more"


def test_chosen_later_it_stands_below_the_callout_and_given_up_it_goes(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt = host.write_panel(page, samples.together(), {})
    box.world.add_block(page, "paragraph", {"rich_text": []}, box.world.data["person"])
    receipt = host.write_panel(page, samples.faced(samples.together(), embed=LIVE), receipt)
    receipt = host.write_panel(page, tabled(embed=LIVE), receipt)
    assert kinds(box, page) == ["callout", "table", "embed", "paragraph"]
    receipt = host.write_panel(page, samples.together(), receipt)
    assert kinds(box, page) == ["callout", "paragraph"]
    assert "table" not in receipt
    assert "embed" not in receipt


def test_a_new_address_of_the_live_page_is_written_into_the_same_block(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt = host.write_panel(page, samples.faced(samples.alone(), embed=LIVE), {})
    receipt = host.write_panel(page, samples.faced(samples.alone(), embed=f"{LIVE}d"), receipt)
    assert [each["content"]["url"] for each in blocks(box, page) if each["type"] == "embed"] == [f"{LIVE}d"]
    assert receipt["written"] == 1


def test_an_embed_that_notion_refuses_does_not_keep_the_panel_away(box: NotionSandbox, host: NotionHost, page: str) -> None:
    box.fail(path="/children", method="PATCH", status=400, code="validation_error", message="This domain cannot be embedded.")
    receipt = host.write_panel(page, tabled(embed=LIVE), {})
    assert kinds(box, page) == ["callout", "table"]
    [warning] = receipt["warnings"]
    assert warning.startswith("Notion does not take our live page as an embed: ")
    assert warning.endswith("This domain cannot be embedded.")


@pytest.mark.parametrize("kind", ["callout", "table", "embed"])
def test_each_block_that_a_person_deletes_comes_back_once_and_then_never(
    box: NotionSandbox, host: NotionHost, page: str, kind: str
) -> None:
    receipt: Mapping[str, Any] = host.write_panel(page, tabled(named("a"), embed=f"{LIVE}0"), {})
    for number, expected in ((1, 1), (2, 0), (3, 0)):
        for each in [each for each in blocks(box, page) if each["type"] == kind]:
            box.world.delete_block(each["id"])
        changed = named("a", current_text=f"{number} %", sentence=f"now {number} %", current=number)
        receipt = host.write_panel(page, tabled(changed, embed=f"{LIVE}{number}"), receipt)
        assert kinds(box, page).count(kind) == expected
        assert all(kinds(box, page).count(other) == 1 for other in {"callout", "table", "embed"} - {kind})


def test_a_row_that_a_person_deletes_comes_back_once_and_then_stays_away(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt: Mapping[str, Any] = host.write_panel(page, tabled(named("a"), named("b"), named("c")), {})
    for number, expected in ((1, ["a", "b", "c"]), (2, ["a", "c"]), (3, ["a", "c"])):
        [found] = [each for each in blocks(box, page) if each["type"] == "table"]
        rows = [box.world.data["blocks"][each] for each in found["children"]]
        for row in rows:
            if row["content"]["cells"][0][0]["plain_text"] == "Title b":
                box.world.delete_block(row["id"])
        receipt = host.write_panel(page, tabled(named("a"), named("b", current_text=f"{number}"), named("c")), receipt)
        assert [row[0] for row in table(box, page)[1:]] == [f"Title {name}" for name in expected]


def test_the_anchor_deleted_by_a_person_is_noticed_when_something_is_put_behind_it(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt = host.write_panel(page, samples.together(), {})
    box.world.delete_block(str(receipt["block"]))
    receipt = host.write_panel(page, tabled(), receipt)
    assert kinds(box, page) == ["callout", "table"]
    assert receipt["deleted"] == 1


@pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": True}, {"status": 503, "tell": True}])
def test_a_lost_answer_never_makes_a_second_one(box: NotionSandbox, host: NotionHost, page: str, trouble: dict[str, Any]) -> None:
    box.fail(path="/children", method="PATCH", commit=True, **trouble)
    panel = tabled(embed=LIVE)
    try:
        receipt = host.write_panel(page, panel, {})
    except HostError as error:
        receipt = error.details["receipt"]
    receipt = host.write_panel(page, panel, receipt)
    assert kinds(box, page) == ["callout", "table", "embed"]
    before = host.requests
    assert host.write_panel(page, panel, receipt)["written"] == 0
    assert host.requests == before


@pytest.mark.parametrize("trouble", [{"status": 503, "commit": True}, {"drop": True, "commit": True}, {"status": 503}, {"status": 429}])
def test_a_lost_answer_to_a_new_row_never_makes_two(box: NotionSandbox, host: NotionHost, page: str, trouble: dict[str, Any]) -> None:
    receipt = host.write_panel(page, tabled(named("a"), named("c")), {})
    box.fail(path="/children", method="PATCH", **trouble)
    panel = tabled(*map(named, "abc"))
    receipt = after_failure(host, page, panel, receipt)
    receipt = host.write_panel(page, panel, receipt)
    assert [row[0] for row in table(box, page)[1:]] == ["Title a", "Title b", "Title c"]
    assert host.write_panel(page, panel, receipt)["written"] == 0


def test_ids_of_rows_that_could_not_be_read_are_read_the_next_time(box: NotionSandbox, host: NotionHost, page: str) -> None:
    box.fail(path="/children", method="GET", status=502)
    receipt = after_failure(host, page, tabled(named("a")), {})
    receipt = host.write_panel(page, tabled(named("a", current_text="7 %")), receipt)
    assert kinds(box, page) == ["callout", "table"]
    assert table(box, page)[1][3] == "7 %"


def test_a_conflict_is_looked_at_before_anything_is_made_again(box: NotionSandbox, host: NotionHost, page: str) -> None:
    box.fail(path="/children", method="PATCH", status=409, commit=True)
    host.write_panel(page, tabled(embed=LIVE), {})
    assert kinds(box, page) == ["callout", "table", "embed"]


def test_a_page_in_the_trash_or_not_shared_deletes_nothing_of_ours(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt: Mapping[str, Any] = host.write_panel(page, tabled(named("a"), embed=LIVE), {})
    changed = tabled(named("a", current_text="7 %"), embed=f"{LIVE}2")
    for away, back in ((box.world.trash, box.world.restore), (box.world.unshare, box.world.share)):
        away(page)
        with pytest.raises(Gone) as error:
            host.write_panel(page, changed, receipt)
        receipt = error.value.details["receipt"]
        back(page)
    receipt = host.write_panel(page, changed, receipt)
    assert "deleted" not in receipt
    assert kinds(box, page) == ["callout", "table", "embed"]
    assert table(box, page)[1][3] == "7 %"


def test_a_page_that_moved_keeps_its_panel(box: NotionSandbox, host: NotionHost) -> None:
    _, first = box.world.add_database("Key results", {"OKR current": "number"})
    _, second = box.world.add_database("Other", {"OKR progress": "number"})
    row = box.world.add_row(first, {"Name": "x"})
    receipt = host.write_panel(row, samples.alone(), {})
    box.world.move_page(row, source=second)
    host.write_panel(row, samples.alone(sentence="now 60 %"), receipt)
    assert kinds(box, row) == ["callout"]


def test_without_columns_only_blocks_are_written_and_without_blocks_nothing(box: NotionSandbox, host: NotionHost) -> None:
    _, source = box.world.add_database("Key results", {"OKR current": "number"})
    row = box.world.add_row(source, {"Name": "x"})
    receipt = host.write_panel(row, samples.faced(samples.alone(), columns=False), {})
    assert receipt["written"] == 1
    assert not any(path.startswith("/v1/pages") for _, path, _, _ in box.log)
    other = box.world.add_row(source, {"Name": "y"})
    before = host.requests
    host.write_panel(other, samples.faced(tabled(embed=LIVE), columns=False, blocks=False), {})
    assert host.requests == before
    assert kinds(box, other) == []


def test_a_workspace_without_blocks_left_is_told_once(box: NotionSandbox, host: NotionHost, page: str) -> None:
    box.block_limit = True
    receipt = host.write_panel(page, tabled(embed=LIVE), {})
    assert receipt["property_only"]
    before = host.requests
    receipt = host.write_panel(page, tabled(named("a"), embed=LIVE), receipt)
    assert host.requests - before <= 1  # no block is asked for again
    assert kinds(box, page) == []


def test_a_refusal_for_another_reason_is_one(box: NotionSandbox, host: NotionHost, page: str) -> None:
    box.fail(path="/children", method="PATCH", status=403)
    with pytest.raises(Refused):
        host.write_panel(page, tabled(), {})


def saying(number: int) -> Panel:
    return samples.alone(current=number, current_text=f"{number} %", sentence=f"from 38 % to 65 %, now {number} %")


def test_a_callout_taken_out_of_the_trash_is_the_panel_again_and_the_only_one(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt = host.write_panel(page, saying(1), {})
    first = str(receipt["block"])
    box.world.delete_block(first)
    receipt = host.write_panel(page, saying(2), receipt)
    second = str(receipt["block"])
    assert second != first
    box.world.restore_block(first)
    receipt = host.write_panel(page, saying(3), receipt)
    assert kinds(box, page) == ["callout"]
    assert receipt["block"] == first
    assert "now 3 %" in "".join(run["plain_text"] for run in blocks(box, page)[0]["content"]["rich_text"])
    assert "former" not in receipt


def test_undoing_the_second_deletion_asks_for_the_panel_again(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt: Mapping[str, Any] = host.write_panel(page, saying(0), {})
    for number in (1, 2):
        box.world.delete_block(str(receipt["block"]))
        last = str(receipt["block"])
        receipt = host.write_panel(page, saying(number), receipt)
    assert receipt["dismissed"]
    assert kinds(box, page) == []
    before = host.requests
    receipt = host.write_panel(page, saying(2), receipt)
    assert host.requests - before <= 2  # each of the two is asked for
    before = host.requests
    receipt = host.write_panel(page, saying(2), receipt)
    assert host.requests == before  # nothing new to show: nothing is asked
    box.world.restore_block(last)
    receipt = host.write_panel(page, saying(3), receipt)
    assert kinds(box, page) == ["callout"]
    assert not receipt.get("dismissed")


def test_undoing_the_first_of_two_deletions_goes_on_in_that_callout(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt: Mapping[str, Any] = host.write_panel(page, saying(0), {})
    gone = []
    for number in (1, 2):
        gone.append(str(receipt["block"]))
        box.world.delete_block(gone[-1])
        receipt = host.write_panel(page, saying(number), receipt)
    assert receipt["dismissed"]
    box.world.restore_block(gone[0])
    for number in (3, 4):
        receipt = host.write_panel(page, saying(number), receipt)
        assert kinds(box, page) == ["callout"]
        assert f"now {number} %" in "".join(run["plain_text"] for run in blocks(box, page)[0]["content"]["rich_text"])
    assert receipt["block"] == gone[0]
    box.world.restore_block(gone[1])  # the other one too: still one panel
    receipt = host.write_panel(page, saying(5), receipt)
    assert kinds(box, page) == ["callout"]
    assert "now 5 %" in "".join(run["plain_text"] for run in blocks(box, page)[0]["content"]["rich_text"])
    assert "former" not in receipt


def test_a_deleted_callout_is_not_looked_for_for_ever(box: NotionSandbox, host: NotionHost, page: str) -> None:
    receipt: Mapping[str, Any] = host.write_panel(page, saying(0), {})
    box.world.delete_block(str(receipt["block"]))
    for number in range(1, 13):
        receipt = host.write_panel(page, saying(number), receipt)
    before = host.requests
    host.write_panel(page, saying(13), receipt)
    assert host.requests - before == 1
