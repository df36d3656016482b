"""A decision becomes an issue in Jira or a row in Notion, once, and closes and opens with it: over HTTP, with events as hosts send them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from connector.domain.rights import Viewer
from connector.errors import InputError
from connector.services import decision_editing, decision_links
from connector.services.decision_links import checked_wish
from connector.store.tables import Decision, DecisionIssue, Objective
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
