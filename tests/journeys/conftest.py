"""What journeys start from: a Jira site or a Notion workspace with a company beside it, or a key result that has its row in Notion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.services import drain as drains
from tests.journeys.row_steps import TITLE, kept_row
from tests.support.notion_place import Workspace
from tests.support.okr_notion import NotionRow, OkrScene
from tests.support.standin import running
from tests.support.world import Company, company

AUTH = {"email": "bot@acme.example", "api_token": "sandbox-token"}


class Site:
    """The company, a Jira site with two epics of four children, and a key result fed by the first."""

    def __init__(self, people: Company, sandbox: JiraSandbox, url: str) -> None:
        self.company, self.sandbox, self.url = people, sandbox, url
        self.connection = people.connection("acme-jira", "jira", url, AUTH)
        self.epics = [sandbox.add_issue("ACME", f"Epic {number}", type="Epic") for number in (1, 2)]
        self.children = {
            epic: [sandbox.add_issue("ACME", f"Story {number} of {epic}", parent=epic) for number in range(4)] for epic in self.epics
        }
        people.objective()

    def ref(self, key: str) -> str:
        issue = self.sandbox.world.find(key)
        assert issue is not None
        return str(issue["id"])

    def event(self, key: str, ref: str = "", **more: Any) -> None:
        self.company.deliver(
            self.connection,
            {"timestamp": 1, "webhookEvent": "jira:issue_updated", "issue": {"id": ref or self.ref(key), "key": key}, **more},
        )

    def close(self, key: str) -> None:
        self.sandbox.set_status(key, "done")
        self.event(key)

    def work(self) -> None:
        self.company.work(self.connection)

    def links(self, epic: str) -> dict[str, Any]:
        issue = self.sandbox.world.find(epic)
        assert issue is not None
        return {name: link["body"]["object"] for name, link in issue["links"].items()}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    sandbox = JiraSandbox()
    with running(sandbox) as url, company(tmp_path) as people:
        yield Site(people, sandbox, url)


@pytest.fixture
def box() -> NotionSandbox:
    return NotionSandbox()


@pytest.fixture
def place(tmp_path: Path, box: NotionSandbox) -> Iterator[Workspace]:
    with running(box) as url, company(tmp_path) as people:
        yield Workspace(people, box, url)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[OkrScene]:
    with kept_row(tmp_path) as found:
        yield found


@pytest.fixture
def row(scene: OkrScene) -> NotionRow:
    return scene.row(TITLE)


@pytest.fixture
def nobody_lingers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due a moment later is due at the next pass: the scene's clock goes ahead, nothing real is waited for."""
    monkeypatch.setattr(drains, "LINGER", 0.0)
