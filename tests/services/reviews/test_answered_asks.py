"""An ask that a review has answered is open nowhere any more; asked again it begins anew."""

from __future__ import annotations

from sqlalchemy import select, update

from connector.domain.model import DecisionKind
from connector.services.celebrations import thank
from connector.services.facts import load_facts
from connector.services.insight.leads import Leads, load_leads
from connector.services.insight.scope import find_scope, load_lights
from connector.services.panels.building import describe_key_result
from connector.services.rhythm.pre_reads import gather
from connector.services.said import said_of
from connector.services.signals.nightly import find_all
from connector.store.tables import Forum, Objective, Panel, Review
from connector.views.query import load_key_results
from tests.support.meeting import ASKS, Meeting

DAY = 86400


def leads(meeting: Meeting) -> Leads:
    runtime = meeting.runtime
    now = runtime.now()
    with runtime.store.read() as session:
        scope = find_scope(session, now.date())
        lights = load_lights(session, meeting.viewer("Lea"), scope, now.date())
        return load_leads(session, meeting.viewer("Lea"), scope, lights, now, runtime.settings.zone)


def asked(meeting: Meeting) -> list[set[str]]:
    """Which key results ask, as triage, our pages, panels and a pre-read say it."""
    runtime, viewer = meeting.runtime, meeting.viewer("Lea")
    now, zone = runtime.now(), runtime.settings.zone
    with runtime.store.read() as session:
        pages = load_key_results(session, viewer, list(ASKS), now, zone)
        panels = [describe_key_result(each, "", now, zone) for each in load_facts(session, list(ASKS), computing=False).values()]
        review = Review(id=99, forum_id=meeting.forum, day=now.date(), starts_at=now, lock_at=now, created_at=now)
        entries = gather(session, review, session.get_one(Forum, meeting.forum), now, zone).entries
    return [
        {each.key_result for each in leads(meeting).asks},
        {name for name, each in pages.items() if each.ask},
        {each.id for each in panels if each.decision is not DecisionKind.NONE},
        {each.id for each in entries if each.ask is not None},
    ]


def answered(meeting: Meeting) -> int:
    """A review in which the first ask becomes a decision and all else stays; the day after it."""
    review = meeting.opened()
    for each in meeting.talked(review):
        if each.key_result_id == "kr-1":
            meeting.decide(review, each.id)
    for each in meeting.talked(review):
        if each.verdict is None:
            meeting.hold(review, each.id)
    meeting.close(review)
    meeting.company.clock.ahead += DAY
    meeting.company.work()
    return review


def with_page(meeting: Meeting) -> None:
    """The objective of "kr-1" has a page in Notion."""
    connection = meeting.company.connection("acme-notion", "notion", "https://api.notion.com", {"token": "x" * 20})
    with meeting.runtime.store.write() as session:
        pages = [{"connection": connection, "ref": "0f0f0f0f-0000-4000-8000-000000000001"}]
        session.execute(update(Objective).where(Objective.id == "o-1").values(pages=pages))


def wanted(meeting: Meeting) -> bool:
    """Whether a panel waits to be written."""
    with meeting.runtime.store.read() as session:
        return session.scalar(select(Panel.id).where(Panel.wanted > Panel.done).limit(1)) is not None


def written(meeting: Meeting) -> None:
    with meeting.runtime.store.write() as session:
        session.execute(update(Panel).values(done=Panel.wanted))


def test_an_answered_ask_is_open_nowhere(meeting: Meeting) -> None:
    assert asked(meeting) == [set(ASKS)] * 4
    answered(meeting)
    assert asked(meeting) == [set()] * 4
    found = leads(meeting)
    assert found.answers(lambda _: "1 day").decisions == ("None asked", " · 3 of 3 decided in the cycle")
    following = meeting.opened()
    assert not any("asks for" in reason for each in meeting.items(following) for reason in each.reasons)


def test_what_is_asked_again_begins_anew_and_what_is_being_done_is_no_ask(meeting: Meeting) -> None:
    answered(meeting)
    meeting.company.clock.ahead += 6 * DAY
    meeting.check_in("kr-1", 12, decision="budget")  # it was granted, and is being done
    meeting.check_in("kr-2", 12, decision="approval")  # it was refused
    meeting.company.work()
    assert asked(meeting) == [{"kr-2"}] * 4
    meeting.company.clock.ahead += 2 * DAY
    (ask,) = leads(meeting).asks
    assert ask.since
    assert (meeting.runtime.now() - ask.since).days == 2


def test_a_verdict_is_written_to_the_panels_at_once(meeting: Meeting) -> None:
    review = meeting.opened()
    with_page(meeting)
    assert not wanted(meeting)
    meeting.decide(review, next(each.id for each in meeting.talked(review) if each.key_result_id == "kr-1"))
    assert wanted(meeting)


def test_a_decision_past_its_day_and_thanks_are_written_to_the_panels(meeting: Meeting) -> None:
    answered(meeting)
    with_page(meeting)
    find_all(meeting.runtime)
    written(meeting)
    find_all(meeting.runtime)
    assert not wanted(meeting)
    meeting.company.clock.ahead += 10 * DAY
    find_all(meeting.runtime)
    assert wanted(meeting)
    written(meeting)
    assert thank(meeting.runtime, meeting.viewer("Lea"), "kr-1", "for the launch")
    assert wanted(meeting)


def test_panels_say_what_came_of_an_ask_what_is_overdue_and_the_thanks(meeting: Meeting) -> None:
    answered(meeting)
    assert thank(meeting.runtime, meeting.viewer("Lea"), "kr-1", "for the launch")

    def said() -> str:
        now, zone = meeting.runtime.now(), meeting.runtime.settings.zone
        with meeting.runtime.store.read() as session:
            return said_of(session, ["kr-1", "kr-9"], now, zone).get("kr-1", "")

    before = said()
    assert "Intervene, reallocate resources: Move 12 k€ to ads (Alice, due " in before
    assert "for the launch" in before
    assert "Thanks from Lea, " in before
    assert "past the due date" not in before
    meeting.company.clock.ahead += 60
    assert said() == before  # no ages: what has not changed does not look changed
    meeting.company.clock.ahead += 12 * DAY
    assert "1 open decision is past the due date" in said()
