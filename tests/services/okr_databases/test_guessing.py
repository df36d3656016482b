"""Which column is which of our fields: by name in several languages, by type, by values."""

from __future__ import annotations

import pytest

from connector.domain.okr_columns import STATE_OPTIONS, DatabaseKind
from connector.hosts.okr_databases import FoundColumn, FoundDatabase
from connector.services.okr_databases.guessing import guess

KEY_RESULTS = DatabaseKind.KEY_RESULTS


def _found(**columns: str | FoundColumn) -> FoundDatabase:
    made = tuple(each if isinstance(each, FoundColumn) else FoundColumn(name, name, each) for name, each in columns.items())
    return FoundDatabase("d", "s", "Key results", "", made)


def _guessed(found: FoundDatabase, **samples: list[object]) -> dict[str, str]:
    return {field: column.name for field, column in guess(KEY_RESULTS, found, samples, {}).columns.items()}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "names",
    [
        {"objective": "Objective", "owner": "Owner", "from": "From", "to": "To", "value": "Current", "confidence": "Confidence"},
        {"objective": "Parent Objective", "owner": "DRI", "from": "Baseline", "to": "Target", "value": "Actual", "blocker": "Blockers"},
        {"objective": "Ziel", "owner": "Verantwortlich", "from": "Ausgangswert", "to": "Zielwert", "value": "Istwert", "unit": "Einheit"},
        {"objective": "Objectif", "owner": "Responsable", "from": "Valeur de départ", "to": "Valeur cible", "value": "Valeur actuelle"},
        {
            "objective": "Objetivo",
            "owner": "Dueño",
            "from": "Valor inicial",
            "to": "Meta",
            "value": "Valor actual",
            "confidence": "Confianza",
        },
        {"objective": "目標", "owner": "担当者", "from": "開始値", "to": "目標値", "value": "現在値", "confidence": "確信度"},
    ],
)
def test_names_of_several_languages(names: dict[str, str]) -> None:
    types = {"objective": "relation", "owner": "people", "blocker": "rich_text", "unit": "rich_text"}
    found = _found(Name="title", **{name: types.get(field, "number") for field, name in names.items()})
    assert _guessed(found) == {"title": "Name", **names}


def test_a_column_of_the_wrong_type_is_not_guessed() -> None:
    assert "from" not in _guessed(_found(Name="title", Start="date"))
    assert "value" not in _guessed(_found(Name="title", Current="formula"))


def test_the_only_column_of_people_is_the_owner() -> None:
    assert _guessed(_found(Name="title", Quarterback="people")) == {"title": "Name", "owner": "Quarterback"}
    assert "owner" not in _guessed(_found(Name="title", Quarterback="people", Reviewer="people"))


def test_a_relation_must_lead_to_the_objectives() -> None:
    columns = {
        "Goals": FoundColumn("g", "Goals", "relation", to="objectives"),
        "Objective": FoundColumn("o", "Objective", "relation", to="x"),
    }
    found = guess(KEY_RESULTS, _found(Name="title", **columns), {}, {DatabaseKind.OBJECTIVES: "objectives"})
    assert found.columns["objective"].name == "Goals"
    assert found.why["objective"] == "leads to that database"


def test_texts_that_are_no_numbers_speak_against_a_column() -> None:
    found = _found(Name="title", Target="rich_text")
    assert _guessed(found, Target=["42", "4.5", None])["to"] == "Target"
    assert "to" not in _guessed(found, Target=["42", "many", "few"])
    notes = guess(KEY_RESULTS, found, {"Target": ["many"]}, {}).notes
    assert notes == ("Target was left out: it holds 'many', which is no number",)


def test_an_odd_value_among_numbers_is_its_own_rows() -> None:
    found = _found(Name="title", Target="rich_text", Confidence="rich_text")
    guessed = guess(KEY_RESULTS, found, {"Target": ["42", "50 %", "high", "0,5"], "Confidence": ["7", "high", "high"]}, {})
    assert guessed.columns["to"].name == "Target"
    assert guessed.notes == ("Confidence was left out: it holds 'high', which is no number",)


@pytest.mark.parametrize(
    ("start", "goal", "current"),
    [
        ("Baseline", "Goal", "Current"),
        ("Ausgangswert", "Ziel", "Aktueller Wert"),
        ("Départ", "Objectif", "Valeur actuelle"),
        ("Valor inicial", "Objetivo", "Valor actual"),
    ],
)
def test_a_goal_in_numbers_is_where_a_key_result_goes_to(start: str, goal: str, current: str) -> None:
    columns = {start: "number", goal: "number", current: "number"}
    assert _guessed(_found(Name="title", **columns)) == {"title": "Name", "from": start, "to": goal, "value": current}
    texts = dict.fromkeys(columns, "rich_text")
    assert _guessed(_found(Name="title", **texts), **{goal: ["50 %", "3"]})["to"] == goal


def test_a_goal_that_is_named_is_the_objective() -> None:
    assert _guessed(_found(Name="title", Objective="select"))["objective"] == "Objective"
    assert _guessed(_found(Name="title", Goal="rich_text", Target="number"), Goal=["Grow"]) == {
        "title": "Name", "objective": "Goal", "to": "Target",
    }  # fmt: skip
    both = _found(Name="title", Objective="select", Ziel=FoundColumn("z", "Ziel", "relation", to="o"))
    assert guess(KEY_RESULTS, both, {}, {}).columns["objective"].name == "Ziel"


def test_a_status_of_people_is_theirs() -> None:
    theirs = FoundColumn("s", "Status", "status", ("Not started", "Doing", "Done"))
    found = guess(KEY_RESULTS, _found(Name="title", Status=theirs), {}, {})
    assert "state" not in found.columns
    assert found.notes == ("Status is left to people: it holds Not started, Doing, Done; ours is written into “OKR status”",)
    ours = FoundColumn("s", "Health", "select", STATE_OPTIONS[:4])
    found = guess(KEY_RESULTS, _found(Name="title", Health=ours), {}, {})
    assert found.columns["state"].name == "Health"
    assert found.why["state"] == "holds our words: On track, At risk, Stalled"


def test_columns_that_we_compute_are_not_guessed_by_other_names() -> None:
    assert _guessed(_found(Name="title", Progress="number", Source="rich_text", Notes="rich_text")) == {"title": "Name", "source": "Source"}
