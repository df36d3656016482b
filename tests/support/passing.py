"""Hours that pass within a test: the clock's sweep and the jobs it asks for, on a clock that tests push forward. And a small Jira site."""

from __future__ import annotations

from collections.abc import Callable

from connector import schedule
from connector.hosts.jira.sandbox import JiraSandbox
from connector.queue import InlineQueue
from connector.services import drain as drains
from connector.services import listing
from connector.store.tables import Connection
from tests.support.world import Company

AUTH = {"email": "bot@acme.example", "api_token": "sandbox-token"}


class Site:
    """A company with one epic of four children; time passes with the clock's sweep, as it does in the real processes."""

    def __init__(self, people: Company, sandbox: JiraSandbox, url: str) -> None:
        self.company, self.sandbox = people, sandbox
        self.connection = people.connection("acme-jira", "jira", url, AUTH)
        self.epic = sandbox.add_issue("ACME", "Epic", type="Epic")
        self.children = [sandbox.add_issue("ACME", f"Story {number}", parent=self.epic) for number in range(4)]
        people.objective()
        people.key_result("kr")
        people.mapping("kr", self.connection, select={"epics": [self.epic]}, measure="done_share")
        self.pass_time(5.0)
        assert people.row("kr").current == 0.0

    def close(self, number: int) -> None:
        """Close a child and store the delivery about it, with the nudge of the door."""
        child = self.children[number]
        self.sandbox.set_status(child, "done")
        issue = self.sandbox.world.find(child)
        assert issue is not None
        body = {"timestamp": 1, "webhookEvent": "jira:issue_updated", "issue": {"id": issue["id"], "key": child}, "number": number}
        self.company.deliver(self.connection, body)
        self.company.runtime.queue.nudge("drain", self.connection)

    def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let the clock sweep and the workers work, ``step`` seconds at a time."""
        pass_time(self.company, seconds, step)

    def links(self) -> list[str]:
        """Summaries of our links on the epic."""
        issue = self.sandbox.world.find(self.epic)
        assert issue is not None
        return [link["body"]["object"]["summary"] for link in issue["links"].values()]

    def row(self) -> Connection:
        """The connection's row."""
        with self.company.runtime.store.read() as session:
            return session.get_one(Connection, self.connection)


def pass_time(people: Company, seconds: float, step: float = 1.0) -> None:
    """Let the clock sweep and the workers work, ``step`` seconds at a time."""
    runtime = people.runtime
    assert isinstance(runtime.queue, InlineQueue)
    jobs: dict[str, Callable[..., None]] = {"drain": drains.drain, "settle": drains.settle, "list": listing.list_all}
    for _ in range(int(seconds / step)):
        people.clock.ahead += step
        schedule.sweep(runtime)
        for _round in range(3):  # jobs nudge further jobs
            for job, arguments in list(runtime.queue.nudges):
                runtime.queue.started(job, *arguments)
                if job in jobs:
                    jobs[job](runtime, *arguments)
