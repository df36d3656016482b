"""The dashboard panel over 2,000 key results and 200,000 items: server time and statements of every view, on SQLite and Postgres.

Calls go through the whole application inside this process, with a signed token each. The viewer is a member, so that every objective is
asked for its visibility. The baseline is a panel that shows nothing.
"""

from __future__ import annotations

import gc
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import event, insert, select, text, update
from sqlalchemy.orm import Session

from bench._company import JIRA_AUTH, moment
from bench.pages import _history
from bench.recompute import ITEMS_EACH, KEY_RESULTS, fill
from bench.report import Row, at_most, beside, scaled
from connector.domain.activity import sample_days
from connector.services.forge.installations import note
from connector.store.tables import Connection, Forum, Mapping, MappingDay, Objective, Team
from tests.support.forge import BOB, Forge, forge_world
from tests.support.services import postgres_server

REPEATS = 40
BOUND = 150.0  # ms, p95
HEAVIEST = 150.0  # KB
TEAMS = 40
CONFIGS: dict[str, dict[str, Any]] = {
    "triage": {"view": "triage"},
    "triage by forum": {"view": "triage", "group": "forum", "sort": "weight"},
    "pre-read": {"view": "pre_read"},
    "decisions due": {"view": "decisions"},
    "blockers by age": {"view": "blockers"},
    "key-result card": {"view": "card"},
    "objective tree": {"view": "tree"},
    "update discipline": {"view": "discipline"},
    "busy, not moving": {"view": "busy"},
}


def run() -> list[Row]:
    """Both databases."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, forge_world(Path(folder), log_level="warning") as forge:
        rows += measure("SQLite", forge)
    with (
        postgres_server() as postgres,
        tempfile.TemporaryDirectory() as folder,
        forge_world(Path(folder), database_url=postgres.new_database(), log_level="warning") as forge,
    ):
        rows += measure("Postgres", forge)
    return rows


def measure(name: str, forge: Forge) -> list[Row]:
    """One database."""
    count = scaled(KEY_RESULTS)
    prefix = _plan(forge, count)
    gc.collect()
    gc.freeze()  # as every web process does before its first request
    try:
        return _rows(name, forge, count, prefix)
    finally:
        gc.unfreeze()


def _rows(name: str, forge: Forge, count: int, prefix: int) -> list[Row]:
    empty = _measured(forge, {"view": "triage", "team": str(prefix)})
    rows: list[Row] = []
    for title, config in CONFIGS.items():
        found = _measured(forge, config)
        rows.append(at_most(f"{name}, {count:,} key results over {count * ITEMS_EACH:,} items: {title}, p95", found.slow, "ms", BOUND))
        rows.append(beside(f"{name}: {title}, {found.statements} statements, processor time", found.processor, "ms", empty.processor))
        rows.append(at_most(f"{name}: {title}, weight", found.weight / 1000, "KB", HEAVIEST))
    rows.append(Row(f"{name}: a panel without key results, p95", empty.slow, "ms"))
    return rows


def _plan(forge: Forge, count: int) -> int:
    """Key results with histories, teams and forums; gives the id of a team without any."""
    runtime = forge.company.runtime
    fill(runtime, count)
    _history(runtime, count)
    with runtime.store.write() as session:
        row = session.scalars(select(Connection)).one()
        row.url, row.auth, forge.connection = forge.site_url, runtime.vault.seal(JIRA_AUTH), row.id
        row.last_success_at = runtime.now()
    note(runtime, forge.invocation(""))
    forge.person("bob@acme.example", BOB)
    days = sample_days(moment().date())
    with runtime.store.write() as session:
        teams = reviewed_teams(session)
        session.execute(text("UPDATE key_results SET blocker = 'A contract waits' WHERE decision_needed = 'budget'"))
        session.execute(text("UPDATE check_ins SET blocker = 'A contract waits' WHERE decision = 'budget'"))
        rows = [
            {"mapping_id": mapping, "day": day, "items": ITEMS_EACH, "done": 2 * place}
            for mapping in session.scalars(select(Mapping.id))
            for place, day in enumerate(days)
        ]
        for start in range(0, len(rows), 5_000):
            session.execute(insert(MappingDay), rows[start : start + 5_000])
        session.execute(text("UPDATE readings SET value = 40 WHERE LENGTH(key_result_id) = 5"))  # about a hundred stand still
        session.execute(text("ANALYZE"))
        return teams[TEAMS].id


def reviewed_teams(session: Session) -> list[Team]:
    """Teams in four forums, with all objectives among all but the last of them, a tenth restricted."""
    forums = [Forum(name=f"Forum {number}") for number in range(4)]
    session.add_all(forums)
    session.flush()
    teams = [Team(name=f"Team {number}", forum_id=forums[number % 4].id) for number in range(TEAMS + 1)]
    session.add_all(teams)
    session.flush()
    for number, ident in enumerate(session.scalars(select(Objective.id)).all()):
        session.execute(
            update(Objective).where(Objective.id == ident).values(team_id=teams[number % TEAMS].id, restricted=number % 10 == 0)
        )
    return teams


@dataclass(frozen=True, slots=True)
class _Measured:
    """The 95th percentile of the server's time and the median of its processor time in ms, the answer's bytes, and its statements.

    Processor time is there because other work on the machine lengthens the one and hardly the other.
    """

    slow: float
    processor: float
    weight: int
    statements: int


def _measured(forge: Forge, config: dict[str, Any]) -> _Measured:
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    times: list[float] = []
    worked: list[float] = []
    weight = 0
    event.listen(forge.company.runtime.store.engine, "before_cursor_execute", count)
    for _ in range(REPEATS + 1):
        headers = forge.headers(forge.token(forge.claims(BOB)), BOB)
        seen.clear()
        begun, busy = time.perf_counter(), time.thread_time()
        answer = forge.client.post("/forge/v1/dashboard", json={"config": config}, headers=headers)
        times.append((time.perf_counter() - begun) * 1000)
        worked.append((time.thread_time() - busy) * 1000)
        weight = len(answer.data)
        assert answer.status_code == 200, (config, answer.status_code, answer.text[:500])
    event.remove(forge.company.runtime.store.engine, "before_cursor_execute", count)
    selects = sum(statement.startswith(("SELECT", "WITH")) for statement in seen)
    times, worked = times[1:], worked[1:]  # the first one compiles templates and statements, once in a process
    return _Measured(sorted(times)[int(len(times) * 0.95)], median(worked), weight, selects)
