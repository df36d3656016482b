"""A word on a blocker, on the key result's page and over the API: who may say it, and what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from connector.app import create_app
from connector.services import tokens
from connector.services.rollup import want_all
from connector.services.signals.blocker_measures import measure_blockers
from connector.store.tables import Audit, Blocker, Item, Mapping, MappingItem
from tests.support.signed_in import Visit
from tests.support.world import Company, company

TEXT = "HARB-151 Template picker hides Send: flagged"


class Desk:
    """A key result of Alice with a blocker that was seen in HARB-151, which is still flagged."""

    def __init__(self, people: Company) -> None:
        self.company = people
        self.app: Flask = create_app(people.runtime)
        people.objective()
        people.key_result("kr")
        self.alice = Visit(self.app, people.runtime, "alice@acme.example", "member")
        self.keys: dict[str, str] = {}
        self.since = people.runtime.now() - timedelta(days=6)
        link = people.connection("harbor", "jira", "https://harbor.atlassian.net", {"email": "bot@acme.example", "api_token": "x" * 12})
        with people.runtime.store.write() as session:
            mapping = Mapping(
                key_result_id="kr",
                connection_id=link,
                rule={"select": {"jql": "project = HARB"}, "measure": "done_share"},
                resolved={"fields": {}},
                created_at=self.since,
                listed_at=self.since,
            )
            item = Item(
                connection_id=link,
                ref="151",
                key="HARB-151",
                title="Template picker hides Send",
                url="https://harbor.atlassian.net/browse/HARB-151",
                category="indeterminate",
                blocked={"flag": True, "status": None, "links": [], "since": self.since.isoformat()},
                seen_at=self.since,
            )
            session.add_all([mapping, item])
            session.flush()
            session.add(MappingItem(mapping_id=mapping.id, item_id=item.id))
        self.settle()

    def settle(self) -> None:
        with self.company.runtime.store.write() as session:
            want_all(session, self.company.runtime.epoch())
        self.company.work()

    @property
    def row(self) -> Blocker:
        with self.company.runtime.store.read() as session:
            return session.scalars(select(Blocker).order_by(Blocker.id.desc()).limit(1)).one()

    def say(self, who: Visit, answer: str, reason: str = "") -> Any:
        return who.post(f"/key-results/kr/blockers/{self.row.id}", {"answer": answer, "reason": reason})

    def call(self, role: str, method: str, path: str, **more: Any) -> Any:
        key = self.keys.setdefault(role, "") or tokens.create(self.company.runtime, f"{role} script", role)
        self.keys[role] = key
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers={"Authorization": f"Bearer {key}"}, **more)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with company(tmp_path) as people:
        yield Desk(people)


def section(page: str) -> str:
    found = re.search(r'<section class="card" id="blockers".*?</section>', page, re.DOTALL)
    return found[0] if found else ""


def test_the_page_asks_and_takes_the_answer(desk: Desk) -> None:
    shown = section(desk.alice.get("/key-results/kr").text)
    assert TEXT in shown
    assert "seen in the work, since" in shown
    assert "100\u00a0% of what is left waits, not confirmed yet" in shown
    assert "Is it in the way?" in shown
    assert 'href="https://harbor.atlassian.net/browse/HARB-151"' in shown
    assert desk.say(desk.alice, "confirm").status_code == 303
    assert desk.row.confirmed_at is not None
    assert desk.company.row("kr").blocker == TEXT
    assert "Is it in the way?" not in section(desk.alice.get("/key-results/kr").text)
    confirmed = desk.row.confirmed_at
    desk.say(desk.alice, "confirm")
    assert desk.row.confirmed_at == confirmed


def test_a_dismissal_needs_a_reason_and_is_in_the_audit_trail(desk: Desk) -> None:
    refused = desk.say(desk.alice, "dismiss", "  ")
    assert refused.status_code == 422
    assert "say why it is not in the way" in section(refused.text)
    hostile = '<script>alert("x")</script>'
    assert desk.say(desk.alice, "dismiss", hostile).status_code == 303
    assert (desk.row.ended_by, desk.row.ended_by_id, desk.row.reason) == ("dismissed", desk.alice.person_id, hostile)
    with desk.company.runtime.store.read() as session:
        line = session.scalars(select(Audit).where(Audit.entity == "blocker")).one()
    assert (line.action, line.reason, line.actor) == ("dismiss", hostile, "alice@acme.example")
    assert section(desk.alice.get("/key-results/kr").text) == ""
    assert desk.say(desk.alice, "clear").status_code == 303
    assert "This blocker is over already" in desk.alice.get("/key-results/kr").text


def test_only_who_may_update_may_answer_and_a_stranger_learns_nothing(desk: Desk) -> None:
    for role, email in (("champion", "carla@acme.example"), ("viewer", "victor@acme.example"), ("member", "charlie@acme.example")):
        other = Visit(desk.app, desk.company.runtime, email, role)
        shown = section(other.get("/key-results/kr").text)
        assert TEXT in shown
        assert "<form" not in shown
        assert desk.say(other, "dismiss", "no").status_code == 403
    assert desk.row.ended_at is None
    lead = Visit(desk.app, desk.company.runtime, "leo@acme.example", "lead")
    assert desk.say(lead, "confirm").status_code == 303
    assert desk.alice.post("/key-results/nothing/blockers/1", {"answer": "clear"}).status_code == 404
    assert desk.alice.post("/key-results/kr/blockers/99", {"answer": "clear"}).status_code == 404
    assert desk.say(desk.alice, "explode").status_code == 422


def test_the_api_tells_and_takes_the_same(desk: Desk) -> None:
    [told] = desk.call("viewer", "GET", "/key-results/kr/blockers").get_json()["items"]
    assert (told["text"], told["source"], told["share"], told["key"], told["confirmed_at"]) == (TEXT, "detected", 1.0, "HARB-151", None)
    path = f"/key-results/kr/blockers/{told['id']}"
    assert desk.call("viewer", "POST", path, json={"answer": "clear"}).status_code == 403
    refused = desk.call("lead", "POST", path, json={"answer": "dismiss"})
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (422, "reason")
    assert desk.call("lead", "POST", path, json={"answer": "confirm"}).get_json()["items"][0]["confirmed_at"] is not None
    assert desk.call("lead", "POST", path, json={"answer": "clear"}).get_json() == {"items": []}
    assert desk.call("lead", "POST", path, json={"answer": "clear"}).status_code == 409
    assert desk.call("lead", "POST", "/key-results/kr/blockers/x", json={"answer": "clear"}).status_code == 404
    assert desk.call("lead", "GET", "/key-results/none/blockers").status_code == 404


def test_measures_tell_ages_and_who_clears(desk: Desk) -> None:
    now = desk.company.runtime.now()
    with desk.company.runtime.store.read() as session:
        told = measure_blockers(session, ["kr"], now - timedelta(days=30), now)
    assert (told.standing, round(told.median_age or 0), told.cleared, told.share_by_owner) == (1, 6, 0, None)
    desk.say(desk.alice, "confirm")
    desk.say(desk.alice, "clear")
    with desk.company.runtime.store.read() as session:
        told = measure_blockers(session, ["kr"], now - timedelta(days=30), desk.company.runtime.now())
    assert (told.standing, told.median_age, told.cleared, told.share_by_owner) == (0, None, 1, 1.0)
    desk.settle()
    assert desk.row.ended_at is not None  # still flagged, and not said again
