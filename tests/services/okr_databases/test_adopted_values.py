"""What adopted columns hold: numbers in percent and in text, odd values, objectives by their title, several data sources.."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM
from connector.errors import InputError
from connector.services.okr_databases import nightly
from connector.services.okr_databases.adopting import adopt, propose
from connector.services.okr_databases.trying_out import try_out
from connector.store.tables import CheckIn, KeyResult
from tests.journeys.test_notion_set_up import _scene, _work
from tests.services.okr_databases.bare import Bare, bare_world, database

KEY_RESULTS = DatabaseKind.KEY_RESULTS
MEASURES = ("From", "To", "Value")


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with bare_world(tmp_path) as scene:
        scene.company.objective("onboarding", cycle="Q4")
        yield scene


def _measures(bare: Bare, kind: Any, rows: list[dict[str, Any]], **more: Any) -> str:
    """Key results whose measures are columns of a type, named by the objective's title; gives the source."""
    columns = {"Name": "title", "Objective": "rich_text", "Owner": "people", **dict.fromkeys(MEASURES, kind), **more}
    whole = {"Objective": "Objective onboarding", "Owner": [bare.accounts["Bob"]]}
    return database(bare, "Measures", columns, [{"Name": f"Measure {number}", **whole, **row} for number, row in enumerate(rows)])


def _adopted(bare: Bare, source: str, columns: Any = None, **options: Any) -> dict[str, KeyResult]:
    adopt(bare.runtime, SYSTEM, "acme-notion", {"key_results": source}, columns, complete=True, options=options)
    nightly.read_rows(bare.runtime, bare.connection)
    return {each.title: each for each in bare.key_results()}


def _told(key_result: KeyResult) -> tuple[Any, ...]:
    return key_result.start, key_result.target, key_result.current, key_result.unit


def _said(bare: Bare) -> dict[str, str]:
    return {row.title: row.note for row in bare.rows() if row.note}


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("rich_text", ("10 %", "50 %", "20 %"), (10.0, 50.0, 20.0, "%")),
        ("rich_text", ("0,5", "2,5", "1"), (0.5, 2.5, 1.0, "")),
        ("rich_text", ("1 200", "2 500", "1 300"), (1200.0, 2500.0, 1300.0, "")),
        ("number", (0.1, 0.5, 0.2), (0.1, 0.5, 0.2, "")),
        ({"type": "number", "format": "percent"}, (0.1, 0.5, 0.2), (10.0, 50.0, 20.0, "%")),
        ({"type": "number", "format": "percent"}, (0.07, 0.29, 0.14), (7.0, 29.0, 14.0, "%")),
    ],
)
def test_numbers_are_what_people_read_there(bare: Bare, kind: Any, values: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    source = _measures(bare, kind, [dict(zip(MEASURES, values, strict=True))])
    (made,) = _adopted(bare, source).values()
    assert _told(made)[:3] == expected[:3]
    assert (made.unit or "") == expected[3]
    scene = _scene(bare)
    _work(scene)
    (row,) = scene.rows()
    assert tuple(row[name] for name in MEASURES) == values
    assert (row["Unit"] or "") == expected[3]
    assert not _said(bare)
    writes = bare.sandbox.writes
    nightly.read_rows(bare.runtime, bare.connection)
    _work(scene)
    assert bare.sandbox.writes == writes
    assert _told(bare.key_results()[0]) == _told(made)


def test_a_column_of_percent_takes_and_gives_shares_later_too(bare: Bare) -> None:
    source = _measures(bare, {"type": "number", "format": "percent"}, [{"From": 0.1, "To": 0.5}])
    (made,) = _adopted(bare, source).values()
    scene = _scene(bare)
    _work(scene)
    with bare.runtime.store.write() as session:
        session.get_one(KeyResult, made.id).target = 62.5
    nightly.read_rows(bare.runtime, bare.connection)
    _work(scene)
    assert scene.rows()[0]["To"] == 0.625
    assert bare.databases()[KEY_RESULTS].columns["to"]["format"] == "percent"
    # A format that people change later is how the numbers look: none of them changes.
    for prop in bare.sandbox.world.data["sources"][source]["properties"].values():
        if prop["name"] in MEASURES:
            prop["number"] = {"format": "number"}
    nightly.read_rows(bare.runtime, bare.connection)
    assert _told(bare.key_results()[0])[:2] == (10.0, 62.5)


def test_an_odd_value_makes_a_draft_of_its_row_alone(bare: Bare) -> None:
    rows = [{"From": "1", "To": "5"}, {"From": "1", "To": "1,200"}, {"From": "0,5", "To": "7"}, {"From": "2", "To": "high"}]
    source = _measures(bare, "rich_text", rows)
    tried = try_out(bare.runtime, SYSTEM, "acme-notion", {"key_results": source})
    assert tried.tallies[-1].sentence == "4 rows: 2 become key results, 2 need something"
    assert set(_adopted(bare, source)) == {"Measure 0", "Measure 2"}
    assert _said(bare) == {
        "Measure 1": "Not a key result yet: “To” holds '1,200', which may be read two ways; write 1200 or 1.200.",
        "Measure 3": "Not a key result yet: “To” holds 'high' where a number belongs; write it without its unit, such as 42 or 4.1.",
    }


def test_a_column_that_was_chosen_is_not_said_to_be_left_out(bare: Bare) -> None:
    source = _measures(
        bare, "rich_text", [{"From": "1", "To": "5"}, *[{"From": "low", "To": "high"}] * 2], Status={"type": "select", "options": []}
    )
    (seen,) = propose(bare.runtime, SYSTEM, "acme-notion", {"key_results": source})
    assert [note.partition(" was")[0].partition(" is")[0] for note in seen.notes] == ["Status", "From", "To"]
    chosen = {"key_results": {"from": "From", "to": "To", "state": "Status"}}
    (seen,) = propose(bare.runtime, SYSTEM, "acme-notion", {"key_results": source}, chosen)
    assert seen.notes == ()


def test_the_update_that_comes_along_carries_the_value(bare: Bare) -> None:
    decision = {"Decision": {"type": "select", "options": ["none"]}, "Confidence": "number"}
    source = _measures(bare, "number", [{"From": 1, "To": 5, "Value": 3, "Confidence": 8, "Decision": "none"}], **decision)
    (made,) = _adopted(bare, source).values()
    with bare.runtime.store.read() as session:
        (update,) = session.scalars(select(CheckIn).where(CheckIn.key_result_id == made.id))
    assert (update.value, update.confidence, update.decision, made.current) == (3.0, 8, "none", 3.0)


@pytest.mark.parametrize("kind", [{"type": "select", "options": ["objective  ONBOARDING", "Elsewhere", "Objective other"]}, "rich_text"])
def test_an_objective_may_be_named_by_its_title(bare: Bare, kind: Any) -> None:
    bare.company.objective("other", cycle="Q3")
    rows = [{"From": 1, "To": 5, "Objective": each} for each in ("objective  ONBOARDING", "Elsewhere", "Objective other", None)]
    source = _measures(bare, "number", rows, Objective=kind)
    (seen,) = propose(bare.runtime, SYSTEM, "acme-notion", {"key_results": source})
    assert not seen.faults
    assert "Objective" not in seen.to_add
    made = _adopted(bare, source, cycles=["Q4"])
    assert {title: each.objective_id for title, each in made.items()} == {"Measure 0": "onboarding"}
    said = "Not a key result yet: its objective is not known: there is no objective “{}” in Q4; write the title of one, or make it first."
    assert _said(bare) == {
        "Measure 1": said.format("Elsewhere"),
        "Measure 2": said.format("Objective other"),
        "Measure 3": "Not a key result yet: needs an objective.",
    }
    scene = _scene(bare)
    _work(scene)
    writes = bare.sandbox.writes
    nightly.read_rows(bare.runtime, bare.connection)
    _work(scene)
    assert bare.sandbox.writes == writes


def test_an_objective_by_title_is_changed_there_and_here(bare: Bare) -> None:
    bare.company.objective("other", cycle="Q4")
    source = _measures(bare, "number", [{"From": 1, "To": 5}])
    (made,) = _adopted(bare, source).values()
    scene = _scene(bare)
    _work(scene)
    (ref,) = [row.ref for row in bare.rows()]
    bare.company.clock.ahead += 300
    bare.sandbox.world.set_property(ref, "Objective", "Objective other", author=bare.accounts["Alice"])
    nightly.read_rows(bare.runtime, bare.connection)
    assert bare.key_results()[0].objective_id == "other"
    with bare.runtime.store.write() as session:
        session.get_one(KeyResult, made.id).objective_id = "onboarding"
    nightly.read_rows(bare.runtime, bare.connection)
    _work(scene)
    assert scene.rows()[0]["Objective"] == "Objective onboarding"


def test_one_of_several_data_sources_is_named_by_its_id(bare: Bare) -> None:
    source = _measures(bare, "number", [{"From": 1, "To": 5}])
    home = bare.sandbox.world.data["sources"][source]["database"]
    second = bare.sandbox.world.add_data_source(home, "Older", {"Name": "title"})
    with pytest.raises(InputError) as caught:
        propose(bare.runtime, SYSTEM, "acme-notion", {"key_results": home})
    assert caught.value.where == "links.key_results"
    assert f"({source})" in caught.value.message
    assert f"Older ({second})" in caught.value.message
    assert "give the id of the one that is meant" in caught.value.message
    (seen,) = propose(bare.runtime, SYSTEM, "acme-notion", {"key_results": source})
    assert not seen.faults
