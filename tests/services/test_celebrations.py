"""What the roll-up finds to be glad of: once each, only from a known value, never for a moved target; and thanks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import Viewer
from connector.errors import Forbidden, InputError, NotFound
from connector.services import celebrations
from connector.services.rollup import roll_up_dirty, want_all
from connector.store.tables import (
    Celebration,
    CheckIn,
    KeyResult,
    Message,
    Notice,
    Objective,
    OkrDatabase,
    OkrRow,
    Person,
    Reading,
    Recognition,
)
from tests.support.world import Company, company

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
def acme(tmp_path: Path, database_kind: str, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup")
        yield found


def value(acme: Company, number: float, name: str = "kr-setup", days: float = 0) -> None:
    """The owner tells a number, and the key result is computed."""
    acme.clock.ahead += 60 + days * 86_400
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        check_in = CheckIn(
            key_result_id=name, value=number, confidence=6, decision="none", as_of=now, created_at=now, source_id=f"{name} {now}"
        )
        session.add(check_in)
        session.flush()
        source = {"check_in": check_in.id}
        session.add(Reading(key_result_id=name, value=number, kind="check_in", as_of=now, day=now.date(), recorded_at=now, source=source))
    compute(acme)


def compute(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        want_all(session, acme.runtime.epoch())
    while roll_up_dirty(acme.runtime):
        pass


def told(acme: Company) -> list[tuple[str, str]]:
    with acme.runtime.store.read() as session:
        return [(row.kind, row.text) for row in session.scalars(select(Celebration).order_by(Celebration.id))]


def kinds(acme: Company) -> list[str]:
    return [kind for kind, _ in told(acme)]


def change(acme: Company, table: Any, where: Any, **values: Any) -> None:
    with acme.runtime.store.write() as session:
        session.execute(update(table).where(where).values(**values))


def test_a_quarter_a_half_three_quarters_and_the_whole_are_told_once_each(acme: Company) -> None:
    for number in (10, 24, 25, 26, 49, 51, 60, 75, 90, 100, 110):
        value(acme, number)
    assert [kind for kind in kinds(acme) if kind != "moving_again"] == ["quarter", "half", "three_quarters", "whole"]
    assert told(acme)[0][1].replace("\u00a0", " ") == "A quarter of the way: 25 % now"
    assert told(acme)[-1][1].replace("\u00a0", " ") == "Target reached: 100 %"


def test_a_fall_and_a_second_rise_bring_nothing_new(acme: Company) -> None:
    for number in (10, 55, 20, 30, 55, 60):
        value(acme, number)
    assert kinds(acme) == ["half"]  # a leap over two marks tells the higher one, and the lower is behind it
    value(acme, 80)
    assert kinds(acme) == ["half", "three_quarters"]


def test_the_first_known_value_is_no_movement(acme: Company) -> None:
    value(acme, 60)
    assert kinds(acme) == []
    compute(acme)
    assert kinds(acme) == []


def test_a_moved_target_is_no_progress(acme: Company) -> None:
    value(acme, 40)
    value(acme, 41)
    assert kinds(acme) == []
    change(acme, KeyResult, KeyResult.id == "kr-setup", target=60.0)
    compute(acme)
    assert kinds(acme) == []
    change(acme, KeyResult, KeyResult.id == "kr-setup", target=80.0)  # 41 of 80 is beyond the half; so is 42
    value(acme, 42)
    assert kinds(acme) == []


def test_bounds_and_closed_ones_have_nothing_to_cross(acme: Company) -> None:
    acme.key_result("kr-bound", kind="at_most", start=None, target=5.0)
    value(acme, 9, "kr-bound")
    value(acme, 3, "kr-bound")
    value(acme, 10)
    change(acme, Objective, Objective.id == "onboarding", closed_at=acme.runtime.now())
    value(acme, 60)
    assert kinds(acme) == []


def test_the_first_movement_after_a_stall_is_told(acme: Company) -> None:
    change(acme, KeyResult, KeyResult.id == "kr-setup", created_at=acme.runtime.now() - timedelta(days=40))
    for number in (10, 10, 10):
        value(acme, number, days=7)
    assert acme.row("kr-setup").state == "stalled"
    value(acme, 14, days=3)
    assert kinds(acme) == ["moving_again"]
    assert "Moving again after standing still" in told(acme)[0][1]
    value(acme, 16)
    assert kinds(acme) == ["moving_again"]


def test_a_done_milestone_is_told_by_its_name(acme: Company) -> None:
    def steps(*done: bool) -> list[dict[str, Any]]:
        return [{"title": f"Step {place}", "weight": 1.0, "done": each} for place, each in enumerate(done)]

    acme.key_result("kr-steps", kind="milestones", unit="", start=None, target=None, milestones=steps(True, False, False, False, False))
    compute(acme)
    assert kinds(acme) == []
    acme.clock.ahead += 60
    change(acme, KeyResult, KeyResult.id == "kr-steps", milestones=steps(True, True, False, False, False))
    compute(acme)
    assert told(acme) == [("quarter", "A quarter of the way: 2 of 5 now"), ("milestone", "Milestone done: Step 1")]
    acme.clock.ahead += 60
    change(acme, KeyResult, KeyResult.id == "kr-steps", milestones=steps(True, False, False, False, False))
    compute(acme)
    acme.clock.ahead += 60
    change(acme, KeyResult, KeyResult.id == "kr-steps", milestones=steps(True, True, False, False, False))
    compute(acme)
    assert len(told(acme)) == 2


def test_nothing_is_noted_where_it_is_turned_off(acme: Company) -> None:
    acme.runtime.settings.celebrate = "off"
    value(acme, 10)
    value(acme, 60)
    assert kinds(acme) == []


def test_it_is_told_at_the_work_where_the_setting_says_so_and_everybody_may_read_it(acme: Company) -> None:
    acme.runtime.settings.celebrate = "hosts"
    connection = acme.connection("acme-notion", "notion", "http://127.0.0.1:9", {"token": "ntn_x"})
    with acme.runtime.store.write() as session:
        database = OkrDatabase(connection_id=connection, kind="key_results", database="d", source="s", created_at=acme.runtime.now())
        session.add(database)
        session.flush()
        session.add(
            OkrRow(connection_id=connection, database_id=database.id, ref="row-1", record="kr-setup", created_at=acme.runtime.now())
        )
    value(acme, 10)
    value(acme, 60)
    with acme.runtime.store.read() as session:
        (message,) = session.scalars(select(Message).where(Message.kind == "celebration")).all()
    assert (message.connection_id, message.ref) == (connection, "row-1")
    change(acme, Objective, Objective.id == "onboarding", restricted=True)
    value(acme, 80)
    with acme.runtime.store.read() as session:
        assert len(session.scalars(select(Message).where(Message.kind == "celebration")).all()) == 1
    assert kinds(acme) == ["half", "three_quarters"]


def test_thanks_are_logged_with_their_sender_once_and_the_owner_is_told(acme: Company) -> None:
    with acme.runtime.store.read() as session:
        people = {row.name: row.id for row in session.scalars(select(Person))}
    bob = Viewer("bob@acme.example", "member", people["Bob"], shown="Bob")
    assert celebrations.thank(acme.runtime, bob, "kr-setup", "  the dashboards\u00a0 helped <b>a lot</b>  ")
    assert not celebrations.thank(acme.runtime, bob, "kr-setup", "the dashboards helped <b>a lot</b>")
    with acme.runtime.store.read() as session:
        (row,) = session.scalars(select(Recognition)).all()
        (notice,) = session.scalars(select(Notice).where(Notice.kind == "thanks")).all()
        cards = celebrations.of_key_result(session, "kr-setup", acme.runtime.settings.zone)
    assert (row.sender_id, row.text) == (people["Bob"], "the dashboards helped <b>a lot</b>")
    assert notice.person_id == people["Alice"]
    assert [(card.by, card.text) for card in cards] == [("Bob", "the dashboards helped <b>a lot</b>")]


def test_nobody_thanks_themselves(acme: Company) -> None:
    with acme.runtime.store.read() as session:
        alice = session.scalars(select(Person.id).where(Person.name == "Alice")).one()
    with pytest.raises(InputError, match="this key result is yours") as caught:
        celebrations.thank(acme.runtime, Viewer("alice@acme.example", "member", alice), "kr-setup", "well done")
    assert caught.value.where == "thanks"
    with acme.runtime.store.read() as session:
        assert session.scalars(select(Recognition)).all() == []


def test_thanks_need_words_a_person_and_a_key_result_that_they_may_see(acme: Company) -> None:
    with acme.runtime.store.read() as session:
        charlie = session.scalars(select(Person.id).where(Person.name == "Charlie")).one()
    viewer = Viewer("charlie@acme.example", "member", charlie)
    for text in ("", "   ", "x" * 281, "a\u202eb"):
        with pytest.raises(InputError):
            celebrations.thank(acme.runtime, viewer, "kr-setup", text)
    with pytest.raises(Forbidden):
        celebrations.thank(acme.runtime, Viewer("script", "admin"), "kr-setup", "thanks")
    change(acme, Objective, Objective.id == "onboarding", restricted=True)
    with pytest.raises(NotFound):
        celebrations.thank(acme.runtime, viewer, "kr-setup", "thanks")
