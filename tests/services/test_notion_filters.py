"""Filters on Notion properties in the whole loop: windows move by themselves, people are found by e-mail, what is lost is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.rights import Viewer
from connector.errors import InputError
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import sync as syncs
from connector.services.drift.findings import find
from connector.services.explain import sources
from connector.services.preview import preview_mapping
from connector.store.tables import Mapping, Person, PersonAccount
from tests.support.standin import running
from tests.support.world import Company, company

BEN = "1111abcd-0123-4567-89ab-0123456789ab"
ADMIN = Viewer("admin", "admin")


@dataclass
class Desk:
    company: Company
    box: NotionSandbox
    connection: int
    database: str
    source: str

    def map(self, filter_: dict[str, Any], measure: Any = "count", **more: Any) -> int:
        rule = {"select": {"database": self.database, "filter": filter_}, "measure": measure, **more}
        made = self.company.mapping("kr-deals", self.connection, **rule)
        self.company.work(self.connection)
        return made

    def night(self, days: int = 0) -> Any:
        self.company.clock.ahead += days * 86_400
        run = syncs.sync_connection(self.company.runtime, self.connection, trigger="test")
        self.company.work(self.connection)
        return run

    @property
    def value(self) -> float | None:
        return self.company.row("kr-deals").current

    def broken(self, mapping: int) -> str | None:
        with self.company.runtime.store.read() as session:
            return session.get_one(Mapping, mapping).broken

    def day(self, ahead: int) -> str:
        return (self.today + timedelta(days=ahead)).isoformat()

    @property
    def today(self) -> date:
        return self.company.runtime.now().astimezone(self.company.runtime.settings.zone).date()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with _desk(tmp_path) as found:
        yield found


@contextmanager
def _desk(folder: Path) -> Iterator[Desk]:
    box = NotionSandbox()
    groups = {"To-do": ["Idea"], "In progress": ["Doing"], "Complete": ["Won", "Lost"]}
    database, source = box.world.add_database(
        "Deals", {"Stage": {"type": "status", "groups": groups}, "Signed": "date", "Seller": "people", "Seats": "number", "Hours": "rollup"}
    )
    with running(box) as url, company(folder) as found:
        found.objective()
        found.key_result("kr-deals", unit="deals", target=10.0)
        connection = found.connection("acme-notion", "notion", url, {"token": "ntn_sandbox"})
        yield Desk(found, box, connection, database, source)


def test_a_relative_window_moves_with_the_night(desk: Desk) -> None:
    for name, ahead in (("old", -9), ("recent", -3), ("today", 0), ("soon", 2)):
        desk.box.world.add_row(desk.source, {"Name": name, "Signed": desk.day(ahead)})
    desk.map({"Signed": {"last_days": 7}})
    assert desk.value == 2.0  # recent and today
    desk.night(days=2)
    assert desk.value == 3.0  # and what was signed meanwhile
    desk.night(days=4)
    assert desk.value == 2.0  # "recent" has left the window though nobody touched it
    sent = [body["filter"] for _, path, _, body in desk.box.log if path.endswith("/query") and "and" in body.get("filter", {})]
    first, last = sent[-1]["and"]
    assert [first["date"], last["date"]] == [{"on_or_after": desk.day(-7)}, {"on_or_before": desk.day(1)}]


def test_the_cycle_of_the_key_result_is_a_window(desk: Desk) -> None:
    for name, ahead in (("before", -41), ("first day", -40), ("last day", 50), ("after", 51)):
        desk.box.world.add_row(desk.source, {"Name": name, "Signed": desk.day(ahead)})
    desk.map({"Signed": {"cycle": "this"}})
    assert desk.value == 2.0
    data = {"connection": "acme-notion", "select": {"database": desk.database, "filter": {"Signed": {"cycle": "this"}}}, "measure": "count"}
    assert preview_mapping(desk.company.runtime, data, key_result="kr-deals")["after"] == 2.0
    without = preview_mapping(desk.company.runtime, data)
    assert any("the filter property cannot be read" in each["text"] for each in without["warnings"])  # whose cycle?


def test_a_person_is_named_by_e_mail_and_found_by_account(desk: Desk) -> None:
    desk.box.world.add_row(desk.source, {"Name": "a", "Seller": [BEN]})
    desk.box.world.add_row(desk.source, {"Name": "b"})
    select = {"database": desk.database, "filter": {"Seller": {"person": "bob@acme.example"}}}
    data = {"connection": "acme-notion", "select": select, "measure": "count"}
    with pytest.raises(InputError, match=r"bob@acme\.example has no account in this workspace"):
        preview_mapping(desk.company.runtime, data, key_result="kr-deals")
    with desk.company.runtime.store.write() as session:
        bob = session.query(Person).filter_by(email="bob@acme.example").one()
        session.add(PersonAccount(person_id=bob.id, connection_id=desk.connection, account=BEN))
    mapping = desk.map(select["filter"])
    assert desk.value == 1.0
    with desk.company.runtime.store.write() as session:
        session.query(PersonAccount).delete()
    desk.night()
    assert "bob@acme.example has no account" in str(desk.broken(mapping))


def test_a_deleted_option_breaks_the_mapping_and_a_renamed_one_is_followed(desk: Desk) -> None:
    for name, stage in (("a", "Won"), ("b", "Won"), ("c", "Doing")):
        desk.box.world.add_row(desk.source, {"Name": name, "Stage": stage})
    mapping = desk.map({"Stage": "Won"})
    assert desk.value == 2.0
    prop = desk.box.world.data["sources"][desk.source]["properties"][desk.box.world.property_id(desk.source, "Stage")]
    option = next(each for each in prop["status"]["options"] if each["name"] == "Won")
    option["name"] = "Signed off"
    for row in desk.box.world.data["pages"].values():
        if (held := row["values"].get(prop["id"])) and held["name"] == "Won":
            held["name"] = "Signed off"
    desk.night()
    assert (desk.value, desk.broken(mapping)) == (2.0, None)
    with desk.company.runtime.store.read() as session:
        told = [each.sentence for each in find(session, ADMIN, desk.today)]
    assert "the option “Won” of “Stage” is called “Signed off” now" in told
    prop["status"]["options"].remove(option)
    desk.night()
    assert desk.broken(mapping) == '"Won" is not an option of "Stage" in Deals; the options are: Idea, Doing, Lost'
    assert desk.value == 2.0  # the last one that was known, and the source says that it cannot be read


def test_groups_decide_and_the_explanation_says_so(desk: Desk) -> None:
    for name, stage in (("a", "Won"), ("b", "Lost"), ("c", "Doing"), ("d", None)):
        desk.box.world.add_row(desk.source, {"Name": name, "Stage": stage, "Seats": 3})
    desk.map({"Stage": [{"group": "Complete"}, "Doing"]}, {"sum": "Seats", "of": "done"})
    assert desk.value == 6.0
    with desk.company.runtime.store.read() as session:
        (told,) = sources(session, "kr-deals")
    assert told["query"] == "rows of Deals where Stage is in the group Complete or is Doing"


def test_a_number_that_notion_computes_is_used_with_its_doubt(desk: Desk) -> None:
    for name, hours in (("a", {"type": "number", "number": 4, "function": "sum"}), ("b", {"type": "incomplete", "incomplete": {}})):
        desk.box.world.add_row(desk.source, {"Name": name, "Hours": hours})
    data = {"connection": "acme-notion", "select": {"database": desk.database}, "measure": {"sum": "Hours", "of": "all"}}
    shown = preview_mapping(desk.company.runtime, data, key_result="kr-deals")
    assert any(each["code"] == "computed" and "no more than 25 related rows" in each["text"] for each in shown["warnings"])
    desk.company.mapping("kr-deals", desk.connection, **{name: value for name, value in data.items() if name != "connection"})
    desk.company.work(desk.connection)
    with desk.company.runtime.store.read() as session:
        (told,) = sources(session, "kr-deals")
    assert "“Hours” is computed by Notion" in told["explanation"]
    assert told["without_number"] == 1
