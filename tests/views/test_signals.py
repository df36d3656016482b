"""The pages and the API of signals: what stands, who may dismiss it, what must be said, and what must not be known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from connector.app import create_app
from connector.services import tokens
from connector.store.tables import Audit, HeldValue, KeyResult, Objective, Panel, Person, Signal, Team, TeamMember
from tests.support.signed_in import Visit
from tests.support.world import Company, company

HOSTILE = "<script>alert(1)</script>"


@dataclass
class World:
    company: Company
    app: Flask

    def visit(self, email: str, role: str) -> Visit:
        return Visit(self.app, self.company.runtime, email, role)

    def row(self, ident: int = 1) -> Signal:
        with self.company.runtime.store.read() as session:
            return session.get_one(Signal, ident)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as acme:
        acme.objective("onboarding")
        acme.objective("secret")
        acme.key_result("kr", title=f"Sign-ups {HOSTILE}", current=12.0, raw_progress=0.12, state="at_risk", insight={"question": "Old?"})
        acme.key_result("hidden", "secret", title="The merger")
        now = acme.runtime.now()
        connection = acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {})
        with acme.runtime.store.write() as session:
            bob = session.scalars(select(Person.id).where(Person.email == "bob@acme.example")).one()
            team = session.scalars(select(Team)).one()
            session.add(TeamMember(team_id=team.id, person_id=bob))
            session.execute(update(Objective).values(team_id=team.id))
            session.execute(update(Objective).where(Objective.id == "secret").values(restricted=True, team_id=None))
            session.execute(update(KeyResult).where(KeyResult.id == "hidden").values(owner_id=None))
            for kind, name, sentence in (
                ("busy_not_moving", "kr", f"31 points done in two weeks {HOSTILE}"),
                ("confidence_gap", "hidden", "Confidence 8, while the merger is off"),
                ("scope_grew", "kr", "40 of 70 points (+18 added) since 1 Oct"),
            ):
                session.add(Signal(kind=kind, subject=name, key_result_id=name, sentence=sentence, seen_at=now, changed_at=now))
            session.add(
                Signal(kind="vitality_fell", subject="forum:1", key_result_id=None, sentence="Vitality fell", seen_at=now, changed_at=now)
            )
            session.add(Panel(connection_id=connection, ref="1", key_results=[]))
        yield World(acme, create_app(acme.runtime))


def test_the_list_shows_what_the_viewer_may_know_and_no_markup_of_others(world: World) -> None:
    text = world.visit("bob@acme.example", "member").get("/signals").text
    assert "31 points done in two weeks" in text
    assert HOSTILE not in text
    assert "merger" not in text
    assert "Vitality fell" not in text  # of a forum, for leads and champions
    assert "merger" in world.visit("ada@acme.example", "admin").get("/signals").text
    assert "Vitality fell" in world.visit("champion@acme.example", "champion").get("/signals").text
    kinds = world.visit("bob@acme.example", "member").get("/signals?kind=scope_grew").text
    assert "40 of 70" in kinds
    assert "31 points" not in kinds
    assert "No signal fits" in world.visit("bob@acme.example", "member").get("/signals?mine=1&cursor=nonsense").text


def test_a_signal_is_dismissed_with_a_reason_by_owner_lead_or_champion(world: World) -> None:
    bob = world.visit("bob@acme.example", "member")
    assert "signals/1/dismiss" not in bob.get("/key-results/kr").text
    assert bob.get("/signals/1/dismiss").status_code == 403
    assert bob.post("/signals/1/dismiss", {"reason": "no"}).status_code == 403
    alice = world.visit("alice@acme.example", "member")
    assert "/signals/1/dismiss" in alice.get("/key-results/kr").text
    answer = alice.post("/signals/1/dismiss", {"reason": "  "})
    assert answer.status_code == 422
    assert "say why" in answer.text
    turned = alice.post("/signals/1/dismiss", {"reason": "fine\u202eenif\x07"})
    assert (turned.status_code, "holds a control sign" in turned.text) == (422, True)
    assert world.row().dismissed_at is None
    assert alice.post("/signals/1/dismiss", {"reason": f"Migration {HOSTILE}"}).status_code == 303
    row = world.row()
    assert (row.dismissed_reason, row.dismissed_by_id) == (f"Migration {HOSTILE}", alice.person_id)
    page = alice.get("/key-results/kr").text
    assert "1 dismissed" in page
    assert HOSTILE not in page
    assert "31 points" not in alice.get("/signals").text
    assert "31 points" in alice.get("/signals?dismissed=1").text
    with world.company.runtime.store.read() as session:
        audit = session.scalars(select(Audit).where(Audit.action == "dismiss_signal")).one()
        assert (audit.entity, audit.entity_id, audit.reason) == ("key_result", "kr", f"Migration {HOSTILE}")
        assert session.get_one(KeyResult, "kr").insight == {}  # no question is left for panels
    assert alice.post("/signals/1/dismiss", {"reason": "another"}).status_code == 409
    assert (
        world.visit("champion@acme.example", "champion").post("/signals/4/dismiss", {"reason": "the forum met elsewhere"}).status_code
        == 303
    )
    assert alice.get("/signals/2/dismiss").status_code == 404
    assert alice.post("/signals/2/dismiss", {"reason": "x"}).status_code == 404


def test_dismissing_from_the_list_comes_back_to_the_list_as_it_was(world: World) -> None:
    ada = world.visit("ada@acme.example", "admin")
    page = ada.get("/signals?kind=busy_not_moving&dismissed=").text
    way = re.search(r'href="(/signals/1/dismiss[^"]*)"', page)
    assert way is not None
    address = way[1].replace("&amp;", "&")
    form = ada.get(address).text
    assert '<a class="btn" href="/signals?kind=busy_not_moving">Keep it</a>' in form
    assert f'action="{way[1]}"' in form
    refused = ada.post(address, {"reason": " "})
    assert (refused.status_code, f'action="{way[1]}"' in refused.text) == (422, True)
    assert ada.post(address, {"reason": "fine"}).location == "/signals?kind=busy_not_moving"
    beside = ada.post("/signals/3/dismiss?back=2&team=Growth&cursor=abc&next=https://evil.example", {"reason": "fine"})
    assert beside.location == "/signals?cursor=abc&team=Growth#signal-2"
    assert ada.post("/signals/2/dismiss?back=//evil.example", {"reason": "fine"}).location == "/key-results/hidden#signals"


def test_a_held_value_is_taken_or_refused_on_the_page(world: World) -> None:
    now = world.company.runtime.now()
    with world.company.runtime.store.write() as session:
        reading = {"value": 412.0, "kind": "mapping", "as_of": now.isoformat(), "actor": "sync", "source": {"items": 3}}
        session.add(
            HeldValue(
                key_result_id="kr",
                value=412.0,
                previous=12.0,
                why="value 412 held back: 9× the usual change; is it right?",
                reading=reading,
                at=now - timedelta(hours=1),
            )
        )
    viewer = world.visit("viewer@acme.example", "viewer")
    assert "value 412 held back" in viewer.get("/key-results/kr").text.lower()
    assert "Take the value" not in viewer.get("/key-results/kr").text
    assert viewer.get("/key-results/kr/held").status_code == 403
    bob = world.visit("bob@acme.example", "member")
    assert "Take the value" in bob.get("/key-results/kr").text
    answer = bob.post("/key-results/kr/held", {"verdict": "refuse", "reason": "", "held": "1"})
    assert answer.status_code == 422
    assert "say why" in answer.text
    assert bob.post("/key-results/kr/held", {"verdict": "refuse", "reason": "Imported twice", "held": "1"}).status_code == 303
    with world.company.runtime.store.read() as session:
        row = session.scalars(select(HeldValue)).one()
        assert (row.outcome, row.reason, row.resolved_by_id) == ("refused", "Imported twice", bob.person_id)
    assert bob.post("/key-results/kr/held", {"verdict": "take", "reason": "x", "held": "1"}).status_code == 303  # told, not done
    assert bob.get("/key-results/kr/held").status_code == 404


def test_the_api_lists_dismisses_and_settles(world: World) -> None:
    runtime = world.company.runtime
    client = world.app.test_client()
    headers = {"Authorization": f"Bearer {tokens.create(runtime, 'script', 'lead')}"}
    page = client.get("/api/v1/signals?limit=2", headers=headers).json
    assert page is not None
    assert [each["kind"] for each in page["items"]] == ["vitality_fell", "scope_grew"]
    following = client.get(f"/api/v1/signals?cursor={page['next']}", headers=headers).json
    assert following is not None
    assert following["items"][0]["dismissed"] is None
    assert client.get("/api/v1/signals?cursor=x", headers=headers).status_code == 400
    answer = client.post("/api/v1/signals/1/dismiss", headers=headers, json={"reason": "A migration"})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["dismissed"]["reason"] == "A migration"
    assert (
        client.post("/api/v1/signals/1/dismiss", headers=headers, json={"reason": "A migration"}).status_code == 200
    )  # the same once more
    assert client.post("/api/v1/signals/x/dismiss", headers=headers, json={"reason": "x"}).status_code == 404
    assert client.post("/api/v1/signals/3/dismiss", headers=headers, json={"reason": " "}).status_code == 422
    assert client.post("/api/v1/key-results/kr/held-value", headers=headers, json={"verdict": "take", "reason": "x"}).status_code == 409
    viewer = {"Authorization": f"Bearer {tokens.create(runtime, 'reader', 'viewer')}"}
    assert client.post("/api/v1/signals/3/dismiss", headers=viewer, json={"reason": "x"}).status_code == 403
    assert client.post("/api/v1/signals/2/dismiss", headers=viewer, json={"reason": "x"}).status_code == 404
