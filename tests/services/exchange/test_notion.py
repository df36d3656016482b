"""A Notion database of OKRs, read over HTTP from the stand-in: people by account, objectives by title, fates as for files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services.exchange import uploads
from connector.services.exchange.notion import import_notion, read_database, receive_notion
from connector.services.exchange.options import Options
from connector.store.tables import Connection, Person, PersonAccount
from tests.services.exchange.conftest import ALICE, BOB
from tests.support.standin import running
from tests.support.world import Company

PROPERTIES = {
    "Name": "title",
    "Owner": "people",
    "Start": "number",
    "Target": "number",
    "Current": "number",
    "Confidence": {"type": "select", "options": ["7", "9"]},
    "Objective": "relation",
    "Notes": "rich_text",
}


@dataclass
class Workspace:
    acme: Company
    notion: NotionSandbox
    connection: int
    source: str
    database: str
    alice: str
    bob: str

    def row(self, name: str, **values: object) -> str:
        return self.notion.world.add_row(self.source, {"Name": name, **values})


@pytest.fixture
def workspace(acme: Company) -> Iterator[Workspace]:
    notion = NotionSandbox()
    world = notion.world
    database, source = world.add_database("OKRs 2026", PROPERTIES)
    _, objectives = world.add_database("Objectives", {"Name": "title"})
    onboarding = world.add_row(objectives, {"Name": "Objective onboarding"})
    alice, bob = world.add_person("Alice N.", "alice@personal.example"), world.add_person("Bob", BOB)
    with running(notion) as url:
        connection = acme.connection("acme-notion", "notion", url, {"token": "ntn_sandbox"})
        with acme.runtime.store.write() as session:
            person = session.scalars(select(Person).where(Person.email == ALICE)).one()
            session.add(PersonAccount(person_id=person.id, connection_id=connection, account=alice))
        found = Workspace(acme, notion, connection, source, database, alice, bob)
        found.row("Key result kr-setup", Owner=[alice], Start=0, Target=100, Current=42.5, Confidence="7", Objective=[onboarding])
        found.row("=Faster", Owner=[bob], Start=1, Target=5, Objective=[onboarding], Notes="two\nlines")
        yield found


def test_a_database_is_laid_out_as_a_table(workspace: Workspace) -> None:
    table = read_database(workspace.acme.runtime, SYSTEM, "acme-notion", workspace.database)
    assert (table.title, table.rows, table.notes) == ("OKRs 2026", 2, ())
    assert table.types["Owner"] == "people"
    text = table.data.decode()
    assert ALICE in text  # by her account, not by the address that Notion has
    assert BOB in text  # by the address that Notion tells
    assert "'=Faster" in text


def test_a_dry_run_shows_fates_and_columns_and_saves_nothing(workspace: Workspace) -> None:
    outcome = import_notion(workspace.acme.runtime, "acme-notion", workspace.source, viewer=SYSTEM, dry_run=True)
    assert outcome.faults == []
    assert {(fate.place.partition(" ")[2].partition(" ")[2], fate.name, fate.action) for fate in outcome.fates} == {
        ('"Key result kr-setup"', "Objective onboarding / Key result kr-setup", "update"),
        ('"=Faster"', "Objective onboarding / =Faster", "create"),
    }
    assert outcome.columns is not None
    assert outcome.columns.columns["key_result"] == "Name"
    assert outcome.columns.columns["owner"] == "Owner"
    assert outcome.columns.unused == ("Notes",)
    assert workspace.acme.row("kr-setup").current is None


def test_the_rows_are_imported_and_a_second_time_nothing_changes(workspace: Workspace) -> None:
    acme = workspace.acme
    assert import_notion(acme.runtime, "acme-notion", workspace.source, viewer=SYSTEM).saved
    acme.work()
    assert (acme.row("kr-setup").current, acme.row("kr-setup").confidence) == (42.5, 7)
    assert acme.readings("kr-setup")[-1].source == {"file": "Notion: OKRs 2026"}
    again = import_notion(acme.runtime, "acme-notion", workspace.source, viewer=SYSTEM)
    assert {fate.action for fate in again.fates} == {"unchanged"}


def test_what_cannot_be_used_is_named_by_its_row(workspace: Workspace) -> None:
    stranger = workspace.notion.world.add_person("Guest", "guest@example.test", guest=True)
    workspace.row("New", Owner=[stranger], Start=1, Target=2)
    outcome = import_notion(workspace.acme.runtime, "acme-notion", workspace.source, viewer=SYSTEM)
    assert not outcome.saved
    (told,) = (str(fault) for fault in outcome.faults)
    assert told.endswith('"New", Objective: must not be empty')
    assert "1 accounts of Notion belong to nobody here" in outcome.notes[0]


def test_without_the_right_to_see_people_owners_are_named_row_by_row(workspace: Workspace) -> None:
    workspace.notion.missing = {"user"}
    outcome = import_notion(workspace.acme.runtime, "acme-notion", workspace.source, viewer=SYSTEM)
    (told,) = (str(fault) for fault in outcome.faults)  # Alice is known by her account
    assert '"=Faster", Owner: ' in told


def test_a_database_waits_like_an_uploaded_file(workspace: Workspace) -> None:
    acme, lead = workspace.acme, Viewer("lena", "lead")
    ident = receive_notion(acme.runtime, lead, "acme-notion", workspace.source, Options(reason="moved over"))
    uploads.check(acme.runtime, lead, ident)
    shown = uploads.progress(acme.runtime, lead, ident)
    assert (shown["state"], shown["name"], shown["options"]["origin"]) == ("checked", "OKRs 2026.csv", "Notion: OKRs 2026")
    uploads.choose(acme.runtime, lead, ident, Options(reason="moved over"))
    uploads.check(acme.runtime, lead, ident)
    uploads.run(acme.runtime, lead, ident)
    assert uploads.progress(acme.runtime, lead, ident)["state"] == "done"
    assert acme.row("kr-faster").target == 5.0


def test_what_is_not_there_is_refused(workspace: Workspace) -> None:
    runtime = workspace.acme.runtime
    with pytest.raises(NotFound):
        import_notion(runtime, "nowhere", workspace.source, viewer=SYSTEM)
    with pytest.raises(InputError, match="not shared"):
        import_notion(runtime, "acme-notion", "0" * 32, viewer=SYSTEM)
    with pytest.raises(InputError):
        import_notion(runtime, "acme-notion", "no id", viewer=SYSTEM)
    with pytest.raises(Forbidden):
        import_notion(runtime, "acme-notion", workspace.source, viewer=Viewer("x", "member"))
    with runtime.store.write() as session:
        session.execute(update(Connection).values(parked_at=runtime.now(), parked_reason="401"))
    with pytest.raises(Conflict, match="parked"):
        import_notion(runtime, "acme-notion", workspace.source, viewer=SYSTEM)
