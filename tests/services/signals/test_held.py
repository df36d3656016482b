"""A wild value waits for the owner's word: not shown, never green, asked once; taken, refused, settled by a check-in, or overtaken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.model import State
from connector.domain.rights import Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.services.check_ins import file_check_in
from connector.services.rollup import roll_up_dirty, want_all
from connector.services.signals.dismissing import dismiss
from connector.services.signals.held import settle, waiting_value
from connector.store.tables import (
    Audit,
    Connection,
    HeldValue,
    Item,
    KeyResult,
    Mapping,
    MappingItem,
    Notice,
    Objective,
    Person,
    Reading,
    Team,
)
from tests.services.signals.conftest import Past

pytestmark = pytest.mark.databases("sqlite", "postgres")
ADA = Viewer("ada@acme.example", "lead")


@dataclass
class Source:
    """A database whose rows hold one number each; the key result is their sum."""

    past: Past
    mapping: int = 0
    rows: list[int] = field(default_factory=list)

    def make(self, *, usual: int = 6, items: int = 4) -> None:
        """A key result from 0 to 500 that grew by 10 a day for so many days, the last yesterday."""
        past = self.past
        past.acme.key_result("kr", unit="", start=0.0, target=500.0, created_at=past.day(39))
        past.connection = past.acme.connection("acme-notion", "notion", "http://127.0.0.1:9", {})
        select_rows = {"database": "0" * 32}
        self.mapping = past.mapped("kr", select=select_rows, measure={"sum": "Seats"}, mode="value")
        with past.acme.runtime.store.write() as session:
            session.get_one(Connection, past.connection).last_success_at = past.acme.runtime.now()
            resolved = {"fields": {"Seats": ["f1"], "": ["f1"]}, "containers": ["c"]}
            session.execute(update(Mapping).where(Mapping.id == self.mapping).values(listed_at=past.day(30), resolved=resolved))
        past.values("kr", *((usual - day, 280.0 + 10 * day) for day in range(usual)), items=items, rules=self.rules())
        past.check_in("kr", 1, value=None, confidence=7)

    def rules(self) -> list[str]:
        from connector.services.facts import load_facts
        from connector.services.signals.guarding import rules_of

        with self.past.acme.runtime.store.read() as session:
            return rules_of(load_facts(session, ["kr"])["kr"])

    def says(self, *numbers: float) -> KeyResult:
        """The rows hold these numbers now, and everything follows from it."""
        acme = self.past.acme
        with acme.runtime.store.write() as session:
            session.execute(MappingItem.__table__.delete())
            for place, number in enumerate(numbers):
                item = session.scalar(select(Item).where(Item.ref == str(place)))
                if item is None:
                    item = Item(
                        connection_id=self.past.connection,
                        ref=str(place),
                        container="c",
                        kind="row",
                        category="new",
                        seen_at=acme.runtime.now(),
                    )
                    session.add(item)
                item.fields = {"f1": number}
                session.flush()
                session.add(MappingItem(mapping_id=self.mapping, item_id=item.id))
        return self.again()

    def again(self) -> KeyResult:
        acme = self.past.acme
        with acme.runtime.store.write() as session:
            want_all(session, acme.runtime.epoch())
        roll_up_dirty(acme.runtime)
        return acme.row("kr")

    def held(self) -> list[HeldValue]:
        with self.past.acme.runtime.store.read() as session:
            return list(session.scalars(select(HeldValue).order_by(HeldValue.id)))

    def notices(self) -> list[str]:
        with self.past.acme.runtime.store.read() as session:
            return list(session.scalars(select(Notice.text).where(Notice.kind == "value_held")))


@pytest.fixture
def source(past: Past) -> Source:
    found = Source(past)
    found.make()
    return found


def test_a_usual_change_passes(source: Source) -> None:
    row = source.says(85, 85, 85, 85)
    assert (row.current, row.state) == (340.0, State.ON_TRACK.value)
    assert source.held() == []


def test_a_wild_value_is_held_said_everywhere_and_never_green(source: Source) -> None:
    assert source.says(84, 83, 83, 83).current == 333.0
    row = source.says(112, 100, 100, 103)
    assert row.current == 333.0
    assert row.state == State.DATA_LATE.value
    assert row.reasons == ["value 415 held back: 8.2× the usual change; is it right?"]
    assert "value held back" in row.flags
    assert row.source is not None
    assert row.source["held"] == {"value": 415.0, "said": row.reasons[0], "outcome": "waiting"}
    told = source.past.signals("kr")["value_held"]
    assert told.sentence == "Value 415 held back: 8.2× the usual change; is it right?"
    assert row.insight["question"] == told.sentence
    assert [each.value for each in source.past.acme.readings("kr")][-1] == 333.0
    assert len(source.notices()) == 1
    source.again()
    source.past.look()
    source.past.look()
    assert len(source.held()) == 1
    assert len(source.notices()) == 1
    assert source.past.signals("kr")["value_held"].id == told.id


def test_another_wild_value_takes_the_place_of_the_one_that_waits_and_a_usual_one_overtakes_it(source: Source) -> None:
    source.says(112, 100, 100, 100)
    source.says(200, 200, 200, 200)
    assert [(each.value, each.outcome) for each in source.held()] == [(412.0, "overtaken"), (800.0, None)]
    assert len(source.notices()) == 1
    row = source.says(85, 85, 85, 85)
    assert (row.current, row.state) == (340.0, State.ON_TRACK.value)
    assert [each.outcome for each in source.held()] == ["overtaken", "overtaken"]
    assert "value_held" not in source.past.signals("kr")
    assert "question" not in row.insight


def test_nobody_takes_a_value_that_they_did_not_see(source: Source) -> None:
    source.says(112, 100, 100, 100)
    [seen] = source.held()
    source.says(200, 200, 200, 200)
    with pytest.raises(Conflict, match="another value waits by now"):
        settle(source.past.acme.runtime, ADA, "kr", "take", "412 is right", held=seen.id)
    assert source.past.acme.row("kr").current == 330.0
    assert source.held()[-1].outcome is None


def test_it_is_asked_again_each_cadence_and_the_lead_with_it(source: Source) -> None:
    acme = source.past.acme
    with acme.runtime.store.write() as session:
        cleo = Person(name="Cleo", email="cleo@acme.example")
        session.add(cleo)
        session.flush()
        team = session.scalars(select(Team)).one()
        team.lead_id = cleo.id
        session.execute(update(Objective).values(team_id=team.id))
        lead = cleo.id
    source.says(200, 200, 200, 200)
    assert len(source.notices()) == 1
    acme.clock.ahead += 6 * 86400
    source.past.look()
    assert len(source.notices()) == 1
    acme.clock.ahead += 86400
    source.past.look()
    source.past.look()
    with acme.runtime.store.read() as session:
        told = list(session.scalars(select(Notice.person_id).where(Notice.kind == "value_held")))
    assert len(told) == 3
    assert told.count(lead) == 1


def test_a_level_that_lasts_passes_with_a_note(source: Source) -> None:
    acme = source.past.acme
    source.says(112, 100, 100, 100)
    for day in range(1, 5):
        acme.clock.ahead += 86400
        assert source.says(112 + 10 * day, 100, 100, 100).current == 330.0
    acme.clock.ahead += 86400
    row = source.says(162, 100, 100, 100)
    assert row.current == 462.0
    assert "stayed at its new level for 5 days" in acme.readings("kr")[-1].source["note"]
    assert "value_held" not in source.past.signals("kr")
    assert source.held()[-1].outcome == "overtaken"


def test_a_level_that_wanders_waits(source: Source) -> None:
    source.says(112, 100, 100, 100)
    for day in range(1, 8):
        source.past.acme.clock.ahead += 86400
        assert source.says(112 + 100 * day, 100, 100, 100).current == 330.0


def test_a_refused_level_is_asked_about_again_after_a_cadence_and_never_passes_by_itself(source: Source) -> None:
    acme = source.past.acme
    source.says(200, 200, 200, 200)
    settle(acme.runtime, ADA, "kr", "refuse", "Imported twice")
    acme.clock.ahead += 6 * 86400
    source.again()
    assert "value_held" not in source.past.signals("kr")
    acme.clock.ahead += 86400
    assert source.again().current == 330.0
    assert "value_held" in source.past.signals("kr")
    assert [each.outcome for each in source.held()] == ["refused", None]
    assert len(source.notices()) == 2
    for _ in range(10):
        acme.clock.ahead += 86400
        assert source.says(200, 200, 200, 201).current == 330.0


def test_a_source_that_gives_the_old_value_again_needs_nobody(source: Source) -> None:
    source.says(85, 85, 85, 85)
    source.says(200, 200, 200, 200)
    row = source.says(85, 85, 85, 85)
    assert (row.current, row.state) == (340.0, State.ON_TRACK.value)
    assert source.held()[0].outcome == "overtaken"


def test_an_outage_leaves_the_value_waiting(source: Source) -> None:
    source.says(200, 200, 200, 200)
    with source.past.acme.runtime.store.write() as session:
        session.execute(update(Mapping).values(broken="the database is not shared any more"))
    row = source.again()
    assert row.current == 330.0
    assert source.held()[0].outcome is None
    assert row.state == State.DATA_LATE.value


def test_taken_with_a_reason_it_is_the_value(source: Source) -> None:
    source.says(200, 200, 200, 200)
    assert settle(source.past.acme.runtime, ADA, "kr", "take", "The new contract was booked", held=source.held()[0].id) == "taken"
    row = source.past.acme.row("kr")
    assert row.current == 800.0
    assert "value held back" not in row.flags
    last = source.past.acme.readings("kr")[-1]
    assert last.source["note"] == "held back first, then taken by ada@acme.example: The new contract was booked"
    assert last.previous == 330.0
    assert "value_held" not in source.past.signals("kr")
    with source.past.acme.runtime.store.read() as session:
        audit = session.scalars(select(Audit).where(Audit.action == "take_value")).one()
    assert audit.reason == "The new contract was booked"
    source.again()
    assert source.past.acme.row("kr").current == 800.0
    with pytest.raises(Conflict):
        settle(source.past.acme.runtime, ADA, "kr", "take", "again")


def test_refused_it_is_not_asked_again_but_a_usual_value_passes(source: Source) -> None:
    source.says(200, 200, 200, 200)
    settle(source.past.acme.runtime, ADA, "kr", "refuse", "Imported twice")
    row = source.past.acme.row("kr")
    assert (row.current, row.state) == (330.0, State.ON_TRACK.value)
    assert row.source is not None
    assert row.source["held"]["outcome"] == "refused"
    assert row.source["held"]["reason"] == "Imported twice"
    assert source.says(200, 200, 200, 205).current == 330.0  # near the refused one
    assert len(source.held()) == len(source.notices()) == 1
    assert source.says(85, 85, 85, 85).current == 340.0
    source.says(400, 400, 400, 400)
    assert [each.outcome for each in source.held()] == ["refused", None]


@pytest.mark.parametrize(("told", "outcome", "current"), [(800, "taken", 800.0), (335, "refused", 335.0)])
def test_a_check_in_with_a_number_settles_it(source: Source, told: float, outcome: str, current: float) -> None:
    source.says(200, 200, 200, 200)
    source.past.acme.clock.ahead += 60
    fields: dict[str, Any] = {"value": told, "confidence": 7, "blocker": "", "decision": "none"}
    file_check_in(source.past.acme.runtime, "kr", fields, author="alice@acme.example")
    assert source.held()[0].outcome == outcome
    assert source.past.acme.row("kr").current == current
    assert "value_held" not in source.past.signals("kr")
    assert source.again().current == current
    assert len(source.held()) == 1


def test_a_changed_mapping_passes_with_a_note(source: Source) -> None:
    source.says(200, 200, 200, 200)
    assert source.held()[0].outcome is None
    with source.past.acme.runtime.store.write() as session:
        row = session.get_one(Mapping, source.mapping)
        row.rule = {**row.rule, "measure": {"sum": "Seats", "of": "open"}}
    found = source.again()
    assert found.current == 800.0
    assert source.held()[0].outcome == "overtaken"
    assert "mapping was changed" in source.past.acme.readings("kr")[-1].source["note"]


@pytest.mark.parametrize("beside", [0.0, 1.0])
def test_a_check_in_after_each_read_does_not_hide_what_is_usual(past: Past, beside: float) -> None:
    source = Source(past)
    source.make(usual=1)
    for value in (290.0, 300.0, 310.0, 320.0, 330.0):
        assert source.says(value).current == value
        fields: dict[str, Any] = {"value": str(value + beside), "confidence": 7, "blocker": "", "decision": "none"}
        file_check_in(past.acme.runtime, "kr", fields, author="alice@acme.example")
        past.acme.clock.ahead += 86400.0
    assert source.says(415).current == 330.0 + beside
    assert [row.value for row in source.held()] == [415.0]


def test_only_the_guard_looks_behind_a_days_last_number(past: Past) -> None:
    from connector.services.facts import load_facts

    past.acme.key_result("kr")
    for days in (3, 2, 1):
        past.values("kr", (days, 10.0), (days, 10.0 - days))
        past.values("kr", (days, 11.0), kind="check_in")
    with past.acme.runtime.store.read() as session:
        facts = load_facts(session, ["kr"])["kr"]
    assert [row.value for row in facts.readings] == [10.0, 11.0, 11.0, 9.0, 11.0]  # the first, each day's last, the last of each kind
    assert [row.value for row in facts.reads] == [10.0, 7.0, 8.0, 9.0]


def test_few_days_are_no_history(past: Past) -> None:
    source = Source(past)
    source.make(usual=4)
    assert source.says(200, 200, 200, 200).current == 800.0


def test_many_items_at_once_are_asked_about(source: Source) -> None:
    source.says(50, 50, 50, 50, 50, 50, 50)  # 7 of 4, and 350 of 330
    assert source.held()[0].why == "value 350 held back: from 7 items after 4; is it right?"


def test_who_may_settle_and_what_must_be_said(source: Source) -> None:
    source.says(200, 200, 200, 200)
    runtime = source.past.acme.runtime
    with runtime.store.read() as session:
        charlie = session.scalars(select(Person.id).where(Person.email == "charlie@acme.example")).one()
    with pytest.raises(Forbidden):
        settle(runtime, Viewer("charlie", "member", charlie), "kr", "take", "mine")
    with pytest.raises(Forbidden):
        settle(runtime, Viewer("champion", "champion"), "kr", "take", "mine")
    with pytest.raises(NotFound):
        settle(runtime, ADA, "nothing", "take", "x")
    for verdict, reason, where in (
        ("take", " . ", "reason"),
        ("take", "x" * 281, "reason"),
        ("take", "a\u202eb\x07 ok", "reason"),
        ("maybe", "x", "verdict"),
    ):
        with pytest.raises(InputError) as wrong:
            settle(runtime, ADA, "kr", verdict, reason)
        assert wrong.value.where == where
    with pytest.raises(Conflict):
        settle(runtime, ADA, "kr", "take", "x", held=99)
    with pytest.raises(InputError):
        dismiss(runtime, ADA, source.past.signals("kr")["value_held"].id, "never mind")
    with runtime.store.read() as session:
        assert waiting_value(session, "kr") is not None
        assert session.scalar(select(Reading.id).where(Reading.value == 800.0)) is None
