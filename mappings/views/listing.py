"""The list of mappings with its filters in the address."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import State
from connector.domain.wording import STATE_WORDS as GOAL_WORDS
from connector.domain.wording import current_text, moment_text
from connector.errors import InputError, NotFound
from connector.services.facts import load_definition
from connector.services.mapping.records import STATES, mappings_page
from connector.store.reads.paging import Page
from connector.store.tables import Connection, KeyResult, Person, Team
from connector.web.context import runtime
from connector.web.gate import viewer
from mappings.forms import measure_words
from mappings.selecting import parse_selector
from mappings.sentences import scope
from mappings.views import blueprint

LIMIT = 100
STATE_WORDS = {"working": "Working", "waiting": "Being read", "broken": "Broken", "off": "Switched off"}
FILTERS = ("key_result", "connection", "team", "state", "text")


@blueprint.get("")
def index() -> str:
    """Every mapping that the viewer may know of."""
    given = {name: request.args.get(name, "").strip() for name in FILTERS}
    asked: dict[str, Any] = {name: value or None for name, value in given.items()}
    problem = ""
    with runtime().store.read() as session:
        try:
            page = mappings_page(session, viewer(), request.args.get("cursor") or None, LIMIT, **asked)
        except InputError as error:
            page, problem = Page([], None), error.message
        ids = {each["key_result"] for each in page.items}
        values = {row.id: row for row in session.scalars(select(KeyResult).where(KeyResult.id.in_(ids)))}
        connections = list(session.scalars(select(Connection.name).where(Connection.retired_at.is_(None)).order_by(Connection.name)))
        hosts = {row.name: row.host for row in session.execute(select(Connection.name, Connection.host))}
        teams = list(session.scalars(select(Team.name).where(Team.retired_at.is_(None)).order_by(Team.name)))
        people = _people(session, page, values)
        rows = [_row(each, values[each["key_result"]], hosts, people) for each in page.items]
    kept: dict[str, Any] = {name: value for name, value in given.items() if value}
    following = url_for("mappings.index", **kept, cursor=page.next) if page.next else ""
    return render_template(
        "mappings/index.html",
        rows=rows,
        given=given,
        connections=connections,
        teams=teams,
        states=[(state, STATE_WORDS[state]) for state in STATES],
        following=following,
        filtered=any(given.values()),
        problem=problem,
    )


@blueprint.get("/projects/<connection>/<key>")
def project(connection: str, key: str) -> str:
    """What one Jira project feeds, and the way to map more of it."""
    with runtime().store.read() as session:
        known = session.scalar(select(Connection).where(Connection.name == connection, Connection.retired_at.is_(None)))
        if known is None or known.host != "jira":
            raise NotFound(f"there is no Jira connection {connection[:80]}")
        page = mappings_page(session, viewer(), request.args.get("cursor") or None, LIMIT, connection=connection, project=key)
        ids = {each["key_result"] for each in page.items}
        values = {row.id: row for row in session.scalars(select(KeyResult).where(KeyResult.id.in_(ids)))}
        people = _people(session, page, values)
        rows = [_row(each, values[each["key_result"]], {connection: "jira"}, people) for each in page.items]
    following = url_for("mappings.project", connection=connection, key=key, cursor=page.next) if page.next else ""
    return render_template("mappings/project.html", rows=rows, connection=connection, key=key, fed=len(ids), following=following)


def _people(session: Session, page: Page, values: dict[str, KeyResult]) -> dict[str | int, str]:
    """The names of those who own the mappings (by e-mail address) and their key results (by id)."""
    emails = {each["owner"] for each in page.items if each["owner"]}
    ids = {row.owner_id for row in values.values() if row.owner_id is not None}
    named: dict[str | int, str] = {}
    for person in session.execute(select(Person.id, Person.email, Person.name).where(Person.email.in_(emails) | Person.id.in_(ids))):
        named |= {person.id: person.name, person.email: person.name}
    return named


def _row(told: dict[str, Any], row: KeyResult, hosts: dict[str, str], people: dict[str | int, str]) -> dict[str, Any]:
    selector = parse_selector(told["select"], where="select", host=hosts[told["connection"]])
    names = told["titles"] if "database" in told["select"] else {}
    titles = [title for title in told["titles"].values() if title] if "epics" in told["select"] else []
    listed = told["listed_at"]
    return {
        **told,
        "what": selector.jql or _sentence_case(scope(selector, names)),
        "about": " · ".join(titles[:4]),
        "measured": measure_words(told["measure"]),
        "now": current_text(load_definition(row), row.current),
        "state_word": STATE_WORDS[told["state"]],
        "goal_state": row.state,
        "goal_state_word": GOAL_WORDS[State(row.state)],
        "goal_owner": people.get(row.owner_id, "") if row.owner_id is not None else "",
        "owner_name": people.get(told["owner"], told["owner"]) if told["owner"] else "",
        "read": moment_text(datetime.fromisoformat(listed), runtime().settings.zone) if listed else "",
    }


def _sentence_case(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
