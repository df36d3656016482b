"""A Notion workspace with one shared page and nothing on it, beside a company: for tests of set-up and adoption."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connector.domain.okr_columns import DatabaseKind
from connector.hosts.notion.sandbox import NotionSandbox
from connector.runtime import Runtime
from connector.services.okr_databases.records import databases_of
from connector.store.tables import Audit, Connection, KeyResult, Objective, OkrDatabase, OkrRow, Person, PersonAccount
from tests.support.standin import running
from tests.support.world import Company, company


@dataclass
class Bare:
    """The workspace (``sandbox.world``), the company, and what tests ask about both."""

    company: Company
    sandbox: NotionSandbox
    url: str
    connection: int
    page: str
    accounts: dict[str, str]

    @property
    def runtime(self) -> Runtime:
        return self.company.runtime

    def row(self) -> Connection:
        with self.runtime.store.read() as session:
            return session.get_one(Connection, self.connection)

    def databases(self) -> dict[DatabaseKind, OkrDatabase]:
        with self.runtime.store.read() as session:
            return databases_of(session, self.connection)

    def rows(self, kind: DatabaseKind = DatabaseKind.KEY_RESULTS) -> list[OkrRow]:
        with self.runtime.store.read() as session:
            return list(
                session.scalars(
                    select(OkrRow)
                    .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
                    .where(OkrDatabase.kind == kind)
                    .order_by(OkrRow.id)
                )
            )

    def key_results(self) -> list[KeyResult]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(KeyResult).order_by(KeyResult.created_at, KeyResult.id)))

    def objectives(self) -> list[Objective]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(Objective).where(Objective.id != "somewhere-else").order_by(Objective.id)))

    def audits(self, action: str) -> list[Audit]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(Audit).where(Audit.action == action).order_by(Audit.id)))

    def titles(self) -> list[str]:
        """The databases that stand in the workspace."""
        return sorted(each["title"] for each in self.sandbox.world.data["databases"].values() if not each.get("in_trash"))

    def requests(self) -> int:
        return self.sandbox.reads + self.sandbox.writes


@contextmanager
def bare_world(folder: Path, database_url: str = "", **settings: Any) -> Iterator[Bare]:
    with company(folder, database_url, **settings) as people:
        sandbox = NotionSandbox(clock=people.clock)
        with running(sandbox) as url:
            accounts = {name: sandbox.world.add_person(name, f"{name.lower()}@acme.example") for name in ("Alice", "Bob", "Charlie", "Eve")}
            page = sandbox.world.add_page("OKRs")
            connection = people.connection("acme-notion", "notion", url, {"token": sandbox.token})
            people.objective("somewhere-else", cycle="long ago", start=date(2001, 1, 1), end=date(2001, 3, 31))
            with people.runtime.store.write() as session:
                for person in session.scalars(select(Person).where(Person.name.in_(("Alice", "Bob", "Charlie")))):
                    session.add(PersonAccount(person_id=person.id, connection_id=connection, account=accounts[person.name]))
            yield Bare(people, sandbox, url, connection, page, accounts)


def database(scene: Bare, title: str, columns: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] = ()) -> str:
    """A database that people made, with its rows; gives its source. ``columns``: see the stand-in's ``add_database``."""
    _, source = scene.sandbox.world.add_database(title, dict(columns), page=scene.page)
    for row in rows:
        scene.sandbox.world.add_row(source, dict(row), author=scene.accounts["Alice"])
    return source
