"""People who write comments at a Jira site, for the journeys over commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connector.hosts.jira.fields import document, plain_text
from connector.hosts.jira.sandbox import JiraSandbox
from connector.services.drain import drain
from connector.store.tables import CheckIn, CommentCommand, Person, PersonAccount
from tests.journeys.conftest import Site
from tests.support.standin import running
from tests.support.world import company

ACCOUNTS = {name: f"70121:{name}" for name in ("Alice", "Bob", "Charlie", "Eve")}


class Talk(Site):
    """The site with a key result of Alice's on its first epic, and people whose accounts are known, but for Eve."""

    epic: str

    def prepare(self) -> None:
        self.epic = self.epics[0]
        self.company.key_result("kr-setup", title="First invoice sent")
        self.company.mapping("kr-setup", self.connection, select={"epics": [self.epic]}, measure="done_share")
        with self.company.runtime.store.write() as session:
            for person in session.scalars(select(Person)):
                session.add(PersonAccount(person_id=person.id, connection_id=self.connection, account=ACCOUNTS[person.name]))
        self.company.work(self.connection)

    def work(self) -> None:
        """Do what is due, a while after the last time: nothing gathers then, so nothing is waited for."""
        self.company.clock.ahead += 5
        drain(self.company.runtime, self.connection)

    def say(self, text: Any, by: str = "Alice", *, on: str = "", tell: bool = True) -> str:
        """Write a comment and send its event; gives its id."""
        name = on or self.epic
        body = document(text) if isinstance(text, str) else text
        comment = self.sandbox.world.add_comment(name, body, {"accountId": ACCOUNTS[by], "displayName": by})
        if tell:
            self.tell(comment["id"], on=name)
        return str(comment["id"])

    def tell(self, comment: str, *, event: str = "comment_created", on: str = "") -> None:
        name = on or self.epic
        found = next(each for each in self.comments(name) if each["id"] == comment)
        shown = {"id": found["id"], "author": found["author"], "updateAuthor": found.get("updateAuthor", found["author"])}
        body = plain_text(found["body"])  # webhooks carry the older API's text
        issue = {"id": self.ref(name), "key": name}
        self.company.deliver(self.connection, {"timestamp": 1, "webhookEvent": event, "issue": issue, "comment": {**shown, "body": body}})

    def edit(self, comment: str, text: str, by: str = "") -> None:
        self.sandbox.world.edit_comment(self.epic, comment, document(text))
        found = next(each for each in self.comments() if each["id"] == comment)
        if by:
            found["updateAuthor"] = {"accountId": ACCOUNTS[by], "displayName": by}
        self.tell(comment, event="comment_updated")

    def comments(self, name: str = "") -> list[dict[str, Any]]:
        issue = self.sandbox.world.find(name or self.epic)
        assert issue is not None
        return list(issue["comments"])

    def answers(self, name: str = "") -> list[str]:
        bot = self.sandbox.world.settings["account"]["accountId"]
        return [plain_text(each["body"]) for each in self.comments(name) if each["author"]["accountId"] == bot]

    def filed(self) -> list[CheckIn]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(CheckIn).order_by(CheckIn.id)))

    def outcomes(self) -> list[str]:
        with self.company.runtime.store.read() as session:
            return list(session.scalars(select(CommentCommand.outcome).order_by(CommentCommand.id)))


@contextmanager
def talking(folder: Path, database_url: str = "") -> Iterator[Talk]:
    """A site at which people talk."""
    sandbox = JiraSandbox()
    with running(sandbox) as url, company(folder, database_url=database_url) as people:
        made = Talk(people, sandbox, url)
        made.prepare()
        yield made
