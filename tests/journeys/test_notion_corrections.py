"""What people type into rows is never lost: corrections back to what stood there, and words that cannot be filed as they are."""

from __future__ import annotations

from typing import Any

import pytest

from connector.services.okr_databases import nightly
from tests.support.okr_notion import NotionRow, OkrScene

pytestmark = pytest.mark.usefixtures("nobody_lingers")

WHOLE = {"Value": 10, "Confidence": 6, "Decision": "none", "Blocker": "legal"}
LONG = "Eight more customers " + "y" * 290
WRONG = "Not filed yet. Confidence: enter a whole number from 1 to 10."


def filed(scene: OkrScene, row: NotionRow, later: float = 600.0) -> None:
    """An update that stands, so long ago that further edits are updates of their own."""
    row.edit(WHOLE)
    settle(scene)
    scene.drain(later, rounds=1)


def settle(scene: OkrScene) -> None:
    for _ in range(5):
        scene.drain(6.0, rounds=2)


def said(scene: OkrScene) -> list[tuple[Any, ...]]:
    return [(each.value, each.confidence, each.decision, each.blocker, each.comment) for each in scene.check_ins() if not each.draft]


@pytest.mark.parametrize(("column", "slip"), [("Confidence", 3), ("Blocker", "money"), ("Value", 99), ("Decision", "budget")])
def test_a_slip_that_is_corrected_within_seconds_is_no_update(scene: OkrScene, row: NotionRow, column: str, slip: Any) -> None:
    filed(scene, row)
    before = row[column]
    row.edit({column: slip})
    scene.drain(3.0)
    row.edit({column: before})
    settle(scene)
    assert said(scene) == [(10.0, 6, "none", "legal", None)]
    assert (row[column], row["OKR note"]) == (before, None)
    assert scene.row_here(row.ref).typing is None


def test_a_correction_back_to_what_stood_there_goes_with_the_rest(scene: OkrScene, row: NotionRow) -> None:
    filed(scene, row)
    row.edit({"Confidence": 3, "Blocker": "money"})
    scene.drain(3.0)
    row.edit({"Confidence": 6})
    settle(scene)
    assert said(scene)[1:] == [(10.0, 6, "none", "money", None)]
    assert row["Confidence"] == 6.0


@pytest.mark.parametrize("wait", [3.0, 30.0])
def test_a_first_confidence_that_is_emptied_again_is_none(scene: OkrScene, row: NotionRow, wait: float) -> None:
    row.edit({"Confidence": 3})
    scene.drain(wait)
    row.edit({"Confidence": None})
    settle(scene)
    assert (scene.check_ins(), row["OKR note"]) == ([], None)
    row.edit({"Value": 5, "Decision": "none"})
    settle(scene)
    assert said(scene) == []
    assert row["Confidence"] is None
    assert row["OKR note"] == "Kept as a draft that does not count yet: enter Confidence from 1 to 10."


@pytest.mark.parametrize("later", [600.0, 20.0])
def test_a_wrong_value_waits_with_its_note_and_both_go_when_the_old_one_is_typed(scene: OkrScene, row: NotionRow, later: float) -> None:
    filed(scene, row, later)
    row.edit({"Confidence": 11})
    settle(scene)
    scene.drain(120.0)
    assert (row["Confidence"], row["OKR note"]) == (11.0, WRONG)
    row.edit({"Confidence": 6})
    settle(scene)
    assert (row["Confidence"], row["OKR note"]) == (6.0, None)
    assert said(scene) == [(10.0, 6, "none", "legal", None)]


@pytest.mark.parametrize("later", [20.0, 600.0])
def test_a_comment_that_is_too_long_stays_until_it_is_shortened(scene: OkrScene, row: NotionRow, later: float) -> None:
    filed(scene, row, 20.0)
    row.edit({"Comment": LONG})
    settle(scene)
    scene.drain(later, rounds=1)
    assert row["Comment"] == LONG
    assert str(row["OKR note"]).startswith("Not filed yet. Comment:")
    row.edit({"Comment": "Eight more customers"})
    settle(scene)
    assert said(scene)[-1] == (10.0, 6, "none", "legal", "Eight more customers")
    assert len(said(scene)) == (1 if later == 20.0 else 2), "a change within the minutes, else an update of its own"
    assert (row["Comment"], row["OKR note"]) == ("Eight more customers", None)


def test_a_comment_that_could_not_be_filed_is_in_the_trail_when_another_types_over_it(scene: OkrScene, row: NotionRow) -> None:
    filed(scene, row, 20.0)
    row.edit({"Comment": LONG})
    settle(scene)
    row.edit({"Comment": "mine"}, by="Bob")
    settle(scene)
    assert [entry.before["comment"] for entry in scene.audit("conflict") if entry.before] == [LONG]


@pytest.mark.parametrize("at_night", [False, True])
def test_what_a_draft_needs_is_written_although_somebody_edits_meanwhile(scene: OkrScene, at_night: bool) -> None:
    new = scene.add_row({"Key result": "Typed in Notion"}, by="Bob")
    scene.drain()
    note = new["OKR note"]
    assert note
    with scene.runtime.store.write() as session:  # as if the edit's event had come between reading and writing
        here = session.merge(scene.row_here(new.ref))
        here.shown = {**here.shown, "told": {name: value for name, value in here.shown.get("told", {}).items() if name != "note"}}
    scene.world.data["pages"][new.ref]["values"].pop(_column(scene, new, "OKR note"))
    if at_night:
        nightly.read_rows(scene.runtime, scene.connection)
    else:
        new.edit({"Unit": "points"}, by="Bob")
    scene.drain()
    scene.drain()
    assert new["OKR note"] == note


def _column(scene: OkrScene, row: NotionRow, name: str) -> str:
    properties = scene.world.data["sources"][row.page["source"]]["properties"].values()
    return str(next(each["id"] for each in properties if each["name"] == name))
