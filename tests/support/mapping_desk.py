"""The pages of mappings behind the real application, with both hosts beside it and a lead who is signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from flask import Flask

from connector.app import create_app
from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.store.tables import Mapping
from mappings.views.live import END
from tests.support.signed_in import Visit
from tests.support.standin import running
from tests.support.world import Company, company

TITLE = '<b>Guided</b> "first" run'


@dataclass
class Desk:
    """The application with both hosts, and a lead who is signed in."""

    company: Company
    app: Flask
    jira: JiraSandbox
    notion: NotionSandbox
    ids: tuple[int, int]
    database: str
    source: str
    lead: Visit

    def form(self, **values: Any) -> dict[str, Any]:
        plain = {"key_result": "kr-setup", "connection": "acme-jira", "parts_of": "acme-jira", "kind": "epics", "epic": "ACME-1"}
        return {**plain, "measure": "done_share", "mode": "value", "wont_do": "1", "owner": "alice@acme.example", **values}

    def preview(self, **values: Any) -> list[str]:
        """The fragments of a preview, as text."""
        answer = self.lead.post("/mappings/preview", self.form(**values))
        assert answer.status_code == 200
        return [text_of(part) for part in answer.text.split(END) if part.strip()]

    def save(self, **values: Any) -> Any:
        return self.lead.post("/mappings/new", self.form(**values))

    def rows(self) -> list[Mapping]:
        with self.company.runtime.store.read() as session:
            return list(session.query(Mapping).order_by(Mapping.id))


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def errors_of(html: str) -> dict[str, str]:
    return {name: text_of(text) for name, text in re.findall(r'<p class="error" id="e-([\w-]+)">(.*?)</p>', html)}


@contextmanager
def mapping_desk(folder: Path) -> Iterator[Desk]:
    jira, notion = JiraSandbox(), NotionSandbox()
    jira.add_issue("ACME", TITLE, key="ACME-1", type="Epic")
    jira.add_issue("ACME", "Team invitations", key="ACME-2", type="Epic")
    for number in range(5):
        jira.add_issue("ACME", f"Step {number}", key=f"ACME-{number + 10}", parent="ACME-1", category="done" if number < 2 else "new")
    properties = {"Stage": {"type": "select", "options": ["Won", "Lost"]}, "Seats": "number", "Paid": "checkbox"}
    database, source = notion.world.add_database("Deals", properties)
    notion.world.add_row(source, {"Name": "Deal", "Stage": "Won", "Seats": 20, "Paid": True})
    with running(jira) as jira_url, running(notion) as notion_url, company(folder) as found:
        found.objective("onboarding")
        found.key_result("kr-setup")
        found.key_result("kr-seats", unit="seats", target=100.0)
        ids = (
            found.connection("acme-jira", "jira", jira_url, {"email": "bot@acme.example", "api_token": "sandbox-token"}),
            found.connection("acme-notion", "notion", notion_url, {"token": "ntn_sandbox"}),
        )
        app = create_app(found.runtime)
        yield Desk(found, app, jira, notion, ids, database, source, Visit(app, found.runtime, "alice@acme.example", "lead"))
