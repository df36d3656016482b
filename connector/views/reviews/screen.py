"""Reviews: their list, the screen on which one is held, and its minutes. No value and no confidence can be typed here (R055)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask import redirect as send_to
from werkzeug.wrappers import Response as AnyResponse

from connector.domain import wording
from connector.domain.agenda import ACTION_WORDS, VERDICT_HELP, VERDICT_WORDS
from connector.domain.buckets import Bucket, bucket_of
from connector.domain.model import State
from connector.errors import Conflict, InputError
from connector.services.changes import Stale, version_of
from connector.services.insight.scope import row_id
from connector.services.locks import CLOSED, LOCKED, OPEN, PLANNED, SKIPPED
from connector.services.reviews import closing, deciding, holding
from connector.services.reviews.closing import Missing
from connector.services.reviews.ledger import load_ledger, since_last
from connector.services.reviews.reading import Held, load_held, load_item_view, load_list, load_minutes
from connector.services.reviews.rights import find_review
from connector.store.tables import ReviewItem
from connector.views.plan import choices
from connector.views.reviews.ahead import load_ahead
from connector.views.reviews.blueprint import blueprint
from connector.views.reviews.trends import load_trends
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import viewer

SHORT = 60  # signs of a title that fit into the closing bar
NAMED = 40  # titles of folded items, and items not reached, that the page lists
_CANNOT_TELL = "cannot be told: ask for the number"
LABELS = {"verdict": "Verdict", "action": "Kind of decision", "text": "Decision", "owner": "Owner", "due": "Due", "plan": "Until then"}
Page = str | AnyResponse | tuple[str, int]


@blueprint.get("/reviews")
def index() -> str:
    """What is ahead and what was decided, by forum."""
    now, zone = runtime().now(), runtime().settings.zone
    chosen = row_id(request.args.get("forum", ""))
    with runtime().store.read() as session:
        ahead, behind, forums = load_list(session, viewer(), now, zone, chosen)
    return render_template(
        "reviews/index.html", ahead=ahead, behind=behind, forums=forums, chosen=chosen, now=now, when=_when, moment=_moment, states=_STATES
    )


_STATES = {PLANNED: "planned", LOCKED: "pre-read frozen", OPEN: "being held", CLOSED: "closed", SKIPPED: "skipped"}


@blueprint.get("/reviews/<int:ident>")
def review(ident: int) -> Page:
    """The screen of one review: before it, during it, and the way to its minutes after it."""
    return _page(ident)


@blueprint.post("/reviews/<int:ident>/open")
def open_review(ident: int) -> Page:
    """Open it; its agenda is built now and stays."""
    return _act(ident, lambda: holding.open_review(runtime(), viewer(), ident, lock_now=bool(request.form.get("lock_now"))))


@blueprint.post("/reviews/<int:ident>/items/<int:item>/take-up")
def take_up(ident: int, item: int) -> Page:
    """Talk about this one now."""
    return _act(ident, lambda: holding.take_up(runtime(), viewer(), ident, item))


@blueprint.post("/reviews/<int:ident>/items/<int:item>")
def decide(ident: int, item: int) -> Page:
    """Give a verdict, with the decision that follows from it."""
    form = submitted()
    try:
        given = {name: form[name] for name in (*deciding.FIELDS, "issue")}
        deciding.decide(runtime(), viewer(), ident, item, given, version=form.version or None)
    except InputError as error:
        form.note(error)
    except Stale as stale:
        form.conflict(stale)
    else:
        return _done(ident)
    return _page(ident, form=form, item_id=item)


@blueprint.post("/reviews/<int:ident>/hold-folded")
def hold_folded(ident: int) -> Page:
    """Hold course for everything that is folded."""
    return _act(ident, lambda: holding.hold_folded(runtime(), viewer(), ident))


@blueprint.post("/reviews/<int:ident>/hand-over")
def hand_over(ident: int) -> Page:
    """Give what the time does not reach to somebody."""
    form = submitted()
    try:
        item = row_id(form["item"]) if form["item"] else None
        holding.hand_over(runtime(), viewer(), ident, form["person"], item)
    except InputError as error:
        form.note(error)
        return _page(ident, handing=form)
    except Conflict as conflict:
        return _page(ident, trouble=str(conflict))
    return _done(ident)


@blueprint.post("/reviews/<int:ident>/close")
def close(ident: int) -> Page:
    """Close it; refused while something is missing."""
    given = request.form.get("review_version", "")
    try:
        version = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None
        closing.close(runtime(), viewer(), ident, version=version)
    except Conflict as conflict:
        return _page(ident, trouble=str(conflict))
    flash("Review closed. The minutes are on their way to those who asked and those who decide.")
    if request.headers.get("HX-Request"):
        return Response(status=204, headers={"HX-Redirect": url_for("reviews.minutes", ident=ident)})
    return send_to(url_for("reviews.minutes", ident=ident), 303)


@blueprint.get("/reviews/<int:ident>/minutes")
def minutes(ident: int) -> Page:
    """What a closed review decided."""
    with runtime().store.read() as session:
        held = load_held(session, viewer(), ident, runtime().settings.zone)
        written = load_minutes(session, viewer(), held.review)
    if written is None:
        return send_to(url_for("reviews.review", ident=ident), 303)
    return render_template("reviews/minutes.html", held=held, minutes=written)


def _act(ident: int, act: Any) -> Page:
    try:
        act()
    except Conflict as conflict:
        return _page(ident, trouble=str(conflict))
    return _done(ident)


def _done(ident: int) -> Page:
    if request.headers.get("HX-Request"):
        return _page(ident)
    return send_to(url_for("reviews.review", ident=ident), 303)


def _page(ident: int, *, form: Form | None = None, item_id: int = 0, handing: Form | None = None, trouble: str = "") -> Page:
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        held = load_held(session, viewer(), ident, zone)
        today = now.astimezone(held.zone).date()
        ledger = load_ledger(session, viewer(), today, forum_id=held.forum.id)
        current = next((each for each in held.items if each.id == item_id), None) or held.current
        shown = form
        if current is not None and held.may_hold and shown is None:
            shown = _form(load_item_view(session, held, current))
        elif current is not None and shown is not None and shown.stale is None and not shown.version:
            shown.version = version_of(load_item_view(session, held, current))
        ahead = load_ahead(session, viewer(), held, now)
        reached = ahead.reached if ahead else held.reached
        trends = load_trends(session, [each.key_result_id for each in reached], held.review.locked_at or now)
        people = choices.people(session) if held.may_hold and held.review.state == OPEN else []
        since = since_last(session, viewer(), held.review, today, held.zone)
        fresh = find_review(session, ident)
        too_early = holding.too_early(session, fresh, now, zone)
    if fresh.state == CLOSED and not trouble and request.method == "GET" and not request.args.get("agenda"):
        return send_to(url_for("reviews.minutes", ident=ident), 303)
    page = render_template(
        "reviews/_held.html" if request.headers.get("HX-Request") else "reviews/held.html",
        held=held,
        current=current if held.review.state == OPEN else None,
        form=shown,
        labels=LABELS,
        handing=handing or Form(),
        trouble=trouble[:1].upper() + trouble[1:],
        too_early=too_early[:1].upper() + too_early[1:],
        ahead=ahead,
        trends=trends,
        people=people,
        since=since,
        ledger=ledger,
        today=today,
        verdicts=list(VERDICT_WORDS.items()),
        verdict_words={key.value: word for key, word in VERDICT_WORDS.items()},
        verdict_help=VERDICT_HELP,
        actions=[("", "choose one"), *((key.value, word) for key, word in ACTION_WORDS.items())],
        action_words={key.value: word for key, word in ACTION_WORDS.items()},
        offers=[("", "no issue or row"), *((each.value, each.label) for each in _offers(held, current))],
        lacking=_lacking(held.missing),
        left=_left(held, now),
        spent=lambda item: _spent(item, now),
        when=_when,
        moment=_moment,
        day=wording.day_text,
        folded_words=_folded_words(ahead.folded if ahead else held.folded),
        named=NAMED,
        swapped=bool(request.headers.get("HX-Request")),
    )
    status = 409 if trouble else max(form.status if form else 200, handing.status if handing else 200)
    return page, status


def _offers(held: Held, current: ReviewItem | None) -> list[Any]:
    if current is None:
        return []
    row = held.decisions.get(current.key_result_id)
    if row is not None and (row.link or {}).get("ref"):
        return []
    return held.offers.get(current.key_result_id, [])


def _form(view: dict[str, Any]) -> Form:
    values = {name: str(view.get(name) or "") for name in deciding.FIELDS}
    return Form(values, version=version_of(view))


def _when(held: Any) -> str:
    """ "Thu 19 Nov 10:00" in the forum's time zone."""
    return wording.weekday_moment_text(held.review.starts_at, held.zone)


def _moment(moment: datetime | None, held: Any) -> str:
    return wording.moment_text(moment, held.zone) if moment else ""


def _left(held: Held, now: datetime) -> str:
    """ "14 min left", "3 min over"; "" when it is not being held."""
    if held.review.state != OPEN or held.review.opened_at is None:
        return ""
    left = held.forum.minutes - int((now - held.review.opened_at).total_seconds() // 60)
    return f"{left} min left" if left >= 0 else f"{-left} min over"


def _lacking(missing: Missing) -> tuple[str, str]:
    """What is missing, for one line: ("Missing: 7 verdicts", ", first Payout time"); a title is named whole or not at all."""
    counts = [
        f"{len(missing.verdicts)} {'verdict' if len(missing.verdicts) == 1 else 'verdicts'}" if missing.verdicts else "",
        f"{len(missing.unreached)} that nobody has taken" if missing.unreached else "",
    ]
    told = " and ".join(each for each in counts if each)
    first = (missing.verdicts or missing.unreached or ("",))[0]
    return f"Missing: {told}", f", first {first}" if first and len(first) <= SHORT else ""


def _spent(item: ReviewItem, now: datetime) -> int:
    """Minutes spent on an item by now."""
    running = (now - item.opened_at).total_seconds() if item.opened_at else 0.0
    return round((item.spent_seconds + max(0.0, running)) / 60)


def _folded_words(folded: Sequence[ReviewItem]) -> str:
    """ "5 on track, 1 cannot be told: ask for the number"."""
    counts: dict[str, int] = {}
    for each in folded:
        state = State(each.snapshot["state"])
        word = _CANNOT_TELL if bucket_of(state) is Bucket.CANNOT_TELL else wording.STATE_WORDS[state].lower()
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items(), key=lambda each: each[0] == _CANNOT_TELL))
