"""Every update that counts lands as a row in Check-ins, every ask as one in Decisions; only what hosts may show, and each once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from connector.domain.okr_columns import COLUMNS, DatabaseKind
from connector.services.check_ins import file_check_in
from connector.services.row_check_ins.rows import check_in_values, decision_values, want_children, want_history
from connector.services.row_check_ins.standing import standing
from connector.store.tables import Cycle, Objective, OkrDatabase, OkrRow, Person
from tests.services.row_check_ins.conftest import KEY_RESULT, Desk
from tests.services.row_check_ins.test_typing import WHOLE

ZONE = ZoneInfo("Europe/Oslo")
CHECK_INS, DECISIONS = DatabaseKind.CHECK_INS, DatabaseKind.DECISIONS


def file(desk: Desk, ident: str = "p-1", author: str = "alice@acme.example", **said: Any) -> None:
    data = {**WHOLE, **said}
    file_check_in(desk.company.runtime, KEY_RESULT, data, author=author, source="page", source_id=ident)


def values(desk: Desk) -> dict[str, dict[str, Any]]:
    with desk.company.runtime.store.read() as session:
        return check_in_values(session, desk.connection, [str(row.id) for row in desk.stored()], ZONE)


def test_an_update_filed_anywhere_is_a_row_with_what_it_says(desk: Desk) -> None:
    file(desk, confidence=6, blocker="Legal", decision="approval", comment="Eight more", value=50)
    [row] = desk.rows_of(CHECK_INS)
    [check_in] = desk.stored()
    assert (row.record, row.ref, row.wanted > row.done) == (str(check_in.id), None, True)
    assert desk.row().wanted > desk.row().done  # the key result's own row shows it too
    told = values(desk)[str(check_in.id)]
    title = told.pop("title")
    assert title.endswith(", Alice: First invoice sent")
    assert told == {
        "key_result": ("row-kr-setup",),
        "updated": check_in.as_of.isoformat(),
        "value": 50.0,
        "progress": (50.0 - 41.0) / 19.0,
        "confidence": 6.0,
        "movement": None,
        "blocker": "Legal",
        "decision": "approval",
        "comment": "Eight more",
        "author": ("n-Alice",),
        "updated_by": "Alice",
        "key": str(check_in.id),
    }
    assert set(told) | {"title"} <= {each.field for each in COLUMNS[CHECK_INS]}
    file(desk, "p-2", value=46)
    assert list(values(desk).values())[-1]["movement"] == "slipping"


def test_an_amended_update_keeps_its_row_and_a_draft_has_none(desk: Desk) -> None:
    desk.type(confidence=6.0)
    desk.settle()
    assert desk.rows_of(CHECK_INS) == []
    desk.type(after=20.0, value=42.0, decision="none")
    desk.settle()
    [row] = desk.rows_of(CHECK_INS)
    work_off(desk)
    desk.type(after=20.0, confidence=8.0)
    desk.settle()
    [again] = desk.rows_of(CHECK_INS)
    assert (again.id, again.wanted > again.done) == (row.id, True)
    assert values(desk)[row.record]["confidence"] == 8.0


def test_what_hosts_may_not_show_has_no_row_and_says_nothing(desk: Desk) -> None:
    file(desk)
    with desk.company.runtime.store.write() as session:
        session.execute(update(Objective).values(restricted=True))
    assert values(desk) == {}
    file(desk, "p-2")
    assert len(desk.rows_of(CHECK_INS)) == 1  # the one from before


def test_rows_wait_for_the_row_of_their_key_result(desk: Desk) -> None:
    set_row(desk, ref=None)
    file(desk, decision="budget")
    assert values(desk) == {}
    work_off(desk)
    set_row(desk, ref="row-kr-setup")
    with desk.company.runtime.store.write() as session:
        want_children(session, desk.connection, KEY_RESULT, desk.company.runtime.epoch())
    assert [row.wanted > row.done for row in (*desk.rows_of(CHECK_INS), *desk.rows_of(DECISIONS))] == [True, True]
    assert len(values(desk)) == 1


def test_history_is_filled_in_the_newest_first_and_only_of_running_cycles(desk: Desk) -> None:
    leave(desk, desk.company.runtime.now())
    for number in range(5):
        file(desk, f"p-{number}", value=42 + number, decision="budget" if number == 4 else "none")
    assert desk.rows_of(CHECK_INS) == []
    leave(desk, None)
    with desk.company.runtime.store.write() as session:
        assert want_history(session, desk.connection, desk.company.runtime.epoch(), limit=3) == 4  # and the open decision
    ids = [str(row.id) for row in desk.stored()]
    assert sorted(row.record for row in desk.rows_of(CHECK_INS)) == sorted(ids[2:])
    with desk.company.runtime.store.write() as session:
        assert want_history(session, desk.connection, desk.company.runtime.epoch()) == 2
        assert want_history(session, desk.connection, desk.company.runtime.epoch()) == 0
    with desk.company.runtime.store.write() as session:
        session.execute(OkrRow.__table__.delete().where(OkrRow.id.in_([row.id for row in desk.rows_of(CHECK_INS)])))  # type: ignore[attr-defined]
        session.execute(update(Cycle).values(started_at=None))
        assert want_history(session, desk.connection, desk.company.runtime.epoch()) == 0


def test_a_database_that_people_left_gets_no_rows(desk: Desk) -> None:
    with desk.company.runtime.store.write() as session:
        session.execute(update(OkrDatabase).where(OkrDatabase.kind == CHECK_INS).values(retired_at=desk.company.runtime.now()))
    file(desk)
    assert desk.rows_of(CHECK_INS) == []


def test_an_ask_is_one_decision_until_it_is_withdrawn_or_taken_up(desk: Desk) -> None:
    file(desk, "p-1", decision="budget")
    file(desk, "p-2", decision="budget")
    [asked] = desk.decisions()
    assert (asked.kind, asked.state, asked.title, asked.asked_by_id is not None) == (
        "budget",
        "asked",
        "Budget needed: First invoice sent",
        True,
    )
    assert [row.record for row in desk.rows_of(DECISIONS)] == [str(asked.id)]
    file(desk, "p-3", decision="scope")
    assert [(row.kind, row.state) for row in desk.decisions()] == [("budget", "dropped"), ("scope", "asked")]
    assert "withdrawn" in desk.decisions()[0].outcome
    with desk.company.runtime.store.write() as session:
        row = session.get_one(type(asked), desk.decisions()[1].id)
        row.owner_id = asked.asked_by_id
    file(desk, "p-4", decision="none")
    assert desk.decisions()[1].state == "asked"  # somebody took it up
    file(desk, "p-5", decision="budget")
    assert [row.state for row in desk.decisions()] == ["dropped", "asked", "asked"]


def test_a_decision_s_row_says_whose_it_is_and_until_when(desk: Desk) -> None:
    file(desk, decision="headcount")
    [row] = desk.decisions()
    with desk.company.runtime.store.write() as session:
        stored = session.get_one(type(row), row.id)
        stored.owner_id = session.scalars(select(Person.id).where(Person.name == "Bob")).one()
        stored.due, stored.state = date(2026, 11, 30), "open"
    with desk.company.runtime.store.read() as session:
        told = decision_values(session, desk.connection, [str(row.id), "nonsense", ""], ZONE)
    assert told == {
        str(row.id): {
            "title": "Headcount needed: First invoice sent",
            "key_result": ("row-kr-setup",),
            "kind": "headcount",
            "owner": ("n-Bob",),
            "due": "2026-11-30",
            "state": "open",
            "outcome": None,
            "asked_by": "Alice",
            "key": str(row.id),
        }
    }


def test_what_a_row_shows_of_updates_is_the_last_one_wherever_it_was_filed(desk: Desk) -> None:
    def shown() -> dict[str, Any]:
        with desk.company.runtime.store.read() as session:
            return standing(session, desk.connection, [KEY_RESULT])[KEY_RESULT]

    assert set(shown().values()) == {None, ()}
    file(desk, "p-1", confidence=6, comment="First", blocker="Legal")
    desk.pass_(60.0)
    file(desk, "p-2", confidence=5, decision="budget")
    told = shown()
    assert (told["confidence"], told["decision"], told["blocker"]) == (5.0, "budget", None)
    assert told["comment"] == "First"  # the author's own, until somebody else's update replaces it
    assert (told["checked_in_by"], told["updated_by"]) == (("n-Alice",), "Alice")
    desk.pass_(60.0)
    file(desk, "p-3", author="bob@acme.example")
    told = shown()
    assert (told["comment"], told["checked_in_by"], told["updated_by"]) == (None, ("n-Bob",), "Bob")


# --- scenes ------------------------------------------------------------------------------------------------------------


def set_row(desk: Desk, **columns: Any) -> None:
    with desk.company.runtime.store.write() as session:
        row = session.get_one(OkrRow, desk.row_id)
        for name, value in columns.items():
            setattr(row, name, value)


def leave(desk: Desk, at: datetime | None) -> None:
    """The databases are not kept in step since then, or are again."""
    with desk.company.runtime.store.write() as session:
        session.execute(update(OkrDatabase).values(retired_at=at))


def work_off(desk: Desk) -> None:
    """As if the row worker had written everything."""
    with desk.company.runtime.store.write() as session:
        session.execute(update(OkrRow).values(done=OkrRow.wanted))
    desk.pass_(timedelta(seconds=1).total_seconds())
