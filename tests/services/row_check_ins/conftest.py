"""A key result with a row at a host, and people who type into it. The host itself is never asked: what is read of the row is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.model import FieldValue
from connector.domain.okr_columns import COLUMNS, TITLES, DatabaseKind
from connector.services.mirror import dump_value
from connector.services.row_check_ins.settling import settle_due, settles_at
from connector.services.row_check_ins.typing import held, note_named, note_pressed, note_typed
from connector.services.row_check_ins.updates import updates_of
from connector.store.tables import Audit, CheckIn, Connection, Decision, OkrDatabase, OkrRow, Person, PersonAccount
from tests.support.world import Company, company

KEY_RESULT = "kr-setup"
FACE = {"value": 42.0, "confidence": 7.0, "blocker": None, "decision": "none", "comment": None}


class Desk:
    """The company, its Notion connection, and one row bound to Alice's key result. ``cells`` is what the row holds."""

    def __init__(self, people: Company, **options: Any) -> None:
        self.company = people
        self.connection = people.connection("acme-notion", "notion", "http://127.0.0.1:9", {"token": "ntn_x"})
        people.objective("onboarding")
        people.key_result(KEY_RESULT, start=41.0, target=60.0, title="First invoice sent")
        self.cells: dict[str, FieldValue] = dict.fromkeys(FACE)
        with people.runtime.store.write() as session:
            for person in session.scalars(select(Person)):
                session.add(PersonAccount(person_id=person.id, connection_id=self.connection, account=f"n-{person.name}"))
            for kind in TITLES:
                columns = {each.field: {"id": each.field, "name": each.name, "type": each.type.value} for each in COLUMNS[kind]}
                session.add(
                    OkrDatabase(
                        connection_id=self.connection,
                        kind=kind,
                        database=f"d-{kind}",
                        source=f"s-{kind}",
                        columns=columns,
                        options=options,
                        created_at=people.runtime.now(),
                    )
                )
            session.flush()
            self.row_id = self.add_row(session, KEY_RESULT)

    def add_row(self, session: Any, record: str, kind: DatabaseKind = DatabaseKind.KEY_RESULTS) -> int:
        home = session.scalars(select(OkrDatabase).where(OkrDatabase.kind == kind)).one()
        row = OkrRow(
            connection_id=self.connection, database_id=home.id, ref=f"row-{record}", record=record, created_at=self.company.runtime.now()
        )
        session.add(row)
        session.flush()
        return int(row.id)

    # --- what happens there --------------------------------------------------------------------------------------------

    def type(self, by: str = "Alice", *, after: float = 0.0, at: datetime | None = None, **cells: FieldValue) -> None:
        """Somebody types into some cells, ``after`` that many seconds."""
        self.pass_(after)
        self.cells |= cells
        runtime = self.company.runtime
        with runtime.store.write() as session:
            row = session.get_one(OkrRow, self.row_id)
            note_typed(session, row, self.cells, list(cells), self._account(by), at or runtime.now(), runtime.epoch())
            row.agreed = {**(row.agreed or {}), **{name: dump_value(value) for name, value in cells.items()}}

    def press(self, by: str = "Alice", *, after: float = 0.0, editor: str = "", **cells: FieldValue) -> None:
        """Somebody presses the row's button; ``by`` "": the host does not say who. ``cells``: typed and not read before."""
        self.pass_(after)
        self.cells |= {name: value for name, value in cells.items() if name != "checked_in_by"}
        runtime = self.company.runtime
        with runtime.store.write() as session:
            row = session.get_one(OkrRow, self.row_id)
            values = {**self.cells, **{name: value for name, value in cells.items() if name == "checked_in_by"}}
            who, last = (self._account(by) if by else ""), (self._account(editor) if editor else "")
            note_named(row, values, last)
            note_pressed(session, row, values, who, runtime.now(), runtime.epoch(), editor=last)
            row.agreed = {**(row.agreed or {}), **{name: dump_value(value) for name, value in self.cells.items()}}

    def pass_(self, seconds: float) -> None:
        self.company.clock.ahead += seconds

    def settle(self, after: float = 16.0) -> int:
        """Let time pass, and file what is due then."""
        self.pass_(after)
        runtime = self.company.runtime
        with runtime.store.read() as session:
            connection = session.get_one(Connection, self.connection)
        return settle_due(runtime, connection)

    def _account(self, name: str) -> str:
        return f"n-{name}"

    # --- what is here then ---------------------------------------------------------------------------------------------

    def filed(self) -> list[dict[str, Any]]:
        """The check-ins that count, oldest first, by what they say."""
        return [self._said(row) for row in self.stored() if not row.draft]

    def drafts(self) -> list[dict[str, Any]]:
        return [self._said(row) for row in self.stored() if row.draft]

    def stored(self) -> list[CheckIn]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(CheckIn).order_by(CheckIn.id)))

    def _said(self, row: CheckIn) -> dict[str, Any]:
        with self.company.runtime.store.read() as session:
            person = session.get(Person, row.author_id) if row.author_id else None
        found = {name: getattr(row, name) for name in FACE}
        return {**found, "by": person.name if person else "", "source": row.source}

    def row(self, ident: int = 0) -> OkrRow:
        with self.company.runtime.store.read() as session:
            return session.get_one(OkrRow, ident or self.row_id)

    @property
    def note(self) -> str:
        return self.row().note

    @property
    def held(self) -> frozenset[str]:
        return held(self.row())

    @property
    def waiting(self) -> list[Any]:
        return updates_of(self.row())

    def settles_at(self) -> float | None:
        with self.company.runtime.store.read() as session:
            return settles_at(session, self.connection)

    def audit(self, action: str) -> list[Audit]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(Audit).where(Audit.action == action).order_by(Audit.id)))

    def rows_of(self, kind: DatabaseKind) -> list[OkrRow]:
        with self.company.runtime.store.read() as session:
            query = select(OkrRow).join(OkrDatabase, OkrDatabase.id == OkrRow.database_id).where(OkrDatabase.kind == kind)
            return list(session.scalars(query.order_by(OkrRow.id)))

    def decisions(self) -> list[Decision]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(Decision).order_by(Decision.id)))


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with company(tmp_path, database_url) as people:
        yield Desk(people)


def minute(moment: datetime) -> datetime:
    """A moment as hosts keep it: rounded down to the minute."""
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
