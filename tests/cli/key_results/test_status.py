"""`status`: JSON in the API's shapes, and a table that can be read without colour and through a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from connector.domain.rights import SYSTEM
from connector.store import reads
from tests.support.commands import Run
from tests.support.world import Company

ROOT = Path(__file__).parents[3]


def test_json_has_the_shapes_of_the_api(run: Run, acme: Company) -> None:
    result = run("status", "--json")
    assert result.code == 0
    found = json.loads(result.out)
    assert list(found) == ["objectives", "key_results"]
    with acme.runtime.store.read() as session:
        assert found["key_results"] == reads.key_results_page(session, SYSTEM, limit=200).items
        assert found["objectives"] == reads.objectives_page(session, SYSTEM, limit=200).items


def test_json_is_whole_with_more_than_a_page(run: Run, acme: Company) -> None:
    for number in range(230):
        acme.key_result(f"kr-{number:03}")
    found = json.loads(run("status", "--json").out)
    assert len(found["key_results"]) == 236
    assert len({entry["id"] for entry in found["key_results"]}) == 236


def test_the_table_says_state_values_reason_and_source(run: Run) -> None:
    result = run("status")
    assert result.code == 0
    line = next(line for line in result.out.splitlines() if "(kr-setup)" in line)
    for part in ("41\u00a0%", "0\u00a0% → 100\u00a0%", "check-in, now"):
        assert part in line, line
    unknown = next(line for line in result.out.splitlines() if "(kr-signups)" in line)
    assert "○ No data" in unknown
    assert "no reading yet" in unknown
    assert "Objective onboarding · now" in result.out
    assert "✓ Closed" in next(line for line in result.out.splitlines() if "(kr-old)" in line)


def test_a_pipe_gets_whole_lines_without_colours(acme: Company, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OKR_")}
    env |= {"OKR_DATA_DIR": str(tmp_path), "OKR_DATABASE_URL": acme.runtime.settings.database_url, "OKR_SECRET_KEY": "k" * 40}
    done = subprocess.run([sys.executable, "-m", "connector", "status"], capture_output=True, env=env, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert "Key result kr-setup (kr-setup)" in done.stdout.decode()


def test_an_empty_folder_becomes_a_database(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OKR_")} | {"OKR_DATA_DIR": str(tmp_path / "new")}
    done = subprocess.run(
        [sys.executable, "-m", "connector", "status", "--json"], capture_output=True, text=True, env=env, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"objectives": [], "key_results": []}
