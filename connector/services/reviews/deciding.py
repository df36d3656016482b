"""A verdict on an item of the agenda, and the decision that comes from it: an owner and a due date, or it is not saved (R061)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.agenda import ACTION_WORDS, DECIDING, VERDICT_WORDS, Action, Verdict
from connector.domain.rights import Viewer
from connector.domain.wording import day_text
from connector.errors import Faults, InputError
from connector.runtime import Runtime
from connector.services import decision_links, leads_page
from connector.services.changes import Stale, check_version, record
from connector.services.decisions import ASKED, DROPPED, LONGEST_TITLE, OPEN, UNSETTLED
from connector.services.decisions import view as view_of_decision
from connector.services.plan.saving import plain_text
from connector.services.plan.saving import title as checked_title
from connector.services.reviews.holding import go_on, item_of, open_one, stop_clocks
from connector.services.reviews.rights import active_person, is_retired
from connector.services.rhythm.planning import zone_of
from connector.services.row_check_ins.rows import want_decision
from connector.store.tables import Decision, Forum, Person, Review, ReviewItem

LONGEST_PLAN = 500
SOURCE = "review"
FIELDS = ("verdict", "action", "text", "owner", "due", "plan")


@dataclass(frozen=True, slots=True)
class Said:
    """A checked verdict. ``owner`` is set when a decision follows."""

    verdict: Verdict
    action: Action | None
    text: str = ""
    owner: Person | None = None
    due: date | None = None
    plan: str = ""


def decide(runtime: Runtime, viewer: Viewer, review_id: int, item_id: int, given: Mapping[str, Any], *, version: str | None = None) -> None:
    """Give an item its verdict, or another one while the review is open. ``given``: ``FIELDS`` as texts, ``issue`` a wish for an issue.

    ``version``: of the item as it was shown; the same given by somebody else meanwhile stands, and nothing changes.
    Raises ``Faults`` at the fields, ``Stale``, ``Conflict``, ``Forbidden``, ``NotFound``.
    """
    places: set[int] = set()
    with runtime.store.write() as session:
        review = open_one(session, viewer, review_id, runtime.settings.zone)
        item = item_of(session, viewer, review, item_id)
        before = item_view(session, review, item)
        by = session.scalar(select(Person.name).where(Person.id == item.verdict_by_id)) if item.verdict_by_id else ""
        now = runtime.now()
        zone = zone_of(session.get_one(Forum, review.forum_id), runtime.settings.zone)
        try:
            check_version(before, version, by=by or "")
        except Stale:
            if _repeats(session, before, given, now.astimezone(zone).date()):
                return
            raise
        said = _checked(session, given, item.key_result_id, now.astimezone(zone).date())
        wish = decision_links.checked_wish(session, viewer, item.key_result_id, given.get("issue")) if said.owner is not None else None
        item.verdict, item.verdict_at, item.verdict_by_id = said.verdict.value, now, viewer.person_id
        item.plan, item.handed_to_id = said.plan, None
        row = _settle(session, viewer, review, item, said, now, zone)
        if row is not None:
            if wish is not None:
                places |= decision_links.want_issue(session, row, wish, runtime.epoch(), now)
            places |= want_decision(session, row, runtime.epoch())
        stop_clocks(session, review.id, now)
        go_on(session, review.id, now)
        review.version += 1
        record(session, viewer, now, "decide", "review_item", str(item.id), before=before, after=item_view(session, review, item))
        leads_page.want_changed(session, [item.key_result_id], runtime.epoch())
    for connection_id in sorted(places):
        runtime.queue.nudge("drain", connection_id)
    runtime.queue.nudge("send")


def item_view(session: Session, review: Review, item: ReviewItem) -> dict[str, Any]:
    """An item as forms carry its version and the audit trail says it."""
    row = decision_of(session, review.id, item.key_result_id)
    decision = view_of_decision(session, row) if row is not None else {}
    return {
        "verdict": item.verdict,
        "action": row.action if row is not None else "",
        "text": decision.get("title", "") if row is not None and row.state != DROPPED else "",
        "owner": decision.get("owner") or "",
        "due": decision.get("due") or "",
        "plan": item.plan,
        "key_result": item.key_result_id,
    }


def _repeats(session: Session, before: Mapping[str, Any], given: Mapping[str, Any], today: date) -> bool:
    """Whether ``given`` says what the item has already; a wish for an issue is none of that."""
    try:
        said = _checked(session, given, before["key_result"], today)
    except InputError:
        return False
    same = (said.verdict.value, said.text, said.plan) == (before["verdict"], before["text"], before["plan"])
    if said.owner is None or not same:
        return same
    action = said.action.value if said.action else ""
    decided = (action, said.owner.email, said.due.isoformat() if said.due else "")
    return decided == (before["action"], before["owner"], before["due"]) and not given.get("issue")


def decision_of(session: Session, review_id: int, key_result_id: str) -> Decision | None:
    """The decision that a review made on a key result."""
    query = select(Decision).where(Decision.review_id == review_id, Decision.key_result_id == key_result_id)
    return session.scalar(query.order_by(Decision.id).limit(1))


def _checked(session: Session, given: Mapping[str, Any], key_result_id: str, today: date) -> Said:
    """What was said, all faults at once."""
    texts = {name: str(given.get(name) or "").strip() for name in FIELDS}
    faults: list[InputError] = []

    def attempt(name: str, read: Any) -> Any:
        try:
            return read(texts[name])
        except InputError as error:
            faults.append(InputError(error.message, where=name))
            return None

    verdict = attempt("verdict", _verdict)
    decides = verdict in DECIDING or (verdict is Verdict.HOLD and any(texts[name] for name in ("text", "owner", "due")))
    plan = attempt("plan", _plan)
    if not decides:
        if faults:
            raise Faults(faults)
        return Said(verdict, None, plan=plan or "")
    if is_retired(session, key_result_id):
        raise Faults([*faults, InputError("this key result was retired meanwhile; hold its course", where="verdict")])
    action = attempt("action", lambda text: _action(text, verdict))
    text = attempt("text", _text)
    owner = attempt("owner", lambda email: active_person(session, email, "owner", key_result_id))
    due = attempt("due", lambda day: _due(day, today))
    if faults:
        raise Faults(faults)
    return Said(verdict, action, text, owner, due, plan or (text if verdict is Verdict.INTERVENE else ""))


def _verdict(text: str) -> Verdict:
    if text not in set(Verdict):
        raise InputError(f"choose one: {', '.join(VERDICT_WORDS.values())}")
    return Verdict(text)


def _action(text: str, verdict: Verdict) -> Action:
    if not text and verdict is Verdict.HOLD:
        return Action.STAY
    if text not in set(Action):
        raise InputError(f"choose what kind of decision it is: {', '.join(ACTION_WORDS.values())}")
    return Action(text)


def _text(text: str) -> str:
    if not text:
        raise InputError("say what was decided")
    found = checked_title(text, "text")
    if len(found) > LONGEST_TITLE:
        raise InputError(f"has {len(found)} characters; {LONGEST_TITLE} are the most")
    return found


def _plan(text: str) -> str:
    if not text:
        return ""
    found = plain_text(" ".join(text.split()), "plan")
    if len(found) > LONGEST_PLAN:
        raise InputError(f"has {len(found)} characters; {LONGEST_PLAN} are the most")
    return found


def _due(text: str, today: date) -> date:
    if not text:
        raise InputError("choose a due date")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InputError("this is no day; choose one such as 2026-11-30") from None
    if day < today:
        raise InputError("choose a day from today on")
    return day


def _settle(session: Session, viewer: Viewer, review: Review, item: ReviewItem, said: Said, now: datetime, zone: tzinfo) -> Decision | None:
    """Bring the ledger in line with the verdict: an ask is answered by it, a decision of before is replaced. None: nothing is to keep.

    The ask itself becomes the decision, so that whoever asked finds the answer where they asked.
    """
    made = decision_of(session, review.id, item.key_result_id)
    row = made or _ask_of(session, item)
    before = view_of_decision(session, row) if row is not None else None
    if said.owner is None:
        if row is None:
            return None
        day = now.astimezone(zone).date()
        answered = row.check_in_id is not None or row.source != SOURCE
        instead = f"{VERDICT_WORDS[said.verdict]}, review of {day_text(day)}"
        if row.state == OPEN:
            decision_links.say_taken_back(session, row, instead, now)
        row.outcome = instead if answered else "taken back in the review"
        row.state, row.closed_at = DROPPED, now
    else:
        if row is None:
            row = Decision(
                key_result_id=item.key_result_id, kind="other", source=SOURCE, asked_by_id=viewer.person_id, created_at=now, outcome=""
            )
            session.add(row)
        row.title, row.owner_id, row.due = said.text, said.owner.id, said.due
        if row.state == DROPPED:
            decision_links.say_standing(session, row, now)
        if row.state not in UNSETTLED or row.state == ASKED:
            row.state, row.closed_at, row.outcome = OPEN, None, ""
    row.review_id, row.verdict, row.decided_at = review.id, said.verdict.value, now
    row.action = said.action.value if said.action else ""
    session.flush()
    after = view_of_decision(session, row)
    record(session, viewer, now, "update" if before else "create", "decision", str(row.id), before=before, after=after)
    return row


def _ask_of(session: Session, item: ReviewItem) -> Decision | None:
    """The open ask of the key result: the kind that the pre-read shows, else the oldest."""
    rows = session.scalars(
        select(Decision).where(Decision.key_result_id == item.key_result_id, Decision.state == ASKED).order_by(Decision.id)
    ).all()
    kind = ((item.snapshot or {}).get("ask") or {}).get("kind")
    return next((row for row in rows if row.kind == kind), rows[0] if rows else None)
