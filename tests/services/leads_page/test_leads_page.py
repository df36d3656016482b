"""The leads' page on a real page of the stand-in: what it says, for whom, and that nothing unchanged is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from connector.domain.rights import Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound, Uncertain
from connector.services import decisions, leads_page
from connector.services.leads_page import telling
from connector.services.leads_page.setting import drop_leads_page, set_leads_page
from connector.store.tables import CheckIn, Connection, Decision, Forum, KeyResult, LeadsPage, Objective, Panel, Person, Team
from tests.support.okr_notion import OkrScene, okr_world

ADMIN = Viewer("ada", "admin")
MEMBER = Viewer("bob", "member")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[OkrScene]:
    with okr_world(tmp_path, public_url="https://okr.acme.example") as found:
        yield found


@pytest.fixture
def page(scene: OkrScene) -> str:
    return scene.world.add_page("For leads")


def told(scene: OkrScene, name: str, *, days: int = 3, **said: Any) -> None:
    """A check-in some days ago, as it counts."""
    moment = scene.runtime.now() - timedelta(days=days)
    with scene.runtime.store.write() as session:
        number = len(list(session.scalars(select(CheckIn.id))))
        row = CheckIn(key_result_id=name, as_of=moment, created_at=moment, source="api", source_id=f"s{number}", **said)
        session.add(row)
        session.flush()
        decisions.note_ask(session, row, moment)


def stand(scene: OkrScene, name: str, state: str, **columns: Any) -> None:
    """A key result that stands so, as a computation would have left it."""
    if not any(each.id == name for each in _key_results(scene)):
        scene.company.key_result(name)
    values = {"state": state, "updated_at": scene.runtime.now(), "movement": "flat", **columns}
    with scene.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == name).values(**values))


def _key_results(scene: OkrScene) -> list[KeyResult]:
    with scene.runtime.store.read() as session:
        return list(session.scalars(select(KeyResult)))


def company_of_five(scene: OkrScene) -> None:
    scene.company.objective("onboarding")
    stand(scene, "kr-a", "at_risk", current=20.0, raw_progress=0.2, expected=0.5, reasons=["20 % done, 50 % expected"])
    stand(scene, "kr-b", "stalled", current=42.0, raw_progress=0.4, blocker="Waiting for legal", decision_needed="approval")
    stand(scene, "kr-c", "on_track", current=60.0, raw_progress=0.6, movement="up")
    stand(scene, "kr-d", "overdue", created_at=scene.runtime.now() - timedelta(days=39))
    told(scene, "kr-a", value=20.0, confidence=4, decision="none")
    told(scene, "kr-b", days=9, value=42.0, confidence=7, decision="approval", blocker="Waiting for legal", comment="two weeks now")


def write(scene: OkrScene, ahead: float = 0.0) -> int:
    scene.company.clock.ahead += ahead
    with scene.runtime.store.read() as session:
        connection = session.get_one(Connection, scene.connection)
    return leads_page.write_pages(scene.runtime, connection)


def want(scene: OkrScene) -> None:
    with scene.runtime.store.write() as session:
        leads_page.want_changed(session, ["kr-a"], scene.runtime.epoch())


def sections(scene: OkrScene, page: str) -> dict[str, list[str]]:
    """The lines of each callout by its heading, in their order on the page."""
    blocks = [scene.world.data["blocks"][each] for each in scene.world.data["pages"][page]["children"]]
    texts = ["".join(run["plain_text"] for run in each["content"]["rich_text"]).splitlines() for each in blocks]
    return {lines[0]: lines[1:] for lines in texts}


def set_up(scene: OkrScene, page: str, **options: str) -> int:
    return set_leads_page(scene.runtime, ADMIN, "acme-notion", page=page, options=options)


def row_of(scene: OkrScene) -> LeadsPage:
    with scene.runtime.store.read() as session:
        return session.scalars(select(LeadsPage)).one()


def test_five_sections_answer_what_a_lead_asks(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    set_up(scene, page)
    write(scene)
    shown = sections(scene, page)
    assert list(shown) == ["Where we stand", "Pre-read", "Decisions due", "Blockers, oldest first", "Last review"]
    since = (scene.runtime.now() - timedelta(days=9)).astimezone(scene.runtime.settings.zone)
    day = f"{since.day} {since:%b}"
    assert shown["Where we stand"] == [
        "cycle now",
        "Are we moving? 1 of 4 moving, 2 flat, 1 not known",
        "Where are we off track? 1 at risk, 1 stalled · 1 cannot be told · 0 risks raised early",
        f"What decision is needed now? 1 ask, oldest since {day} · 0 of 1 decided in the cycle",
        "At risk: 1 · Key result kr-a",
        "Stalled: 1 · Key result kr-b",
        "Cannot tell: 1 · Key result kr-d",
        "On track: 1 · Key result kr-c",
    ]
    pre_read = shown["Pre-read"]
    assert pre_read[0].startswith("Stalled · Key result kr-b · Alice")  # asks come first
    assert pre_read[1].startswith("from 0\u00a0% to 100\u00a0%, now 42\u00a0%")
    assert f"confidence 7 of 10 · blocker: Waiting for legal · ask: approval since {day}" in pre_read[1]
    assert pre_read[2] == "At risk · Key result kr-a · Alice · 20 % done, 50 % expected"
    assert "Updates that are due: 1 · Key result kr-d" in pre_read
    assert shown["Decisions due"] == [f"asked since {day} · Faster approval needed · nobody has taken it up · Key result kr-b"]
    assert shown["Blockers, oldest first"] == [f"blocked since {day} · Waiting for legal · Alice · Key result kr-b"]


def test_nothing_new_costs_no_request_and_one_change_one_section(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    set_up(scene, page)
    write(scene)
    scene.count()
    want(scene)
    assert write(scene, ahead=90) == 1
    assert scene.count() == (0, 0)
    told(scene, "kr-a", days=1, value=20.0, confidence=4, decision="none", blocker="No test data")
    stand(scene, "kr-a", "at_risk", blocker="No test data", updated_at=None)
    want(scene)
    write(scene, ahead=90)
    assert scene.count() == (0, 2)  # the pre-read and the blockers
    assert len(sections(scene, page)["Blockers, oldest first"]) == 2


def test_changes_are_gathered(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    set_up(scene, page)
    write(scene)
    want(scene)
    assert write(scene, ahead=5) == 0
    want(scene)
    assert write(scene, ahead=19) == 0
    assert write(scene, ahead=60) == 1


def test_what_hosts_may_not_show_is_on_no_leads_page(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    scene.company.objective("secret")
    scene.company.key_result("kr-secret", "secret")
    stand(scene, "kr-secret", "at_risk", blocker="Merger", decision_needed="budget")
    told(scene, "kr-secret", blocker="Merger", decision="budget", confidence=2)
    with scene.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "secret").values(restricted=True))
    set_up(scene, page)
    write(scene)
    assert "secret" not in str(sections(scene, page))
    assert "Merger" not in str(sections(scene, page))


def test_a_forum_sees_its_teams_alone(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    scene.company.objective("elsewhere")
    scene.company.key_result("kr-else", "elsewhere")
    with scene.runtime.store.write() as session:
        forum = Forum(name="Product leads")
        session.add(forum)
        session.flush()
        team = session.scalars(select(Team)).one()
        team.forum_id = forum.id
        session.execute(update(Objective).where(Objective.id == "onboarding").values(team_id=team.id))
        number = str(forum.id)
    set_up(scene, page, forum=number)
    write(scene)
    shown = sections(scene, page)["Where we stand"]
    assert shown[0] == "Product leads · cycle now"
    assert "kr-else" not in str(shown)
    with scene.runtime.store.write() as session:
        session.execute(update(Forum).values(retired_at=scene.runtime.now()))
    want(scene)
    write(scene, ahead=90)
    assert sections(scene, page)["Where we stand"] == [
        "The forum that this page shows is not here any more: an admin of okr-connector chooses another."
    ]
    assert sections(scene, page)["Pre-read"] == ["Nothing to show now."]


def test_more_than_fits_is_counted_with_the_way_to_our_page(scene: OkrScene, page: str) -> None:
    scene.company.objective("onboarding")
    for number in range(40):
        stand(scene, f"kr-{number:02}", "at_risk", blocker=f"Blocker {number}", reasons=["behind"])
        told(scene, f"kr-{number:02}", blocker=f"Blocker {number}", decision="none", confidence=3)
    set_up(scene, page)
    write(scene)
    shown = sections(scene, page)
    assert shown["Where we stand"][4].endswith(", +32 more")
    assert f"+{40 - telling.LISTED} more off track" in shown["Pre-read"]
    assert shown["Blockers, oldest first"][-1] == f"+{40 - telling.LISTED} more blockers"
    for each in scene.world.data["pages"][page]["children"]:
        runs = scene.world.data["blocks"][each]["content"]["rich_text"]
        assert len(runs) <= 100
        assert all(not run["href"] or run["href"].startswith("https://okr.acme.example/") for run in runs)


def test_titles_are_plain_text_of_one_line(scene: OkrScene, page: str) -> None:
    scene.company.objective("onboarding")
    stand(scene, "kr-a", "at_risk", title="**Ship**\n[x](javascript:alert(1)) @everyone \u202eevil", blocker="a\nb")
    told(scene, "kr-a", blocker="a\nb", decision="none", confidence=3)
    set_up(scene, page)
    write(scene)
    assert sections(scene, page)["Where we stand"][4] == "At risk: 1 · **Ship** [x](javascript:alert(1)) @everyone evil"
    assert "a b" in sections(scene, page)["Blockers, oldest first"][0]


def test_an_overdue_decision_is_said_first(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    today = scene.runtime.now().astimezone(scene.runtime.settings.zone).date()
    with scene.runtime.store.write() as session:
        bob = session.scalars(select(Person.id).where(Person.name == "Bob")).one()
        for title, due in (("Later", today + timedelta(days=5)), ("Late", today - timedelta(days=2))):
            decisions.create(
                session,
                ADMIN,
                {"title": title, "key_result_id": "kr-a", "kind": "budget", "state": "open", "owner_id": bob, "due": due},
                scene.runtime.now(),
            )
    set_up(scene, page)
    write(scene)
    lines = sections(scene, page)["Decisions due"]
    assert lines[0].startswith("overdue, due ")
    assert "Late · Bob · Key result kr-a" in lines[0]
    assert lines[1].startswith("due ")
    assert len(lines) == 3


def test_what_was_asked_first_stands_first_after_what_is_due(scene: OkrScene, page: str) -> None:
    scene.company.objective("onboarding")
    for name, days in (("kr-new", 1), ("kr-old", 9), ("kr-mid", 4)):
        stand(scene, name, "at_risk", decision_needed="budget")
        told(scene, name, days=days, value=20.0, confidence=4, decision="budget")
    with scene.runtime.store.write() as session:
        session.execute(delete(Decision).where(Decision.key_result_id == "kr-old"))  # asked before decisions were kept
    set_up(scene, page)
    write(scene)
    assert [line.rsplit(" ", 1)[-1] for line in sections(scene, page)["Decisions due"]] == ["kr-old", "kr-mid", "kr-new"]


def test_a_page_that_went_comes_back_with_its_sections(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    set_up(scene, page)
    write(scene)
    scene.world.trash(page)
    stand(scene, "kr-c", "at_risk")
    want(scene)
    write(scene, ahead=90)
    assert row_of(scene).gone_at is not None
    want(scene)
    assert write(scene, ahead=90) == 0  # nobody writes to what is gone
    scene.world.restore(page)
    with scene.runtime.store.write() as session:
        leads_page.want_all(session, scene.runtime.epoch())
    write(scene, ahead=90)
    assert row_of(scene).gone_at is None
    assert "At risk: 2" in sections(scene, page)["Where we stand"][4]
    assert len(sections(scene, page)) == 5


def test_a_lost_answer_makes_no_second_section(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    set_up(scene, page)
    scene.sandbox.fail(path="/children", method="PATCH", status=503, commit=True)
    with pytest.raises(Uncertain):
        write(scene)
    assert write(scene, ahead=120) == 1
    assert len(scene.world.data["pages"][page]["children"]) == 5


def test_a_new_page_is_made_below_another_and_given_up_again(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    ident = set_leads_page(scene.runtime, ADMIN, "acme-notion", parent=page)
    write(scene)
    made = row_of(scene)
    assert made.ref != page
    assert made.url
    assert len(sections(scene, made.ref)) == 5
    drop_leads_page(scene.runtime, ADMIN, "acme-notion", ident)
    assert len(sections(scene, made.ref)) == 5
    with pytest.raises(NotFound):
        drop_leads_page(scene.runtime, ADMIN, "acme-notion", ident)


def test_setting_it_again_brings_back_what_was_deleted_and_changes_what_it_shows(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    first = set_up(scene, page)
    write(scene)
    for name, ahead in (("kr-a", 90.0), ("kr-c", 180.0)):
        scene.world.delete_block(scene.world.data["pages"][page]["children"][0])
        stand(scene, name, "stalled")
        want(scene)
        write(scene, ahead=ahead)
    assert "Where we stand" not in sections(scene, page)
    assert set_up(scene, page) == first
    write(scene)
    assert "Where we stand" in sections(scene, page)


def test_who_may_and_what_can_be_chosen(scene: OkrScene, page: str) -> None:
    with pytest.raises(Forbidden):
        set_leads_page(scene.runtime, MEMBER, "acme-notion", page=page)
    with pytest.raises(Forbidden):
        drop_leads_page(scene.runtime, MEMBER, "acme-notion", 1)
    with pytest.raises(NotFound):
        set_leads_page(scene.runtime, ADMIN, "nobody", page=page)
    for wrong in ({}, {"page": page, "parent": page}):
        with pytest.raises(InputError):
            set_leads_page(scene.runtime, ADMIN, "acme-notion", **wrong)
    with pytest.raises(InputError) as error:
        set_up(scene, page, forum="77")
    assert error.value.where == "forum"
    with pytest.raises(InputError):
        set_up(scene, page, colour="red")
    with pytest.raises(InputError, match="not shared"):
        set_up(scene, "00000000-0000-4000-8000-000000000000")
    with pytest.raises(InputError, match="database"):
        set_up(scene, scene.databases[next(iter(scene.databases))].database)
    with scene.runtime.store.write() as session:
        session.add(Panel(connection_id=scene.connection, ref=page, key_results=[], receipt={}))
    with pytest.raises(Conflict):
        set_up(scene, page)


def test_an_answer_about_one_page_only_is_told_there(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    set_up(scene, page)
    scene.sandbox.block_limit = True
    write(scene)
    assert "blocks" in (row_of(scene).error or "")


def reads_after(scene: OkrScene) -> list[str]:
    """The paths that were read for the events that the workspace announced since."""
    begun = len(scene.sandbox.log)
    scene.drain()
    return [path for method, path, _, _ in scene.sandbox.log[begun:] if method == "GET"]


def test_events_of_our_own_writes_on_the_page_cost_no_read_and_those_of_people_do(scene: OkrScene, page: str) -> None:
    company_of_five(scene)
    inner = scene.world.add_page("For leads, below", parent=page)
    scene.drain()
    for each in (page, inner):
        set_up(scene, each)
    while write(scene, 5.0):
        pass
    assert {event["entity"]["id"] for event in scene.sandbox.events[scene._told :]} >= {page, inner}
    assert reads_after(scene) == []
    scene.world.add_block(page, "paragraph", {"rich_text": [{"plain_text": "Ours"}]}, author=scene.account("Alice"))
    assert reads_after(scene) != []
    stand(scene, "kr-a", "on_track", current=70.0, raw_progress=0.7)
    want(scene)
    while write(scene, 60.0):
        pass
    assert len(scene.sandbox.events) > scene._told
    assert reads_after(scene) == []  # that somebody edited the page once makes it no source of numbers
