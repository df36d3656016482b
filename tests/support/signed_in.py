"""A person at a page without a browser: signed in as somebody, with the token that forms need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from connector.runtime import Runtime
from connector.services.sign_in import sessions
from connector.store.tables import Person
from connector.web.gate import KEY
from tests.support.world import Company

_TOKEN = re.compile(r"X-CSRFToken&#34;: &#34;([^&]+)&#34;|X-CSRFToken\": \"([^\"]+)\"")


class Visit:
    """One signed-in browser. ``get`` and ``post`` give the answer; ``post`` sends the page's token along."""

    def __init__(self, app: Flask, runtime: Runtime, email: str, role: str = "admin") -> None:
        self.client: FlaskClient = app.test_client()
        self.person_id = add_person(runtime, email, role)
        key = sessions.begin(runtime, self.person_id, "link", "test")
        with self.client.session_transaction() as session:
            session[KEY] = key

    def get(self, path: str, **more: Any) -> TestResponse:
        """A page."""
        return self.client.get(path, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, *, token: str | None = None, **more: Any) -> TestResponse:
        """A form; redirects are not followed."""
        return self.client.post(path, data={"csrf_token": self.token() if token is None else token, **(data or {})}, **more)

    def token(self) -> str:
        """The token of this browser's forms."""
        found = _TOKEN.search(self.client.get("/").text)
        assert found, "the page has no token"
        return found[1] or found[2]


@dataclass
class Pages:
    """A company with its application: whoever visits it, and rows that are added or changed behind its back."""

    company: Company
    app: Flask

    def visit(self, who: str = "ada", role: str = "admin") -> Visit:
        """The browser of ``who@acme.example``."""
        return Visit(self.app, self.company.runtime, f"{who}@acme.example", role)

    def add(self, *rows: Any) -> None:
        """Store rows."""
        with self.company.runtime.store.write() as session:
            session.add_all(rows)

    def change(self, table: Any, where: Any, **values: Any) -> None:
        """Change rows of a table."""
        with self.company.runtime.store.write() as session:
            session.execute(update(table).where(where).values(**values))


def add_person(runtime: Runtime, email: str, role: str) -> int:
    """The person with this address, made or given the role."""
    with runtime.store.write() as session:
        row = session.scalar(select(Person).where(Person.email == email))
        if row is None:
            row = Person(email=email, name=email.partition("@")[0].capitalize(), role=role)
            session.add(row)
        row.role = role
        session.flush()
        return row.id
