"""A company with a Jira connection that nobody calls, work that was found there, and pages that show it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import insert, select

from connector.app import create_app
from connector.store.tables import Candidate, Mapping
from tests.support.counting import statements
from tests.support.signed_in import Visit
from tests.support.world import Company, company


@dataclass
class Scene:
    acme: Company
    app: Flask
    site: int

    def visit(self, who: str = "ada", role: str = "lead") -> Visit:
        return Visit(self.app, self.acme.runtime, f"{who}@acme.example", role)

    def add(self, *keys: str, **values: Any) -> list[int]:
        now = self.acme.runtime.now()
        rows = [
            {
                "connection_id": self.site,
                "ref": f"1{key.rpartition('-')[2]}",
                "key": key,
                "title": f"Epic {key}",
                "kind": "epic",
                "container": key.rpartition("-")[0],
                "url": f"https://jira.example/browse/{key}",
                "status": "To Do",
                "category": "new",
                "labels": [],
                "points": None,
                "fed_by": [],
                "updated_at": now,
                "seen_at": now,
                **values,
            }
            for key in keys
        ]
        with self.acme.runtime.store.write() as session:
            session.execute(insert(Candidate), rows)
            return list(session.scalars(select(Candidate.id).where(Candidate.key.in_(keys)).order_by(Candidate.id)))

    def mappings(self) -> list[Mapping]:
        with self.acme.runtime.store.read() as session:
            return list(session.scalars(select(Mapping).order_by(Mapping.id)))

    def statements(self) -> AbstractContextManager[list[str]]:
        return statements(self.acme.runtime.store, "SELECT")


@contextmanager
def found_work(folder: Path, database_url: str) -> Iterator[Scene]:
    """Two key results, one counted in percent and one that counts; no work found yet."""
    with company(folder, database_url) as acme:
        acme.objective("onboarding")
        acme.key_result("kr-setup", title="Guided set-up shipped")
        acme.key_result("kr-signups", title="Sign-ups grow", unit="", start=400.0, target=900.0)
        site = acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "bot@acme.example", "api_token": "t"})
        yield Scene(acme, create_app(acme.runtime), site)


def words(page: str) -> str:
    """What a reader sees, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def found(page: str) -> list[int]:
    return [int(ident) for ident in re.findall(r'<li id="work-(\d+)"', page)]
