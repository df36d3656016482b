"""Decisions that people write into rows: changed, taken up, closed, made anew; what cannot be used is said, what may not be is put back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import update

from connector.domain.okr_columns import DatabaseKind
from connector.domain.rights import Viewer
from connector.hosts.okr_databases import Row
from connector.services.decisions import open_decisions
from connector.services.okr_databases.applying import Applied
from connector.services.okr_databases.editors import editor_of
from connector.services.row_check_ins.decisions import Drafted, apply_decision, draft_decision
from connector.store.tables import Connection, Decision, Objective, OkrDatabase, Person
from tests.services.row_check_ins.conftest import Desk
from tests.services.row_check_ins.test_rows import file

OPEN = {"state": "open", "owner": ("n-Bob",), "due": "2026-11-30"}


@pytest.fixture
def asked(desk: Desk) -> Decision:
    file(desk, decision="budget")
    return desk.decisions()[0]


def edit(desk: Desk, row: Decision | str, changes: Mapping[str, Any], by: str = "Alice") -> Applied:
    record = row if isinstance(row, str) else str(row.id)
    return apply_decision(desk.company.runtime, *scene(desk), record, changes, who(desk, by))


def draft(desk: Desk, values: Mapping[str, Any], by: str = "Alice") -> Drafted:
    return draft_decision(desk.company.runtime, *scene(desk), Row("row-new", "s-decisions", values), who(desk, by))


def scene(desk: Desk) -> tuple[Connection, OkrDatabase]:
    with desk.company.runtime.store.read() as session:
        home = next(each for each in session.query(OkrDatabase) if each.kind == DatabaseKind.DECISIONS)
        return session.get_one(Connection, desk.connection), home


def who(desk: Desk, name: str) -> Any:
    with desk.company.runtime.store.read() as session:
        return editor_of(session, session.get_one(Connection, desk.connection), f"n-{name}")


def role(desk: Desk, name: str, role: str) -> None:
    with desk.company.runtime.store.write() as session:
        session.execute(update(Person).where(Person.name == name).values(role=role))


def leads_only(desk: Desk) -> None:
    with desk.company.runtime.store.write() as session:
        session.execute(update(OkrDatabase).values(options={"definitions": "leads"}))


def test_taking_up_and_closing(desk: Desk, asked: Decision) -> None:
    assert edit(desk, asked, OPEN).taken == {"state", "owner", "due"}
    [row] = desk.decisions()
    assert (row.state, row.due, row.closed_at) == ("open", date(2026, 11, 30), None)
    applied = edit(desk, asked, {"state": "done", "outcome": "20 000 more", "title": "Budget for pilots"}, by="Bob")
    assert applied.taken == {"state", "outcome", "title"}
    [row] = desk.decisions()
    assert (row.state, row.outcome, row.title, row.closed_at is not None) == ("done", "20 000 more", "Budget for pilots", True)
    edit(desk, asked, {"state": "open"})
    assert desk.decisions()[0].closed_at is None
    entries = [each for each in desk.audit("update") if each.entity == "decision"]
    assert [each.actor for each in entries] == ["alice@acme.example", "bob@acme.example", "alice@acme.example"]
    assert entries[0].after == {"state": "open", "owner": "bob@acme.example", "due": "2026-11-30"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "open"}, "an open decision has an owner and a due date; enter both first"),
        ({"state": "open", "due": "2026-11-30"}, "an open decision has an owner; enter it first"),
        ({"state": "open", "owner": ("n-Bob",)}, "an open decision has a due date; enter it first"),
    ],
)
def test_without_owner_and_day_it_stays_asked_and_what_was_entered_counts(
    desk: Desk, asked: Decision, changes: dict[str, Any], said: str
) -> None:
    applied = edit(desk, asked, changes)
    assert applied.refused == {"state": said}
    assert applied.taken == set(changes) - {"state"}
    assert desk.decisions()[0].state == "asked"


def test_an_open_one_keeps_its_owner_and_its_day(desk: Desk, asked: Decision) -> None:
    edit(desk, asked, OPEN)
    applied = edit(desk, asked, {"owner": (), "outcome": "Talks began"})
    assert (set(applied.refused), applied.taken) == ({"owner"}, {"outcome"})
    assert desk.decisions()[0].owner_id is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"owner": ("n-Alice", "n-Bob")}, "a decision has one owner, a person; leave one of the 2"),
        ({"owner": ("n-Eve",)}, "this account is not known here yet; an admin gives it to a person under People, then it counts"),
        ({"due": "soon"}, "this is no day; choose one such as 2026-11-30"),
        ({"title": "  "}, "must not be empty"),
        ({"title": "x" * 301}, "has 301 characters; 300 are the most"),
        ({"kind": "magic"}, "choose one of budget, approval, scope, headcount, other"),
        ({"state": "maybe"}, "choose one of asked, open, done, dropped"),
        ({"key_result": ()}, "a decision is about exactly one key result; choose one"),
        ({"key_result": ("row-x",)}, "that row is not among the key results that are kept here; choose another"),
    ],
)
def test_what_cannot_be_used_is_said_and_the_rest_counts(desk: Desk, asked: Decision, changes: dict[str, Any], said: str) -> None:
    applied = edit(desk, asked, {**changes, "outcome": "Said anyhow"})
    [(field, text)] = [*applied.wrong.items(), *applied.refused.items()]
    assert (field, text.split(": ")[-1]) == (next(iter(changes)), said)
    assert applied.taken == {"outcome"}


def test_who_may(desk: Desk, asked: Decision) -> None:
    role(desk, "Charlie", "viewer")
    assert "does not change definitions" in edit(desk, asked, {"outcome": "No"}, by="Charlie").refused["outcome"]
    leads_only(desk)
    assert edit(desk, asked, {"owner": ("n-Bob",)}, by="Alice").refused
    role(desk, "Alice", "lead")
    assert edit(desk, asked, {"owner": ("n-Bob",)}, by="Alice").taken == {"owner"}
    assert edit(desk, asked, {"outcome": "Mine"}, by="Bob").taken == {"outcome"}  # a decision's own owner
    assert edit(desk, "99", {"outcome": "x"}).refused == {"outcome": "this decision does not exist any more"}
    assert edit(desk, "", {"outcome": "x"}).refused


def test_a_new_row_becomes_a_decision_when_it_has_title_and_key_result(desk: Desk) -> None:
    assert draft(desk, {"title": "", "key_result": ()}).missing == ("needs a title", "needs a Key result")
    assert draft(desk, {"title": "More pilots", "key_result": ("row-x",)}).missing[0].startswith("that row is not among")
    made = draft(desk, {"title": "More pilots", "key_result": ("row-kr-setup",), "kind": "scope", "owner": (), "due": None})
    [row] = desk.decisions()
    assert made == Drafted(str(row.id))
    assert (row.title, row.kind, row.state, row.key_result_id, row.source, row.check_in_id) == (
        "More pilots", "scope", "asked", "kr-setup", "row", None,
    )  # fmt: skip
    assert "an open decision has" in draft(desk, {"title": "T 1", "key_result": ("row-kr-setup",), "state": "open"}).missing[0]
    leads_only(desk)
    assert "definitions are changed by" in draft(desk, {"title": "T 1", "key_result": ("row-kr-setup",)}).missing[0]
    assert len(desk.decisions()) == 1


def test_lists_show_what_is_open_by_day_and_only_to_those_who_may_know(desk: Desk, asked: Decision) -> None:
    draft(desk, {"title": "Later", "key_result": ("row-kr-setup",), **OPEN, "due": "2026-12-30"})
    draft(desk, {"title": "Sooner", "key_result": ("row-kr-setup",), **OPEN})
    draft(desk, {"title": "Over", "key_result": ("row-kr-setup",), "state": "done"})
    with desk.company.runtime.store.read() as session:
        shown = open_decisions(session, hosts=True)
    assert [(each.title, each.state, each.owner) for each in shown] == [
        ("Sooner", "open", "Bob"),
        ("Later", "open", "Bob"),
        ("Budget needed: First invoice sent", "asked", ""),
    ]
    assert shown[0].key_result_title == "First invoice sent"
    with desk.company.runtime.store.write() as session:
        session.execute(update(Objective).values(restricted=True))
        assert open_decisions(session, hosts=True) == []
        assert open_decisions(session, Viewer("x", "viewer")) == []
        assert len(open_decisions(session, key_results=["kr-setup"])) == 3
        assert open_decisions(session, key_results=["kr-other"]) == []
    assert shown[0].asked_at <= datetime.now(UTC)


def test_what_may_not_be_shown_is_reached_through_no_decision(desk: Desk, asked: Decision) -> None:
    desk.company.objective("hush")
    desk.company.key_result("kr-hush", "hush")
    with desk.company.runtime.store.write() as session:
        desk.add_row(session, "kr-hush")
        session.execute(update(Objective).where(Objective.id == "hush").values(restricted=True))
    said = "that key result is no longer shown here; choose another"
    assert edit(desk, asked, {"key_result": ("row-kr-hush",)}).wrong == {"key_result": said}
    assert draft(desk, {"title": "Mine", "key_result": ("row-kr-hush",)}).missing == (said,)
    with desk.company.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "onboarding").values(restricted=True))
    assert edit(desk, asked, {"outcome": "No"}).refused == {"outcome": "its key result is no longer shown here"}
    assert len(desk.decisions()) == 1
