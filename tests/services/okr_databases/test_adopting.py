"""Databases that people made are adopted: guessed, shown, tried on their real rows, then kept in step. Over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Conflict, Faults, Forbidden, InputError
from connector.services.okr_databases import adopting, nightly, setting_up
from connector.services.okr_databases.adopting import Adopted, Proposal, adopt, propose
from connector.services.okr_databases.trying_out import DryRun, try_out
from connector.store.tables import CheckIn, Connection, Person, Reading
from tests.services.okr_databases.bare import Bare, bare_world, database

KEY_RESULTS, OBJECTIVES = DatabaseKind.KEY_RESULTS, DatabaseKind.OBJECTIVES


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with bare_world(tmp_path) as scene:
        scene.company.objective("onboarding", cycle="Q4")
        yield scene


def _theirs(bare: Bare) -> tuple[str, str]:
    """Two databases as a team may have them: (objectives, key results), each by its source."""
    world = bare.sandbox.world
    objectives = database(bare, "Company goals", {"Goal": "title", "Quarter": {"type": "select", "options": ["Q4", "long ago"]}})
    relation = {"type": "relation", "data_source_id": objectives, "database_id": world.data["sources"][objectives]["database"]}
    results = database(
        bare,
        "Measures",
        {
            "Name": "title", "Goal": {**relation, "single_property": {}}, "DRI": "people", "Baseline": "number", "Target": "number",
            "Actual": "number", "Confidence": "number", "Status": {"type": "select", "options": ["Doing", "Done"]}, "Notes": "rich_text",
        },
    )  # fmt: skip
    return objectives, results


def _goal(bare: Bare, source: str, title: str, quarter: str = "Q4") -> str:
    return bare.sandbox.world.add_row(source, {"Goal": title, "Quarter": quarter}, author=bare.accounts["Alice"])


def _measure(bare: Bare, source: str, title: str, **values: Any) -> str:
    return bare.sandbox.world.add_row(source, {"Name": title, **values}, author=bare.accounts["Alice"])


def _rows(bare: Bare) -> tuple[str, str]:
    """Three goals (one is known here, one has a quarter that is over) and five measures."""
    objectives, results = _theirs(bare)
    known, new, over = (
        _goal(bare, objectives, "Objective onboarding"), _goal(bare, objectives, "Grow"), _goal(bare, objectives, "Old", "long ago"),
    )  # fmt: skip
    bare.company.key_result("kr-setup", title="Set up in a day")
    whole = {"DRI": [bare.accounts["Bob"]], "Baseline": 10, "Target": 50}
    _measure(bare, results, "Set up in a day", Goal=[known], **whole)
    _measure(bare, results, "Revenue", Goal=[new], Actual=25, Confidence=8, **whole)
    _measure(bare, results, "Nobody's", Goal=[new], Baseline=1, Target=2)
    _measure(bare, results, "Too late", Goal=[over], **whole)
    _measure(bare, results, "Strange", Goal=[known], Confidence=80, **whole)
    return objectives, results


def _propose(bare: Bare, results: str, columns: Any = None) -> dict[DatabaseKind, Proposal]:
    found = propose(bare.runtime, SYSTEM, "acme-notion", {"key_results": results}, columns)
    return {each.kind: each for each in found}


def _adopt(bare: Bare, results: str, columns: Any = None, **options: Any) -> Adopted:
    return adopt(bare.runtime, SYSTEM, "acme-notion", {"key_results": results}, columns, complete=True, options=options)


def _try(bare: Bare, results: str) -> DryRun:
    return try_out(bare.runtime, SYSTEM, "acme-notion", {"key_results": results})


def _names(proposal: Proposal) -> dict[str, str]:
    names = {each.id: each.name for each in proposal.columns}
    return {each.field: names[each.column] for each in proposal.fields if each.column}


def test_the_proposal_says_why_and_shows_values(bare: Bare) -> None:
    _, results = _rows(bare)
    writes = bare.sandbox.writes
    seen = _propose(bare, results)
    assert bare.sandbox.writes == writes
    assert _names(seen[OBJECTIVES]) == {"title": "Goal", "cycle": "Quarter"}
    assert _names(seen[KEY_RESULTS]) == {
        "title": "Name", "objective": "Goal", "owner": "DRI", "from": "Baseline", "to": "Target", "value": "Actual",
        "confidence": "Confidence",
    }  # fmt: skip
    why = {each.field: each.why for each in seen[KEY_RESULTS].fields if each.why}
    assert why["title"] == "the title of the rows"
    assert why["objective"] == "leads to that database"
    assert why["from"] == "by its name"
    samples = {each.name: each.samples for each in seen[KEY_RESULTS].columns}
    assert samples["Baseline"] == ("10", "1")
    assert samples["DRI"] == ("1 related",)
    assert "Status is left to people" in seen[KEY_RESULTS].notes[0]
    assert {"OKR key", "OKR note", "OKR status", "OKR progress", "Blocker"} <= set(seen[KEY_RESULTS].to_add)
    assert not seen[KEY_RESULTS].faults
    assert not bare.databases()


def test_the_dry_run_tells_each_rows_fate(bare: Bare) -> None:
    _, results = _rows(bare)
    writes = bare.sandbox.writes
    seen = _try(bare, results)
    assert [each.sentence for each in seen.tallies] == [
        "3 rows: 1 become objectives, 1 match ones here, 1 need something",
        "5 rows: 2 become key results, 1 match ones here, 2 need something",
    ]
    fates = {each.title: (each.fate, each.record, each.missing) for each in seen.fates if each.kind is KEY_RESULTS}
    over = "“Quarter”: the cycle long ago is over; choose one that runs or comes"
    assert fates == {
        "Set up in a day": ("match", "kr-setup", ()),
        "Revenue": ("make", "", ()),
        "Nobody's": ("draft", "", ("needs an owner",)),
        "Too late": ("draft", "", (f"its objective “Old” is a draft itself: {over}",)),
        "Strange": ("make", "", ()),
    }
    assert [each.fate for each in seen.fates][:3] == ["draft"] * 3  # what needs somebody stands first
    assert bare.sandbox.writes == writes
    assert not bare.databases()


def test_adopting_does_what_the_dry_run_said(bare: Bare) -> None:
    objectives, results = _rows(bare)
    done = _adopt(bare, results, panel="properties")
    assert done.databases == {OBJECTIVES: "Company goals", KEY_RESULTS: "Measures"}
    assert "OKR key" in done.added[OBJECTIVES]
    nightly.read_rows(bare.runtime, bare.connection)
    made = {each.title: each for each in bare.key_results()}
    assert set(made) == {"Set up in a day", "Revenue", "Strange"}
    assert {each.title for each in bare.objectives()} == {"Objective onboarding", "Grow"}
    (over,) = [row.missing[0] for row in bare.rows(OBJECTIVES) if row.title == "Old"]
    assert {row.title: (row.record, tuple(row.missing)) for row in bare.rows() if not row.record} == {
        "Nobody's": ("", ("needs an owner",)),
        "Too late": ("", (f"its objective “Old” is a draft itself: {over}",)),
    }
    kept = bare.databases()
    assert kept[KEY_RESULTS].adopted
    assert kept[KEY_RESULTS].source == results
    assert kept[OBJECTIVES].source == objectives
    assert kept[KEY_RESULTS].options["panel"] == "properties"
    names = {each["name"] for each in bare.sandbox.world.data["sources"][results]["properties"].values()}
    assert {"Baseline", "Status", "OKR status", "OKR key"} <= names
    again = try_out(bare.runtime, SYSTEM, "acme-notion", {"key_results": results})
    assert [each.bound for each in again.tallies] == [2, 3]


def test_rows_without_a_cycle_belong_to_the_one_that_was_chosen(bare: Bare) -> None:
    objectives, results = _theirs(bare)
    bare.sandbox.world.add_row(objectives, {"Goal": "Grow"}, author=bare.accounts["Alice"])
    assert _try(bare, results).tallies[0].draft == 1
    assert try_out(bare.runtime, SYSTEM, "acme-notion", {"key_results": results}, options={"cycles": ["Q4"]}).tallies[0].make == 1
    _adopt(bare, results, cycles=["Q4"])
    nightly.read_rows(bare.runtime, bare.connection)
    assert "Grow" in {each.title for each in bare.objectives()}


def test_the_value_and_the_words_that_stand_there_come_along(bare: Bare) -> None:
    _, results = _rows(bare)
    _adopt(bare, results)
    nightly.read_rows(bare.runtime, bare.connection)
    with bare.runtime.store.read() as session:
        readings = [(each.key_result_id, each.value, each.kind) for each in session.scalars(select(Reading))]
        updates = [(each.key_result_id, each.confidence) for each in session.scalars(select(CheckIn))]
    assert readings == [("kr-revenue", 25.0, "import")]
    assert updates == [("kr-revenue", 8)]


def test_the_word_of_whoever_adopts_counts(bare: Bare) -> None:
    _, results = _rows(bare)
    with bare.runtime.store.write() as session:
        charlie = session.scalars(select(Person).where(Person.name == "Charlie")).one()
        charlie.role = "admin"
        viewer = Viewer(charlie.email, "admin", charlie.id, charlie.email, charlie.name)
    adopt(bare.runtime, viewer, "acme-notion", {"key_results": results}, complete=True, options={"definitions": "leads"})
    nightly.read_rows(bare.runtime, bare.connection)
    assert {audit.actor for audit in bare.audits("create") if audit.entity == "key_result"} == {"charlie@acme.example"}
    assert {audit.actor for audit in bare.audits("adopt")} == {"charlie@acme.example"}


def test_columns_are_chosen_by_name_or_id_and_left_out(bare: Bare) -> None:
    _, results = _rows(bare)
    chosen = {"key_results": {"value": "", "comment": "Notes", "from": "Target", "to": "Baseline"}}
    seen = _propose(bare, results, chosen)[KEY_RESULTS]
    names = _names(seen)
    assert (names["comment"], names["from"], names["to"], "value" in names) == ("Notes", "Target", "Baseline", False)
    by_id = {"key_results": seen.chosen()}
    assert _names(_propose(bare, results, by_id)[KEY_RESULTS]) == names


@pytest.mark.parametrize(
    ("columns", "where", "words"),
    [
        ({"owner": "Nobody"}, "key_results.owner", "there is no column 'Nobody'; there are Name, Goal, DRI"),
        ({"from": "DRI"}, "key_results.from", "DRI has the type people; From needs number or rich_text"),
        ({"colour": "Status"}, "key_results.colour", "there is no such field"),
        ({"from": "Target", "to": "Target"}, "key_results.to", "Target feeds From already; a column feeds one field"),
    ],
)
def test_a_mapping_that_cannot_be(bare: Bare, columns: dict[str, str], where: str, words: str) -> None:
    _, results = _theirs(bare)
    faults = _propose(bare, results, {"key_results": columns})[KEY_RESULTS].faults
    assert [(fault.where, words in fault.message) for fault in faults] == [(where, True)]
    with pytest.raises(Faults):
        _adopt(bare, results, {"key_results": columns})
    assert not bare.databases()


def test_nothing_is_added_unless_agreed(bare: Bare) -> None:
    _, results = _theirs(bare)
    writes = bare.sandbox.writes
    with pytest.raises(Faults, match="these columns have to be added, and that was not agreed to: Objectives: OKR note, OKR key") as caught:
        adopt(bare.runtime, SYSTEM, "acme-notion", {"key_results": results})
    assert caught.value.errors[0].where == "complete"
    assert bare.sandbox.writes == writes


def test_a_name_that_is_taken_gets_another(bare: Bare) -> None:
    source = database(bare, "Goals", {"Name": "title", "Cycle": "checkbox"})
    seen = propose(bare.runtime, SYSTEM, "acme-notion", {"objectives": source, "key_results": _theirs(bare)[1]})
    assert "Cycle (OKR)" in seen[0].to_add
    assert [fault.where for fault in seen[1].faults] == ["key_results.objective"] or seen[1].faults == ()


def test_a_database_without_objectives_says_so(bare: Bare) -> None:
    source = database(bare, "Only measures", {"Name": "title", "Owner": "people"})
    seen = _propose(bare, source)[KEY_RESULTS]
    assert [(fault.where, fault.message) for fault in seen.faults] == [
        ("key_results.objective", "no column leads to Objectives; give the link of that database")
    ]


def test_what_is_no_database(bare: Bare) -> None:
    with pytest.raises(InputError) as caught:
        propose(bare.runtime, SYSTEM, "acme-notion", {"key_results": bare.page})
    assert caught.value.where == "links.key_results"
    _, results = _theirs(bare)
    bare.sandbox.world.unshare(bare.sandbox.world.data["sources"][results]["database"])
    with pytest.raises(InputError, match="share the database with this connection first"):
        _propose(bare, results)
    with pytest.raises(InputError, match="paste the link") as caught:
        propose(bare.runtime, SYSTEM, "acme-notion", {"objectives": results})
    assert caught.value.where == "links.key_results"
    with pytest.raises(InputError, match="there is no such database"):
        propose(bare.runtime, SYSTEM, "acme-notion", {"goals": results})


def test_two_kinds_in_one_database_are_refused(bare: Bare) -> None:
    _, results = _theirs(bare)
    with pytest.raises(InputError, match="the same database was given twice"):
        propose(bare.runtime, SYSTEM, "acme-notion", {"key_results": results, "objectives": results})


def test_a_database_that_another_connection_keeps(bare: Bare) -> None:
    _, results = _theirs(bare)
    _adopt(bare, results)
    bare.company.connection("acme-notion-2", "notion", bare.url, {"token": bare.sandbox.token})
    with pytest.raises(Conflict, match="the connection acme-notion keeps the database"):
        propose(bare.runtime, SYSTEM, "acme-notion-2", {"key_results": results})
    _, other = _theirs(bare)
    with pytest.raises(Conflict, match="acme-notion keeps another database of"):
        _propose(bare, other)


def test_who_may(bare: Bare) -> None:
    _, results = _theirs(bare)
    with pytest.raises(Forbidden):
        propose(bare.runtime, Viewer("lead@acme.example", "lead"), "acme-notion", {"key_results": results})
    with bare.runtime.store.write() as session:
        row = session.get_one(Connection, bare.connection)
        row.parked_at, row.parked_reason = bare.runtime.now(), "revoked"
    with pytest.raises(Conflict, match="parked"):
        _propose(bare, results)


def test_the_missing_databases_are_made_by_a_set_up(bare: Bare) -> None:
    _, results = _theirs(bare)
    _adopt(bare, results)
    made = setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page)
    assert [(each.kind.value, each.how) for each in made.databases] == [
        ("objectives", "kept"), ("key_results", "kept"), ("check_ins", "made"), ("decisions", "made"),
    ]  # fmt: skip
    kept = bare.databases()
    assert (kept[KEY_RESULTS].page, kept[DatabaseKind.CHECK_INS].page) == ("", bare.page)
    assert adopting.ALWAYS
