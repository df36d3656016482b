"""Who told the number that stands: a person in a check-in or a source, in the same words wherever the number is shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.app import create_app
from connector.domain.rights import Viewer
from connector.services.check_ins import file_check_in
from connector.services.explain import sources
from connector.services.facts import load_facts
from connector.services.panels import describe_key_result
from connector.services.rollup import roll_up_dirty, want_all
from connector.store.tables import CheckIn, Connection, Item, KeyResult, Mapping, MappingItem, Person
from connector.views.query import load_key_results
from tests.support.signed_in import Visit
from tests.support.world import Company, company

CHECK_IN = {"value": 35.0, "confidence": 6, "blocker": "", "decision": "none", "comment": "counted by hand"}


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        found.objective()
        found.key_result("kr-setup")
        site = found.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "b@acme.example", "api_token": "x" * 12})
        mapping = found.mapping("kr-setup", site, select={"jql": "project = GROW"}, measure="done_share")
        with found.runtime.store.write() as session:
            session.get_one(Connection, site).last_success_at = found.runtime.now()
            row = session.get_one(Mapping, mapping)
            row.listed_at, row.resolved = found.runtime.now(), {}
            for number in range(10):
                status = "done" if number < 7 else "new"
                item = Item(connection_id=site, ref=str(number), key=f"GROW-{number}", title="Step", kind="issue", category=status)
                session.add(item)
                session.flush()
                session.add(MappingItem(mapping_id=mapping, item_id=item.id))
        settle(found)
        yield found


def settle(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        want_all(session, acme.runtime.epoch())
    acme.clock.ahead += 30
    while roll_up_dirty(acme.runtime):
        pass


def told(acme: Company) -> tuple[str, str, str]:
    """What the overview, the panels of the hosts and the explanation say."""
    now, zone = acme.runtime.now(), acme.runtime.settings.zone
    with acme.runtime.store.read() as session:
        view = load_key_results(session, Viewer("script", "admin"), ["kr-setup"], now, zone)["kr-setup"]
        facts = load_facts(session, ["kr-setup"], computing=False)["kr-setup"]
        panel = describe_key_result(facts, "http://okr", now, zone)
        return view.source, panel.source_text, sources(session, "kr-setup")[0]["explanation"]


def test_each_place_names_who_told_the_number_and_what_the_source_reads_beside_it(acme: Company) -> None:
    page, panel, explanation = told(acme)
    assert page.startswith("Jira, ")
    assert "value from Jira “project = GROW”, 10 issues, as of" in panel
    assert "told by" not in explanation
    file_check_in(acme.runtime, "kr-setup", CHECK_IN, author="bob@acme.example")
    settle(acme)
    assert acme.row("kr-setup").current == 35
    page, panel, explanation = told(acme)
    assert page == "told by Bob · Jira reads 70\u00a0%"
    assert panel.startswith("Bob for Alice, ")
    assert "value told by Bob, as of" in panel
    assert panel.endswith("Jira “project = GROW” reads 70\u00a0%")
    assert "value from" not in panel
    assert explanation.endswith("read beside the number that stands, which was told by Bob")


def test_a_later_check_in_without_a_number_tells_none(acme: Company) -> None:
    file_check_in(acme.runtime, "kr-setup", CHECK_IN, author="bob@acme.example")
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        alice = session.scalars(select(Person).where(Person.name == "Alice")).one().id
        row = CheckIn(key_result_id="kr-setup", author_id=alice, confidence=5, decision="none", source="cli", source_id="a", as_of=now)
        row.created_at = now
        session.add(row)
    settle(acme)
    page, panel, _ = told(acme)
    assert page == "told by Bob · Jira reads 70\u00a0%"
    assert panel.startswith("Alice, ")
    assert "value told by Bob" in panel


def test_when_the_source_moves_again_it_is_the_one_that_told_the_number(acme: Company) -> None:
    file_check_in(acme.runtime, "kr-setup", CHECK_IN, author="bob@acme.example")
    settle(acme)
    with acme.runtime.store.write() as session:
        session.scalars(select(Item).where(Item.ref == "9")).one().category = "done"
    acme.clock.ahead += timedelta(hours=1).total_seconds()
    settle(acme)
    assert acme.row("kr-setup").current == 80
    page, panel, explanation = told(acme)
    assert page.startswith("Jira, ")
    assert "value from Jira" in panel
    assert "told by" not in explanation


def test_who_confirms_the_source_s_number_leaves_it_the_source_s(acme: Company) -> None:
    file_check_in(acme.runtime, "kr-setup", {**CHECK_IN, "value": 70.0}, author="bob@acme.example")
    settle(acme)
    page, panel, explanation = told(acme)
    assert page.startswith("Jira, ")
    assert "value from Jira “project = GROW”, 10 issues, as of" in panel
    assert "told by" not in panel + explanation
    with acme.runtime.store.write() as session:
        session.scalars(select(Item).where(Item.ref == "9")).one().category = "done"
    settle(acme)
    file_check_in(acme.runtime, "kr-setup", {**CHECK_IN, "value": 80.0}, author="bob@acme.example", source_id="second")
    settle(acme)
    row = acme.row("kr-setup")
    assert ((row.source or {})["kind"], row.current, row.movement, row.movement_from) == ("mapping", 80, "up", 70)
    last = acme.readings("kr-setup")[-1]
    assert (last.kind, last.value, "check_in" in last.source) == ("mapping", 80, True)  # the confirmation stands in the history


def test_the_page_of_the_key_result_says_the_same(acme: Company) -> None:
    file_check_in(acme.runtime, "kr-setup", CHECK_IN, author="bob@acme.example")
    settle(acme)
    text = Visit(create_app(acme.runtime), acme.runtime, "ada@acme.example", "admin").get("/key-results/kr-setup").text
    assert "<dt>Source</dt><dd>told by Bob · Jira reads 70\u00a0%</dd>" in text
    assert "which was told by Bob" in text


def test_steps_of_other_days_are_counted_as_the_headline_counts_them(acme: Company) -> None:
    steps = [{"title": f"Step {number}", "weight": 1.0, "done": False} for number in range(4)]
    acme.key_result("kr-steps", kind="milestones", unit="", start=None, target=None, milestones=steps)
    for done in (1, 3):
        with acme.runtime.store.write() as session:
            row = session.get_one(KeyResult, "kr-steps")
            row.milestones = [{**step, "done": place < done} for place, step in enumerate(steps)]
        settle(acme)
    text = Visit(create_app(acme.runtime), acme.runtime, "ada@acme.example", "admin").get("/key-results/kr-steps").text
    assert "<b data-value>3 of 4</b>" in text
    assert "<dt>Before</dt><dd>1 of 4 on" in text
    assert all(f'text-anchor="end">{count} of 4</text>' in text for count in range(5))
