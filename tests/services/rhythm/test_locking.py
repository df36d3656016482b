"""The lock: a snapshot that is frozen once, never changes, and says what was so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from connector.domain import pre_read
from connector.domain.buckets import Bucket
from connector.domain.rights import SYSTEM, VISITOR, Viewer
from connector.services.rhythm import locking, pre_reads
from connector.services.rhythm.turning import turn
from connector.store.tables import Cycle, Forum, KeyResult, Message, Notice, Objective, Person, PreRead, Review, Team
from tests.support.counting import statements
from tests.support.frozen import DAY, LOCK, START, Meeting, meeting

MINUTE = timedelta(minutes=1)


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Meeting]:
    with meeting(tmp_path, database_url) as found:
        yield found


def fill(acme: Meeting) -> None:
    """One that asks, one that is blocked, one on track, one without a word for long."""
    acme.key_result("kr-ads", 10, unit="k€")
    acme.key_result("kr-setup", 12)
    acme.key_result("kr-good", 60)
    acme.key_result("kr-silent")
    acme.at(LOCK - DAY)
    acme.check_in("kr-ads", 14, 4, decision="budget", comment="Move 12 k€ to search ads")
    acme.check_in("kr-setup", 12, 5, blocker="Certificate is missing")
    acme.check_in("kr-good", 66, 8)


def test_the_lock_freezes_what_is_so(acme: Meeting) -> None:
    fill(acme)
    assert locking.due(acme.runtime) == []
    acme.at(LOCK - MINUTE)
    assert not acme.lock(), "a minute before it is not due"
    acme.at(LOCK)
    assert locking.due(acme.runtime) == [acme.review]
    assert [acme.lock(), acme.lock()] == [True, False]
    assert locking.due(acme.runtime) == []

    found = acme.snapshot()
    assert acme.state() == "locked"
    assert found.key.startswith("PR-2026-11-18-product-")
    assert len(found.key) == len("PR-2026-11-18-product-7f3a")
    assert (found.forum, found.starts_text, found.lock_text) == ("Product", "Thu 19 Nov 10:00", "18 Nov 16:00")
    assert pre_read.frozen_words(found) == "frozen 18 Nov 16:00"
    assert sum(found.counts.values()) == 4
    assert [each.id for each in pre_read.asking(found)] == ["kr-ads"]
    ads = next(each for each in found.entries if each.id == "kr-ads")
    assert ads.ask is not None
    assert (ads.ask.word, ads.ask.text, ads.ask.since_text) == (
        "Budget",
        "Move 12 k€ to search ads",
        "since 17 Nov",
    )
    assert (ads.owner, ads.confidence, ads.trail, ads.moves) == ("Alice", 4, (7, 4), "moving")
    assert (ads.start_text, ads.target_text, ads.current_text) == ("0\u00a0k€", "100\u00a0k€", "14\u00a0k€")
    setup = next(each for each in found.entries if each.id == "kr-setup")
    assert setup.blocker is not None
    assert (setup.blocker.text, setup.blocker.days) == ("Certificate is missing", 1)
    assert [each.id for each in pre_read.missing(found)] == ["kr-silent"]
    assert found.answers.decisions == ("1 ask", ", oldest since 17 Nov")
    row = acme.stored()
    assert row is not None
    assert row.digest == pre_read.digest_of(row.content)


def test_an_edit_at_five_past_changes_nothing_that_is_frozen(acme: Meeting) -> None:
    fill(acme)
    acme.at(LOCK)
    assert acme.lock()
    before = acme.stored()
    acme.at(LOCK + 5 * MINUTE)
    filed = acme.check_in("kr-ads", 90, 9)
    after = acme.stored()
    assert before is not None
    assert after is not None
    assert (after.content, after.digest, after.key) == (before.content, before.digest, before.key)
    assert filed.late == "after the lock of 18 Nov 16:00; it counts for the next review"
    assert [each.late for each in acme.check_ins("kr-ads")] == [False, False, True]
    assert acme.company.row("kr-ads").current == 90, "what is shown everywhere follows it at once"


def test_a_lock_that_was_missed_falls_late_and_says_so(acme: Meeting) -> None:
    fill(acme)
    acme.at(LOCK + 30 * MINUTE)
    filed = acme.check_in("kr-ads", 20, 5)
    assert filed.late == "", "nothing is frozen yet: it is in the pre-read"
    acme.at(LOCK + 60 * MINUTE)
    turn(acme.runtime)
    assert acme.lock()
    found = acme.snapshot()
    assert pre_read.frozen_words(found) == "frozen 18 Nov 17:00, later than its lock of 18 Nov 16:00"
    assert next(each for each in found.entries if each.id == "kr-ads").current_text == "20\u00a0k€"
    late = acme.check_in("kr-ads", 21, 5)
    assert late.late.startswith("after the lock of 18 Nov 17:00"), "the moment at which it really fell"


def test_what_was_told_a_moment_ago_is_computed_before(acme: Meeting) -> None:
    fill(acme)
    acme.at(LOCK)
    with acme.runtime.store.write() as session:  # as if the worker that computes had died
        session.execute(update(KeyResult).where(KeyResult.id == "kr-good").values(wanted=KeyResult.wanted + 1, current=1.0))
    assert acme.lock()
    assert next(each for each in acme.snapshot().entries if each.id == "kr-good").current_text == "66\u00a0%"


def test_a_lock_binds_until_the_review_is_closed(acme: Meeting) -> None:
    fill(acme)
    acme.at(LOCK)
    acme.lock()
    acme.at(START + 5 * MINUTE)
    acme.change(update(Review).values(state="open", opened_at=START))
    assert acme.check_in("kr-good", 67).late
    acme.change(update(Review).values(state="closed", closed_at=START))
    assert not acme.check_in("kr-good", 68).late


def test_a_review_that_nobody_opens_does_not_bind_for_ever(acme: Meeting) -> None:
    fill(acme)
    acme.at(LOCK)
    acme.lock()
    acme.at(START + timedelta(hours=11))
    assert acme.check_in("kr-good", 67).late
    acme.at(START + timedelta(hours=12))
    assert not acme.check_in("kr-good", 68).late


def test_a_draft_is_late_when_it_is_completed(acme: Meeting) -> None:
    from connector.services.check_ins import file_check_in

    fill(acme)
    file_check_in(acme.runtime, "kr-good", {"value": 70}, author="alice@acme.example", source="page", source_id="one")
    acme.at(LOCK)
    acme.lock()
    acme.at(LOCK + MINUTE)
    filed = file_check_in(
        acme.runtime,
        "kr-good",
        {"value": 70, "confidence": 8, "decision": "none"},
        author="alice@acme.example",
        source="page",
        source_id="one",
    )
    assert filed.late
    assert [each.late for each in acme.check_ins("kr-good")][-1]


def test_a_forum_without_anything_to_review(acme: Meeting) -> None:
    acme.at(LOCK)
    assert acme.lock()
    found = acme.snapshot()
    assert found.nothing == "Nothing to review: no key result belongs to this forum now."
    assert pre_read.message_lines(found) == [found.nothing, f"{found.key}, frozen 18 Nov 16:00"]


def test_a_cycle_that_is_over(acme: Meeting) -> None:
    fill(acme)
    acme.change(update(Cycle).values(end=LOCK.date() - DAY))
    acme.at(LOCK)
    acme.compute()
    assert acme.lock()
    found = acme.snapshot()
    assert found.nothing == "Nothing to review: every key result of this forum is closed."
    assert found.counts[Bucket.CLOSED] == 4


def test_a_retired_forum_is_not_locked(acme: Meeting) -> None:
    fill(acme)
    acme.change(update(Forum).values(retired_at=LOCK))
    acme.at(LOCK + MINUTE)
    assert locking.due(acme.runtime) == []
    assert not acme.lock()
    assert acme.state() == "planned"


def test_skipped_and_unknown_reviews_are_not_locked(acme: Meeting) -> None:
    acme.at(LOCK)
    assert not locking.lock(acme.runtime, 4711)
    acme.change(update(Review).values(state="skipped", skipped_reason="offsite"))
    assert not acme.lock()
    assert acme.stored() is None


def test_the_number_of_statements_does_not_grow_with_the_forum(acme: Meeting) -> None:
    def locked(review: int) -> int:
        with statements(acme.runtime.store) as seen:
            assert locking.lock(acme.runtime, review)
        return len(seen)

    fill(acme)
    with acme.runtime.store.write() as session:
        session.add(Review(id=99, forum_id=acme.forum, day=START.date() + DAY, starts_at=START, lock_at=LOCK, created_at=LOCK))
    acme.at(LOCK)
    few = locked(acme.review)
    with acme.runtime.store.write() as session:
        alice = session.scalars(select(Person.id).where(Person.name == "Alice")).one()
        for number in range(196):
            session.add(
                KeyResult(
                    id=f"kr-{number}",
                    objective_id="onboarding",
                    title=f"Number {number}",
                    kind="metric",
                    unit="%",
                    start=0.0,
                    target=100.0,
                    owner_id=alice,
                    created_at=LOCK - 9 * DAY,
                    blocker="waits",
                    decision_needed="scope",
                    state="at_risk",
                )
            )
    many = locked(99)
    assert few == many
    assert many < 50
    with acme.runtime.store.read() as session:
        row = locking.pre_read_of(session, 99)
        assert row is not None
        assert len(pre_reads.load(row).entries) == 200
        assert row.key != acme.snapshot().key


def test_restricted_key_results_are_kept_and_shown_to_those_who_may_see_them(acme: Meeting) -> None:
    fill(acme)
    acme.objective("secret")
    acme.key_result("kr-merger", 5, objective="secret")
    acme.at(LOCK - 2 * MINUTE)
    acme.check_in("kr-merger", 5, 3, decision="headcount", comment="Two lawyers")
    acme.restrict("secret")
    acme.change(update(Team).values(lead_id=acme.people["Dora"]))
    acme.at(LOCK)
    assert acme.lock()
    whole = acme.snapshot()
    assert len(whole.entries) == 5
    assert whole.answers.decisions[0] == "2 asks"
    with acme.runtime.store.read() as session:
        people = {name: session.get_one(Person, acme.people[name]) for name in ("Dora", "Leo")}
        viewers = {name: Viewer(row.email, row.role, row.id, row.email) for name, row in people.items()}
        assert pre_reads.for_viewer(session, SYSTEM, whole) == whole
        assert len(pre_reads.for_viewer(session, viewers["Dora"], whole).entries) == 5
        for told in (
            pre_reads.for_viewer(session, viewers["Leo"], whole),
            pre_reads.for_viewer(session, VISITOR, whole),
            pre_reads.for_everybody(session, whole),
        ):
            assert "kr-merger" not in {each.id for each in told.entries}
            assert sum(told.counts.values()) == 4
            assert told.answers.decisions[0] == "1 ask"
            assert "kr-merger" not in {each.key_result for each in told.decisions}
            assert "lawyers" not in "\n".join(pre_read.message_lines(told))
        rows = session.execute(select(Notice.person_id, Notice.text).where(Notice.kind == "pre_read"))
        notices = {row.person_id: row.text for row in rows}
    assert set(notices) == {acme.people["Dora"], acme.people["Leo"]}
    assert "lawyers" in notices[acme.people["Dora"]]
    assert "lawyers" not in notices[acme.people["Leo"]]


def test_a_review_that_is_over_when_its_lock_falls_is_told_to_nobody(acme: Meeting) -> None:
    fill(acme)
    acme.at(START + 3 * DAY)
    assert acme.lock()
    with acme.runtime.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 0
        assert session.scalar(select(func.count()).select_from(PreRead)) == 1
        assert session.scalar(select(func.count()).select_from(Objective)) == 1
