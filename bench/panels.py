"""The panel of an issue over 2,000 key results and 200,000 items: server time, statements and bytes, on SQLite and Postgres.

Calls go through the whole application inside this process, token and right to see the issue included (Jira's answer is remembered
after the first). The baseline for finding an issue's key results is to ask every mapping of the connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import event, insert, update

from bench._company import moment
from bench._databases import on_both
from bench.pages import _history, _p95
from bench.recompute import ITEMS_EACH, KEY_RESULTS, fill
from bench.report import Row, at_most, beside, scaled
from connector.domain.rights import SYSTEM
from connector.runtime import Runtime
from connector.services.forge.installations import note
from connector.services.forge.issue_links import find_issue, key_results_of_issue
from connector.store.tables import Connection, Item, KeyResult, Mapping, MappingItem, Objective
from mappings.repository import load_links
from tests.support.forge import ALICE, Forge, forge_world

BOUND = 150.0  # ms, p95
TIMES = 15
MOST_STATEMENTS = 10
SHARED = 12  # key results that the first epic serves
HUGE = 10_000  # items of one mapping


def run() -> list[Row]:
    """Both databases."""
    return on_both(measure)


def measure(name: str, folder: Path, url: str) -> list[Row]:
    """One database."""
    count = scaled(KEY_RESULTS, SHARED + 2)
    with forge_world(folder, database_url=url) as forge:
        runtime = forge.company.runtime
        cases = _plant(forge, count)
        client = _Caller(forge)
        rows: list[Row] = []
        for title, issue in cases.items():
            client.issue = issue
            client.get("/forge/v1/issue")  # asks Jira for the right to see the issue
            slow, weight = _p95(client, "/forge/v1/issue")  # type: ignore[arg-type]  # it gets, which is all that is asked of it
            rows.append(at_most(f"{name}, {count:,} key results over {count * ITEMS_EACH:,} items: {title}, p95", slow, "ms", BOUND))
            rows.append(Row(f"{name}: {title}, processor time", _processor(client), "ms"))
            rows.append(Row(f"{name}: {title}, weight", weight / 1000, "KB"))
        client.issue = cases["an epic of 12 key results"]
        rows.append(at_most(f"{name}: statements that read it, the door’s too", _reads(runtime, client), "", MOST_STATEMENTS + 4))
        rows.append(_finding(name, runtime, cases["a story"]))
        return rows


class _Caller:
    """A person who opens the panel of an issue again and again, each time with a fresh token."""

    def __init__(self, forge: Forge) -> None:
        self.forge = forge
        self.issue = ""

    def get(self, path: str):  # type: ignore[no-untyped-def]  # the client's answer
        """One call; signing is Atlassian's time, not ours, but it is small."""
        return self.forge.call("GET", path, issue=self.issue)


def _plant(forge: Forge, count: int) -> dict[str, str]:
    """The company, its history, and the issues to look at: what they are → their id."""
    runtime = forge.company.runtime
    fill(runtime, count)
    _history(runtime, count)
    middle = count // 2
    story = 100_000 + middle * ITEMS_EACH + 7
    with runtime.store.write() as session:
        session.execute(update(Connection).values(url=forge.site_url, auth=runtime.vault.seal({"email": "b@a.example", "api_token": "t"})))
        for number in range(SHARED):
            epics = ["ACME-1", f"ACME-{number + 1}"]
            resolved = {"refs": {"ACME-1": "1", f"ACME-{number + 1}": str(number + 1)}, "fields": {"": ["customfield_10016"]}}
            rule = {"select": {"epics": list(dict.fromkeys(epics))}, "measure": "points_share"}
            session.execute(update(Mapping).where(Mapping.id == number + 1).values(rule=rule, resolved=resolved))
        known = session.get_one(Item, 1)
        session.execute(
            insert(Item),
            [
                {
                    "id": 10_000_000 + number, "connection_id": known.connection_id,
                    "ref": str(number + 1), "key": f"ACME-{number + 1}", "title": f"Epic {number}",
                    "kind": "epic", "container": "ACME", "parents": [], "fields": {}, "created_at": moment(), "seen_at": moment(),
                }
                for number in range(count)
            ],
        )  # fmt: skip
        above = Objective(id="company", title="Run your books from one place", cycle_id=1, created_at=moment())
        session.add(above)
        session.flush()
        session.execute(update(Objective).where(Objective.id != "company").values(supports_id="company"))
        # One key result on a whole project: more items than one panel counts.
        last = session.get_one(KeyResult, f"kr1-{count - 1}")
        last.source = {"kind": "mapping", "items": HUGE, "done": HUGE // 3, "total": HUGE}
    _widen(runtime, count)
    for ident in (str(middle + 1), str(story), "1", str(count), "9999999"):
        forge.jira.add_issue("ACME", f"Issue {ident}", id=ident, key=f"ACME-{ident}")
    note(runtime, forge.invocation(""))
    with runtime.store.read() as session:
        forge.connection = session.get_one(Mapping, 1).connection_id
        assert session.get_one(Connection, forge.connection).installation_id is not None
    forge.person("alice@acme.example", ALICE, "admin")
    return {
        "an epic": str(middle + 1),
        "a story": str(story),
        "an epic of 12 key results": "1",
        f"an epic of a mapping of {HUGE:,} items": str(count),
        "an issue that serves none": "9999999",
    }


def _widen(runtime: Runtime, count: int) -> None:
    """Give the last mapping ``HUGE`` items of the others, or all there are."""
    with runtime.store.write() as session:
        most = min(HUGE, (count - 1) * ITEMS_EACH)
        before = (count - 1) * ITEMS_EACH - most
        rows = [{"mapping_id": count, "item_id": before + number + 1} for number in range(most)]
        for start in range(0, len(rows), 5_000):
            session.execute(insert(MappingItem), rows[start : start + 5_000])


def _processor(client: _Caller) -> float:
    """Milliseconds of processor time for one panel: what is left of the server time on a machine with nothing else to do."""
    begun = time.process_time()
    for _ in range(TIMES):
        client.get("/forge/v1/issue")
    return (time.process_time() - begun) * 1000 / TIMES


def _reads(runtime: Runtime, client: _Caller) -> float:
    told: list[str] = []

    def note_it(*given: object) -> None:
        told.append(str(given[2]))

    event.listen(runtime.store.engine, "before_cursor_execute", note_it)
    client.get("/forge/v1/issue")
    event.remove(runtime.store.engine, "before_cursor_execute", note_it)
    return float(sum(each.lstrip().upper().startswith(("SELECT", "WITH")) for each in told))


def _finding(name: str, runtime: Runtime, ref: str) -> Row:
    """Finding the key results of an issue, beside asking every mapping of the connection whether it names something above it."""
    with runtime.store.read() as session:
        connection = session.get_one(Mapping, 1).connection_id

        def ask_all() -> list[str]:
            issue = find_issue(session, connection, ref)
            names = {issue.ref, *issue.above}
            return [
                link.key_result_id for link in load_links(session, connection_id=connection) if names & set(link.resolved.refs.values())
            ]

        def ask_ours() -> list[str]:
            return [each.id for each in key_results_of_issue(session, SYSTEM, connection, ref)]

        assert set(ask_all()) <= set(ask_ours())  # membership finds more: JQL and projects name no epic
        return beside(f"{name}: finding the key results of a story, median", _median(ask_ours), "ms", _median(ask_all))


def _median(do: Callable[[], object]) -> float:
    times = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        do()
        times.append((time.perf_counter() - begun) * 1000)
    return sorted(times)[len(times) // 2]
