"""The JSON export as a backup: every table or a reason, restored into an empty installation with the same status, merged into any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from connector.api.handlers import TABLE
from connector.api.routing import make_blueprint
from connector.cli.status import collect
from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Forbidden, InputError
from connector.services import check_ins, rollup, tokens
from connector.services.exchange import export, import_file
from connector.services.exchange.archive import read_document
from connector.services.exchange.archive_tables import LEFT_OUT, PARTS, table_of
from connector.services.exchange.backup import PARKED
from connector.store.base import Base
from connector.store.tables import (
    Audit,
    Connection,
    Cycle,
    Item,
    KeyResult,
    Mapping,
    MappingItem,
    Notice,
    Objective,
    ObjectiveReader,
    Panel,
    Person,
    PersonAccount,
    Team,
    TeamMember,
)
from tests.services.exchange.conftest import ALICE
from tests.support.world import SECRET, Company, company

PLANTED = ("planted-token-1234567", "planted-option-1234567", SECRET)


@pytest.fixture
def full(tmp_path: Path, database_url: str) -> Iterator[Company]:
    """A company with something in most tables, secrets among it."""
    with company(tmp_path / "first", database_url) as found:
        found.objective("onboarding")
        found.objective("past", cycle="before", start=date(2020, 1, 1), end=date(2020, 3, 31))
        found.key_result("kr-setup", phased_targets=[{"day": "2026-11-01", "value": 40.0}], decimals=1)
        found.key_result("kr-mapped")
        found.key_result("kr-old", "past")
        jira = found.connection(
            "acme-jira", "jira", "https://acme.example", {"email": "a@b.example", "api_token": PLANTED[0]}, token=PLANTED[1]
        )
        mapping = found.mapping("kr-mapped", jira, select={"epics": ["ACME-1"]}, measure="done_share")
        now = found.runtime.now()
        with found.runtime.store.write() as session:
            people = {row.name: row for row in session.scalars(select(Person))}
            team = session.scalars(select(Team)).one()
            for number in range(3):
                category, title = "done" if number else "new", f"Töre {number}"
                item = Item(connection_id=jira, ref=f"10{number}", parents=["1"], title=title, category=category, fields={"x": 1.5})
                session.add(item)
                session.flush()
                session.add(MappingItem(mapping_id=mapping, item_id=item.id))
            session.add_all(
                [
                    PersonAccount(person_id=people["Alice"].id, connection_id=jira, account="5b10"),
                    TeamMember(team_id=team.id, person_id=people["Bob"].id),
                    ObjectiveReader(objective_id="onboarding", person_id=people["Charlie"].id),
                    Notice(person_id=people["Bob"].id, kind="drift", subject="1", day=now.date(), text="Look", created_at=now),
                    Panel(connection_id=jira, ref="10001", key_results=["kr-mapped"], receipt={"link": "7"}),
                ]
            )
            session.execute(
                update(Objective).where(Objective.id == "onboarding").values(restricted=True, supports_id="past", team_id=team.id)
            )
            resolved = {"refs": {"ACME-1": "1"}, "fields": {}, "containers": []}
            session.execute(update(Mapping).values(owner_id=people["Bob"].id, resolved=resolved, listed_at=now))
            session.execute(update(Connection).values(last_success_at=now))
        check_ins.file_check_in(
            found.runtime,
            "kr-setup",
            {"value": 41.3, "confidence": 4, "blocker": "no site", "decision": "budget", "comment": "ä\nb"},
            author=ALICE,
        )
        with found.runtime.store.write() as session:
            rollup.want_all(session, found.runtime.epoch())
        from connector.services import drain

        drain.settle(found.runtime)
        tokens.create(found.runtime, "script", "admin")
        yield found


def backup(acme: Company, cycle: str | None = None) -> bytes:
    return b"".join(export(acme.runtime, "json", SYSTEM, cycle))


def everything_shown(acme: Company) -> dict[str, Any]:
    """The status, and each key result in the API's shape with its readings, check-ins and sources."""
    token = tokens.create(acme.runtime, "reader", "admin")
    app = Flask(__name__)
    app.extensions["runtime"] = acme.runtime
    app.register_blueprint(make_blueprint(TABLE))
    client = app.test_client()
    headers = {"Authorization": f"Bearer {token}"}
    shown: dict[str, Any] = {"status": json.loads(json.dumps(collect(acme.runtime)))}
    for entry in shown["status"]["key_results"]:
        answer = client.get(f"/api/v1/key-results/{entry['id']}", headers=headers)
        assert answer.status_code == 200
        shown[entry["id"]] = answer.get_json()
    return shown


def table_rows(acme: Company) -> dict[str, list[dict[str, Any]]]:
    document = json.loads(backup(acme))
    return {name: document[name] for name in PARTS}


# --- nothing is forgotten ----------------------------------------------------------------------------------------------


def test_every_table_is_in_a_backup_or_left_out_for_a_reason() -> None:
    assert set(PARTS) | set(LEFT_OUT) == set(Base.metadata.tables)
    assert not set(PARTS) & set(LEFT_OUT)


@pytest.mark.parametrize("name", PARTS)
def test_every_column_is_in_a_backup_or_left_out_on_purpose(name: str) -> None:
    part = PARTS[name]
    assert sorted((*part.columns, *part.without)) == sorted(table_of(name).c.keys())


def test_whatever_a_row_refers_to_stands_before_it() -> None:
    order = list(PARTS)
    for name in PARTS:
        for key in table_of(name).foreign_keys:
            if key.column.table.name != name and key.column.table.name in PARTS:
                assert order.index(key.column.table.name) < order.index(name), f"{name}.{key.parent.name}"


def test_a_backup_holds_no_secret_and_one_row_on_each_line(full: Company) -> None:
    data = backup(full)
    for secret in PLANTED:
        assert secret.encode() not in data
    with full.runtime.store.read() as session:
        row = session.scalars(select(Connection)).one()
        assert row.auth.encode() not in data
    document = json.loads(data)
    lines = data.decode().splitlines()
    assert sum(line.startswith("{") and line != lines[0] for line in lines) == sum(len(document[name]) for name in PARTS)
    assert document["version"] == 2


def test_only_admins_take_backups_and_bring_them_back(full: Company) -> None:
    for role in ("lead", "champion", "member", "viewer"):
        with pytest.raises(Forbidden):
            export(full.runtime, "json", Viewer("x", role))
        with pytest.raises(Forbidden):
            import_file(full.runtime, "okr.json", backup(full), viewer=Viewer("x", role))


# --- restored whole ----------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_a_restored_installation_has_the_same_status(full: Company, tmp_path: Path) -> None:
    data = backup(full)
    before = everything_shown(full)
    assert before["kr-mapped"]["source"]["items"] == 3
    assert before["kr-mapped"]["sources"]
    assert before["kr-setup"]["check_ins"][0]["comment"] == "ä\nb"
    with company(tmp_path / "second") as other:
        dry = import_file(other.runtime, "okr.json", data, viewer=SYSTEM, dry_run=True)
        assert not dry.saved
        with other.runtime.store.read() as session:
            assert session.scalar(select(func.count()).select_from(KeyResult)) == 0
        outcome = import_file(other.runtime, "okr.json", data, viewer=SYSTEM)
        assert (outcome.faults, outcome.saved) == ([], True)
        assert "3 people" in {fate.name for fate in outcome.fates}
        assert everything_shown(other) == before
        other.work()
        assert everything_shown_again(other) == before["status"]
        mine, theirs = table_rows(full), table_rows(other)
        for name in set(PARTS) - {"audit", "connections"}:
            assert theirs[name] == mine[name], name
        assert [row for row in theirs["audit"] if row["action"] not in ("restore", "create")] == [
            row for row in mine["audit"] if row["action"] != "create"
        ]
        assert other.runtime.instance == full.runtime.instance


def everything_shown_again(acme: Company) -> Any:
    return json.loads(json.dumps(collect(acme.runtime)))


@pytest.mark.databases("sqlite", "postgres")
def test_a_restored_installation_goes_on_working(full: Company, tmp_path: Path, request: pytest.FixtureRequest, database_kind: str) -> None:
    """New rows get new ids; connections rest until somebody enters their credentials."""
    data = backup(full)
    url = request.getfixturevalue("postgres").new_database() if database_kind == "postgres" else ""
    with company(tmp_path / "second", url) as other:
        import_file(other.runtime, "okr.json", data, viewer=SYSTEM)
        with other.runtime.store.read() as session:
            row = session.scalars(select(Connection)).one()
            assert (row.parked_reason, row.webhook_secret) == (PARKED, None)
            assert row.parked_at is not None
            assert other.runtime.vault.open(row.auth) == {}
        check_ins.file_check_in(other.runtime, "kr-setup", {"value": 50, "confidence": 6, "decision": "none"}, author=ALICE)
        other.connection("second", "jira", "https://acme.example", {})
        other.objective("new", cycle="next", start=date(2030, 1, 1), end=date(2030, 3, 31))
        other.work()
        assert other.row("kr-setup").current == 50.0
        assert [reading.value for reading in other.readings("kr-setup")] == [41.3, 50.0]


def test_people_who_signed_in_before_keep_their_row(full: Company, tmp_path: Path) -> None:
    data = backup(full)
    with company(tmp_path / "second") as other:
        with other.runtime.store.write() as session:
            session.add_all([Person(email="root@acme.example", name="Root", role="admin"), Person(email=ALICE, name="Alice", role="admin")])
            session.add(Audit(at=other.runtime.now(), actor="root", action="sign in", entity="person", entity_id="1"))
        import_file(other.runtime, "okr.json", data, viewer=SYSTEM)
        with other.runtime.store.read() as session:
            people = {row.email: (row.id, row.role) for row in session.scalars(select(Person))}
            owner = session.get_one(KeyResult, "kr-setup").owner_id
            actions = [row.action for row in session.scalars(select(Audit).order_by(Audit.id))]
        assert people[ALICE] == (2, "admin")
        assert owner == 2
        assert len(people) == 4
        assert (actions[0], actions[-1]) == ("sign in", "restore")
        assert everything_shown(other)["status"] == everything_shown(full)["status"]


def test_a_backup_of_one_cycle_is_complete_in_itself(full: Company, tmp_path: Path) -> None:
    data = backup(full, "now")
    document = json.loads(data)
    assert [row["id"] for row in document["objectives"]] == ["onboarding"]
    assert {row["key_result_id"] for row in document["mappings"]} == {"kr-mapped"}
    assert {row["id"] for row in document["key_results"]} == {"kr-setup", "kr-mapped"}
    assert [row["name"] for row in document["cycles"]] == ["now"]
    with company(tmp_path / "second") as other:
        import_file(other.runtime, "okr.json", data, viewer=SYSTEM)
        with other.runtime.store.read() as session:
            assert session.get_one(Objective, "onboarding").supports_id is None  # that one is in another cycle
            assert session.scalar(select(func.count()).select_from(Item)) == 3


def changed(data: bytes, **change: Any) -> bytes:
    """The document with one value of its first key result replaced, one row on each line as before."""
    lines = data.decode().split("\n")
    place = next(number for number, line in enumerate(lines) if '"kr-mapped"' in line and '"title"' in line and '"kind"' in line)
    row = {**json.loads(lines[place].rstrip(",")), **change}
    lines[place] = json.dumps(row) + ("," if lines[place].endswith(",") else "")
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weight": "heavy"}, "key_results, row 1, weight: 'heavy' is of another type"),
        ({"title": None}, "key_results, row 1, title: must not be null"),
        ({"created_at": "yesterday"}, "key_results, row 1, created_at: 'yesterday' is no moment"),
        ({"colour": "red"}, "key_results, row 1, colour: this version does not know the column"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused_by_row_and_column(full: Company, tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with company(tmp_path / "second") as other:
        with pytest.raises(InputError) as refused:
            import_file(other.runtime, "okr.json", changed(backup(full), **change), viewer=SYSTEM)
        assert told in str(refused.value)
        with other.runtime.store.read() as session:
            assert session.scalar(select(func.count()).select_from(Person)) == 0


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
def test_a_backup_that_was_cut_off_is_refused(full: Company, tmp_path: Path, cut: float) -> None:
    data = backup(full)
    with company(tmp_path / "second") as other, pytest.raises(InputError):
        import_file(other.runtime, "okr.json", data[: int(len(data) * cut)], viewer=SYSTEM)


def test_a_backup_that_another_program_wrote_anew_is_restored_too(full: Company, tmp_path: Path) -> None:
    data = json.dumps(json.loads(backup(full)), indent=2).encode()
    with company(tmp_path / "second") as other:
        assert import_file(other.runtime, "okr.json", data, viewer=SYSTEM).saved
        assert everything_shown(other)["status"] == everything_shown(full)["status"]


def test_secret_tables_are_not_taken_from_a_file(full: Company, tmp_path: Path) -> None:
    data = backup(full).replace(b'"people":[', b'"api_tokens":[\n{"name":"evil","role":"admin","digest":"00"}\n],\n"people":[')
    with company(tmp_path / "second") as other, pytest.raises(InputError, match="secrets: make new ones"):
        import_file(other.runtime, "okr.json", data, viewer=SYSTEM)


# --- merged ------------------------------------------------------------------------------------------------------------


def test_a_backup_merged_into_its_own_installation_changes_nothing(full: Company) -> None:
    before = table_rows(full)
    outcome = import_file(full.runtime, "okr.json", backup(full), viewer=SYSTEM)
    assert {fate.action for fate in outcome.fates} == {"unchanged"}
    assert outcome.notes == [
        "not merged: connections, team members, mappings, readings, check ins, audit; they are restored only into an empty installation"
    ]
    assert table_rows(full) == before


def test_a_merge_makes_what_is_missing(full: Company, tmp_path: Path) -> None:
    data = backup(full)
    with company(tmp_path / "second") as other:
        other.objective("own", cycle="elsewhere")
        outcome = import_file(other.runtime, "okr.json", data, viewer=SYSTEM)
        assert (outcome.faults, outcome.saved) == ([], True)
        with other.runtime.store.read() as session:
            assert {row.id for row in session.scalars(select(Objective))} == {"own", "onboarding", "past"}
            assert session.get_one(Objective, "onboarding").supports_id == "past"
            assert session.get_one(KeyResult, "kr-setup").phased_targets == [{"day": "2026-11-01", "value": 40.0}]
            assert session.scalar(select(func.count()).select_from(Connection)) == 0
            assert session.scalars(select(Cycle.started_at).where(Cycle.name == "before")).one() is not None


VERSION_1 = {
    "format": "okr-connector",
    "version": 1,
    "exported_at": "2026-10-01T00:00:00Z",
    "connections": [{"name": "acme-jira", "host": "jira", "url": "https://acme.example", "options": {}}],
    "people": [{"email": ALICE, "name": "Alice", "active": True, "accounts": {"acme-jira": "5b10"}}],
    "teams": [{"name": "Growth", "lead": ALICE}],
    "cycles": [{"name": "2026-Q4", "start": "2026-10-01", "end": "2099-12-31"}],
    "objectives": [
        {"id": "o", "title": "O", "cycle": "2026-Q4", "team": "Growth", "supports": None, "position": 0, "panels": [], "closed_at": None}
    ],
    "key_results": [
        {
            "id": "kr-a",
            "title": "A",
            "objective": "o",
            "owner": ALICE,
            "kind": "between",
            "unit": "%",
            "low": 1.5,
            "high": 3,
            "weight": 2.0,
            "cadence": "fortnightly",
            "current": 2,
            "confidence": 7,
            "blocker": "x",
        },
        {"id": "kr-b", "title": "B", "objective": "o", "owner": None, "kind": "yes_no"},
    ],
}


def test_a_merged_cycle_without_an_end_worth_the_name_is_refused(tmp_path: Path) -> None:
    endless = VERSION_1 | {"cycles": [{"name": "2026-Q4", "start": "2026-10-01", "end": "9999-12-31"}]}
    with company(tmp_path) as acme, pytest.raises(InputError, match="from 1970 to 2199"):
        import_file(acme.runtime, "okr.json", json.dumps(endless).encode(), viewer=SYSTEM)


def test_the_first_version_is_still_read(tmp_path: Path) -> None:
    data = json.dumps(VERSION_1).encode()
    with company(tmp_path) as acme:
        outcome = import_file(acme.runtime, "okr.json", data, viewer=SYSTEM)
        assert (outcome.faults, outcome.saved) == ([], True)
        assert outcome.notes == ["not merged: connections; they are restored only into an empty installation"]
        acme.work()
        row = acme.row("kr-a")
        assert (row.low, row.high, row.weight, row.cadence, row.current, row.confidence, row.blocker) == (
            1.5,
            3.0,
            2.0,
            "fortnightly",
            2.0,
            7,
            "x",
        )
        assert acme.row("kr-b").owner_id is None
        with acme.runtime.store.read() as session:
            lead = session.scalars(select(Person.email).join(Team, Team.lead_id == Person.id)).one()
            assert lead == ALICE
        assert {fate.action for fate in import_file(acme.runtime, "okr.json", data, viewer=SYSTEM).fates} == {"unchanged"}


def test_documents_are_read_row_by_row(full: Company) -> None:
    document = read_document(backup(full))
    counts = {name: sum(1 for _ in rows) for name, rows in document.tables()}
    assert list(counts) == list(PARTS)
    assert (counts["people"], counts["items"]) == (3, 3)
    skipped = [name for name, _ in document.tables()]  # without looking at the rows
    assert skipped == list(PARTS)
