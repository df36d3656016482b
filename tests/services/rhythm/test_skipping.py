"""Skipping a review: a reason, taken back before its start, and the sponsor told of two in a row."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, update

from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.services.plan import forums
from connector.services.rhythm import planning, seats, skipping
from connector.store.tables import Audit, Notice, Review, Team
from tests.services.rhythm.helpers import it_is, meets, person, reviews, told
from tests.support.world import Company

DAYS = [date(2026, 11, 19), date(2026, 11, 26), date(2026, 12, 3)]


def scene(acme: Company, **given: object) -> list[int]:
    """The first three reviews of a forum that Cleo sponsors."""
    it_is(acme, "2026-11-16 09:00")
    person(acme, "Cleo")
    meets(acme, **{"sponsor": "cleo@acme.example", **given})
    return [each.id for each in reviews(acme)][:3]


def notices(acme: Company) -> list[Notice]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(Notice).where(Notice.kind == "skips").order_by(Notice.id)))


def someone(acme: Company, name: str, role: str = "member") -> Viewer:
    return Viewer(f"{name.lower()}@acme.example", role, person(acme, name, role))


def test_a_skip_takes_a_reason_and_is_written_down(acme: Company) -> None:
    first, *_ = scene(acme)
    for nothing in ("", "  ", "…", None):
        with pytest.raises(InputError, match="needs a reason") as caught:
            skipping.skip(acme.runtime, SYSTEM, first, nothing)
        assert caught.value.where == "reason"
    with pytest.raises(InputError, match="280 are the most"):
        skipping.skip(acme.runtime, SYSTEM, first, "x" * 281)
    assert skipping.skip(acme.runtime, SYSTEM, first, " company\n offsite ") == ()
    [row, *_] = reviews(acme)
    assert (row.state, row.skipped_reason, row.version) == ("skipped", "company offsite", 1)
    with acme.runtime.store.read() as session:
        line = session.scalars(select(Audit).order_by(Audit.id.desc()).limit(1)).one()
    assert (line.action, line.entity, line.entity_id, line.reason) == ("skip", "review", "Board 2026-11-19", "company offsite")
    assert planning.plan_ahead(acme.runtime) == 0
    with pytest.raises(Conflict, match="skipped already"):
        skipping.skip(acme.runtime, SYSTEM, first, "again")
    assert notices(acme) == []
    with pytest.raises(NotFound):
        skipping.skip(acme.runtime, SYSTEM, 999, "none")


@pytest.mark.parametrize(("state", "words"), [("open", "is being held"), ("closed", "is closed")])
def test_what_is_held_or_closed_is_not_skipped(acme: Company, state: str, words: str) -> None:
    first, *_ = scene(acme)
    with acme.runtime.store.write() as session:
        session.execute(update(Review).where(Review.id == first).values(state=state))
    with pytest.raises(Conflict, match=words):
        skipping.skip(acme.runtime, SYSTEM, first, "late")


def test_a_skip_is_taken_back_until_the_review_would_have_started(acme: Company) -> None:
    first, *_ = scene(acme)
    with pytest.raises(Conflict, match="nothing to take back"):
        skipping.take_back(acme.runtime, SYSTEM, first)
    skipping.skip(acme.runtime, SYSTEM, first, "offsite")
    skipping.take_back(acme.runtime, SYSTEM, first)
    assert told(acme)[0] == "Thu 19 Nov 10:00, lock Wed 18 Nov 16:00, planned"
    assert reviews(acme)[0].skipped_reason == ""
    it_is(acme, "2026-11-18 17:00")
    with acme.runtime.store.write() as session:
        session.execute(update(Review).where(Review.id == first).values(state="locked", locked_at=acme.runtime.now()))
    skipping.skip(acme.runtime, SYSTEM, first, "everybody is ill")
    skipping.take_back(acme.runtime, SYSTEM, first)
    assert reviews(acme)[0].state == "locked"  # its frozen pre-read counts again
    skipping.skip(acme.runtime, SYSTEM, first, "everybody is ill")
    it_is(acme, "2026-11-19 10:00")
    with pytest.raises(Conflict, match="would have started"):
        skipping.take_back(acme.runtime, SYSTEM, first)


@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_skips_in_a_row_are_told_to_the_sponsor_once(acme: Company, database_kind: str, order: tuple[int, int]) -> None:
    ids = scene(acme)
    skipping.skip(acme.runtime, SYSTEM, ids[order[0]], "offsite")
    assert notices(acme) == []
    remarks = skipping.skip(acme.runtime, SYSTEM, ids[order[1]], "half of us are away")
    assert remarks == ("Two reviews of Board in a row are skipped now; its sponsor is told.",)
    [notice] = notices(acme)
    assert notice.person_id == person(acme, "Cleo")
    assert "19 Nov" in notice.text
    assert "26 Nov" in notice.text
    skipping.take_back(acme.runtime, SYSTEM, ids[1])
    skipping.skip(acme.runtime, SYSTEM, ids[1], "half of us are away")
    assert len(notices(acme)) == 1


def test_one_skip_each_side_of_a_held_review_is_no_row(acme: Company) -> None:
    first, _, third = scene(acme)
    skipping.skip(acme.runtime, SYSTEM, first, "offsite")
    assert skipping.skip(acme.runtime, SYSTEM, third, "holiday") == ()
    assert notices(acme) == []


def test_without_a_sponsor_it_is_said(acme: Company) -> None:
    first, second, _ = scene(acme, sponsor=None)
    skipping.skip(acme.runtime, SYSTEM, first, "offsite")
    [remark] = skipping.skip(acme.runtime, SYSTEM, second, "offsite still")
    assert "no sponsor" in remark


def test_who_holds_reviews_may_skip_them_and_nobody_else(acme: Company) -> None:
    acme.objective()
    first, *_ = scene(acme, leaders=["alice@acme.example"], members=["charlie@acme.example"])
    dora, lead = someone(acme, "Dora"), someone(acme, "Lea", "lead")
    with acme.runtime.store.write() as session:
        session.execute(update(Team).values(lead_id=dora.person_id, forum_id=reviews(acme)[0].forum_id))
    for viewer in (someone(acme, "Charlie"), someone(acme, "Cleo", "champion"), Viewer("script", "member")):
        with pytest.raises(Forbidden, match="reviews are held by"):
            skipping.skip(acme.runtime, viewer, first, "no")
    for viewer in (someone(acme, "Alice"), someone(acme, "Bob"), dora, lead):
        skipping.skip(acme.runtime, viewer, first, "offsite")
        skipping.take_back(acme.runtime, viewer, first)


def test_leaders_are_those_who_are_named_and_who_decides(acme: Company) -> None:
    acme.objective()
    scene(acme, leaders=["alice@acme.example"])
    forum = reviews(acme)[0].forum_id
    with acme.runtime.store.read() as session:
        assert [each.name for each in seats.leaders_of(session, forum)] == ["Alice", "Bob"]
        assert seats.is_leader(session, Viewer("bob@acme.example", "member", person(acme, "Bob")), forum)
        assert not seats.is_leader(session, SYSTEM, forum)
    forums.update(acme.runtime, SYSTEM, "Board", {"caller": "cleo@acme.example"})
    with acme.runtime.store.read() as session:
        assert [each.name for each in seats.leaders_of(session, forum)] == ["Alice", "Cleo"]
