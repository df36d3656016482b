"""What leads read, over a real database: updates by cadence, unbroken asks and blockers, work that moves nothing, the tree of goals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.model import Cadence, State
from connector.domain.rights import SYSTEM, Viewer
from connector.services.insight.busy import find_busy
from connector.services.insight.discipline import Update, judge, load_standings
from connector.services.insight.open_points import load_asks, load_blockers
from connector.services.insight.scope import Light, Lost, find_scope, load_lights, load_sources, most_urgent, owners_of
from connector.services.insight.tree import cut, find, load_tree
from connector.services.signals.nightly import find_all
from connector.store.tables import CheckIn, Connection, Cycle, KeyResult, MappingDay, Objective, Reading, Team
from tests.support.world import Company, company

pytestmark = pytest.mark.databases("sqlite", "postgres")
NOBODY = Viewer("nobody", "viewer")


@pytest.fixture
def acme(tmp_path: Path, database_kind: str, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        yield found


def lights(acme: Company, viewer: Viewer = SYSTEM, **wishes: str) -> dict[str, Light]:
    today = acme.runtime.now().date()
    with acme.runtime.store.read() as session:
        return {each.id: each for each in load_lights(session, viewer, find_scope(session, today, **wishes), today)}


def check_in(acme: Company, name: str, days: float, **columns: Any) -> None:
    at = acme.runtime.now() - timedelta(days=days)
    with acme.runtime.store.write() as session:
        told = {"decision": "none", "draft": False, **columns}
        session.add(CheckIn(key_result_id=name, as_of=at, created_at=at, source="test", source_id=f"{name} {days} {columns}", **told))


# --- updates ---------------------------------------------------------------------------------------------------------------------

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cadence", "last", "before", "draft", "after", "update"),
    [
        (Cadence.WEEKLY, 0, None, None, 7, Update.ON_TIME),
        (Cadence.WEEKLY, 0, None, None, 9, Update.MISSING),  # a week and a working day of grace
        (Cadence.FORTNIGHTLY, 0, None, None, 9, Update.ON_TIME),  # not late in a weekly view
        (Cadence.FORTNIGHTLY, 0, None, None, 16, Update.MISSING),
        (Cadence.WEEKLY, 0, None, 3, 9, Update.DRAFT),
        (Cadence.WEEKLY, 0, None, -3, 9, Update.MISSING),  # a draft from before the last complete one
        (Cadence.WEEKLY, 0, None, 3, 6, Update.ON_TIME),  # not due: an early draft takes nothing away
        (Cadence.WEEKLY, 12, 0, None, 13, Update.LATE),
        (Cadence.WEEKLY, 7, 0, None, 13, Update.ON_TIME),
        (Cadence.WEEKLY, None, None, None, 3, Update.NOT_DUE),
        (Cadence.WEEKLY, None, None, None, 9, Update.MISSING),
        (Cadence.WEEKLY, None, None, 2, 9, Update.DRAFT),
    ],
)
def test_each_key_result_is_held_to_its_own_cadence(
    cadence: Cadence, last: int | None, before: int | None, draft: int | None, after: int, update: Update
) -> None:
    def at(days: int | None) -> datetime | None:
        return None if days is None else MONDAY + timedelta(days=days)

    assert judge(cadence, MONDAY, at(last), at(before), at(draft), MONDAY + timedelta(days=after), UTC)[0] is update


def test_standings_read_the_last_two_complete_updates_and_drafts(acme: Company) -> None:
    long_ago = acme.runtime.now() - timedelta(days=39)
    for name, cadence in (("fresh", "weekly"), ("silent", "weekly"), ("half", "weekly"), ("slow", "fortnightly"), ("over", "weekly")):
        acme.key_result(name, cadence=cadence, created_at=long_ago, state="closed" if name == "over" else "on_track")
    for name, days in (("fresh", 15), ("fresh", 8), ("fresh", 1), ("silent", 20), ("half", 20), ("slow", 22), ("slow", 10)):
        check_in(acme, name, days)
    check_in(acme, "half", 2, draft=True)
    with acme.runtime.store.read() as session:
        found = {each.light.id: each for each in load_standings(session, list(lights(acme).values()), acme.runtime.now(), UTC)}
    assert {name: each.update for name, each in found.items()} == {
        "fresh": Update.ON_TIME,
        "silent": Update.MISSING,
        "half": Update.DRAFT,
        "slow": Update.ON_TIME,
    }
    assert found["silent"].last
    assert (acme.runtime.now() - found["silent"].last).days == 20


# --- asks and blockers -----------------------------------------------------------------------------------------------------------


def test_an_ask_is_as_old_as_its_unbroken_run(acme: Company) -> None:
    for name in ("long", "again", "fresh", "told"):
        acme.key_result(name, decision_needed="budget")
    for name, days, decision, words in (
        ("long", 20, "budget", "first"), ("long", 12, "scope", "second"), ("long", 2, "budget", "third"),
        ("again", 20, "budget", "once"), ("again", 12, "none", None), ("again", 5, "budget", "anew"),
        ("fresh", 1, "budget", None),
    ):  # fmt: skip
        check_in(acme, name, days, decision=decision, comment=words)
    check_in(acme, "again", 0.5, decision="none", draft=True)
    with acme.runtime.store.read() as session:
        found = load_asks(session, {name: each.ask for name, each in lights(acme).items()})
    ages = [(each.key_result, each.text, None if each.since is None else (acme.runtime.now() - each.since).days) for each in found]
    assert ages == [("long", "third", 20), ("again", "anew", 5), ("fresh", "", 1), ("told", "", None)]


def test_a_blocker_is_as_old_as_its_unbroken_run_and_leads_to_what_was_picked(acme: Company) -> None:
    connection = acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {})
    for name in ("old", "new", "free"):
        acme.key_result(name, blocker=None if name == "free" else "The bank")
    link = {"connection": connection, "ref": "10001", "key": "ACME-1", "url": "https://acme.example/browse/ACME-1"}
    check_in(acme, "old", 16, blocker="The bank")
    check_in(acme, "old", 9, blocker="Still the bank", blocker_link=link)
    check_in(acme, "new", 16, blocker="The bank")
    check_in(acme, "new", 9, blocker="")
    check_in(acme, "new", 2, blocker="A form", blocker_link={**link, "url": "javascript:alert(1)", "connection": 99})
    with acme.runtime.store.read() as session:
        found = load_blockers(session, [name for name, each in lights(acme).items() if each.blocked])
    assert [(each.key_result, each.text, each.key, each.address) for each in found] == [
        ("old", "Still the bank", "ACME-1", link["url"]),
        ("new", "A form", "", ""),
    ]
    assert found[0].since
    assert (acme.runtime.now() - found[0].since).days == 16


# --- work that moves nothing -----------------------------------------------------------------------------------------------------


def test_busy_is_what_stands_still_while_as_much_is_done_as_usual(acme: Company) -> None:
    connection = acme.connection("acme-jira", "jira", "http://127.0.0.1:9", {})
    today = acme.runtime.now().date()
    values = {"flat": (40, 40), "moves": (40, 47), "output": (40, 40), "idle": (40, 40), "young": (40, 40), "there": (100, 100)}
    done = {"idle": (9, 9, 9, 9, 1, 1), "young": (9, 9)}
    for name, (then, now) in values.items():
        acme.key_result(
            name, current=now, raw_progress=now / 100, progress=now / 100, state="on_track", flags=["output"] if name == "output" else [],
            effect_lag=0,
        )  # fmt: skip
        mapping = acme.mapping(name, connection, select={"jql": "project = ACME"}, measure="done_count", mode="context")
        weeks = done.get(name, (8, 9, 8, 10, 16, 18))
        with acme.runtime.store.write() as session:
            total = 0
            for place in range(len(weeks) + 1):
                total += weeks[place - 1] if place else 50
                session.add(MappingDay(mapping_id=mapping, day=today - timedelta(weeks=len(weeks) - place), items=200, done=total))
            for days, value in ((20, then), (1, now)):
                at = acme.runtime.now() - timedelta(days=days)
                session.add(Reading(key_result_id=name, value=value, kind="mapping", as_of=at, day=at.date(), recorded_at=at))
    acme.key_result("unmapped", current=40, raw_progress=0.4, state="on_track")
    with acme.runtime.store.read() as session:
        assert find_busy(session, list(lights(acme).values())).found == ()  # nobody has looked yet
    find_all(acme.runtime)
    with acme.runtime.store.read() as session:
        found = find_busy(session, list(lights(acme).values()))
    assert [(each.key_result, each.done, each.times) for each in found.found] == [("flat", 34, 2.0)]
    assert (found.still, found.judged, found.output) == (3, 2, 1)  # flat, idle and young stand still; young has too short a history


# --- scope, order, tree ----------------------------------------------------------------------------------------------------------


def test_without_a_wish_every_running_cycle_counts(acme: Company) -> None:
    today = acme.runtime.now().date()
    acme.objective("other", cycle="half year", start=today - timedelta(days=3), end=today + timedelta(days=180))
    acme.objective("past", cycle="last", start=today - timedelta(days=90), end=today - timedelta(days=41))
    acme.objective("coming", cycle="next", start=today - timedelta(days=1))
    with acme.runtime.store.write() as session:
        session.execute(update(Cycle).where(Cycle.name == "next").values(started_at=None))
        session.execute(update(Objective).where(Objective.id == "other").values(stage="ready"))
        last = str(session.scalars(select(Cycle.id).where(Cycle.name == "last")).one())
        coming = str(session.scalars(select(Cycle.id).where(Cycle.name == "next")).one())
    for name in ("onboarding", "other", "past", "coming"):
        acme.key_result(f"kr-{name}", name, expected=0.5, raw_progress=0.1)
    found = lights(acme)
    assert set(found) == {"kr-onboarding", "kr-other"}
    assert found["kr-onboarding"].gap == pytest.approx(0.4)
    assert found["kr-other"].gap is None
    assert set(lights(acme, cycle=last)) == {"kr-past"}
    assert lights(acme, cycle=coming) == {}


@pytest.mark.parametrize("wish", [{"team": "99"}, {"forum": "x"}, {"cycle": "99999999999999999999"}, {"team": "-1"}, {"team": "²"}])
def test_a_wish_that_names_nothing_is_said(acme: Company, wish: dict[str, str]) -> None:
    with acme.runtime.store.read() as session, pytest.raises(Lost) as lost:
        find_scope(session, acme.runtime.now().date(), **wish)
    assert lost.value.what == next(iter(wish))


def test_a_retired_team_is_not_here_any_more(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        team = session.scalars(select(Team)).one()
        team.retired_at = acme.runtime.now()
        ident = str(team.id)
    with acme.runtime.store.read() as session, pytest.raises(Lost):
        find_scope(session, acme.runtime.now().date(), team=ident)


def test_exceptions_come_first_by_gap_or_by_what_they_take_from_their_objective(acme: Company) -> None:
    acme.objective("heavy")
    for name, objective, state, raw, weight in (
        ("fine", "onboarding", "on_track", 0.6, 1), ("near", "onboarding", "at_risk", 0.4, 9), ("far", "onboarding", "at_risk", 0.2, 1),
        ("alone", "heavy", "at_risk", 0.45, 1), ("dark", "heavy", "no_data", None, 0), ("still", "heavy", "stalled", 0.3, 0),
    ):  # fmt: skip
        acme.key_result(name, objective, state=state, raw_progress=raw, expected=0.5, weight=weight)
    ordered = [each.id for each in most_urgent(list(lights(acme).values()))]
    assert ordered == ["far", "near", "alone", "still", "dark", "fine"]
    by_weight = [each.id for each in most_urgent(list(lights(acme).values()), by="weight")]
    assert by_weight == ["near", "alone", "far", "still", "dark", "fine"]  # 0.1 × 9/11, 0.05 × 1, 0.3 × 1/11


def test_a_source_is_late_when_it_was_not_heard_for_long_or_is_parked(acme: Company) -> None:
    now = acme.runtime.now()
    acme.key_result("kr")
    ages = {
        "near": timedelta(minutes=2),
        "far": timedelta(minutes=9),
        "late": timedelta(hours=30),
        "never": None,
        "context": timedelta(days=9),
    }
    for name, age in ages.items():
        ident = acme.connection(name, "jira", "http://127.0.0.1:9", {})
        acme.mapping("kr", ident, select={"jql": "a"}, measure="done_count", mode="context" if name == "context" else "value")
        with acme.runtime.store.write() as session:
            session.get_one(Connection, ident).last_success_at = None if age is None else now - age
    with acme.runtime.store.read() as session:
        found = load_sources(session, SYSTEM, find_scope(session, now.date()), now - timedelta(hours=26))
    assert found.late == ("late", "never")
    assert found.read_at == now - ages["far"]


def tree(acme: Company, viewer: Viewer) -> Any:
    today = acme.runtime.now().date()
    with acme.runtime.store.read() as session:
        scope = find_scope(session, today)
        return load_tree(session, viewer, scope, load_lights(session, viewer, scope, today))


def test_a_goal_that_must_not_be_known_leaves_no_trace_in_the_tree(acme: Company) -> None:
    for name in ("secret", "below", "leaf"):
        acme.objective(name)
    acme.key_result("kr-leaf", "leaf", state="at_risk")
    acme.key_result("kr-secret", "secret", state="stalled")
    with acme.runtime.store.write() as session:
        for name, above in (("secret", "onboarding"), ("below", "secret"), ("leaf", "below")):
            session.execute(update(Objective).where(Objective.id == name).values(supports_id=above, restricted=name == "secret"))
        session.execute(update(KeyResult).where(KeyResult.id == "kr-secret").values(owner_id=None))
    whole = tree(acme, SYSTEM)
    assert [each.id for each in whole] == ["onboarding"]
    secret = find(whole, "secret")
    assert secret is not None
    assert [each.id for each in secret.below] == ["below"]
    assert secret.state is State.STALLED
    seen = tree(acme, NOBODY)
    assert {each.id for each in seen} == {"onboarding", "below"}
    below = find(seen, "below")
    assert below is not None
    assert not below.orphan
    assert below.serves == ""
    assert find(seen, "secret") is None
    assert sum(each.size() for each in seen) == 4  # three objectives, one key result


def test_a_circle_of_goals_is_cut_where_it_would_close(acme: Company) -> None:
    acme.objective("second")
    with acme.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "second").values(supports_id="onboarding"))
        session.execute(update(Objective).where(Objective.id == "onboarding").values(supports_id="second"))
    assert sum(each.size() for each in tree(acme, SYSTEM)) == 2


def test_a_tree_that_does_not_fit_keeps_the_goals_above_what_it_shows(acme: Company) -> None:
    for number in range(12):
        acme.objective(f"o-{number}")
        for place in range(3):
            acme.key_result(f"kr-{number}-{place}", f"o-{number}", state="at_risk" if number < 3 else "on_track")
    with acme.runtime.store.write() as session:
        for number in range(6, 12):
            session.execute(update(Objective).where(Objective.id == f"o-{number}").values(supports_id=f"o-{number - 6}"))
    roots = tree(acme, SYSTEM)
    whole = cut(roots, 100)
    assert whole.with_key_results
    assert len(whole.lines) == 13
    assert not whole.left_out
    some = cut(roots, 8)
    assert not some.with_key_results
    assert len(some.lines) == 8
    assert sum(some.left_out.values()) == 5
    shown = [branch.id for _, branch in some.lines]
    assert {"o-0", "o-1", "o-2"} <= set(shown)
    assert all(f"o-{int(name[2:]) - 6}" in shown for name in shown if name in {"o-6", "o-7"})


def test_owners_are_known_where_there_are_any(acme: Company) -> None:
    acme.key_result("owned")
    acme.key_result("free", owner_id=None)
    with acme.runtime.store.read() as session:
        assert owners_of(session, ["owned", "free"]) == {"owned": "Alice"}
