"""Forums: the form that says who meets to review, and when; the one that is offered where there is none yet."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.review_calendar import MOST_LOCK_DAYS, WEEKDAYS
from connector.domain.rights import Act
from connector.errors import InputError
from connector.services import calendars
from connector.services.changes import Stale
from connector.services.declare.forum_fields import DEFAULTS
from connector.services.plan import first_forum, forums
from connector.services.plan.saving import Saved
from connector.services.rhythm import listing
from connector.views.plan import choices
from connector.views.plan.blueprint import blueprint
from connector.views.plan.teams import SPARE, listed, note, retire_page
from connector.web.context import runtime
from connector.web.forms import Form, filled, submitted
from connector.web.gate import need, viewer

Page = str | Response | tuple[str, int]
LABELS = {
    "name": "Name",
    "caller": "Can call decisions",
    "sponsor": "Sponsor",
    "leaders": "Leaders",
    "members": "Members",
    "weekday": "Weekday",
    "time": "Time",
    "cadence": "Cadence",
    "first_on": "First review in the week of",
    "zone": "Time zone",
    "country": "Holidays of",
    "lock_time": "Updates count until",
    "lock_days": "Working days before",
    "minutes": "Minutes",
    "pack": "Review pack",
}
PLAIN = ("name", "caller", "sponsor", "weekday", "time", "cadence", "first_on", "zone", "country")  # texts in the form as in the view
DAYS = [("", "no review is planned"), *((each, each.capitalize()) for each in WEEKDAYS)]
CADENCES = [("weekly", "weekly"), ("fortnightly", "fortnightly")]
LOCK_DAYS = [
    (0, "on the same day"),
    (1, "one working day before"),
    *((each, f"{each} working days before") for each in range(2, MOST_LOCK_DAYS + 1)),
]
_SEATS = {"leaders": "leader", "members": "member"}  # part of a view → field of the form


@blueprint.route("/plan/forums/new", methods=["GET", "POST"])
@need(Act.WRITE)
def new_forum() -> Page:
    """Make a forum."""
    if request.method == "GET":
        return _page(filled({**_flat({**DEFAULTS, "weekday": "thursday"}), "zone": ""}))
    form = submitted()
    try:
        saved = forums.create(runtime(), viewer(), _given(form))
    except InputError as error:
        _note(form, error)
        return _page(form)
    flash(" ".join((f"Saved. Teams can choose {saved.id} now.", *saved.remarks)))
    return redirect(url_for("plan.team_list"), 303)


@blueprint.route("/plan/forums/<int:ident>", methods=["GET", "POST"])
@need(Act.WRITE)
def edit_forum(ident: int) -> Page:
    """Change a forum."""
    stored = forums.load(runtime(), viewer(), ident)
    if request.method == "GET":
        return _page(_form_of(stored), ident, stored.id)
    form = submitted()
    try:
        saved = forums.update(runtime(), viewer(), ident, _given(form), version=form.version or None)
    except InputError as error:
        _note(form, error)
    except Stale as stale:
        theirs = _flat(stale.theirs)
        for part, field in _SEATS.items():
            form.values[part] = ", ".join(listed(form, field))
            theirs[part] = ", ".join(stale.theirs[part])
        form.conflict(Stale(theirs, version=stale.version, by=stale.by))
    else:
        flash(" ".join((f"Saved. {saved.id} is as shown here.", *saved.remarks)))
        return redirect(url_for("plan.team_list"), 303)
    return _page(form, ident, stored.id)


@blueprint.route("/plan/forums/<int:ident>/retire", methods=["GET", "POST"])
@need(Act.WRITE)
def retire_forum(ident: int) -> Page:
    """Ask, then retire a forum."""
    stored = forums.load(runtime(), viewer(), ident)
    consequence = "Its teams have no forum then, its planned reviews are taken away, and the checklist of a cycle says so."
    return retire_page(
        stored,
        "forum",
        consequence,
        url_for("plan.edit_forum", ident=ident),
        lambda **more: forums.retire(runtime(), viewer(), ident, **more),
    )


@blueprint.post("/plan/forums/first")
@need(Act.WRITE)
def make_first_forum() -> Page:
    """Make the forum that is offered to a single team, with one click."""
    saved = first_forum.take(runtime(), viewer())
    flash(" ".join((f"{saved.id} meets from now on. Change when and with whom as you like.", *saved.remarks)))
    with runtime().store.read() as session:
        ident = forums.find(session, saved.id).id
    return redirect(url_for("plan.edit_forum", ident=ident), 303)


def _given(form: Form) -> dict[str, Any]:
    """The form in the words of the file of ``apply``."""
    return {
        **{name: form[name].strip() or None for name in PLAIN},
        **{part: listed(form, field) for part, field in _SEATS.items()},
        "lock": {"time": form["lock_time"] or None, "days_before": _number(form["lock_days"])},
        "minutes": _number(form["minutes"]),
        "pack": bool(form["pack"]),
    }


def _number(text: str) -> int | str | None:
    """A whole number where it is one; what it is not is told by who checks it."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text or None


def _flat(view: dict[str, Any]) -> dict[str, Any]:
    """A forum's view as the fields of the form; lists stay out."""
    flat = {name: value for name, value in view.items() if name not in ("lock", *_SEATS)}
    return {**flat, "pack": "1" if view["pack"] else "", "lock_time": view["lock"]["time"], "lock_days": view["lock"]["days_before"]}


def _form_of(stored: Saved) -> Form:
    form = filled(_flat(stored.view), stored.version)
    for part, field in _SEATS.items():
        form.lists[field] = list(stored.view[part])
    return form


def _note(form: Form, error: InputError) -> None:
    note(form, error)
    for told, field in (("lock.time", "lock_time"), ("lock.days_before", "lock_days")):
        if told in form.errors:
            form.errors.setdefault(field, form.errors.pop(told))


def _told_apart(people: choices.Choices) -> choices.Choices:
    """Of two who have one name, the addresses too."""
    names = Counter(name for _, name in people)
    return [(email, f"{name}, {email}" if names[name] > 1 else name) for email, name in people]


def _page(form: Form, ident: int | None = None, name: str = "") -> tuple[str, int]:
    now = runtime().now()
    with runtime().store.read() as session:
        people = choices.people(session)
        coming = listing.of_forum(session, ident, now, runtime().settings.zone) if ident is not None else []
    page = render_template(
        "plan/forum.html",
        form=form,
        ident=ident,
        name=name,
        labels=LABELS,
        people=_told_apart(people),
        whole=len(people) < choices.MOST,
        seats={part: [*form.many(field), *[""] * SPARE] for part, field in _SEATS.items()},
        fields=list(LABELS),
        days=DAYS,
        cadences=CADENCES,
        lock_days=LOCK_DAYS,
        zones=calendars.zone_names(),
        zone=runtime().settings.zone,
        coming=coming,
    )
    return page, form.status
