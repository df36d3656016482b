"""Journeys of import and export in a real browser: a file out and in again, another program's table, a Notion database, a large file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener, Sandbox, sound, start, stop

HEAD = ("Objective", "Key Result", "Owner", "From", "To", "Current value", "Confidence", "Blocker", "Last updated")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One of its own: a cycle that another journey copied would make every title stand twice."""
    running = start(tmp_path_factory.mktemp("sandbox"))
    yield running
    stop(running.process)


def export_csv(page: Page, folder: Path) -> list[list[str]]:
    page.get_by_label("Format").select_option("csv")
    with page.expect_download() as started:
        page.get_by_role("button", name="Export", exact=True).click()
    path = folder / "out.csv"
    started.value.save_as(path)
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def give(page: Page, folder: Path, name: str, rows: list[Any], delimiter: str = ",") -> None:
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def test_a_file_goes_out_and_comes_back_with_one_change(open_page: Opener, tmp_path: Path) -> None:
    page = open_page("/exchange", role="admin")
    rows = export_csv(page, tmp_path)
    assert tuple(rows[0]) == HEAD
    changed = next(row for row in rows[1:] if row[4] not in ("", "1"))
    changed[7] = "waits for the browser"
    give(page, tmp_path, "okrs.csv", rows)
    expect(page.get_by_text("→ waits for the browser")).to_be_visible()
    page.get_by_role("button", name="Import: 0 to create, 1 to update").click()
    expect(page.locator(".counts")).to_contain_text("1 updated")
    sound(page)


def test_another_programs_table_is_imported_by_choosing_columns(open_page: Opener, tmp_path: Path) -> None:
    page = open_page("/exchange", role="admin")
    owner = export_csv(page, tmp_path)[1][2]
    give(page, tmp_path, "ziele.csv", [("Vorhaben", "Was", "Wer", "Von", "Bis"), ("Neues Ziel", "Schneller", owner, "1,5", "10")], ";")
    expect(page.get_by_role("heading", name="It is not clear yet which column is which")).to_be_visible()
    sound(page)
    for field, column in (("objective", "Vorhaben"), ("key result", "Was"), ("owner", "Wer"), ("from", "Von"), ("to", "Bis")):
        page.get_by_label(field, exact=True).select_option(column)
    page.get_by_label("Make objectives that do not exist yet").check()
    page.locator("#f-cycle").select_option(index=page.locator("#f-cycle option").count() - 1)
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_text("decimal commas")).to_be_visible()
    page.get_by_role("button", name="Import: 1 to create, 0 to update").click()
    expect(page.locator(".counts")).to_contain_text("1 created")
    page.goto(page.url.rpartition("/exchange")[0] + "/exchange")
    expect(page.get_by_role("row").filter(has_text="ziele.csv")).to_contain_text("imported")


def test_a_large_file_shows_how_far_it_is(open_page: Opener, tmp_path: Path) -> None:
    page = open_page("/exchange", role="admin")
    row = export_csv(page, tmp_path)[1]
    many = [[row[0], f"Row {number}", row[2], "0", "10", "", "", "", ""] for number in range(3000)]
    give(page, tmp_path, "many.csv", [HEAD, *many])
    expect(page.locator(".counts")).to_contain_text("3000 to create", timeout=60_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Nothing of the file was saved")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_sound_at_every_width_and_scheme(open_page: Opener, tmp_path: Path, width: int, scheme: str) -> None:
    page = open_page("/exchange", width=width, scheme=scheme, role="admin")
    sound(page)
    give(page, tmp_path, "odd.csv", [HEAD, ("Not there", "New", "nobody@x.example", "many", "1,234", "", "11", "", "")])
    expect(page.get_by_role("heading", name="5 cells cannot be used")).to_be_visible()
    page.get_by_text("Columns", exact=True).click()
    sound(page)
