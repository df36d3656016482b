"""Tables of other programs: which column feeds which field, said with reasons, corrected by the admin, and imported."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.rights import SYSTEM
from connector.errors import InputError
from connector.services.exchange import Outcome, guess_columns, import_file
from connector.services.exchange.columns import ColumnMapping, mapping_from, parse_columns
from connector.services.exchange.options import Options, options_from
from connector.services.exchange.vocabulary import FIELDS, PROFILES, PROGRESS, SYNONYMS
from connector.store.tables import Audit, KeyResult, Objective, Team
from tests.services.exchange.conftest import ALICE, BOB, NINE, csv_of, nine, xlsx_of
from tests.support.world import Company

ASANA = [
    *("Task ID", "Created At", "Completed At", "Last Modified", "Name", "Section/Column", "Assignee", "Assignee Email"),
    *("Start Date", "Due Date", "Tags", "Notes", "Projects", "Parent task"),
]


def brought(acme: Company, name: str, data: bytes, *, dry_run: bool = False, **options: Any) -> Outcome:
    return import_file(acme.runtime, name, data, viewer=SYSTEM, options=Options(**options), dry_run=dry_run)


def stored(acme: Company) -> dict[str, tuple[str, str, float | None, float | None, str]]:
    """Key results by title: objective, kind, start, target, unit."""
    with acme.runtime.store.read() as session:
        rows = session.execute(
            select(KeyResult.title, Objective.title, KeyResult.kind, KeyResult.start, KeyResult.target, KeyResult.unit).join(
                Objective, Objective.id == KeyResult.objective_id
            )
        ).all()
    return {row[0]: tuple(row[1:]) for row in rows}  # type: ignore[misc]


# --- guessing ----------------------------------------------------------------------------------------------------------


def test_no_word_stands_for_two_fields() -> None:
    words = Counter(word for names in (*SYNONYMS.values(), PROGRESS) for word in names)
    assert [word for word, count in words.items() if count > 1] == []
    assert set(SYNONYMS) <= set(FIELDS)
    assert all(set(profile.columns) <= set(FIELDS) for profile in PROFILES.values())


def test_the_nine_columns_are_not_guessed() -> None:
    mapping = guess_columns(NINE, [nine()])
    assert mapping.is_nine
    assert list(mapping.columns.values()) == list(NINE)


@pytest.mark.parametrize(
    ("profile", "headers", "expected"),
    [
        (
            "",
            ["Objective", "Key Result", "Owner", "Start Value", "Target Value", "Current Value", "Score", "Quarter"],
            {"objective": "Objective", "key_result": "Key Result", "from": "Start Value", "to": "Target Value", "cycle": "Quarter"},
        ),
        ("", ["OBJECTIVE", "KR", "DRI", "Baseline", "Target", "Actual"], {"key_result": "KR", "owner": "DRI", "current": "Actual"}),
        ("", ["Objective", "Name", "Assignee"], {"objective": "Objective", "key_result": "Name", "owner": "Assignee"}),
        (
            "perdoo",
            ["Type", "Name", "Parent", "Owner", "Lead", "Start value", "Target value", "Current value", "Timeframe"],
            {"owner": "Lead", "team": "Owner", "cycle": "Timeframe", "title": "Name", "parent": "Parent", "type": "Type"},
        ),
        (
            "quantive",
            ["Goal", "Metric", "Owner", "Initial value", "Target", "Session"],
            {"objective": "Goal", "key_result": "Metric", "cycle": "Session"},
        ),
        (
            "lattice",
            ["id", "name", "okrType", "goalType", "startingAmount", "endingAmount", "currentAmount", "parentGoal", "dueDate"],
            {
                "type": "okrType",
                "title": "name",
                "from": "startingAmount",
                "to": "endingAmount",
                "current": "currentAmount",
                "parent": "parentGoal",
            },
        ),
        (
            "viva-goals",
            ["Title", "Type", "Parent", "Owner Email", "Start value", "Target value", "Time period"],
            {"owner": "Owner Email", "type": "Type"},
        ),
    ],
)
def test_columns_are_guessed_by_the_names_that_others_use(profile: str, headers: list[str], expected: dict[str, str]) -> None:
    mapping = guess_columns(headers, [], profile)
    assert {name: mapping.columns.get(name) for name in expected} == expected
    assert all(mapping.why[name] for name in mapping.columns)
    assert set(mapping.unused) == set(headers) - set(mapping.columns.values())


def test_values_that_speak_against_a_column_take_it_back() -> None:
    headers = ["Objective", "Key Result", "Owner", "From", "To", "Confidence"]
    mapping = guess_columns(headers, [["o", "k", "Alice", "0", "10", "High"], ["o", "l", "Bob", "0", "10", "Medium"]])
    assert "confidence" not in mapping.columns
    assert "Confidence" in mapping.unused
    assert any("'High'" in note for note in mapping.notes)
    assert any("names, not e-mail addresses" in note for note in mapping.notes)


def test_a_share_of_the_way_stands_in_where_there_are_no_values() -> None:
    mapping = guess_columns(["Objective", "Key Result", "Owner", "Progress"], [["o", "k", ALICE, "45 %"]])
    assert mapping.columns["current"] == "Progress"
    assert dict(mapping.constants) == {"from": "0", "to": "100", "unit": "%"}


def test_repeated_headers_are_told_apart() -> None:
    mapping = guess_columns(["Objective", "Key Result", "Owner", "Owner", "From", "To"], [])
    assert mapping.columns["owner"] == "Owner"
    assert "Owner (2)" in mapping.unused


def test_a_mapping_is_stored_and_read_back() -> None:
    mapping = guess_columns(["Objective", "Key Result", "Owner", "Progress"], [["o", "k", ALICE, "45 %"]])
    assert mapping_from(mapping.as_json()) == mapping
    options = Options("now", create_objectives=True, encoding="cp1252", reason="moved over", columns=mapping)
    assert options_from(options.as_json(), mapping.as_json()) == options


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"columns": {"colour": "Red"}}, "columns.colour"),
        ({"columns": {"to": 3}}, "columns"),
        ({"columns": {}, "profile": "excel"}, "profile"),
        ({"columns": {}, "constants": {"kind": "gauge"}}, "constants.kind"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_at_its_field(data: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as refused:
        mapping_from(data)
    assert refused.value.where == where


def test_corrections_are_written_on_the_command_line() -> None:
    assert parse_columns("key_result=Was wir tun, from==0") == {"key_result": "Was wir tun", "from": "=0"}
    for wrong in ("key_result", "colour=Red", "to="):
        with pytest.raises(InputError):
            parse_columns(wrong)


def test_a_column_that_the_file_does_not_have_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError) as refused:
        guess_columns(["Objective", "Key Result", "Verantwortliche"], [], corrections={"owner": "Verantwortlicher"})
    assert str(refused.value) == "owner: the file has no column 'Verantwortlicher'; the nearest is 'Verantwortliche'"


# --- importing ---------------------------------------------------------------------------------------------------------


def test_a_template_of_a_spreadsheet_is_imported(acme: Company) -> None:
    data = xlsx_of(
        ["Company OKRs"],
        ["Objective", "Key Result", "Owner", "Start", "Target", "Current", "Progress", "Team"],
        ["Grow enterprise revenue", "Close accounts", "Alice", 0, 10, 4, 0.4, "Growth"],
        ["", "Raise retention", "Bob", 80, 90, 84, 0.4, ""],
        ["", "", "", "", "", "", "", ""],
        ["Delight customers", "Score above 45", BOB, 30, 45, "", "", "Nobody's"],
        ["Sum", "", "", "", "", "", 0.4, ""],
        sheet="Q4",
    )
    refused = brought(acme, "okr.xlsx", data)
    assert "matching by name is not allowed" in " ".join(map(str, refused.faults))
    assert "make it first" in " ".join(map(str, brought(acme, "okr.xlsx", data, match_names=True).faults))
    outcome = brought(acme, "okr.xlsx", data, match_names=True, create_objectives=True)
    assert (outcome.faults, outcome.saved) == ([], True)
    assert [fate.action for fate in outcome.fates] == ["create", "create", "create", "left out"]
    found = stored(acme)
    assert found["Close accounts"] == ("Grow enterprise revenue", "metric", 0.0, 10.0, "")
    assert found["Raise retention"][0] == "Grow enterprise revenue"
    with acme.runtime.store.read() as session:
        teams = dict(session.execute(select(Objective.title, Team.name).outerjoin(Team, Team.id == Objective.team_id)).all())  # type: ignore[arg-type]
        audit = session.scalars(select(Audit).where(Audit.action == "import_create", Audit.entity == "objective").order_by(Audit.id)).all()
    assert teams == {"Objective onboarding": None, "Grow enterprise revenue": "Growth", "Delight customers": None}
    assert [(row.entity_id, row.reason) for row in audit] == [
        ("grow-enterprise-revenue", "import of okr.xlsx"),
        ("delight-customers", "import of okr.xlsx"),
    ]
    again = brought(acme, "okr.xlsx", data, match_names=True, create_objectives=True)
    acme.work()
    assert {fate.action for fate in again.fates} <= {"unchanged", "update", "left out"}
    assert {fate.action for fate in brought(acme, "okr.xlsx", data, match_names=True).fates} == {"unchanged", "left out"}


def asana(name: str, *, section: str = "", email: str = "", done: str = "", parent: str = "") -> list[str]:
    values = {
        "Name": name,
        "Section/Column": section,
        "Assignee Email": email,
        "Completed At": done,
        "Parent task": parent,
        "Task ID": name,
    }
    return [values.get(header, "") for header in ASANA]


def test_tasks_of_asana_become_yes_no_key_results_of_the_task_above(acme: Company) -> None:
    data = csv_of(
        ASANA,
        asana("Launch abroad", section="Q4", email=ALICE),
        asana("Open an office", email=ALICE, done="2026-10-01", parent="Launch abroad"),
        asana("Hire a team", email=BOB, parent="Launch abroad"),
        asana("Write the advert", email=BOB, parent="Hire a team"),
    )
    outcome = brought(acme, "tasks.csv", data, create_objectives=True)
    assert outcome.faults == []
    assert outcome.columns is not None
    assert outcome.columns.profile == "asana-tasks"
    assert {(fate.name, fate.action) for fate in outcome.fates} == {
        ("Launch abroad / Open an office", "create"),
        ("Launch abroad / Hire a team", "create"),
        ("Write the advert", "left out"),
    }
    acme.work()
    assert stored(acme)["Hire a team"][:2] == ("Launch abroad", "yes_no")
    assert (acme.row("kr-open-an-office").current, acme.row("kr-hire-a-team").current) == (1.0, 0.0)


def test_sections_of_asana_stand_for_objectives_where_no_task_has_subtasks(acme: Company) -> None:
    data = csv_of(ASANA, asana("Open an office", section="Launch abroad", email=ALICE))
    mapping = brought(acme, "tasks.csv", data, create_objectives=True).columns
    assert mapping is not None
    assert (mapping.columns["objective"], mapping.columns["key_result"]) == ("Section/Column", "Name")
    assert stored(acme)["Open an office"][0] == "Launch abroad"


def test_rows_of_two_levels_are_told_by_type_and_parent(acme: Company) -> None:
    data = csv_of(
        ["Title", "Type", "Parent", "Owner Email", "Start value", "Target value", "Unit", "Time period"],
        ["Grow", "Objective", "", ALICE, "", "", "", "now"],
        ["Sign-ups", "Key Result", "Grow", ALICE, "1.000,5", "2.000", "people", ""],
        ["Visits", "Metric", "", BOB, "1", "2", "", ""],
        ["Call somebody", "Initiative", "Sign-ups", BOB, "", "", "", ""],
        ["Lost", "Key Result", "Nowhere", BOB, "1", "2", "", ""],
        delimiter=";",
    )
    outcome = brought(acme, "goals.csv", data, create_objectives=True)
    assert [str(fault) for fault in outcome.faults] == [
        "line 6, Parent: the objective 'Nowhere' stands nowhere in the file, or in more than one row"
    ]
    data = data.replace(b"Nowhere", b"Grow")
    assert brought(acme, "goals.csv", data, create_objectives=True).faults == []
    assert stored(acme)["Sign-ups"] == ("Grow", "metric", 1000.5, 2000.0, "people")
    assert stored(acme)["Visits"][0] == "Grow"


def test_the_cycle_comes_from_the_row_its_due_day_or_the_admin(acme: Company) -> None:
    today = acme.runtime.now().date()
    acme.objective("later", cycle="next", start=today + timedelta(days=60), end=today + timedelta(days=150))
    head = ["Objective", "Key Result", "Owner", "From", "To", "Cycle", "Due date"]
    due = (today + timedelta(days=100)).isoformat()
    data = csv_of(
        head,
        ["New", "By day", ALICE, 0, 1, "", due],
        ["Newer", "By name", ALICE, 0, 1, "NOW", ""],
        ["Newest", "Untold", ALICE, 0, 1, "", ""],
    )
    outcome = brought(acme, "a.csv", data, create_objectives=True)
    assert [str(fault) for fault in outcome.faults] == [
        "line 4, Objective: the objective would be made, but in which cycle? Say it with --cycle NAME; there are: now, next"
    ]
    data = data.replace(b"Newest,Untold,alice@acme.example,0,1,,", b"Newest,Untold,alice@acme.example,0,1,next,")
    assert brought(acme, "a.csv", data, create_objectives=True).faults == []
    with acme.runtime.store.read() as session:
        cycles = dict(session.execute(select(Objective.title, Objective.cycle_id)).all())  # type: ignore[arg-type]
    assert cycles["New"] == cycles["Newest"] == cycles["Objective later"] != cycles["Newer"]
    wrong = data.replace(b"NOW", b"Q9")
    assert "line 3, Cycle: no cycle is called 'Q9'" in str(brought(acme, "a.csv", wrong).faults[0])


def test_columns_that_the_admin_chose_are_used(acme: Company) -> None:
    data = csv_of(["Was", "Wer", "Bis"], ["Schneller liefern", ALICE, "10"])
    with pytest.raises(InputError, match="no column was found for Key Result and Objective"):
        brought(acme, "a.csv", data)
    columns = {"key_result": "Was", "owner": "Wer", "to": "Bis"}
    chosen = ColumnMapping("generic", columns, constants={"objective": "Objective onboarding", "from": "3"})
    assert brought(acme, "a.csv", data, columns=chosen).faults == []
    assert stored(acme)["Schneller liefern"] == ("Objective onboarding", "metric", 3.0, 10.0, "")


def test_people_who_left_or_share_a_name_own_nothing_new(acme: Company) -> None:
    from sqlalchemy import update

    from connector.store.tables import Person

    with acme.runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == BOB).values(active=False))
        session.add(Person(email="alice2@acme.example", name="Alice"))
    data = csv_of(NINE, nine("new 1", Owner=BOB), nine("new 2", Owner="Alice"), nine("new 3", Owner="Zoe"))
    told = [str(fault) for fault in brought(acme, "a.csv", data, match_names=True).faults]
    assert told == [
        "line 2, Owner: bob@acme.example has left; name somebody who is here",
        "line 3, Owner: 'Alice' is the name of several people here; enter the e-mail address",
        "line 4, Owner: 'Zoe' is nobody's name here",
    ]
