"""The rules that keep the code navigable: who may import whom, how long a file may be, what a host folder holds."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from connector.queue import JOBS, TIMEOUTS

ROOT = Path(__file__).parent.parent
PACKAGES = ("connector", "webhooks", "mappings")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HOSTS = sorted(path.parent.name for path in (ROOT / "connector" / "hosts").glob("*/__init__.py"))
# The parts of `mappings` that may know the store and the web; everything else there is pure.
IMPURE_MAPPINGS = {"__init__", "repository", "views"}


def test_import_rules() -> None:
    script = Path(sys.executable).parent / "lint-imports"
    answer = subprocess.run(
        [script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "COLUMNS": "140"}, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_pure_part_of_mappings_is_held_to_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    pure = next(contract for contract in contracts if contract["id"] == "pure")["source_modules"]
    files = {path.stem for path in (ROOT / "mappings").glob("*.py")} - IMPURE_MAPPINGS
    assert files == {name.removeprefix("mappings.") for name in pure if name.startswith("mappings.")}


@pytest.mark.parametrize("folder", ["connector", "webhooks", "mappings", "tests", "bench"])
def test_no_file_is_too_long_to_read(folder: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in (ROOT / folder).rglob("*.py")
        if path.parent.name != "versions"  # migrations are written by Alembic and never edited again
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT)) for path in SOURCES if (text := path.read_text().lstrip()) and not text.startswith(('"""', 'r"""'))
    ]
    assert silent == []


@pytest.mark.parametrize("host", HOSTS)
def test_each_host_has_the_seven_names(host: str) -> None:
    folder = ROOT / "connector" / "hosts" / host
    names = {"__init__.py", "client.py", "fields.py", "webhook.py", "panel.py", "sandbox.py", "GUIDE.md"}
    # A part that has grown may be a package of the same name.
    present = {name for name in names if (folder / name).exists() or (folder / name.removesuffix(".py") / "__init__.py").exists()}
    assert names - present == set()


def test_there_are_hosts_and_each_is_registered() -> None:
    from connector.hosts.registry import HOSTS as REGISTERED

    assert sorted(REGISTERED) == HOSTS
    assert {"jira", "notion"} <= set(HOSTS)


@pytest.mark.parametrize("job", JOBS)
def test_each_job_named_by_string_exists(job: str) -> None:
    module, _, name = JOBS[job].rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))
    assert TIMEOUTS[job] > 0


def test_no_module_opens_a_connection_or_writes_when_it_is_imported(tmp_path: Path) -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
        # Alembic runs these itself, with a connection at hand.
        if "migrations" not in path.parts
    ]
    code = """
import importlib, socket, sys

def refuse(*_arguments, **_options):
    raise AssertionError("a module opened a connection at import")

import gevent.monkey  # looks at the machine's addresses once by itself
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
    env = {name: value for name, value in os.environ.items() if not name.startswith("OKR_")} | {
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
    }
    answer = subprocess.run([sys.executable, "-c", code, *modules], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_lock_names_no_address_and_every_requirement() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = {line.split("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith(" ")}
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {requirement.split(">=")[0].split("[")[0].lower().replace("_", "-") for requirement in wanted}
    assert names - locked == set()
