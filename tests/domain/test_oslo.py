"""An independent oracle: the stored progress of the city of Oslo's OKR programme, see the README beside the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.domain.model import Definition
from connector.domain.rollup import objective_progress
from connector.domain.scoring import faults, raw_progress

DATA = Path(__file__).parents[1] / "fixtures" / "okr" / "oslo-okr-tracker"


def load(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return rows


KEY_RESULTS, OBJECTIVES, PERIODS = load("keyResults"), load("objectives"), load("periods")


def stored(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row.get("progression")]


def progress(row: dict[str, Any]) -> float:
    """Their rule for a missing value is 0; ours is unknown, so the 0 is put in here and nowhere else."""
    definition = Definition(start=row["startValue"], target=row["targetValue"], unit=row["unit"])
    raw = raw_progress(definition, row.get("currentValue"))
    return 0.0 if raw is None else raw


def objective(row: dict[str, Any]) -> float:
    children = [child for child in KEY_RESULTS if child["objective"]["ref"] == row["_path"] and not child["archived"]]
    return objective_progress([(progress(child), child["weight"]) for child in children]).progress or 0.0


def period(row: dict[str, Any]) -> float:
    children = [child for child in OBJECTIVES if child["period"]["ref"] == row["_path"] and not child["archived"]]
    return objective_progress([(objective(child), child["weight"]) for child in children]).progress or 0.0


def test_the_oracle_is_all_there() -> None:
    assert [len(stored(rows)) for rows in (KEY_RESULTS, OBJECTIVES, PERIODS)] == [9, 5, 3]


@pytest.mark.parametrize("row", stored(KEY_RESULTS), ids=lambda row: row["_path"])
def test_key_result(row: dict[str, Any]) -> None:
    assert progress(row) == pytest.approx(row["progression"], abs=1e-9)


@pytest.mark.parametrize("row", stored(OBJECTIVES), ids=lambda row: row["_path"])
def test_objective(row: dict[str, Any]) -> None:
    assert objective(row) == pytest.approx(row["progression"], abs=1e-9)


@pytest.mark.parametrize("row", stored(PERIODS), ids=lambda row: row["_path"])
def test_period(row: dict[str, Any]) -> None:
    assert period(row) == pytest.approx(row["progression"], abs=1e-9)


def test_their_definitions_are_accepted_or_refused_for_a_reason() -> None:
    for row in KEY_RESULTS:
        found = faults(Definition(start=row.get("startValue"), target=row.get("targetValue"), unit=row["unit"]))
        if row.get("startValue") == row.get("targetValue"):
            assert found
        else:
            assert not found
    assert all(
        raw_progress(Definition(start=0, target=1), row.get("currentValue")) is None for row in KEY_RESULTS if "currentValue" not in row
    )


def test_a_current_value_is_the_newest_progress_entry() -> None:
    entries: dict[str, list[dict[str, Any]]] = {}
    for entry in load("keyResults-progress"):
        entries.setdefault(entry["_path"].rsplit("/progress/", 1)[0], []).append(entry)
    known = [row for row in KEY_RESULTS if "currentValue" in row]
    assert len(known) == 9
    for row in known:
        newest = max(entries[row["_path"]], key=lambda entry: str(entry["timestamp"]))
        assert newest["value"] == row["currentValue"]
