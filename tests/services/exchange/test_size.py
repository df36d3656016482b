"""Fifty thousand rows: bounded memory, a write lock that is held only while writing, progress. Measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.plant import ROOT

ROWS = 50_000
MOST_MEGABYTES = 150.0  # that memory may grow by
LOCKED = 0.75  # share of an import for which another writer may wait

SCRIPT = """
import csv, json, sys, threading, time
from pathlib import Path
import xlsxwriter
from sqlalchemy import insert
from connector.domain.rights import SYSTEM
from connector.services.exchange import export, import_file
from connector.services.exchange import incoming, workbooks
from connector.store.tables import Counter, Objective
from tests.support.world import company
import openpyxl

kind, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
HEAD = ("Objective", "Key Result", "Owner", "From", "To", "Current value", "Confidence", "Blocker", "Last updated")

def cells():
    yield HEAD
    for n in range(rows):
        title = f"Objective number {n % 500} with a title of usual length"
        blocker = "waits for the test site" if n % 3 == 0 else ""
        owner = ("alice", "bob")[n % 2] + "@acme.example"
        yield (title, f"Key result {n} reaches its target in time", owner, n % 50, n % 50 + 100.5, n % 90 + 1, n % 10 + 1, blocker, "")

def resident():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024

class Peak:
    def __enter__(self):
        self.base = self.most = resident()
        self.ended = threading.Event()
        def watch():
            while not self.ended.wait(0.01):
                self.most = max(self.most, resident())
        self.thread = threading.Thread(target=watch)
        self.thread.start()
        return self
    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.grown = round(self.most - self.base, 1)

with company(folder) as acme:
    acme.objective("onboarding")
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        session.execute(insert(Objective), [
            {"id": f"o-{n}", "title": f"Objective number {n} with a title of usual length", "cycle_id": 1, "pages": [], "created_at": now}
            for n in range(500)
        ])
    path = folder / f"in.{kind}"
    if kind == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(cells())
    else:
        with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
            sheet = book.add_worksheet("now")
            for number, row in enumerate(cells()):
                sheet.write_row(number, 0, row)
    data = path.read_bytes()

    waits, stop = [], threading.Event()
    def write():  # somebody else, all the time: the door, for one
        while not stop.wait(0.05):
            begun = time.monotonic()
            with acme.runtime.store.write() as session:
                session.merge(Counter(name="other", labels="", value=begun))
            waits.append(time.monotonic() - begun)
    other = threading.Thread(target=write)
    other.start()
    told = []
    begun = time.monotonic()
    with Peak() as peak:
        outcome = import_file(
            acme.runtime, path.name, data, viewer=SYSTEM, dry_run=kind != "csv", progress=lambda done, total: told.append((done, total))
        )
    seconds = time.monotonic() - begun
    stop.set()
    other.join()
    answer = {"saved": outcome.saved, "create": outcome.count("create"), "faults": len(outcome.faults), "import_mb": peak.grown,
              "seconds": round(seconds, 1), "longest_wait": round(max(waits), 1), "writes": len(waits), "told": len(told), "last": told[-1]}
    del outcome
    for each in ("csv", "xlsx", "json") if kind == "csv" else ():
        with Peak() as peak:
            size = sum(len(piece) for piece in export(acme.runtime, each, SYSTEM))
        answer[each + "_mb"] = peak.grown
        answer[each + "_size"] = size
    print(json.dumps(answer))
"""


def measured(kind: str, folder: Path) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, str(folder), str(ROWS)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert (found["create"], found["faults"], found["last"]) == (ROWS, 0, [ROWS, ROWS])
    assert found["import_mb"] < MOST_MEGABYTES, found
    assert found["told"] > 50
    return found


@pytest.mark.timeout(300)
def test_fifty_thousand_rows_come_in_and_go_out_with_bounded_memory(tmp_path: Path) -> None:
    found = measured("csv", tmp_path)
    assert found["saved"]
    assert found["longest_wait"] < LOCKED * found["seconds"], found  # it is read and planned without the lock
    assert found["writes"] > 20, found
    for each in ("csv", "xlsx", "json"):
        assert found[f"{each}_mb"] < 50, found
    assert found["json_size"] > 50_000_000


@pytest.mark.timeout(300)
def test_a_workbook_of_fifty_thousand_rows_is_planned_with_bounded_memory(tmp_path: Path) -> None:
    found = measured("xlsx", tmp_path)
    assert found["longest_wait"] < LOCKED * found["seconds"], found
