"""An epic with weeks of history behind it, for tests and pictures of the issue panel: points, check-ins, readings, goals above."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from werkzeug.test import TestResponse

from connector.services.drain import settle
from connector.services.rollup import want_all
from connector.store.tables import CheckIn, Connection, Objective, Person, Reading
from tests.support.forge import ALICE, Forge, forge_site
from tests.support.world import Company

EPIC, OTHER, STORY = "ACME-1", "ACME-2", "ACME-11"


@dataclass
class IssueScene:
    """One site whose epic ACME-1 serves "kr-invoice": two epics with points, five check-ins that say 42."""

    forge: Forge

    @property
    def company(self) -> Company:
        """The company behind it."""
        return self.forge.company

    def ref(self, key: str) -> str:
        """The numeric id of an issue."""
        return next(str(each["id"]) for each in self.forge.jira.world.issues.values() if each["key"] == key)

    def panel(self, key: str = EPIC, account: str = ALICE, query: str = "", **more: Any) -> TestResponse:
        """The panel of an issue, as the bundle asks for it."""
        return self.forge.call("GET", f"/forge/v1/issue{query}", account=account, issue=self.ref(key), **more)

    def text(self, key: str = EPIC, account: str = ALICE, query: str = "") -> str:
        """What a person reads there."""
        answer = self.panel(key, account, query)
        assert answer.status_code == 200, answer.text
        return words(str((answer.json or {})["html"]))

    def person(self, name: str) -> int:
        """A person's row."""
        with self.company.runtime.store.read() as session:
            return session.scalars(select(Person.id).where(Person.name == name)).one()

    def check_in(self, name: str, days_ago: float, *, by: str = "Bob", draft: bool = False, **columns: Any) -> None:
        """An update of a key result some days ago, and the reading that it makes."""
        at = self.company.runtime.now() - timedelta(days=days_ago)
        given = {"value": None, "confidence": 7, "decision": "none", "source": "form", "as_of": at, **columns}
        author = self.person(by) if by else None
        with self.company.runtime.store.write() as session:
            row = CheckIn(
                key_result_id=name, author_id=author, created_at=at, draft=draft, source_id=f"{name}-{days_ago}-{by}-{draft}", **given
            )
            session.add(row)
            if given["value"] is not None and not draft:
                session.add(
                    Reading(key_result_id=name, value=given["value"], kind="check_in", as_of=at, day=at.date(), recorded_at=at, actor=by)
                )

    def set(self, table: Any, ident: Any, **values: Any) -> None:
        """Change a row."""
        with self.company.runtime.store.write() as session:
            session.execute(update(table).where(table.id == ident).values(**values))

    def count_again(self) -> None:
        """Every key result computed anew."""
        with self.company.runtime.store.write() as session:
            want_all(session, self.company.runtime.epoch())
        settle(self.company.runtime)

    def map(self, name: str, keys: Sequence[str], **rule: Any) -> int:
        """One more key result on some epics, read and computed."""
        ident = self.company.mapping(name, self.forge.connection, select={"epics": list(keys)}, **rule)
        self.company.work(self.forge.connection)
        return ident


def words(html: str) -> str:
    """The text of a fragment, with one space between words."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).replace("\u2009", " ").split())


@contextmanager
def issue_scene(folder: Path, database_url: str = "") -> Iterator[IssueScene]:
    """The scene; Bob owns the key result, Alice is an admin, Charlie a member who has nothing to do with it."""
    with forge_site(folder, database_url=database_url, public_url="https://okr.acme.example") as forge:
        add = forge.jira.add_issue
        add("ACME", "Send button on the first screen", key=EPIC, type="Epic")
        add("ACME", "Template picker", key=OTHER, type="Epic")
        for number, (category, points) in enumerate((("done", 5.0), ("done", 8.0), ("indeterminate", 3.0), ("new", 4.0), ("new", None))):
            add("ACME", f"Step {number}", key=f"ACME-{10 + number}", parent=EPIC, category=category, points=points)
        for number in range(4):
            add("ACME", f"Template {number}", key=f"ACME-{20 + number}", parent=OTHER, category="done" if number else "new", points=10.0)
        add("ACME", "Nobody maps this", key="ACME-90")
        company = forge.company
        company.objective("books")
        company.objective("onboarding")
        scene = IssueScene(forge)
        scene.set(Objective, "books", title="Run your books from one place")
        scene.set(Objective, "onboarding", title="New customers succeed in their first week", supports_id="books")
        company.key_result("kr-invoice", title="First invoice sent in 7 days", start=41.0, target=60.0, owner_id=scene.person("Bob"))
        for week in range(5, 0, -1):
            scene.check_in("kr-invoice", 7 * week - 2, value=42.0 if week < 5 else 41.5)
        scene.map("kr-invoice", [EPIC, OTHER], measure="points_share", mode="context")
        scene.set(Connection, forge.connection, last_success_at=company.runtime.now() - timedelta(minutes=8))
        scene.count_again()
        yield scene


def several(scene: IssueScene, count: int) -> None:
    """So many more key results that the same epic feeds as context."""
    for number in range(count):
        scene.company.key_result(f"kr-{number}", title=f"Result {number}")
        scene.company.mapping(f"kr-{number}", scene.forge.connection, select={"epics": [EPIC]}, measure="done_share", mode="context")
    scene.company.work(scene.forge.connection)
