"""Who may do and see what, at every door: each page and each API endpoint for each role and for strangers, and what Charlie must not know.

New pages and endpoints are covered without a change here: a page says with ``need`` what it takes, or it is named below.
"""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.routing import Rule

from connector.api import TABLE
from connector.app import create_app
from connector.domain.rights import ROLES, Act, Viewer
from connector.services import check_ins, tokens
from connector.services.sign_in.sessions import viewer_of
from connector.store.tables import Audit, Cycle, Forum, KeyResult, Objective, ObjectiveReader, Person, Team, TeamMember
from connector.views.live import LOOK_EVERY, Feed
from tests.support.signed_in import Visit
from tests.support.world import Company, company

# Not for people who are signed in, or with a guard of their own that other tests look at.
OWN_DOORS = ("static", "api.", "webhooks.", "health.", "sandbox.", "forge.", "embed.")
FOR_STRANGERS = {"sign_in.show", "sign_in.start", "sign_in.callback", "sign_in.look", "sign_in.use", "sign_in.leave"}
OWN_THINGS = {"sign_in.account", "sign_in.end_sessions", "sign_in.read_notices"}  # of whoever is signed in, whatever the role
READING = {  # everybody who is signed in; each shows what the viewer may know of, and the service judges what is posted there
    "pages.overview",
    "pages.objective",
    "pages.key_result",
    "pages.thank",
    "triage.triage",
    "triage.alignment",
    "pages.answer_blocker",
    "pages.signals",
    "pages.dismiss_form",
    "pages.dismiss_signal",
    "pages.held_form",
    "pages.settle_held",
    "pages.check_in",
    "pages.check_in_live",
    "pages.events",
    "plan.wording",
    "mappings.index",
    "mappings.drift",
    "mappings.project",
    "reports.discipline",
    "reports.discipline_file",
    "reviews.pre_read",
    "reviews.pre_read_list",
    "reviews.call_needed",
    "reviews.index",
    "reviews.review",
    "reviews.open_review",
    "reviews.take_up",
    "reviews.decide",
    "reviews.hold_folded",
    "reviews.hand_over",
    "reviews.close",
    "reviews.minutes",
    "reviews.decisions",
    "reviews.decision",
    "reviews.new_decision",
    "reviews.skip",
    "reviews.take_back",
}
EITHER = {  # the page or its service asks for one of several acts
    "plan.index": (Act.WRITE, Act.SIGN_OFF),
    "plan.checklist": (Act.WRITE, Act.SIGN_OFF),
    "plan.quality": (Act.WRITE, Act.SIGN_OFF),
    "plan.team_list": (Act.WRITE, Act.SIGN_OFF),
    "plan.take_over": (Act.WRITE, Act.SIGN_OFF),
    "reports.champion": (Act.WRITE, Act.SIGN_OFF),
    "reports.form_field": (Act.WRITE, Act.SIGN_OFF),
}
EITHER_IN_API = {"/quality": (Act.WRITE, Act.SIGN_OFF), "/reports/champion": (Act.WRITE, Act.SIGN_OFF)}
VALUES = {"ident": "kr-setup", "id": "kr-setup", "email": "bob@acme.example", "name": "acme-jira", "connection": "acme-jira"}


@dataclass
class World:
    """The company, its application, and somebody of each role in a browser and with a token."""

    company: Company
    app: Flask
    visits: dict[str, Visit] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def visit(self, role: str) -> Visit:
        if role not in self.visits:
            self.visits[role] = Visit(self.app, self.company.runtime, f"{role}@acme.example", role)
        return self.visits[role]

    def call(self, role: str | None, method: str, path: str, **more: Any) -> Any:
        """A call of the API."""
        if role is not None and role not in self.keys:
            self.keys[role] = tokens.create(self.company.runtime, f"{role} script", role)
        headers = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **more)

    def rules(self, method: str) -> list[Rule]:
        """Every page of the application that answers this method."""
        return [
            rule for rule in self.app.url_map.iter_rules() if method in (rule.methods or ()) and not rule.endpoint.startswith(OWN_DOORS)
        ]

    def acts(self, rule: Rule) -> tuple[Act, ...]:
        """Any of these acts opens the page; () for everybody who is signed in."""
        marked = getattr(self.app.view_functions[rule.endpoint], "act", None)
        return (marked,) if marked is not None else EITHER.get(rule.endpoint, ())

    def path(self, rule: Rule, **changes: str) -> str:
        given = {**VALUES, **({"ident": "onboarding"} if "objectives" in rule.rule else {}), **changes}
        converters = {name: type(converter).__name__ for name, converter in rule._converters.items()}
        values = {name: 1 if converters.get(name) == "RowNumber" else given.get(name, "x") for name in rule.arguments}
        with self.app.test_request_context():
            address: str = self.app.url_map.bind("localhost").build(
                rule.endpoint, values, method=next(iter((rule.methods or set()) - {"HEAD"}))
            )
        return re.sub(r"^https?://[^/]+", "", address)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as acme:
        acme.objective("onboarding")
        acme.key_result("kr-setup")
        acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "bot@acme.example", "api_token": "x" * 12})
        with acme.runtime.store.write() as session:
            bob = session.scalars(select(Person.id).where(Person.email == "bob@acme.example")).one()
            session.add_all([Forum(name="Leads"), TeamMember(team_id=session.scalars(select(Team.id)).one(), person_id=bob)])
        acme.mapping("kr-setup", 1, select={"jql": "project = ACME"}, measure="done_share", mode="context")
        moment = acme.runtime.epoch()
        acme.runtime.clock = lambda: moment  # two looks at a page differ by nothing but what changed
        yield World(acme, create_app(acme.runtime))


def test_every_page_says_what_it_takes(world: World) -> None:
    known = FOR_STRANGERS | OWN_THINGS | READING | set(EITHER)
    silent = {
        rule.endpoint for method in ("GET", "POST") for rule in world.rules(method) if not world.acts(rule) and rule.endpoint not in known
    }
    assert silent == set(), "put connector.web.gate.need under the route, or name the page here"


def test_every_page_for_every_role(world: World) -> None:
    wrong = []
    for role in ROLES:
        visit = world.visit(role)
        for rule in world.rules("GET"):
            acts = world.acts(rule)
            allowed = not acts or any(Viewer("", role).may(act) for act in acts)
            with visit.get(world.path(rule), headers={"Accept": "text/html"}) as answer:
                fits = answer.status_code not in (401, 403, 500) if allowed else answer.status_code in (403, 404)
                if rule.endpoint in FOR_STRANGERS:
                    fits = answer.status_code < 500
                if not fits:
                    wrong.append((role, rule.rule, answer.status_code))
    assert wrong == []


def test_no_form_is_taken_from_a_role_that_may_not(world: World) -> None:
    wrong = []
    with world.company.runtime.store.read() as session:
        before = len(session.scalars(select(Audit.id)).all())
    signed_in = 0
    for role in ROLES:
        visit, token = world.visit(role), world.visit(role).token()
        signed_in += 1
        for rule in world.rules("POST"):
            acts = world.acts(rule)
            judged_by_service = rule.endpoint in READING and role == "viewer"
            if judged_by_service or (acts and not any(Viewer("", role).may(act) for act in acts)):
                answer = visit.post(world.path(rule), {"name": "x", "reason": "x"}, token=token)
                if answer.status_code not in (403, 404):
                    wrong.append((role, rule.rule, answer.status_code))
    assert wrong == []
    with world.company.runtime.store.read() as session:
        assert len(session.scalars(select(Audit.id)).all()) == before + signed_in


def test_strangers_are_sent_to_the_sign_in_and_post_nothing(world: World) -> None:
    wrong = []
    for method in ("GET", "POST"):
        for rule in world.rules(method):
            if rule.endpoint in FOR_STRANGERS:
                continue
            client = world.app.test_client()
            with client.open(world.path(rule), method=method, headers={"Accept": "text/html"}) as answer:
                sent_on = answer.status_code in (302, 303) and answer.location.startswith("/sign-in")
                if not (sent_on or (method == "POST" and answer.status_code in (400, 401))):
                    wrong.append((method, rule.rule, answer.status_code))
    assert wrong == []


def test_no_form_is_taken_without_its_token(world: World) -> None:
    visit = world.visit("admin")
    wrong = [
        (rule.rule, status)
        for rule in world.rules("POST")
        if (status := visit.client.post(world.path(rule), data={"name": "x"}).status_code) != 400
    ]
    assert wrong == []


def filled(path: str) -> str:
    path = path.replace("/objectives/<id>", "/objectives/onboarding")
    return re.sub(r"<(\w+)>", lambda found: VALUES.get(found[1], "1"), path)


def test_every_endpoint_of_the_api_for_every_role(world: World) -> None:
    wrong = []
    for endpoint in TABLE:
        body = {"json": {}} if endpoint.body is not None else {}
        for role in (*ROLES, None):
            acts = EITHER_IN_API.get(endpoint.path) or ((endpoint.act,) if endpoint.act else ())
            allowed = role is not None and (not acts or any(Viewer("", role).may(act) for act in acts))
            if allowed and endpoint.method != "GET":
                continue  # it would change things; the tests of each part do that
            status = world.call(role, endpoint.method, filled(endpoint.path), **body).status_code
            expected = status not in (401, 403, 500) if allowed else status == (401 if role is None else 403)
            if not expected:
                wrong.append((role, endpoint.method, endpoint.path, status))
    assert wrong == []


# --- a restricted objective: Charlie must see nothing --------------------------------------------------------------------------

SECRET_WORDS = re.compile(r"quokka|marsupial", re.IGNORECASE)
CHANGING = re.compile(
    r'(csrf_token" value="|X-CSRFToken[^:]*: (?:&#34;|"))[^"&]+|"(last_used_at|last_seen_at|request_id)":"[^"]*"|Request [0-9a-f]{16}'
    r'|(dcterms:(?:created|modified) xsi:type="dcterms:W3CDTF">)[^<]+'  # of a workbook
    r'|name="key" value="[^"]+'  # of a form that is filed once
    r'|"behind":\d+'  # how much work waits at a connection; says nothing of what for
)


def hide(world: World, *, stage: str = "ready") -> None:
    """A restricted objective of Bob's team, with a key result of Alice's, a check-in and a mapping."""
    acme = world.company
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        people = {row.email.partition("@")[0]: row.id for row in session.scalars(select(Person))}
        team = session.scalars(select(Team)).one()
        cycle = session.scalars(select(Cycle.id)).one()
        hidden = Objective(
            id="quokka", title="Quokka merger", cycle_id=cycle, team_id=team.id, restricted=True, stage=stage, created_at=now
        )
        session.add(hidden)
        session.flush()
        session.add(
            KeyResult(
                id="kr-quokka",
                objective_id="quokka",
                title="Marsupial contract signed",
                owner_id=people["alice"],
                kind="metric",
                start=0.0,
                target=10.0,
                created_at=now,
            )
        )
    connection = 1
    acme.mapping("kr-quokka", connection, select={"jql": "project = QUOKKA"}, measure="done_share")
    check_ins.file_check_in(
        acme.runtime,
        "kr-quokka",
        {"value": 4, "confidence": 3, "blocker": "the marsupial", "decision": "budget"},
        author="alice@acme.example",
    )
    acme.work()


def everything(world: World, email: str, role: str) -> dict[str, str]:
    """All that somebody of this role can read, by address: every page, every GET of the API, the machine's pages."""
    visit = Visit(world.app, world.company.runtime, email, role)
    found: dict[str, str] = {}
    for rule in world.rules("GET"):
        if rule.endpoint in FOR_STRANGERS or rule.endpoint in ("pages.events", "sign_in.account"):
            continue
        path = world.path(rule)
        found[path] = read(visit.get(path))
    if email not in world.keys:
        world.keys[email] = tokens.create(world.company.runtime, email, role, person=email)
    for endpoint in TABLE:
        if endpoint.method == "GET":
            found[f"API {endpoint.path}"] = read(world.call(email, "GET", filled(endpoint.path)))
    for path in ("/ready", "/api/openapi.json"):
        found[path] = read(visit.get(path))
    return found


def read(answer: Any) -> str:
    """An answer as text; of a file that is a package of others (XLSX, PPTX), what lies in it."""
    data: bytes = answer.get_data()
    if not data.startswith(b"PK"):
        return clean(data.decode())
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = [package.read(name).decode("utf-8", "replace") for name in sorted(package.namelist()) if name.endswith(".xml")]
    return clean("\n".join(parts))


def clean(text: str) -> str:
    return CHANGING.sub("", text)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "admin"])
def test_a_restricted_objective_changes_nothing_that_charlie_can_read(world: World, role: str) -> None:
    before = everything(world, "charlie@acme.example", role)
    hide(world)
    after = everything(world, "charlie@acme.example", role)
    assert [path for path, text in after.items() if SECRET_WORDS.search(text)] == []
    assert [path for path in before if before[path] != after[path]] == []


@pytest.mark.parametrize("role", ["member", "lead"])
def test_what_charlie_may_not_know_looks_like_what_does_not_exist(world: World, role: str) -> None:
    hide(world)
    visit = Visit(world.app, world.company.runtime, "charlie@acme.example", role)
    for rule in world.rules("GET"):
        if not {"ident", "objective", "key_result"} & set(rule.arguments):
            continue
        names = {"quokka": "wombat", "kr-quokka": "kr-wombat"}
        for real, invented in names.items():
            shown = [visit.get(world.path(rule, ident=each, objective=each, key_result=each)) for each in (real, invented)]
            assert shown[0].status_code == shown[1].status_code, rule.rule
            assert clean(shown[0].text.replace(real, "")) == clean(shown[1].text.replace(invented, "")), rule.rule
    world.keys["charlie"] = tokens.create(world.company.runtime, "charlies", role, person="charlie@acme.example")
    for endpoint in TABLE:
        if "<id>" not in endpoint.path or not endpoint.path.startswith(("/objectives", "/key-results")):
            continue
        if endpoint.act is not None and not Viewer("", role).may(endpoint.act):
            continue
        body = {"json": {}} if endpoint.body is not None else {}
        answers = [
            world.call("charlie", endpoint.method, endpoint.path.replace("<id>", each), **body) for each in ("kr-quokka", "kr-wombat")
        ]
        assert answers[0].status_code == answers[1].status_code, endpoint.path
        assert clean(answers[0].text.replace("kr-quokka", "")) == clean(answers[1].text.replace("kr-wombat", "")), endpoint.path


def test_the_live_stream_names_it_to_those_who_may_know_of_it_alone(world: World) -> None:
    hide(world)
    runtime = world.company.runtime
    with runtime.store.read() as session:
        people = {row.email.partition("@")[0]: row for row in session.scalars(select(Person))}
    feed = Feed(runtime)
    streams = {who: feed.stream(viewer_of(people[who])) for who in ("alice", "charlie")}
    told: dict[str, set[str]] = {who: set() for who in streams}
    for stream in streams.values():
        next(stream)  # it listens from here on
    time.sleep(3 * LOOK_EVERY)  # what the first look finds is where it starts from
    end = time.monotonic() + 20
    while time.monotonic() < end and not all("kr-setup" in names for names in told.values()):
        with runtime.store.write() as session:
            session.execute(update(KeyResult).values(updated_at=datetime.now(UTC) + timedelta(days=1)))
        for who, stream in streams.items():
            told[who].update(json.loads(next(stream).partition("data: ")[2] or "[]"))
    feed.closed = True
    for stream in streams.values():
        stream.close()
    assert told == {"alice": {"kr-setup", "kr-quokka"}, "charlie": {"kr-setup"}}


@pytest.mark.parametrize("who", ["alice", "bob", "reader", "lead of the team"])
def test_who_belongs_to_it_sees_it(world: World, who: str) -> None:
    hide(world)
    email = f"{who if who in ('alice', 'bob') else 'charlie'}@acme.example"
    with world.company.runtime.store.write() as session:
        charlie = session.scalars(select(Person.id).where(Person.email == "charlie@acme.example")).one()
        if who == "reader":
            session.add(ObjectiveReader(objective_id="quokka", person_id=charlie))
        if who == "lead of the team":
            session.scalars(select(Team)).one().lead_id = charlie
    visit = Visit(world.app, world.company.runtime, email, "member")
    assert "Quokka merger" in visit.get("/").text
    assert "Marsupial" in visit.get("/key-results/kr-quokka").text


def test_a_draft_is_known_to_those_who_write_and_to_nobody_else(world: World) -> None:
    before = everything(world, "charlie@acme.example", "member")
    hide(world)
    with world.company.runtime.store.write() as session:
        row = session.get_one(Objective, "quokka")
        row.restricted, row.stage = False, "draft"
    assert everything(world, "charlie@acme.example", "member") == before
    assert "Quokka" in Visit(world.app, world.company.runtime, "dora@acme.example", "lead").get("/objectives/quokka").text
