"""The preview while a form is filled in: numbers from a part first, few calls to the host, and none for what was read a moment ago."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector.errors import InputError
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services.mapping import catalog, gathering
from connector.services.preview import Answer, answer_lately, ask, preview_steps
from connector.store.tables import Connection, Mapping
from tests.support.standin import running
from tests.support.world import Company, company, eventually

MANY = 1_000
EPIC = {"connection": "acme-jira", "select": {"epics": ["ACME-1"]}, "measure": "done_share"}


@dataclass
class Bench:
    """A Jira site with an epic of a thousand children, and a Notion database."""

    company: Company
    jira: JiraSandbox
    notion: NotionSandbox
    jira_id: int
    notion_id: int
    database: str

    def steps(self, data: dict[str, Any] = EPIC, **more: Any) -> list[Answer]:
        return list(preview_steps(self.company.runtime, data, key_result="kr-setup", **more))

    def connection(self, ident: int) -> Connection:
        with self.company.runtime.store.read() as session:
            return session.get_one(Connection, ident)

    def calls(self) -> list[str]:
        """The requests since the last look."""
        made = [f"{method} {path}" for method, path, _ in [*self.jira.log, *self.notion.log]]
        self.jira.log.clear()
        self.notion.log.clear()
        return made


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    jira, notion = JiraSandbox(), NotionSandbox()
    jira.add_issue(key="ACME-1", type="Epic")
    jira.add_issue(key="ACME-2", type="Epic")
    for number in range(MANY):
        jira.add_issue(key=f"ACME-{number + 10}", parent="ACME-1", category="done" if number % 4 == 0 else "new")
    properties = {"Stage": {"type": "select", "options": ["Won", "Lost"]}, "Seats": "number"}
    database, source = notion.world.add_database("Deals", properties)
    for number in range(6):
        notion.world.add_row(source, {"Name": f"Deal {number}", "Stage": "Won" if number % 2 else "Lost", "Seats": number})
    with running(jira) as jira_url, running(notion) as notion_url, company(tmp_path) as found:
        found.objective("onboarding")
        found.key_result("kr-setup")
        ids = (
            found.connection("acme-jira", "jira", jira_url, {"email": "bot@acme.example", "api_token": "sandbox-token"}),
            found.connection("acme-notion", "notion", notion_url, {"token": "ntn_sandbox"}),
        )
        yield Bench(found, jira, notion, *ids, database)


def test_the_first_numbers_come_before_the_last_items(bench: Bench) -> None:
    steps = bench.steps()
    assert len(steps) >= 2
    first, last = steps[0], steps[-1]
    assert (first.read.complete, last.read.complete) == (False, True)
    assert 0 < first.preview.measurements[-1].items < MANY
    assert first.after is None  # a part of the items is no value
    assert last.after == 25.0
    assert last.preview.measurements[-1].items == MANY


def test_the_first_numbers_cost_few_requests(bench: Bench) -> None:
    with closing(preview_steps(bench.company.runtime, EPIC, key_result="kr-setup")) as steps:
        next(steps)
        assert len(bench.calls()) <= 4  # resolve, fields, first page, and perhaps the ids behind it


def test_all_items_cost_a_request_for_a_hundred(bench: Bench) -> None:
    bench.steps()
    assert len(bench.calls()) <= MANY / 100 + 4


def test_another_measure_mode_or_rule_over_the_same_items_asks_the_host_nothing(bench: Bench) -> None:
    bench.steps()
    bench.calls()
    for change in ({"measure": "done_count"}, {"mode": "context"}, {"wont_do": "exclude"}, {"measure": "credit_share"}):
        bench.steps({**EPIC, **change})
    assert bench.calls() == []
    bench.steps({**EPIC, "select": {"epics": ["ACME-2"]}})
    assert bench.calls() != []


def test_items_are_read_again_after_half_a_minute_and_for_a_caller_who_wants_them_fresh(bench: Bench) -> None:
    assert bench.steps()[-1].after == 25.0
    bench.jira.set_status("ACME-11", "done")
    assert bench.steps()[-1].after == 25.0
    assert bench.steps(reuse=False)[-1].after == 25.1
    bench.jira.set_status("ACME-12", "done")
    bench.company.clock.ahead += gathering.KEPT + 1
    assert bench.steps()[-1].after == 25.2


def test_other_credentials_see_nothing_of_what_the_former_ones_read(bench: Bench) -> None:
    bench.steps()
    bench.calls()
    with bench.company.runtime.store.write() as session:
        session.get_one(Connection, bench.jira_id).auth = bench.company.runtime.vault.seal(
            {"email": "bot@acme.example", "api_token": "sandbox-token"}
        )
    bench.steps()
    assert bench.calls() != []


def test_who_no_longer_waits_stops_the_reading(bench: Bench) -> None:
    bench.jira.fail(path="bulkfetch", seconds=0.2, times=1_000)
    steps = preview_steps(bench.company.runtime, EPIC, key_result="kr-setup")
    next(steps)
    steps.close()
    eventually(lambda: not any(thread.name.startswith(("preview", "jira-quick-read")) for thread in threading.enumerate()))
    made = len(bench.jira.log)
    assert made < MANY / 100 + 4
    time.sleep(0.5)
    assert len(bench.jira.log) == made


def test_a_query_is_checked_by_the_host_and_told_to_be_unbounded(bench: Bench) -> None:
    answer = bench.steps({**EPIC, "select": {"jql": "statusCategory = Done"}})[-1]
    assert any(notice.code == "query" and "not limited to a project" in notice.text for notice in answer.warnings)
    bounded = bench.steps({**EPIC, "select": {"jql": "project = ACME"}})[-1]
    assert not any(notice.code == "query" for notice in bounded.warnings)
    with pytest.raises(InputError) as caught:
        bench.steps({**EPIC, "select": {"jql": "project = = ACME"}})
    assert caught.value.where == "select.jql"


@pytest.mark.parametrize(
    ("select", "measure", "where"),
    [
        ({"database": "DATABASE", "filter": {"Stage": "Wone"}}, "count", "select.filter"),
        ({"database": "DATABASE", "filter": {"Stag": "Won"}}, "count", "select.filter"),
        ({"database": "DATABASE"}, {"sum": "Seat"}, "measure"),
        ({"database": "00000000-0000-0000-0000-000000000001"}, "count", "select"),
    ],
)
def test_what_notion_refuses_stands_at_its_part(bench: Bench, select: dict[str, Any], measure: Any, where: str) -> None:
    told = {name: bench.database if value == "DATABASE" else value for name, value in select.items()}
    with pytest.raises(InputError) as caught:
        bench.steps({"connection": "acme-notion", "select": told, "measure": measure})
    assert caught.value.where == where


def test_the_mapping_that_is_edited_does_not_count_beside_itself(bench: Bench) -> None:
    ident = bench.company.mapping("kr-setup", bench.jira_id, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    bench.company.work(bench.jira_id)
    edited = {**EPIC, "wont_do": "exclude"}
    assert {notice.code for notice in bench.steps(edited)[-1].warnings} >= {"overlap"}
    alone = bench.steps(edited, replacing=ident)[-1]
    assert "overlap" not in {notice.code for notice in alone.warnings}
    assert alone.sentence == f"{MANY} items match, 250 done: the value stays 25"


def test_other_mappings_that_are_not_read_yet_or_broken_are_told(bench: Bench) -> None:
    ident = bench.company.mapping("kr-setup", bench.jira_id, select={"epics": ["ACME-2"]}, measure="done_share", mode="value")
    assert "waiting" in {notice.code for notice in bench.steps()[-1].warnings}
    with bench.company.runtime.store.write() as session:
        session.get_one(Mapping, ident).broken = "ACME-2: no longer there"
    assert any(notice.code == "broken" and "no longer there" in notice.text for notice in bench.steps()[-1].warnings)


def test_after_saving_the_words_need_no_host(bench: Bench) -> None:
    runtime = bench.company.runtime
    assert answer_lately(runtime, ask(runtime, EPIC, key_result="kr-setup")) is None
    bench.steps()
    bench.calls()
    answer = answer_lately(runtime, ask(runtime, EPIC, key_result="kr-setup"))
    assert answer is not None
    assert answer.after == 25.0
    assert bench.calls() == []


# --- what there is to map -----------------------------------------------------------------------------------------------------


def test_typing_asks_the_host_once_for_each_new_word_and_never_again_for_its_schema(bench: Bench) -> None:
    runtime, jira = bench.company.runtime, bench.connection(bench.jira_id)
    assert catalog.described(runtime, jira) is None
    assert catalog.describe(runtime, jira).containers
    assert "GET /rest/api/3/field" in bench.calls()
    for text in ("a", "ac", "a ", " A", "ac"):
        catalog.find(runtime, jira, text)
    assert sum("search" in call for call in bench.calls()) == 2
    catalog.describe(runtime, jira)
    assert bench.calls() == []
    assert catalog.described(runtime, jira) is not None
    bench.company.clock.ahead += catalog.DESCRIBED + 1
    assert catalog.described(runtime, jira) is None


def test_a_data_source_tells_its_properties_with_their_options(bench: Bench) -> None:
    description = catalog.describe(bench.company.runtime, bench.connection(bench.notion_id))
    source = catalog.source_of(description, bench.database)
    assert source is not None
    assert {each.name: each.options for each in source.fields if each.name in ("Stage", "Seats")} == {"Stage": ("Won", "Lost"), "Seats": ()}
    assert catalog.source_of(description, source.id) == source
    assert catalog.source_of(description, bench.database, "Deals") == source
    assert catalog.source_of(description, bench.database, "Others") is None
    assert catalog.source_of(description, "") is None
