"""Texts that come with files: control signs in a document, a table of another program in its own words and encoding."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.key_results.test_exchange import export
from tests.support.commands import Run
from tests.support.world import Company


def test_titles_of_a_document_hold_no_control_signs(run: Run, tmp_path: Path) -> None:
    document = json.loads(export(run, tmp_path, "json").read_text())
    document["objectives"][0]["title"] = "new \x1b[2J"
    (tmp_path / "odd.json").write_text(json.dumps(document))
    result = run("import", str(tmp_path / "odd.json"))
    assert (result.code, "objectives.0.title" in result.err) == (2, True), result.err


def test_another_programs_table_is_imported_with_the_columns_said(run: Run, acme: Company, tmp_path: Path) -> None:
    path = tmp_path / "ziele.csv"
    path.write_bytes("Vorhaben;Was;Wer;Bis\r\nNeues Ziel;Schneller;Alice;1,5\r\n;Größer;Bob;20\r\n".encode("cp1252"))
    assert "no column was found for Key Result and Objective" in run("import", str(path)).err
    columns = ("--columns", "objective=Vorhaben, key_result=Was, owner=Wer, to=Bis, from==0")
    refused = run("import", str(path), *columns, "--cycle", "now")
    assert refused.code == 2
    assert "line 2, Wer: 'Alice' is nobody's e-mail address here" in refused.err
    assert "note: the file is not UTF-8: read as Windows-1252" in refused.err
    assert "line 3, Vorhaben" in refused.err  # an empty objective is one, unless the table shows that it means the one above
    path.write_bytes(path.read_bytes().replace(b"\n;", b"\nNeues Ziel;"))
    options = (*columns, "--cycle", "now", "--create-objectives", "--match-names")
    dry = run("import", str(path), *options, "--dry-run")
    assert dry.out.splitlines()[-1] == "Dry run: 2 to create, 0 to update, 0 unchanged"
    assert "column key_result = Was (as chosen)" in dry.err
    assert "column from: 0 for all rows" in dry.err
    assert run("import", str(path), *options).code == 0
    assert (acme.row("kr-schneller").start, acme.row("kr-schneller").target) == (0.0, 1.5)
    assert run("import", str(path), "--columns", "colour=Was").code == 2
