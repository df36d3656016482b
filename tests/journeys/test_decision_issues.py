"""A decision becomes an issue in Jira or a row in Notion, once, and closes and opens with it: over HTTP, with events as hosts send them."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import select

from connector.domain.rights import Viewer
from connector.domain.wording import day_text
from connector.errors import InputError
from connector.hosts.jira.fields import plain_text
from connector.services import decision_editing, decision_links
from connector.services.decision_links import checked_wish
from connector.services.messages.sending import send_due
from connector.services.reviews import deciding
from connector.store import work
from connector.store.tables import Connection, Decision, DecisionIssue, Forum, Notice, Objective, Person, Review, ReviewItem
from tests.journeys.conftest import Site
from tests.support.notion_place import Workspace
from tests.support.world import Company

LEAD = Viewer("Lea", "admin")
CALLER = Viewer("Nadia", "member")  # holds reviews, writes no plans


def decided(company: Company, key_result: str, issue: str, title: str = "Move 12 k€ to ads") -> int:
    due = (company.runtime.now() + timedelta(days=9)).date().isoformat()
    given = {"key_result": key_result, "title": title, "owner": "alice@acme.example", "due": due, "state": "open", "issue": issue}
    return decision_editing.create(company.runtime, LEAD, given).id


def decision(company: Company, ident: int) -> Decision:
    with company.runtime.store.read() as session:
        return session.get_one(Decision, ident)


def mapped(site: Site) -> str:
    """A key result fed by the first epic, and the place that its decisions are offered."""
    site.company.key_result("kr-setup")
    site.company.mapping("kr-setup", site.connection, select={"epics": [site.epics[0]]}, measure="done_share")
    site.work()
    with site.company.runtime.store.read() as session:
        (offer,) = decision_links.offers(session, ["kr-setup"])["kr-setup"]
    assert (offer.value, offer.label) == (f"{site.connection}|ACME|Task", "an issue in ACME (acme-jira)")
    return offer.value


def issues(site: Site) -> list[str]:
    return [each["key"] for each in site.sandbox.world.issues.values() if each["fields"]["type"] == "Task"]


def test_a_decision_becomes_an_issue_and_closes_and_opens_with_it(site: Site) -> None:
    ident = decided(site.company, "kr-setup", mapped(site))
    site.work()
    (key,) = issues(site)
    link = decision(site.company, ident).link or {}
    assert (link["key"], link["url"]) == (key, f"{site.url}/browse/{key}")
    site.close(key)
    site.work()
    closed = decision(site.company, ident)
    assert (closed.state, closed.outcome) == ("done", f"done in {key}")
    assert closed.closed_at is not None
    site.sandbox.set_status(key, "indeterminate")
    site.event(key)
    site.work()
    opened = decision(site.company, ident)
    assert (opened.state, opened.outcome, opened.closed_at) == ("open", "", None)
    assert issues(site) == [key]


def test_an_answer_that_got_lost_makes_no_second_issue(site: Site) -> None:
    value = mapped(site)
    site.sandbox.index_lag = 30.0
    site.sandbox.fail(path="/issue", method="POST", status=503, commit=True)
    ident = decided(site.company, "kr-setup", value)
    site.work()
    assert len(issues(site)) == 1
    assert not (decision(site.company, ident).link or {})["key"]
    site.sandbox.index_lag = 0.0
    site.company.clock.ahead += 400
    site.work()
    assert (decision(site.company, ident).link or {})["key"] == issues(site)[0]
    assert len(issues(site)) == 1


def test_a_worker_that_died_after_sending_makes_no_second_issue(site: Site) -> None:
    ident = decided(site.company, "kr-setup", mapped(site))
    site.work()
    with site.company.runtime.store.write() as session:  # as if the answer had never been noted
        row = session.scalars(select(DecisionIssue)).one()
        row.ref, row.unsure, row.wanted = None, True, row.wanted + 1
    site.company.clock.ahead += 120
    site.work()
    assert len(issues(site)) == 1
    assert (decision(site.company, ident).link or {})["key"] == issues(site)[0]


def test_what_jira_asks_for_is_told_and_the_next_wish_is_tried(site: Site) -> None:
    value = mapped(site)
    site.sandbox.world.settings["required_fields"] = {"customfield_10400": "Cost centre"}
    ident = decided(site.company, "kr-setup", value)
    site.work()
    link = decision(site.company, ident).link or {}
    assert link["refused"] == "Jira does not take an issue of type Task in ACME: Cost centre is required"
    assert issues(site) == []
    site.sandbox.world.settings["required_fields"] = {}
    decision_editing.update(site.company.runtime, LEAD, ident, {"issue": value})
    site.work()
    assert "refused" not in (decision(site.company, ident).link or {})
    assert len(issues(site)) == 1


def test_a_lost_event_is_made_up_for_at_night(site: Site) -> None:
    ident = decided(site.company, "kr-setup", mapped(site))
    site.work()
    site.sandbox.set_status(issues(site)[0], "done")
    with site.company.runtime.store.write() as session:
        assert decision_links.want_reads(session, site.company.runtime.epoch()) == 1
    site.company.clock.ahead += 2
    site.work()
    assert decision(site.company, ident).state == "done"


def test_what_not_everybody_may_see_never_becomes_an_issue(site: Site) -> None:
    value = mapped(site)
    ident = decided(site.company, "kr-setup", value)
    with site.company.runtime.store.write() as session:
        session.scalars(select(Objective)).one().restricted = True
    site.work()
    assert issues(site) == []
    assert decision(site.company, ident).state == "open"
    with pytest.raises(InputError, match="not for everybody"):
        decided(site.company, "kr-setup", value)


@pytest.mark.parametrize("given", ["x", "99|ACME|Task", "1|acme;drop|Task", "1|ACME|" + "x" * 70, "1||Task"])
def test_a_wish_that_names_no_place_is_refused(site: Site, given: str) -> None:
    with site.company.runtime.store.read() as session, pytest.raises(InputError) as caught:
        checked_wish(session, LEAD, "kr-setup", given)
    assert caught.value.where == "issue"


def test_who_writes_no_plans_chooses_among_the_places_of_the_key_result(site: Site) -> None:
    offered = mapped(site)
    other = site.company.connection("other", "jira", "http://127.0.0.1:1", {})
    elsewhere = [f"{site.connection}|SECRETPRJ|Task", f"{other}|ACME|Task"]
    with site.company.runtime.store.read() as session:
        assert checked_wish(session, CALLER, "kr-setup", offered) == checked_wish(session, LEAD, "kr-setup", offered)
        assert checked_wish(session, CALLER, "kr-setup", f"{site.connection}|ACME|Bug") is not None
        assert checked_wish(session, CALLER, "kr-setup", "") is None
        for place in elsewhere:
            with pytest.raises(InputError, match="choose one that is offered") as caught:
                checked_wish(session, CALLER, "kr-setup", place)
            assert caught.value.where == "issue"
        with pytest.raises(InputError, match="choose one that is offered"):
            checked_wish(session, CALLER, "kr-else", offered)
        assert checked_wish(session, LEAD, "kr-setup", elsewhere[0]) is not None


def test_a_decision_becomes_a_row_in_notion_and_closes_with_it(place: Workspace) -> None:
    place.map()
    place.row(10)
    place.work()
    with place.company.runtime.store.read() as session:
        (offer,) = decision_links.offers(session, ["kr-seats"])["kr-seats"]
    assert offer.label == "a row in “Deals” (acme-notion)"
    before = len(place.world.rows(place.source)) if hasattr(place.world, "rows") else None
    ident = decided(place.company, "kr-seats", offer.value, "Call the bank")
    place.work()
    link = decision(place.company, ident).link or {}
    assert link["ref"]
    assert before is None or len(place.world.rows(place.source)) == before + 1


def test_a_decision_that_ended_before_its_issue_was_made_can_wish_it_anew_when_it_is_open_again(site: Site) -> None:
    value, runtime = mapped(site), site.company.runtime
    ident = decided(site.company, "kr-setup", value)
    decision_editing.update(runtime, LEAD, ident, {"state": "dropped", "outcome": "not needed"})
    site.work()
    assert decision(site.company, ident).link is None, "nothing is being made"
    decision_editing.update(runtime, LEAD, ident, {"state": "open", "outcome": "", "issue": value})
    site.work()
    assert (decision(site.company, ident).link or {})["key"] == issues(site)[0]


def test_a_decision_that_ended_while_the_answer_was_lost_knows_its_issue(site: Site) -> None:
    value = mapped(site)
    site.sandbox.fail(path="/issue", method="POST", status=503, commit=True)
    ident = decided(site.company, "kr-setup", value)
    site.work()
    decision_editing.update(site.company.runtime, LEAD, ident, {"state": "dropped", "outcome": "not needed"})
    site.company.clock.ahead += 400
    site.work()
    assert (decision(site.company, ident).link or {})["key"] == issues(site)[0]


def test_an_issue_that_was_not_made_while_everybody_might_see_it_is_told(site: Site) -> None:
    ident = decided(site.company, "kr-setup", mapped(site))
    with site.company.runtime.store.write() as session:
        session.scalars(select(Objective)).one().restricted = True
    site.work()
    assert "not for everybody" in str((decision(site.company, ident).link or {})["refused"])


def test_another_place_is_refused_while_the_first_is_looked_for_and_taken_when_its_connection_is_gone(site: Site) -> None:
    value, runtime = mapped(site), site.company.runtime
    site.sandbox.fail(path="/issue", method="POST", status=503, commit=True)
    other = site.company.connection("other-jira", "jira", site.url, {"email": "bot@acme.example", "api_token": "x"})
    ident = decided(site.company, "kr-setup", value)
    site.work()
    with pytest.raises(InputError, match="may have been made in ACME"):
        decision_editing.update(runtime, LEAD, ident, {"issue": f"{other}|ACME|Task"})
    with runtime.store.write() as session:
        session.get_one(Connection, site.connection).retired_at = runtime.now()
    decision_editing.update(runtime, LEAD, ident, {"issue": f"{other}|ACME|Task"})
    assert (decision(site.company, ident).link or {})["connection"] == other


def test_who_was_held_up_until_somebody_else_took_over_makes_nothing(site: Site) -> None:
    ident, runtime = decided(site.company, "kr-setup", mapped(site)), site.company.runtime
    with runtime.store.write() as session:
        connection = session.get_one(Connection, site.connection)
        (claim,) = work.claim(session, DecisionIssue, runtime.epoch(), limit=1, lease_seconds=90.0)
    site.company.clock.ahead += 100
    site.work()
    with closing(runtime.item_maker(connection)) as maker:
        with runtime.store.write() as session:
            session.scalars(select(DecisionIssue)).one().ref = None  # as if the other were still at it
        decision_links._make(runtime, connection, maker, claim)
    assert len(issues(site)) == 1
    assert decision(site.company, ident).state == "open"


def comments_at(site: Site, key: str) -> list[str]:
    issue = site.sandbox.world.find(key)
    assert issue is not None
    return [plain_text(each["body"]) for each in issue["comments"]]


def in_review(site: Site) -> tuple[int, int]:
    """A review that is being held, with one item: (review, item)."""
    now = site.company.runtime.now()
    with site.company.runtime.store.write() as session:
        forum = Forum(name="Board", caller_id=session.scalars(select(Person.id).where(Person.name == "Bob")).one())
        session.add(forum)
        session.flush()
        times = {"day": now.date(), "starts_at": now, "lock_at": now - timedelta(hours=18), "opened_at": now, "created_at": now}
        review = Review(forum_id=forum.id, state="open", minutes={}, **times)
        session.add(review)
        session.flush()
        item = ReviewItem(review_id=review.id, key_result_id="kr-setup", position=0, score=5.0, snapshot={"title": "Set-up"})
        session.add(item)
        session.flush()
        return review.id, item.id


def test_a_verdict_that_is_changed_is_said_at_the_issue_and_to_whoever_was_to_do_it(site: Site) -> None:
    value, runtime = mapped(site), site.company.runtime
    review, item = in_review(site)
    due = (runtime.now() + timedelta(days=9)).date()
    intervene = {
        "verdict": "intervene",
        "action": "reallocate",
        "text": "Move 12 k€ to ads",
        "owner": "alice@acme.example",
        "due": due.isoformat(),
    }
    deciding.decide(runtime, LEAD, review, item, {**intervene, "issue": value})
    deciding.decide(runtime, LEAD, review, item, {"verdict": "hold"})  # before anything was made of it: nothing is to be said
    site.work()
    assert issues(site) == []
    deciding.decide(runtime, LEAD, review, item, {**intervene, "issue": value})
    site.work()
    (key,) = issues(site)
    assert comments_at(site, key) == []
    site.company.clock.ahead += 60
    deciding.decide(runtime, LEAD, review, item, {"verdict": "hold"})
    send_due(runtime)
    (said,) = comments_at(site, key)
    day = day_text(runtime.now().date())
    assert f"The decision that this came from was taken back: Hold course, review of {day}." in said
    assert "Nothing was changed here." in said
    assert (decision(site.company, 1).state, (decision(site.company, 1).link or {})["key"]) == ("dropped", key)
    with runtime.store.read() as session:
        (told,) = session.scalars(select(Notice).where(Notice.text.contains("Taken back: Move 12 k€ to ads")))
        assert told.person_id == session.scalars(select(Person.id).where(Person.name == "Alice")).one()
        assert key in told.text
    site.company.clock.ahead += 60
    deciding.decide(runtime, LEAD, review, item, intervene)
    send_due(runtime)
    assert len(comments_at(site, key)) == 2
    assert "stands again: Move 12 k€ to ads" in comments_at(site, key)[1]
    assert issues(site) == [key]
