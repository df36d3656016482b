"""A Jira site with a company beside it, for the journeys over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.hosts.jira.sandbox import JiraSandbox
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
