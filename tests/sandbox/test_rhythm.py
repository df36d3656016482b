"""The sample organisation's rhythm: whatever day it is, one forum is locked and one is not; the weeks before are told by every part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from connector.app import create_app
from connector.domain.rhythm import next_working_day
from connector.queue import InlineQueue
from connector.runtime import Runtime, build_runtime
from connector.sandbox.meetings import PLATFORM, PRODUCT
from connector.sandbox.organisation import prepare
from connector.sandbox.rhythm import LOCK_AT, REVIEW_AT, meets
from connector.schedule import keep_rhythm
from connector.services.celebrations import latest
from connector.services.rhythm.marks import load_marks
from connector.services.rhythm.planning import next_review
from connector.services.signals.nightly import find_all
from connector.settings import Settings
from connector.store.migrate import upgrade
from connector.store.tables import (
    Blocker,
    CheckIn,
    Decision,
    Forum,
    KeyResult,
    MappingDay,
    Message,
    PreRead,
    Review,
    ReviewItem,
    Signal,
    StateChange,
)

MORNING = datetime(2026, 11, 18, 8, 30, tzinfo=UTC)  # a Wednesday
WEEKEND = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)


def settings_for(folder: Path, **more: object) -> Settings:
    given = {"data_dir": folder, "sandbox": True, "allow_private_hosts": True, "port": 8099, **more}
    return Settings(_env_file=None, **given)  # type: ignore[call-arg,arg-type]


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Auckland"])
def test_on_every_day_one_forum_is_locked_and_the_other_locks_on_the_next_working_day(tmp_path: Path, zone: str) -> None:
    settings = settings_for(tmp_path, timezone=zone)
    for hours in range(0, 24 * 15, 3):
        now = MORNING + timedelta(hours=hours)
        local = now.astimezone(settings.zone)
        found = meets(now, settings)
        assert found[PRODUCT].next_on == next_working_day(local.date())
        locked = found[PRODUCT].next_on
        for _ in range(found[PRODUCT].days_before):
            locked -= timedelta(days=1 if locked.weekday() else 3)
        lock = datetime.combine(locked, LOCK_AT, tzinfo=settings.zone)
        assert lock + timedelta(hours=3) <= now < datetime.combine(found[PRODUCT].next_on, REVIEW_AT, tzinfo=settings.zone), local
        assert found[PLATFORM].next_on == next_working_day(found[PRODUCT].next_on)
        assert found[PLATFORM].days_before == 1


@pytest.fixture(scope="module", params=[MORNING, WEEKEND], ids=["Wednesday morning", "Sunday"])
def runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    settings = settings_for(tmp_path_factory.mktemp("data"))
    upgrade(settings)
    moment = request.param.timestamp()
    prepare(settings, clock=lambda: moment)
    built = build_runtime(settings, queue=InlineQueue(), clock=lambda: moment)
    yield built
    built.close()


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


def test_reviews_were_held_skipped_and_one_is_locked(runtime: Runtime) -> None:
    now = runtime.now()
    with runtime.store.read() as session:
        forums = {row.name: row for row in session.scalars(select(Forum))}
        past = Counter(map(tuple, session.execute(select(Forum.name, Review.state).join(Forum).where(Review.starts_at < now))))
        product = next_review(session, forums[PRODUCT].id, now)
        platform = next_review(session, forums[PLATFORM].id, now)
        assert product is not None
        assert platform is not None
        row = session.scalars(select(PreRead).where(PreRead.review_id == product.id)).one()
        marked = load_marks(session, row.id, forums[PRODUCT])
    assert past == {(PRODUCT, "closed"): 3, (PLATFORM, "closed"): 2, (PLATFORM, "skipped"): 1}
    assert (product.state, platform.state) == ("locked", "planned")
    assert product.lock_at < now < product.starts_at
    assert now < platform.lock_at < platform.starts_at
    assert row.frozen_at == product.lock_at
    assert marked.read_by == ("Daniel Reyes",)
    assert marked.names("kr-activation") == ["Daniel Reyes"]
    assert all(forums[name].sponsor_id and forums[name].caller_id and forums[name].zone == "UTC" for name in (PRODUCT, PLATFORM))


def test_the_pre_read_has_no_update_that_came_after_its_lock(runtime: Runtime, client: FlaskClient) -> None:
    with runtime.store.read() as session:
        late = list(session.scalars(select(CheckIn).where(CheckIn.late).order_by(CheckIn.created_at)))
        row = session.scalars(select(PreRead).order_by(PreRead.frozen_at.desc(), PreRead.id.desc())).first()
        assert row is not None
    assert [each.key_result_id for each in late] == ["kr-seats", "kr-setup"]
    assert late[-1].created_at > row.frozen_at
    page = client.get(f"/reviews/{row.review_id}/pre-read").text
    assert row.key in page
    assert "First-invoice step goes to ten customers" not in page


def test_signals_blockers_and_states_are_there_at_the_first_look(runtime: Runtime) -> None:
    with runtime.store.read() as session:
        standing = set(map(tuple, session.execute(select(Signal.kind, Signal.key_result_id).where(Signal.ended_at.is_(None)))))
        blocked = set(map(tuple, session.execute(select(Blocker.key_result_id, Blocker.source).where(Blocker.ended_at.is_(None)))))
        changes = session.scalar(select(func.count()).select_from(StateChange))
        nights = session.scalar(select(func.count(func.distinct(MappingDay.day))))
        points = session.scalar(select(func.count()).select_from(MappingDay).where(MappingDay.points_done.is_not(None)))
    assert {
        ("busy_not_moving", "kr-activation"),
        ("confidence_gap", "kr-activation"),
        ("delivered_without_effect", "kr-payout"),
        ("scope_grew", "kr-accounts"),
        ("update_stale", "kr-stores"),
    } <= standing
    assert {("kr-activation", "declared"), ("kr-payout", "declared"), ("kr-latency", "detected")} <= blocked
    assert changes
    assert changes > 15
    assert nights == 56
    assert points


def test_the_same_questions_stand_in_the_pre_read_and_on_the_page(runtime: Runtime, client: FlaskClient) -> None:
    with runtime.store.read() as session:
        review = session.scalars(select(Review.id).where(Review.state == "locked")).one()
    for path in (f"/reviews/{review}/pre-read", "/key-results/kr-activation"):
        assert "does this work move it?" in client.get(path).text, path


def test_looking_again_at_the_same_moment_changes_nothing(runtime: Runtime) -> None:
    assert find_all(runtime) == 0


def test_decisions_are_done_overdue_and_have_an_effect(runtime: Runtime) -> None:
    today = runtime.now().date()
    with runtime.store.read() as session:
        rows = list(session.scalars(select(Decision)))
        folded = session.scalar(select(func.count()).select_from(ReviewItem).where(ReviewItem.verdict.is_(None)))
        glad = latest(session, list(session.scalars(select(KeyResult.id))), runtime.now(), runtime.settings.zone)
    assert Counter(row.state for row in rows) == {"done": 5, "open": 3, "asked": 3, "dropped": 1}
    assert [row.key_result_id for row in rows if row.state == "open" and row.due and row.due < today] == ["kr-payout"]
    assert {(row.effect or {}).get("word") for row in rows if row.state == "done"} == {"helped", "no visible change", "too early"}
    assert all(row.owner_id and row.due for row in rows if row.review_id and row.state in ("open", "done"))
    assert not folded
    assert any(each.by == "Ben Okafor" for each in glad)
    assert any(not each.by for each in glad)


def test_nothing_waits_to_be_sent_and_the_clock_writes_to_nobody_outside(runtime: Runtime) -> None:
    with runtime.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 0
    keep_rhythm(runtime)
    with runtime.store.read() as session:
        ways = set(session.scalars(select(Message.way).where(Message.state == "waiting")))
        states = Counter(session.execute(select(Review.state).where(Review.starts_at < runtime.now())).scalars())
    assert ways <= {"comment"}  # at the stand-ins
    assert states == {"closed": 5, "skipped": 1}


def test_pages_of_the_rhythm_answer(client: FlaskClient, runtime: Runtime) -> None:
    with runtime.store.read() as session:
        closed = session.scalars(select(Review.id).where(Review.state == "closed").order_by(Review.starts_at.desc())).first()
    for path in ("/triage", "/reviews", "/signals", f"/reviews/{closed}/minutes", "/key-results/kr-payout", "/decisions"):
        answer = client.get(path)
        assert answer.status_code == 200, path
    assert "delivered" in client.get("/signals").text.lower()
