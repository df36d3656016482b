"""A Notion workspace with the four OKR databases, a company beside it, and the wires between: for tests of rows, check-ins and panels.

``with okr_world(tmp_path) as scene:`` gives a scene whose databases were made through the real ``create`` over real HTTP. ``scene.world``
is the workspace (change it as a person would), ``scene.runtime``, ``scene.connection`` (its id), ``scene.company`` (objectives, key
results, clock). ``scene.drain()`` hands every event that the workspace announced since to the connector and works off what is due, a
while later. ``scene.row(title)`` is a row as a person sees it::

    with okr_world(tmp_path) as scene:
        scene.objective("onboarding")                       # a record here; its row is made by the next drain
        scene.key_result("kr-setup", title="First invoice sent")
        scene.drain()
        row = scene.row("First invoice sent")
        row.edit({"Confidence": 7, "Owner": ["Bob"]}, by="Alice")
        scene.drain()
        assert row["OKR status"] == "On track"
        new = scene.add_row({"Key result": "Typed in Notion"}, by="Bob")

Alice, Bob and Charlie are known here and have accounts there; Eve is a member of the workspace whom nobody here knows. The stand-in and
the company share one clock that tests move: ``scene.company.clock.ahead += 60``. ``scene.sandbox`` has faults, counts and the log of
requests; ``scene.count()`` gives requests since it was asked last as (reads, writes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connector.domain.model import FieldValue
from connector.domain.okr_columns import COLUMNS, IN_ORDER, TITLES, DatabaseKind
from connector.hosts.notion.fields import field_value
from connector.hosts.notion.sandbox import NotionSandbox
from connector.hosts.notion.sandbox_tables import Tables
from connector.hosts.notion.sandbox_values import empty, plain, shown_value
from connector.hosts.notion.sandbox_world import World
from connector.hosts.okr_databases import FoundDatabase, OkrDatabases
from connector.runtime import Runtime
from connector.services.drain import drain
from connector.services.okr_databases.columns import by_name
from connector.services.okr_databases.faces import want_faces
from connector.services.okr_databases.keeping import keep
from connector.services.okr_databases.records import databases_of
from connector.store.tables import Audit, CheckIn, Connection, OkrRow, Person, PersonAccount
from tests.support.standin import running
from tests.support.world import Company, company

NAMES = ("Alice", "Bob", "Charlie", "Eve")
HERE = ("Alice", "Bob", "Charlie")


@dataclass
class NotionRow:
    """A row of one of the databases, seen and edited as a person does."""

    scene: OkrScene
    ref: str

    @property
    def page(self) -> dict[str, Any]:
        """The page as the stand-in keeps it."""
        page: dict[str, Any] = self.scene.world.data["pages"][self.ref]
        return page

    def __getitem__(self, name: str) -> FieldValue:
        """What stands in a column, by its present name; people as account ids, relations as refs."""
        source = self.scene.world.data["sources"][self.page["source"]]
        prop = next(each for each in source["properties"].values() if each["name"] == name)
        return field_value(shown_value(prop, self.page["values"].get(prop["id"], empty(prop["type"]))))

    def edit(self, values: Mapping[str, Any], by: str = "Alice") -> None:
        """A person edits columns, by name; people are named. Each column is an edit of its own, as in the app."""
        for name, value in values.items():
            self.scene.world.set_property(self.ref, name, self.scene.typed(self.page["source"], name, value), author=self.scene.account(by))

    def trash(self, by: str = "Alice") -> None:
        self.scene.world.trash(self.ref, author=self.scene.account(by))

    def restore(self, by: str = "Alice") -> None:
        self.scene.world.restore(self.ref, author=self.scene.account(by))


@dataclass
class OkrScene:
    """See the module's words."""

    company: Company
    sandbox: NotionSandbox
    url: str
    connection: int
    page: str
    databases: dict[DatabaseKind, FoundDatabase]
    accounts: dict[str, str]
    _told: int = 0
    _counted: tuple[int, int] = (0, 0)

    @property
    def world(self) -> World:
        return self.sandbox.world

    @property
    def runtime(self) -> Runtime:
        return self.company.runtime

    def account(self, name: str) -> str:
        """The Notion account of one of ``NAMES``; any other text is taken as an account id."""
        return self.accounts.get(name, name)

    def source(self, kind: DatabaseKind = DatabaseKind.KEY_RESULTS) -> str:
        return self.databases[kind].source

    @contextmanager
    def host(self) -> Iterator[OkrDatabases]:
        """The OKR databases of the connection, as the services open them."""
        found = self.runtime.okr_databases(self.connection_row())
        assert found is not None
        try:
            yield found
        finally:
            found.close()

    # --- records here --------------------------------------------------------------------------------------------------

    def objective(self, name: str = "onboarding", **more: Any) -> str:
        """A public objective of a running cycle, whose row is wanted."""
        made = self.company.objective(name, **more)
        self.want()
        return made

    def key_result(self, name: str, objective: str = "onboarding", **columns: Any) -> str:
        """A key result, Alice's unless ``owner_id`` says otherwise, whose row is wanted."""
        made = self.company.key_result(name, objective, **columns)
        self.want()
        return made

    def want(self) -> None:
        """Want a row for each public record that has none yet."""
        with self.runtime.store.write() as session:
            today: date = self.runtime.now().astimezone(self.runtime.settings.zone).date()
            want_faces(session, databases_of(session, self.connection), today, self.runtime.epoch(), self.runtime.now())

    def person(self, name: str) -> Person:
        with self.runtime.store.read() as session:
            return session.scalars(select(Person).where(Person.email == f"{name.lower()}@acme.example")).one()

    def connection_row(self) -> Connection:
        with self.runtime.store.read() as session:
            return session.get_one(Connection, self.connection)

    def rows_here(self) -> list[OkrRow]:
        """What the connector knows of rows, in the order in which it came to know them."""
        with self.runtime.store.read() as session:
            return list(session.scalars(select(OkrRow).where(OkrRow.connection_id == self.connection).order_by(OkrRow.id)))

    def row_here(self, ref: str) -> OkrRow:
        return next(each for each in self.rows_here() if each.ref == ref)

    def check_ins(self) -> list[CheckIn]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(CheckIn).order_by(CheckIn.id)))

    def audit(self, action: str = "") -> list[Audit]:
        with self.runtime.store.read() as session:
            return [each for each in session.scalars(select(Audit).order_by(Audit.id)) if action in ("", each.action)]

    # --- rows there ----------------------------------------------------------------------------------------------------

    def rows(self, kind: DatabaseKind = DatabaseKind.KEY_RESULTS) -> list[NotionRow]:
        """The living rows of a database."""
        return [NotionRow(self, each["id"]) for each in self.world.rows(self.source(kind)) if not each["in_trash"]]

    def row(self, title: str, kind: DatabaseKind = DatabaseKind.KEY_RESULTS) -> NotionRow:
        """The one living row with this title."""
        found = [each for each in self.rows(kind) if plain(each.page["values"].get("title")) == title]
        assert len(found) == 1, f"{len(found)} rows are called {title!r}"
        return found[0]

    def add_row(self, values: Mapping[str, Any], kind: DatabaseKind = DatabaseKind.KEY_RESULTS, by: str = "Alice") -> NotionRow:
        """A person makes a row; ``values`` by column name, people by name."""
        source = self.source(kind)
        typed = {name: self.typed(source, name, value) for name, value in values.items()}
        return NotionRow(self, self.world.add_row(source, typed, author=self.account(by)))

    def typed(self, source: str, name: str, value: Any) -> Any:
        """A value as the stand-in takes it: names of people as accounts, rows as refs."""
        prop = next(each for each in self.world.data["sources"][source]["properties"].values() if each["name"] == name)
        if prop["type"] in ("people", "relation"):
            entries: Sequence[Any] = () if value is None else [value] if isinstance(value, str | NotionRow) else value
            return [each.ref if isinstance(each, NotionRow) else self.account(each) for each in entries]
        return value

    # --- time and work -------------------------------------------------------------------------------------------------

    def tell(self) -> int:
        """Hand the events that the workspace announced since to the door's table; returns how many there were."""
        new = self.sandbox.events[self._told :]
        self._told += len(new)
        for event in new:
            self.company.deliver(self.connection, event)
        return len(new)

    def drain(self, ahead: float = 5.0, *, rounds: int = 4) -> None:
        """Work off what is due, with the events of what that does at the host, until nothing new is announced."""
        for _ in range(rounds):
            self.tell()
            self.company.clock.ahead += ahead
            drain(self.runtime, self.connection)
            if self._told == len(self.sandbox.events):
                return

    def count(self) -> tuple[int, int]:
        """(reads, writes) that the stand-in got since this was asked last."""
        before, self._counted = self._counted, (self.sandbox.reads, self.sandbox.writes)
        return self._counted[0] - before[0], self._counted[1] - before[1]


@contextmanager
def okr_world(folder: Path, *, database_url: str = "", options: Mapping[str, Any] | None = None, **settings: Any) -> Iterator[OkrScene]:
    """A scene with empty databases. ``options``: of the OKR databases; ``settings``: of the connector."""
    with company(folder, database_url, **settings) as people, okr_beside(people, options) as scene:
        yield scene


@contextmanager
def okr_beside(people: Company, options: Mapping[str, Any] | None = None) -> Iterator[OkrScene]:
    """A scene for a company that is there already, beside what else it has."""
    sandbox = NotionSandbox(clock=people.clock)
    with running(sandbox) as url:
        yield _made(people, sandbox, url, dict(options or {}))


def _made(people: Company, sandbox: NotionSandbox, url: str, options: dict[str, Any]) -> OkrScene:
    world: Tables = sandbox.world
    accounts = {name: world.add_person(name, f"{name.lower()}@acme.example") for name in NAMES}
    page = sandbox.world.add_page("OKRs")
    connection = people.connection("acme-notion", "notion", url, {"token": sandbox.token})
    scene = OkrScene(people, sandbox, url, connection, page, {}, accounts)
    people.objective("somewhere-else", cycle="long ago", start=date(2001, 1, 1), end=date(2001, 3, 31))  # makes the people
    with people.runtime.store.write() as session:
        for person in session.scalars(select(Person).where(Person.name.in_(HERE))):
            session.add(PersonAccount(person_id=person.id, connection_id=connection, account=accounts[person.name]))
    with scene.host() as host:
        related: dict[DatabaseKind, str] = {}
        for kind in IN_ORDER:
            found = host.create(page, kind, TITLES[kind], COLUMNS[kind], related)
            related[kind] = found.source
            scene.databases[kind] = found
            with people.runtime.store.write() as session:
                keep(session, connection, kind, found, by_name(kind, found), people.runtime.now(), page=page, options=options)
        with people.runtime.store.write() as session:
            session.get_one(Connection, connection).bot_id = host.bot()
    scene._told = len(sandbox.events)
    scene.count()
    return scene
