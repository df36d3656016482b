"""Uploaded files: received, checked, run, cancelled; worked on by a job when they are large; watched by whoever uploaded them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.services.exchange import uploads, working
from connector.services.exchange.columns import ColumnMapping
from connector.services.exchange.options import Options
from connector.store.tables import Audit, Import, KeyResult, Person
from tests.services.exchange.conftest import ALICE, NINE, csv_of, nine
from tests.support.world import Company

LEAD = Viewer("lena", "lead")
ADMIN = Viewer("ada", "admin")
SETUP = csv_of(NINE, nine(**{"Current value": 42}), nine("New one", From=1, To=2))


def row(acme: Company, ident: int) -> Import:
    with acme.runtime.store.read() as session:
        return session.get_one(Import, ident)


def large(count: int = 2100) -> bytes:
    return csv_of(NINE, *(nine(f"New {number}", From=0, To=10) for number in range(count)))


def test_a_small_file_is_checked_and_run_at_once(acme: Company) -> None:
    ident = uploads.receive(acme.runtime, LEAD, "C:\\files\\okr.csv", SETUP)
    assert uploads.progress(acme.runtime, LEAD, ident)["state"] == "uploaded"
    uploads.check(acme.runtime, LEAD, ident)
    shown = uploads.progress(acme.runtime, LEAD, ident)
    assert (shown["state"], shown["name"]) == ("checked", "okr.csv")
    assert (shown["rows_done"], shown["rows_total"]) == (2, 2)
    assert shown["counts"] == {"update": 1, "create": 1, "left out": 0, "unchanged": 0}
    assert shown["fates"][0]["changes"] == ["Current value – → 42"]
    assert shown["columns"]["headers"] == list(NINE)
    assert shown["columns"]["samples"]["Key Result"] == ["Key result kr-setup", "New one"]
    assert shown["columns"]["used"]["profile"] == "nine-columns"
    assert acme.row("kr-setup").current is None
    uploads.run(acme.runtime, LEAD, ident)
    acme.work()
    assert acme.row("kr-setup").current == 42.0
    done = row(acme, ident)
    assert (done.state, done.content, done.finished_at is not None) == ("done", None, True)
    with acme.runtime.store.read() as session:
        audit = {(line.action, line.actor, line.reason) for line in session.scalars(select(Audit))}
    assert ("import", "lena", "import of okr.csv") in audit
    for again in (uploads.check, uploads.run, uploads.cancel):
        with pytest.raises(Conflict, match="imported already"):
            again(acme.runtime, LEAD, ident)


def test_a_file_with_faults_is_not_run_until_they_are_mended(acme: Company) -> None:
    data = csv_of(["Was", "Wer", "Von", "Bis"], ["Schneller", ALICE, "0", "10"])
    ident = uploads.receive(acme.runtime, LEAD, "ziele.csv", data)
    uploads.check(acme.runtime, LEAD, ident)
    shown = uploads.progress(acme.runtime, LEAD, ident)
    assert (shown["state"], shown["faults"][0]["where"]) == ("checked", "columns")
    assert shown["columns"]["headers"] == ["Was", "Wer", "Von", "Bis"]
    assert shown["columns"]["guess"]["columns"] == {"from": "Von", "to": "Bis"}
    with pytest.raises(Conflict, match="cannot be used"):
        uploads.run(acme.runtime, LEAD, ident)
    columns = {"key_result": "Was", "owner": "Wer", "from": "Von", "to": "Bis"}
    mapping = ColumnMapping("generic", columns, constants={"objective": "Objective onboarding"})
    uploads.choose(acme.runtime, LEAD, ident, Options(columns=mapping, reason="moved from paper"))
    with pytest.raises(Conflict, match="check it first"):
        uploads.run(acme.runtime, LEAD, ident)
    uploads.check(acme.runtime, LEAD, ident)
    assert uploads.progress(acme.runtime, LEAD, ident)["faults"] == []
    uploads.run(acme.runtime, LEAD, ident)
    assert acme.row("kr-schneller").target == 10.0
    with acme.runtime.store.read() as session:
        assert {line.reason for line in session.scalars(select(Audit))} == {"moved from paper"}


def test_a_large_file_is_worked_on_by_a_job(acme: Company) -> None:
    ident = uploads.receive(acme.runtime, LEAD, "okr.csv", large())
    uploads.check(acme.runtime, LEAD, ident)
    assert uploads.progress(acme.runtime, LEAD, ident)["state"] == "checking"
    queue: Any = acme.runtime.queue
    assert ("import", (ident,)) in queue.nudges
    working.work(acme.runtime, ident)
    assert uploads.progress(acme.runtime, LEAD, ident)["counts"]["create"] == 2100
    uploads.run(acme.runtime, LEAD, ident)
    assert uploads.progress(acme.runtime, LEAD, ident)["state"] == "running"
    working.work(acme.runtime, ident)
    working.work(acme.runtime, ident)  # a repeated job finds nothing to do
    shown = uploads.progress(acme.runtime, LEAD, ident)
    assert (shown["state"], shown["rows_done"], len(shown["fates"])) == ("done", 2100, working.FATES_KEPT)


def test_a_lost_job_is_asked_for_again_and_a_killed_one_is_taken_over(acme: Company) -> None:
    ident = uploads.receive(acme.runtime, LEAD, "okr.csv", large())
    uploads.check(acme.runtime, LEAD, ident)
    queue: Any = acme.runtime.queue
    queue.nudges.clear()
    uploads.progress(acme.runtime, LEAD, ident)
    assert ("import", (ident,)) in queue.nudges
    with acme.runtime.store.write() as session:  # a worker took it and was killed
        session.execute(update(Import).values(lease_until=acme.runtime.epoch() + 60))
    queue.nudges.clear()
    uploads.progress(acme.runtime, LEAD, ident)
    working.work(acme.runtime, ident)
    assert (queue.nudges, row(acme, ident).state) == ({}, "checking")
    acme.clock.ahead = 61
    uploads.progress(acme.runtime, LEAD, ident)
    assert ("import", (ident,)) in queue.nudges
    working.work(acme.runtime, ident)
    assert row(acme, ident).state == "checked"


def test_a_file_can_be_given_up(acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    ident = uploads.receive(acme.runtime, LEAD, "okr.csv", large())
    uploads.check(acme.runtime, LEAD, ident)
    working.work(acme.runtime, ident)
    uploads.run(acme.runtime, LEAD, ident)
    report = working._report
    monkeypatch.setattr(working, "_report", lambda *given: (uploads.cancel(acme.runtime, LEAD, ident), report(*given)))
    working.work(acme.runtime, ident)  # somebody cancels while it is planned
    gone = row(acme, ident)
    assert (gone.state, gone.content) == ("cancelled", None)
    with pytest.raises(Conflict, match="cancelled"):
        uploads.run(acme.runtime, LEAD, ident)
    with acme.runtime.store.read() as session:
        assert session.scalars(select(Audit).where(Audit.entity == "key_result")).all() == []


def test_files_are_seen_by_those_who_brought_them_and_by_admins(acme: Company) -> None:
    ident = uploads.receive(acme.runtime, LEAD, "okr.csv", SETUP)
    assert [entry["id"] for entry in uploads.listed(acme.runtime, ADMIN)] == [ident]
    other = Viewer("otto", "lead")
    assert uploads.listed(acme.runtime, other) == []
    with pytest.raises(NotFound):
        uploads.progress(acme.runtime, other, ident)
    for role in ("champion", "member", "viewer"):
        with pytest.raises(Forbidden):
            uploads.receive(acme.runtime, Viewer("x", role), "okr.csv", SETUP)
        with pytest.raises(Forbidden):
            uploads.listed(acme.runtime, Viewer("x", role))
    with pytest.raises(Forbidden):
        uploads.receive(acme.runtime, LEAD, "okr.json", b"{}")


def test_who_lost_the_right_meanwhile_imports_nothing(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        person = session.scalars(select(Person).where(Person.email == ALICE)).one()
        person.role = "lead"
        ident_of_alice = person.id
    alice = Viewer("Alice", "lead", ident_of_alice, ALICE)
    ident = uploads.receive(acme.runtime, alice, "okr.csv", large())
    uploads.check(acme.runtime, alice, ident)
    with acme.runtime.store.write() as session:
        session.execute(update(Person).where(Person.id == ident_of_alice).values(role="member"))
    working.work(acme.runtime, ident)
    assert "may not import any more" in row(acme, ident).faults[0]["message"]


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [("a.csv", b"", "empty"), ("a.xlsm", b"x", "macros"), ("a.exe", b"x", "must end in"), ("a.csv", b"x" * 64_000_001, "more than 64 MB")],
)
def test_what_is_no_file_to_import_is_refused_at_the_field(acme: Company, name: str, data: bytes, told: str) -> None:
    with pytest.raises(InputError) as refused:
        uploads.receive(acme.runtime, LEAD, name, data)
    assert (refused.value.where, told in refused.value.message) == ("file", True)


def test_files_that_nobody_ran_are_forgotten(acme: Company) -> None:
    old = uploads.receive(acme.runtime, LEAD, "old.csv", SETUP)
    acme.clock.ahead = timedelta(days=8).total_seconds()
    uploads.receive(acme.runtime, LEAD, "new.csv", SETUP)
    forgotten = row(acme, old)
    assert (forgotten.state, forgotten.content) == ("cancelled", None)


def test_a_change_by_others_between_check_and_run_is_planned_anew(acme: Company) -> None:
    ident = uploads.receive(acme.runtime, LEAD, "okr.csv", SETUP)
    uploads.check(acme.runtime, LEAD, ident)
    acme.key_result("kr-other", start=1.0, target=2.0)
    with acme.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "kr-other").values(title="New one"))
    uploads.run(acme.runtime, LEAD, ident)
    assert uploads.progress(acme.runtime, LEAD, ident)["counts"] == {"update": 1, "create": 0, "left out": 0, "unchanged": 1}
