"""When updates of a key result are due: its own cadence, its forum's holidays, from the day on which it came."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM
from connector.services import check_ins
from connector.services.facts import load_facts
from connector.services.insight.discipline import load_standings
from connector.services.insight.scope import find_scope, load_lights
from connector.services.panels.building import describe_key_result
from connector.services.plan import forums
from connector.services.rhythm import planning
from connector.store import work
from connector.store.tables import KeyResult, Objective, Team
from tests.services.rhythm.helpers import BERLIN, it_is, meets
from tests.support.world import Company


def quarter(acme: Company, **forum: Any) -> None:
    """A key result of a team that a forum reviews, created on 1 Dec 2026."""
    it_is(acme, "2026-12-01 09:00")
    acme.objective(start=date(2026, 10, 1), end=date(2026, 12, 31))
    acme.key_result("kr-a")
    ident = meets(acme, **forum)
    with acme.runtime.store.write() as session:
        session.execute(update(Team).values(forum_id=ident))
        session.execute(update(Objective).values(team_id=select(Team.id).scalar_subquery()))


def state_at(acme: Company, moment: str) -> KeyResult:
    it_is(acme, moment)
    with acme.runtime.store.write() as session:
        work.want(session, KeyResult, ["kr-a"], acme.runtime.epoch())
    acme.work()
    return acme.row("kr-a")


def standing(acme: Company) -> str:
    now = acme.runtime.now()
    with acme.runtime.store.read() as session:
        scope = find_scope(session, now.date())
        [found] = load_standings(session, load_lights(session, SYSTEM, scope, now.date()), now, acme.runtime.settings.zone)
    return found.update.value


def file(acme: Company, value: float = 50) -> None:
    given = {"value": value, "confidence": 7, "decision": "none"}
    check_ins.file_check_in(acme.runtime, "kr-a", given, author="alice@acme.example")


@pytest.mark.parametrize(("country", "overdue"), [("", True), ("DE", False)])
def test_an_update_is_not_due_on_a_holiday_of_the_forum(acme: Company, country: str, overdue: bool) -> None:
    quarter(acme, country=country)
    for day in (3, 10, 17):
        it_is(acme, f"2026-12-{day:02} 12:00")
        file(acme, 50 + day)
    row = state_at(acme, "2026-12-25 18:00")  # due on 24 Dec with a working day of grace: that is Monday in Germany
    assert (row.state == "overdue") is overdue
    assert standing(acme) == ("missing" if overdue else "on time")
    assert state_at(acme, "2026-12-28 18:00").state == "overdue"
    assert standing(acme) == "missing"


def test_what_is_expected_leaves_out_the_holidays_of_the_forum(acme: Company) -> None:
    quarter(acme)
    plain = state_at(acme, "2026-12-24 12:00").expected
    forums.update(acme.runtime, SYSTEM, "Board", {"country": "DE"})
    with_holidays = state_at(acme, "2026-12-24 12:00").expected
    assert plain == pytest.approx(61 / 66)  # working days from 1 Oct to 31 Dec 2026
    assert with_holidays == pytest.approx(61 / 65)  # Christmas Day is a Friday; 3 Oct and 26 Dec are Saturdays
    with acme.runtime.store.read() as session:
        [facts] = load_facts(session, ["kr-a"]).values()
    shown = describe_key_result(facts, "", acme.runtime.now(), BERLIN)
    assert shown.expected == with_holidays


@pytest.mark.parametrize(("country", "overdue"), [("", False), ("SA", True)])
def test_the_day_of_grace_is_a_working_day_of_the_forums_country(acme: Company, country: str, overdue: bool) -> None:
    quarter(acme, country=country)
    for day in (3, 5):
        it_is(acme, f"2026-12-{day:02} 12:00")
        file(acme, 50 + day)
    row = state_at(acme, "2026-12-13 18:00")  # a Sunday; due on Saturday the 12th with a working day of grace
    assert (row.state == "overdue") is overdue
    assert standing(acme) == ("missing" if overdue else "on time")


def test_what_is_expected_counts_the_working_days_of_the_forums_country(acme: Company) -> None:
    quarter(acme, country="SA")
    assert state_at(acme, "2026-12-31 12:00").expected == 1.0
    assert state_at(acme, "2026-12-24 12:00").expected == pytest.approx(61 / 66)  # Sundays to Thursdays from 1 Oct to 31 Dec 2026


def test_a_forum_without_a_country_and_no_forum_at_all_are_the_same(acme: Company) -> None:
    quarter(acme)
    with_forum = state_at(acme, "2026-12-20 12:00")
    told = (with_forum.expected, with_forum.state, with_forum.reasons)
    forums.retire(acme.runtime, SYSTEM, "Board")
    without = state_at(acme, "2026-12-20 12:00")
    assert (without.expected, without.state, without.reasons) == told


def test_a_fortnightly_key_result_is_not_late_in_a_weekly_forum(acme: Company) -> None:
    quarter(acme)
    with acme.runtime.store.write() as session:
        session.execute(update(KeyResult).values(cadence="fortnightly"))
    it_is(acme, "2026-12-03 12:00")
    file(acme)
    assert state_at(acme, "2026-12-14 12:00").state != "overdue"
    assert standing(acme) == "on time"
    assert state_at(acme, "2026-12-18 13:00").state == "overdue"


def test_a_team_starts_in_the_middle_of_a_quarter_without_a_history(acme: Company) -> None:
    quarter(acme)
    assert state_at(acme, "2026-12-01 12:00").state == "no_data"
    assert standing(acme) == "not due yet"
    with acme.runtime.store.read() as session:
        first = planning.reviews_of(session, ["kr-a"], acme.runtime.now())["kr-a"]
    assert first.day == date(2026, 12, 3)
    it_is(acme, "2026-12-02 12:00")
    file(acme, 80)
    row = state_at(acme, "2026-12-08 12:00")
    assert row.state == "on_track"
    assert row.current == 80
    assert standing(acme) == "on time"
