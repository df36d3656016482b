"""Two stand-ins on real sockets, a real database, and the file of ``apply`` that fits them."""

# ruff: noqa: E501  # lines of YAML stay whole

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.errors import Faults
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.runtime import Runtime
from connector.services.declare.apply import Outcome, apply_text
from connector.store.base import Base
from connector.store.tables import Audit, Connection, Counter
from tests.support.standin import running
from tests.support.world import Clock, company

SECRETS = {
    "JIRA_TOKEN": "sandbox-token",
    "JIRA_WEBHOOK_SECRET": "jira-webhook-secret",
    "NOTION_TOKEN": "ntn_sandbox",
    "NOTION_WEBHOOK_SECRET": "secret_notion-verification",
}

EXAMPLE = """\
version: 1
connections:
  acme-jira:
    host: jira
    url: {jira}          # any base URL: a stand-in's in tests
    auth: {{email: bot@acme.example, api_token: "${{JIRA_TOKEN}}"}}   # or {{cloud_id, client_id, client_secret}} for a service account
    webhook_secret: "${{JIRA_WEBHOOK_SECRET}}"
  acme-notion:
    host: notion
    url: {notion}
    auth: {{token: "${{NOTION_TOKEN}}"}}
    webhook_secret: "${{NOTION_WEBHOOK_SECRET}}"   # the verification token
people:
  - {{email: alice@acme.example, name: Alice, accounts: {{acme-jira: "5b10a2844c20165700ede21g", acme-notion: "6a2f…"}}}}
teams: [{{name: Growth, lead: alice@acme.example}}]
cycles: {{2026-Q4: {{start: 2026-10-01, end: 2099-12-31}}}}
objectives:
  - id: onboarding
    title: New customers succeed in their first week
    cycle: 2026-Q4
    team: Growth
    supports: null                           # id of the objective it serves
    panels: [{{connection: acme-notion, page: "{page}"}}]
    key_results:
      - id: kr-setup
        title: Guided set-up shipped
        owner: alice@acme.example
        kind: metric                         # metric | at_least | at_most | between | yes_no | milestones
        unit: "%"
        start: 0
        target: 100
        weight: 1
        cadence: weekly                      # weekly | fortnightly
        mappings:
          - {{connection: acme-jira, select: {{epics: [ACME-1, ACME-7]}}, measure: done_share, mode: value}}
          - {{connection: acme-jira, select: {{jql: 'project = ACME AND labels = onboarding'}}, measure: {{sum: "Story Points", of: done}}, mode: context}}
      - id: kr-signups
        title: Weekly active sign-ups from 400 to 900
        owner: alice@acme.example
        start: 400
        target: 900
        mappings:
          - {{connection: acme-notion, select: {{database: "{database}", data_source: null, filter: {{Stage: Won}}}}, measure: {{sum: Seats}}, mode: value}}
"""


@dataclass
class Scene:
    """Hosts, database and file of one test."""

    runtime: Runtime
    clock: Clock
    jira: JiraSandbox
    notion: NotionSandbox
    jira_url: str
    notion_url: str
    database: str
    source: str
    page: str
    folder: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(SECRETS))

    def text(self, *changes: tuple[str, str]) -> str:
        """The example file, with pieces replaced."""
        text = EXAMPLE.format(jira=self.jira_url, notion=self.notion_url, page=self.page, database=self.database)
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        return text

    def apply(self, *changes: tuple[str, str], dry_run: bool = False) -> Outcome:
        return apply_text(self.runtime, self.text(*changes), self.environ, dry_run=dry_run)

    def refused(self, *changes: tuple[str, str]) -> list[tuple[int, str, str]]:
        """(line, field, message) of every error; nothing may have been written."""
        before = self.dump()
        with pytest.raises(Faults) as caught:
            self.apply(*changes)
        assert self.dump() == before
        for error in caught.value.errors:
            for secret in self.environ.values():
                assert secret not in str(error)
        return [(error.line or 0, error.where, error.message) for error in caught.value.errors]

    def line(self, piece: str, *changes: tuple[str, str]) -> int:
        """The line of the changed file in which ``piece`` stands first."""
        return next(number for number, line in enumerate(self.text(*changes).splitlines(), 1) if piece in line)

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables, but for the installation's own id."""
        with self.runtime.store.read() as session:
            return {
                name: sorted(map(tuple, session.execute(select(table))), key=repr)
                for name, table in Base.metadata.tables.items()
                if table is not Counter.__table__
            }

    def rows(self, table: type[Any]) -> list[Any]:
        with self.runtime.store.read() as session:
            return list(session.scalars(select(table).order_by(*table.__table__.primary_key.columns)))

    def row(self, table: type[Any], key: Any) -> Any:
        with self.runtime.store.read() as session:
            return session.get_one(table, key)

    def connection(self, name: str) -> Connection:
        with self.runtime.store.read() as session:
            return session.scalars(select(Connection).where(Connection.name == name)).one()

    def audit(self) -> list[Audit]:
        return self.rows(Audit)


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    jira = JiraSandbox()
    for key, kind, above in (
        ("ACME-1", "Epic", None),
        ("ACME-7", "Epic", None),
        ("ACME-10", "Story", "ACME-1"),
        ("ACME-11", "Story", "ACME-1"),
        ("ACME-12", "Story", "ACME-7"),
    ):
        jira.add_issue(key=key, type=kind, parent=above, labels=["onboarding"], category="done" if key == "ACME-10" else "new")
    notion = NotionSandbox()
    properties = {"Stage": {"type": "select", "options": ["Won", "Lost"]}, "Seats": "number"}
    database, source = notion.world.add_database("Deals", properties)
    notion.world.add_row(source, {"Name": "Acme", "Stage": "Won", "Seats": 450})
    page = notion.world.add_page("Onboarding")
    with running(jira) as jira_url, running(notion) as notion_url, company(tmp_path, database_url) as found:
        yield Scene(found.runtime, found.clock, jira, notion, jira_url, notion_url, database, source, page, tmp_path)
