"""The rhythm of the sample organisation: its forums meet around today, and the weeks before are played with the services themselves.

Played week by week with a clock set back: what was told is written, states and signals are looked at, pre-reads freeze, reviews are
held. So every page, gadget and report finds what it would find after weeks of use. Nothing is sent: what was to be is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from sqlalchemy import delete, select, update

from connector.domain.agenda import Verdict
from connector.domain.review_calendar import WEEKDAYS, moment_of
from connector.domain.rhythm import next_working_day
from connector.domain.rights import Viewer
from connector.runtime import Runtime
from connector.sandbox import content, work_days
from connector.sandbox.history import History
from connector.sandbox.meetings import CALL_NEEDED, EARLIER, HELD, HOLD, MEETINGS, PLATFORM, PRODUCT, THANKS, Earlier, Meeting, Said
from connector.services import celebrations, decisions
from connector.services.drain import settle
from connector.services.reviews import closing, deciding, effects, holding
from connector.services.rhythm import locking, marks, planning, skipping
from connector.services.rollup import want_all
from connector.services.sign_in.sessions import viewer_of
from connector.services.signals import nightly
from connector.settings import Settings
from connector.store.tables import Connection, Decision, Forum, Mapping, Message, Notice, Person, Review, ReviewItem

WEEK = timedelta(weeks=1)
REVIEW_AT, LOCK_AT = time(10), time(16)
SETTLED = timedelta(hours=3)  # so long a lock of today has to be past, else the one of yesterday is the last
LONG = timedelta(minutes=25)  # that a review takes
NEWS = timedelta(days=6)  # older notices were read


@dataclass(frozen=True, slots=True)
class Meets:
    """When a sample forum meets: on this weekday, with its lock so many working days before. ``next_on``: its next review."""

    weekday: str
    days_before: int
    next_on: date


def meets(now: datetime, settings: Settings) -> dict[str, Meets]:
    """The sample forums' weeks, chosen so that on every day one is locked and the other locks on the next working day."""
    local = now.astimezone(settings.zone)
    first = next_working_day(local.date())
    second = next_working_day(first)
    before = first - timedelta(days=1 if first.weekday() else 3)
    late = now >= moment_of(before, LOCK_AT, settings.zone) + SETTLED
    return {
        PRODUCT: Meets(WEEKDAYS[first.weekday()], 1 if late else 2, first),
        PLATFORM: Meets(WEEKDAYS[second.weekday()], 1, second),
    }


def play(runtime: Runtime) -> None:
    """Play the weeks before now. Mappings must have been listed; key results have no past yet."""
    now = runtime.now()
    work_days.write_days(runtime)
    forums = meets(now, runtime.settings)
    first = moment_of(min(each.next_on for each in forums.values()), time(6), runtime.settings.zone) - HELD * WEEK - timedelta(days=4)
    planning.plan_ahead(_at(runtime, first))
    history = History(runtime)
    with _long_ago(runtime):
        for week in range(HELD + 4, HELD, -1):
            _bring(runtime, history, moment_of(forums[PRODUCT].next_on, LOCK_AT, runtime.settings.zone) - week * WEEK)
        for meeting in sorted(MEETINGS, key=lambda each: (-each.weeks, forums[each.forum].next_on)):
            _meet(runtime, history, meeting, forums[meeting.forum].next_on - meeting.weeks * WEEK)
        for each in EARLIER:
            _decide_before(runtime, each, now)
        for said, due in _decided(runtime, forums):
            _settle_decision(runtime, said, due, now)
        _freeze(runtime, history, forums[PRODUCT].next_on)
    _look_now(runtime, history)


def _at(runtime: Runtime, moment: datetime) -> Runtime:
    """The same, at another moment."""
    epoch = moment.timestamp()
    return replace(runtime, clock=lambda: epoch)


@contextmanager
def _long_ago(runtime: Runtime) -> Iterator[None]:
    """What the hosts say today is unknown in between: values come from the past that is written."""
    with runtime.store.write() as session:
        listed = {row.id: row.listed_at for row in session.execute(select(Mapping.id, Mapping.listed_at))}
        heard = {row.id: row.last_success_at for row in session.execute(select(Connection.id, Connection.last_success_at))}
        session.execute(update(Mapping).values(listed_at=None))
    yield
    with runtime.store.write() as session:
        for ident, moment in listed.items():
            session.execute(update(Mapping).where(Mapping.id == ident).values(listed_at=moment))
        for ident, moment in heard.items():
            session.execute(update(Connection).where(Connection.id == ident).values(last_success_at=moment))


def _bring(runtime: Runtime, history: History, moment: datetime) -> Runtime:
    """Everything up to this moment: what was told, the states and signals of then."""
    then = _at(runtime, moment)
    with runtime.store.write() as session:
        history.write_until(session, moment)
        session.execute(update(Connection).values(last_success_at=moment - timedelta(minutes=5)))
        want_all(session, moment.timestamp())
    settle(then)
    return then


def _meet(runtime: Runtime, history: History, meeting: Meeting, day: date) -> None:
    review = _review(runtime, meeting.forum, day)
    caller = _viewer(runtime, meeting.caller)
    if meeting.skipped:
        skipping.skip(_at(runtime, review.starts_at - timedelta(days=2)), caller, review.id, meeting.skipped)
        return
    nightly.find_all(_bring(runtime, history, review.lock_at))
    locking.lock(_at(runtime, review.lock_at), review.id)
    for number, name in enumerate(meeting.read_by):
        read = review.starts_at - timedelta(minutes=50 + 30 * number)
        marks.note_reading(_at(runtime, read), _viewer(runtime, name), review.id, "page")
    with runtime.store.write() as session:
        history.write_until(session, review.starts_at)  # what came late
    _hold(runtime, caller, review, meeting)


def _hold(runtime: Runtime, caller: Viewer, review: Review, meeting: Meeting) -> None:
    """Open the review, give the verdicts, hand over what the time does not reach, close it."""
    holding.open_review(_at(runtime, review.starts_at + timedelta(minutes=1)), caller, review.id)
    with runtime.store.read() as session:
        items = list(session.scalars(select(ReviewItem).where(ReviewItem.review_id == review.id).order_by(ReviewItem.position)))
    talked = [each for each in items if each.key_result_id in meeting.said or (each.fits and not each.folded)]
    for number, item in enumerate(talked):
        moment = review.starts_at + LONG * ((number + 1) / (len(talked) + 1))
        said = meeting.said.get(item.key_result_id, HOLD)
        deciding.decide(_at(runtime, moment), caller, review.id, item.id, _form(said, moment, runtime))
    end = _at(runtime, review.starts_at + LONG)
    holding.hold_folded(end, caller, review.id)
    holding.hand_over(end, caller, review.id, caller.email)
    closing.close(end, caller, review.id)


def _form(said: Said, moment: datetime, runtime: Runtime) -> dict[str, str]:
    form = {"verdict": said.verdict.value, "plan": said.plan}
    if said.verdict is Verdict.HOLD:
        return form
    due = moment.astimezone(runtime.settings.zone).date() + timedelta(days=said.days)
    action = said.action.value if said.action else ""
    return {**form, "action": action, "text": said.text, "owner": _email(said.owner), "due": due.isoformat()}


def _decided(runtime: Runtime, forums: dict[str, Meets]) -> Iterator[tuple[tuple[int, str, Said], datetime]]:
    """The decisions of the reviews that were done since: (review, key result, what was said), and when."""
    for meeting in MEETINGS:
        review = _review(runtime, meeting.forum, forums[meeting.forum].next_on - meeting.weeks * WEEK)
        for name, said in meeting.said.items():
            if said.done is not None:
                yield (review.id, name, said), review.starts_at + timedelta(days=said.done)


def _settle_decision(runtime: Runtime, made: tuple[int, str, Said], moment: datetime, now: datetime) -> None:
    review, name, said = made
    with runtime.store.write() as session:
        row = session.scalars(select(Decision).where(Decision.review_id == review, Decision.key_result_id == name)).one()
        by = viewer_of(session.scalars(select(Person).where(Person.email == _email(said.owner))).one())
        decisions.change(session, by, row, {"state": decisions.DONE, "outcome": said.outcome}, min(moment, now - timedelta(hours=1)))


def _decide_before(runtime: Runtime, each: Earlier, now: datetime) -> None:
    asked, done = now - timedelta(days=each.asked), now - timedelta(days=each.done)
    with runtime.store.write() as session:
        owner = session.scalars(select(Person).where(Person.email == _email(each.owner))).one()
        given = {
            "title": each.title,
            "key_result_id": each.key_result,
            "owner_id": owner.id,
            "due": done.date() + timedelta(days=2),
            "state": decisions.OPEN,
        }
        row = decisions.create(session, viewer_of(owner), given, asked, source="page")
        row.decided_at = asked
        decisions.change(session, viewer_of(owner), row, {"state": decisions.DONE, "outcome": each.outcome}, done)


def _freeze(runtime: Runtime, history: History, day: date) -> None:
    """The pre-read that people read now, with what its leaders have marked."""
    review = _review(runtime, PRODUCT, day)
    nightly.find_all(_bring(runtime, history, review.lock_at))
    locking.lock(_at(runtime, review.lock_at), review.id)
    for number, (name, key_result) in enumerate(CALL_NEEDED):
        moment = _at(runtime, review.lock_at + timedelta(minutes=20 + number))
        viewer = _viewer(runtime, name)
        marks.note_reading(moment, viewer, review.id, "page")
        marks.mark(moment, viewer, review.id, key_result, True)


def _look_now(runtime: Runtime, history: History) -> None:
    """What is left up to now, and everything looked at once as it is."""
    now = runtime.now()
    for name, key_result, text, days in THANKS:
        celebrations.thank(_at(runtime, now - timedelta(days=days)), _viewer(runtime, name), key_result, text)
    with runtime.store.write() as session:
        history.write_until(session, now)
        want_all(session, now.timestamp())
    settle(runtime)
    effects.judge_effects(runtime)
    planning.plan_ahead(runtime)
    nightly.find_all(runtime)
    with runtime.store.write() as session:
        session.execute(delete(Message))  # these weeks are a story: nobody is written to
        session.execute(update(Notice).where(Notice.created_at < now - NEWS).values(read_at=Notice.created_at))


def _review(runtime: Runtime, forum: str, day: date) -> Review:
    with runtime.store.read() as session:
        return session.scalars(select(Review).join(Forum, Forum.id == Review.forum_id).where(Forum.name == forum, Review.day == day)).one()


def _viewer(runtime: Runtime, name: str) -> Viewer:
    with runtime.store.read() as session:
        return viewer_of(session.scalars(select(Person).where(Person.email == _email(name))).one())


def _email(name: str) -> str:
    return f"{name}@{content.DOMAIN}"
