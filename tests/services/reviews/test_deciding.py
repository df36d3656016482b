"""Verdicts, the decisions that follow from them, closing, and who is told."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select, update

from connector.domain.agenda import Verdict
from connector.domain.rights import Viewer
from connector.domain.wording import day_text
from connector.errors import Conflict, Faults, InputError, NotFound
from connector.services.changes import Stale, version_of
from connector.services.reviews import deciding, effects, holding
from connector.services.reviews.ledger import load_ledger, since_last
from connector.services.reviews.reading import load_item_view, load_minutes
from connector.store.tables import Decision, Forum, KeyResult, Message, Notice, Objective, OkrDatabase, OkrRow, Reading
from tests.support.meeting import Meeting


def item(meeting: Meeting, review: int, name: str) -> int:
    return next(each.id for each in meeting.items(review) if each.key_result_id == name)


def faults(meeting: Meeting, review: int, ident: int, **given: Any) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        deciding.decide(meeting.runtime, meeting.viewer("Nadia"), review, ident, given)
    errors = caught.value.errors if isinstance(caught.value, Faults) else (caught.value,)
    return {each.where: each.message for each in errors}


def test_a_decision_without_owner_and_due_date_is_not_saved(meeting: Meeting) -> None:
    review = meeting.opened()
    ident = item(meeting, review, "kr-1")
    assert faults(meeting, review, ident, verdict="intervene") == {
        "action": "choose what kind of decision it is: Reallocate resources, Remove blocker, Adjust scope, Stay the course with intent, "
        "Change approach, Seek help",
        "text": "say what was decided",
        "owner": "choose a person",
        "due": "choose a due date",
    }
    assert set(faults(meeting, review, ident, verdict="hold", text="wait", action="stay")) == {"owner", "due"}
    assert set(faults(meeting, review, ident)) == {"verdict"}
    yesterday = (meeting.runtime.now() - timedelta(days=2)).date().isoformat()
    wrong = {"due": yesterday, "owner": "nobody@acme.example", "text": "x\u202ey", "action": "dance", "plan": "p" * 501}
    assert set(faults(meeting, review, ident, verdict="stop", **wrong)) == {"due", "owner", "text", "action", "plan"}
    assert [each.verdict for each in meeting.items(review)] == [None] * 12
    assert {each.state for each in meeting.decisions()} == {"asked"}


def test_the_ask_becomes_the_decision_and_a_verdict_of_no_answers_it(meeting: Meeting) -> None:
    review = meeting.opened()
    meeting.decide(review, item(meeting, review, "kr-1"))
    meeting.hold(review, item(meeting, review, "kr-2"))
    budget, approval, scope = meeting.decisions()
    assert (budget.state, budget.verdict, budget.action, budget.title) == ("open", "intervene", "reallocate", "Move 12 k€ to ads")
    assert (budget.owner_id, budget.review_id) == (meeting.people["Alice"], review)
    assert budget.check_in_id is not None
    assert budget.decided_at is not None
    assert (approval.state, approval.verdict) == ("dropped", "hold")
    today = meeting.runtime.now().astimezone(meeting.runtime.settings.zone).date()
    assert approval.outcome == f"Hold course, review of {day_text(today)}"
    assert (scope.state, scope.decided_at) == ("asked", None)


def test_another_verdict_replaces_the_decision_while_the_review_is_open(meeting: Meeting) -> None:
    review = meeting.opened()
    ident = item(meeting, review, "kr-4")
    meeting.decide(review, ident)
    meeting.decide(review, ident, verdict="escalate", text="Ask the board", action="seek_help")
    made = [each for each in meeting.decisions() if each.key_result_id == "kr-4"]
    assert [(each.title, each.verdict, each.state) for each in made] == [("Ask the board", "escalate", "open")]
    meeting.hold(review, ident)
    made = [each for each in meeting.decisions() if each.key_result_id == "kr-4"]
    assert [(each.state, each.outcome) for each in made] == [("dropped", "taken back in the review")]


def test_two_who_judge_one_item_notice_each_other(meeting: Meeting) -> None:
    review = meeting.opened()
    ident = item(meeting, review, "kr-4")
    with meeting.runtime.store.read() as session:
        held = meeting.held(review)
        version = version_of(load_item_view(session, held, next(each for each in held.items if each.id == ident)))
    meeting.hold(review, ident)
    with pytest.raises(Stale, match="by Nadia"):
        deciding.decide(meeting.runtime, meeting.viewer("Lea"), review, ident, meeting.given(), version=version)


def test_hostile_text_is_kept_as_text(meeting: Meeting) -> None:
    review = meeting.opened()
    text = '<script>alert(1)</script> "quoted" =HYPERLINK("x") {{7*7}} ](javascript:x)'
    meeting.decide(review, item(meeting, review, "kr-1"), text=text, plan=text)
    assert meeting.decisions()[0].title == text
    meeting.hold_all(review)
    meeting.close(review)
    with meeting.runtime.store.read() as session:
        written = load_minutes(session, meeting.viewer("Nadia"), holding.find_review(session, review))
    assert written is not None
    assert written.decisions[0].decision == text


def test_what_the_time_does_not_reach_is_taken_by_somebody(bare: Meeting) -> None:
    for number in range(13, 21):
        bare.company.key_result(f"kr-{number}", "o-0")
    for number in range(1, 21):
        bare.check_in(f"kr-{number}", 10, 6, "budget")
    review = bare.opened()
    talked = bare.talked(review)
    assert (len(talked), {each.minutes for each in talked}, sum(each.fits for each in talked)) == (20, {2}, 15)
    bare.hold_all(review)
    with pytest.raises(Conflict, match="somebody who takes Key result"):
        bare.close(review)
    with pytest.raises(InputError, match="choose a person"):
        holding.hand_over(bare.runtime, bare.viewer("Nadia"), review, "")
    fitting = next(each.id for each in talked if each.fits)
    with pytest.raises(Conflict, match="needs a verdict"):
        holding.hand_over(bare.runtime, bare.viewer("Nadia"), review, "bob@acme.example", fitting)
    restrict(bare, "o-0", True)
    hidden = [each.key_result_id for each in talked if not each.fits and each.key_result_id in ("kr-4", "kr-8", "kr-12", *NEW)]
    with pytest.raises(InputError, match=f"Bob may not see {len(hidden)} of these key results"):
        holding.hand_over(bare.runtime, Viewer("root", "admin"), review, "bob@acme.example")
    restrict(bare, "o-0", False)
    statements: list[str] = []
    event.listen(bare.runtime.store.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert holding.hand_over(bare.runtime, bare.viewer("Nadia"), review, "bob@acme.example") == 5
    assert len([each for each in statements if each.startswith("SELECT") and "objectives" in each]) == 2  # however many are handed over
    bare.close(review)
    assert len(bare.row(review).minutes["handed"]) == 5
    assert "5 key results were handed to you in Product review" in bare_notices(bare, "Bob")[-1]


NEW = tuple(f"kr-{number}" for number in range(13, 21))


def restrict(meeting: Meeting, objective: str, restricted: bool) -> None:
    with meeting.runtime.store.write() as session:
        session.get_one(Objective, objective).restricted = restricted


def test_the_moment_of_closing_is_said_in_the_time_zone_of_the_installation(meeting: Meeting) -> None:
    review = meeting.opened()
    meeting.hold_all(review)
    meeting.close(review)
    closed = meeting.row(review)
    at = (closed.closed_at or meeting.runtime.now()).astimezone(ZoneInfo("Asia/Kathmandu"))
    with meeting.runtime.store.read() as session:
        assert f"Nadia closed this review at {at:%H:%M};" in holding.closed_text(session, closed, ZoneInfo("Asia/Kathmandu"))


def bare_notices(meeting: Meeting, name: str) -> list[str]:
    with meeting.runtime.store.read() as session:
        return list(session.scalars(select(Notice.text).where(Notice.person_id == meeting.people[name]).order_by(Notice.id)))


def test_the_asker_is_told_what_came_of_the_ask_and_a_closed_review_changes_no_more(meeting: Meeting) -> None:
    review = meeting.opened()
    meeting.decide(review, item(meeting, review, "kr-1"), owner="bob@acme.example", plan="Ads run from Monday")
    meeting.hold_all(review)
    meeting.close(review)
    told = bare_notices(meeting, "Alice")
    assert any("What came of your ask: Key result kr-1" in text and "Move 12 k€ to ads (Bob, due" in text for text in told)
    assert any("kr-2" in text and "no decision follows" in text for text in told)
    assert any("Yours to do until" in text for text in bare_notices(meeting, "Bob"))
    minutes = meeting.row(review).minutes
    assert minutes["items"][0]["plan"] == "Ads run from Monday"
    assert minutes["closed_by"] == "Nadia"
    assert len(minutes["folded"]) == 7
    for act in (
        lambda: meeting.hold(review, item(meeting, review, "kr-1")),
        lambda: holding.open_review(meeting.runtime, meeting.viewer("Lea"), review),
        lambda: meeting.close(review),
        lambda: holding.hand_over(meeting.runtime, meeting.viewer("Nadia"), review, "bob@acme.example"),
    ):
        with pytest.raises(Conflict, match=r"Nadia closed this review at .*; nothing of it changes any more, a new decision corrects it"):
            act()
    with meeting.runtime.store.read() as session:
        assert session.scalars(select(Message.kind).where(Message.way == "comment")).all() == []


def test_a_full_stop_in_an_ask_is_no_second_one_in_its_answer(meeting: Meeting) -> None:
    meeting.check_in("kr-1", 54.0, 6, "budget", comment="No ads have run since Monday.")
    meeting.company.work()
    review = meeting.opened()
    meeting.hold_all(review)
    meeting.close(review)
    (told,) = [text for text in bare_notices(meeting, "Alice") if "What came of your ask: Key result kr-1" in text]
    assert "since Monday · " in told
    assert ".." not in told


def test_two_who_give_the_same_verdict_do_not_conflict_and_the_first_one_stands(meeting: Meeting) -> None:
    review = meeting.opened()
    for name, given in (("kr-1", meeting.given()), ("kr-2", {"verdict": "hold"})):
        ident = item(meeting, review, name)
        held = meeting.held(review)
        with meeting.runtime.store.read() as session:
            shown = version_of(load_item_view(session, held, next(each for each in held.items if each.id == ident)))
        for who in ("Nadia", "Lea"):
            deciding.decide(meeting.runtime, meeting.viewer(who), review, ident, given, version=shown)
        row = next(each for each in meeting.items(review) if each.id == ident)
        assert row.verdict_by_id == meeting.people["Nadia"]
        for other in ({"text": "Something else"}, {"due": "2099-01-01"}, {"verdict": "stop"}, {"plan": "Ads run"}):
            with pytest.raises(Stale):
                deciding.decide(meeting.runtime, meeting.viewer("Lea"), review, ident, given | other, version=shown)
    assert [each.state for each in meeting.decisions()] == ["open", "dropped", "asked"]


@pytest.mark.databases("sqlite", "postgres")
def test_of_two_who_close_at_once_one_wins_and_the_other_is_told_who_did(meeting: Meeting) -> None:
    review = meeting.opened()
    meeting.hold_all(review)
    version = meeting.row(review).version
    outcomes: dict[str, str] = {}
    ready = threading.Barrier(2)

    def run(name: str) -> None:
        ready.wait(10)
        try:
            meeting.close(review, name, version=version)
            outcomes[name] = "closed"
        except Conflict as conflict:
            outcomes[name] = str(conflict)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("Nadia", "Lea")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    (winner,) = [name for name, outcome in outcomes.items() if outcome == "closed"]
    (loser,) = set(outcomes) - {winner}
    assert outcomes[loser].startswith(f"{winner} closed this review at ")
    assert meeting.row(review).minutes["closed_by"] == winner
    assert len([text for text in bare_notices(meeting, "Alice") if "What came of your ask" in text]) == 3


def test_open_decisions_head_the_next_agenda_and_overdue_ones_count(meeting: Meeting) -> None:
    review = meeting.opened()
    meeting.decide(review, item(meeting, review, "kr-4"))
    meeting.hold_all(review)
    meeting.close(review)
    meeting.company.clock.ahead += 12 * 86400
    today = meeting.runtime.now().date()
    with meeting.runtime.store.read() as session:
        found = load_ledger(session, meeting.viewer("Nadia"), today, forum_id=meeting.forum)
        assert (found.counts["open"], found.counts["overdue"]) == (1, 1)
        assert found.entries[0].overdue
        since = since_last(session, meeting.viewer("Nadia"), holding.find_review(session, review), today, UTC)
    assert since.asks_text == "3 of 3 so far, median 0 days"
    assert since.follow_through_text == "0 of 1 done by the due date"
    following = meeting.opened()
    reasons = {each.key_result_id: each.reasons for each in meeting.items(following)}
    assert "a decision is overdue" in reasons["kr-4"]


@pytest.mark.parametrize(
    ("closed", "zone", "told"),
    [
        ("2026-11-30T23:30", "UTC", "1 of 1 done by the due date"),
        ("2026-11-30T23:30", "Asia/Tokyo", "0 of 1 done by the due date"),  # half past eight in the morning after
        ("2026-12-01T02:00", "America/New_York", "1 of 1 done by the due date"),  # the evening of the day
    ],
)
def test_a_due_day_ends_where_the_forum_meets(meeting: Meeting, closed: str, zone: str, told: str) -> None:
    review = meeting.opened()
    meeting.decide(review, item(meeting, review, "kr-4"))
    done_at = datetime.fromisoformat(closed).replace(tzinfo=UTC)
    with meeting.runtime.store.write() as session:
        session.execute(
            update(Decision).where(Decision.review_id == review).values(due=date(2026, 11, 30), state="done", closed_at=done_at)
        )
    with meeting.runtime.store.read() as session:
        found = holding.find_review(session, review)
        since = since_last(session, meeting.viewer("Nadia"), found, date(2026, 12, 3), ZoneInfo(zone))
    assert since.follow_through_text == told


def test_a_verdict_on_another_review_or_item_is_not_found(meeting: Meeting) -> None:
    review = meeting.opened()
    with pytest.raises(NotFound):
        meeting.hold(review, 9999)
    with pytest.raises(NotFound):
        meeting.hold(9999, 1)
    assert set(Verdict) == {"intervene", "hold", "escalate", "stop"}


def test_what_followed_a_done_decision_is_told_when_it_is_old_enough(meeting: Meeting) -> None:
    review = meeting.opened()
    meeting.decide(review, item(meeting, review, "kr-4"))
    now = meeting.runtime.now()
    with meeting.runtime.store.write() as session:
        row = session.scalars(select(Decision).where(Decision.key_result_id == "kr-4")).one()
        row.state, row.closed_at = "done", now
    assert effects.judge_effects(meeting.runtime) == 1
    assert (meeting.decisions()[-1].effect or {})["word"] == "too early"
    assert effects.judge_effects(meeting.runtime) == 0
    for week in range(1, 5):
        with meeting.runtime.store.write() as session:
            at = now + timedelta(weeks=week, minutes=-1)
            session.add(
                Reading(key_result_id="kr-4", value=20.0 + 5 * week, kind="check_in", as_of=at, day=at.date(), recorded_at=at, source={})
            )
    meeting.company.clock.ahead += 28 * 86400 + 60
    assert effects.judge_effects(meeting.runtime) == 1
    assert (meeting.decisions()[-1].effect or {})["word"] == "helped"


def test_a_decision_on_a_folded_item_stands_in_the_minutes_and_is_told(meeting: Meeting) -> None:
    host = meeting.company.connection("acme", "notion", "http://127.0.0.1:1", {"token": "t"})
    with meeting.runtime.store.write() as session:
        database = OkrDatabase(connection_id=host, kind="key_results", database="d0", source="d1", created_at=meeting.runtime.now())
        session.add(database)
        session.flush()
        session.add(OkrRow(connection_id=host, database_id=database.id, record="kr-6", ref="row-6", created_at=meeting.runtime.now()))
    review = meeting.opened()
    meeting.hold_all(review)
    folded = item(meeting, review, "kr-6")
    assert next(each.folded for each in meeting.items(review) if each.id == folded)
    meeting.decide(review, folded, verdict="escalate", text="Ask the board", action="seek_help")
    meeting.hold(review, item(meeting, review, "kr-7"))
    meeting.close(review)
    minutes = meeting.row(review).minutes
    (found,) = [each for each in minutes["items"] if each["key_result"] == "kr-6"]
    assert (found["verdict_word"], found["decision"], found["owner"]) == ("Escalate", "Ask the board", "Alice")
    assert "kr-6" not in {each["key_result"] for each in minutes["folded"]}
    assert "kr-7" in {each["key_result"] for each in minutes["folded"]}
    with meeting.runtime.store.read() as session:
        (told,) = session.scalars(select(Message).where(Message.way == "comment")).all()
    assert (told.connection_id, told.ref) == (host, "row-6")
    assert "Ask the board" in " ".join(told.content["lines"])


def test_what_was_retired_during_the_review_holds_its_course_and_keeps_nothing_open(meeting: Meeting) -> None:
    review = meeting.opened()
    with meeting.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "kr-1").values(retired_at=meeting.runtime.now()))
    ident = item(meeting, review, "kr-1")
    assert faults(meeting, review, ident, **meeting.given()) == {"verdict": "this key result was retired meanwhile; hold its course"}
    meeting.hold_all(review)
    meeting.close(review)
    assert meeting.row(review).state == "closed"


def test_a_review_of_a_retired_forum_is_not_opened(meeting: Meeting) -> None:
    review = meeting.review()
    with meeting.runtime.store.write() as session:
        session.execute(update(Forum).values(retired_at=meeting.runtime.now()))
    with pytest.raises(Conflict, match="forum was retired"):
        holding.open_review(meeting.runtime, meeting.viewer("Lea"), review)
