"""The benchmarks run: at a tiny size, with their numbers right and their bounds of exactness kept. Their timings are not judged here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import (
    check_in,
    dashboard,
    leads,
    notion_edits,
    notion_event,
    notion_import,
    notion_night,
    pages,
    panels,
    preview,
    recompute,
    signals,
    sync,
)
from bench.__main__ import main, names
from bench._company import runtime_in
from bench.figures import Figure
from bench.report import Row, at_most, table, times_fewer
from tests.support.forge import forge_world


def test_every_benchmark_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"check_in", "dashboard", "door", "leads", "loop", "panels", "preview", "recompute", "sync"} <= set(names())
    assert {"notion_edits", "notion_event", "notion_import", "notion_night"} <= set(names())
    assert main(["nothing"]) == 2
    assert f"there are: {', '.join(names())}" in capsys.readouterr().err


def test_a_bound_that_is_missed_is_marked() -> None:
    rows = [at_most("memory", 400.0, "MB", 300.0), times_fewer("requests", 10, "requests", 100, 8.0), Row.of(Figure("rate", 3.0, "/s"))]
    assert [row.ok for row in rows] == [False, True, None]
    assert rows[1].ratio == 10.0
    lines = table(rows).splitlines()
    assert lines[1].startswith("*")
    assert "at most 300 MB" in lines[1]
    assert lines[2].startswith("ok")


def test_a_sync_of_a_small_site_repairs_what_changed_and_then_writes_nothing() -> None:
    rows = {row.name.partition(": ")[2]: row for row in sync.jira(12, 5)}
    assert rows["changes repaired that night"].ok
    assert rows["writes of the second run"].value == 0
    assert rows["peak memory of the sync"].ok


def test_recomputing_runs_at_a_small_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompute, "KEY_RESULTS", 4)
    monkeypatch.setattr(recompute, "ITEMS_EACH", 5)
    rows = recompute.run(shares=(1.0,))
    assert [row.name for row in rows][-2:] == [
        "4 key results over 20 items: peak memory",
        "processor time per item, largest against smallest size",
    ]


def test_a_preview_of_few_items_counts_all_of_them_and_reads_them_once() -> None:
    rows = {row.name: row for row in [*preview.jira(20), *preview.notion(5)]}
    for label in ("Jira, 20 issues by epics", "Jira, 20 issues by JQL", "Notion, 5 rows"):
        assert rows[f"{label}: requests of that"].value == 0
        assert rows[f"{label}: first numbers"].value <= rows[f"{label}: the whole preview"].value


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen key results over a few items, each asked for twice."""
    monkeypatch.setenv("BENCH_SCALE", "0.006")
    for module in (recompute, pages, panels, check_in, dashboard):
        monkeypatch.setattr(module, "ITEMS_EACH", 3)
    for module in (pages, check_in, dashboard):
        monkeypatch.setattr(module, "REPEATS", 2)
    monkeypatch.setattr(panels, "TIMES", 2)


@pytest.mark.usefixtures("tiny")
def test_the_panel_of_an_issue_is_measured_for_every_kind_of_issue(tmp_path: Path) -> None:
    rows = {row.name: row for row in panels.measure("SQLite", tmp_path, "")}
    assert rows["SQLite, 14 key results over 42 items: an epic of 12 key results, p95"].value > 0
    assert rows["SQLite: statements that read it, the door’s too"].ok


@pytest.mark.usefixtures("tiny")
def test_every_view_of_the_dashboard_is_measured(tmp_path: Path) -> None:
    with forge_world(tmp_path, log_level="warning") as forge:
        rows = {row.name: row for row in dashboard.measure("SQLite", forge)}
    for view in dashboard.CONFIGS:
        assert rows[f"SQLite, 12 key results over 36 items: {view}, p95"].value > 0
        assert rows[f"SQLite: {view}, weight"].ok


@pytest.mark.usefixtures("tiny")
def test_a_check_in_is_measured_from_the_form_to_its_save(tmp_path: Path) -> None:
    rows = [row.name for row in check_in.measure("SQLite", tmp_path, "")]
    assert rows[:3] == ["SQLite, 12 key results over 36 items: the form, p95", "SQLite: a look while typing, p95", "SQLite: a save, p95"]


def test_an_import_and_a_night_over_few_rows_stay_within_their_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SCALE", "0.002")
    rows = {row.name: row for row in notion_import.measure("SQLite", tmp_path / "import", "")}
    assert rows["SQLite, 10 rows: requests of the import"].value == 8
    assert all(row.ok is not False for row in rows.values())
    assert rows["SQLite, 10 rows: key results made of 8"].ok
    night = {row.name.partition(", ")[2]: row for row in notion_night.measure(tmp_path / "night")}
    assert night["a fiftieth changed: changes repaired"].value == 1
    assert night["nothing new: writes"].ok


def test_an_event_on_a_row_costs_two_requests_and_nothing_new_no_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SCALE", "0.1")
    rows = {row.name: row for row in notion_event.measure(tmp_path)}
    assert rows["the title is edited: taken over: requests for the row"].ok
    assert rows["an edit that changes nothing: writes"].ok
    assert rows["the same event once more: writes"].ok


def test_edits_by_many_people_arrive_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SCALE", "0.03")
    rows = {row.name.partition(": ")[2]: row for row in notion_edits.run()}
    for name in ("edits that never showed", "last edits that arrived here", "requests in the fullest minute", "the night went through"):
        assert rows[name].ok


def test_the_leads_pages_are_measured_with_their_statements(tmp_path: Path) -> None:
    rows = {row.name: row for row in leads.measure("SQLite", tmp_path, "", 12, 300.0)}
    for title in leads.PAGES:
        assert rows[f"SQLite, 12: {title}, statements"].ok


def test_the_night_of_signals_finds_and_then_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SCALE", "0.003")
    monkeypatch.setattr(signals, "DAYS", 120)
    with runtime_in(tmp_path, log_level="warning") as runtime:
        rows = {row.name: row for row in signals.measure(runtime)}
    assert rows["signals that began"].value == 12
    assert rows["changes of the second look"].ok
