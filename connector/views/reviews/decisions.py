"""Decisions: their list, one of them to edit or close, and new ones, which also correct what a closed review decided."""

from __future__ import annotations

from typing import Any

from flask import flash, render_template, request, url_for
from flask import redirect as send_to
from werkzeug.wrappers import Response

from connector.domain.agenda import ACTION_WORDS, VERDICT_WORDS
from connector.domain.wording import day_text, local_day_text
from connector.errors import InputError
from connector.services import decision_editing
from connector.services.changes import Stale
from connector.services.insight.scope import row_id
from connector.services.reviews.ledger import SHOWN, load_ledger
from connector.store.tables import Forum
from connector.views.plan import choices
from connector.views.reviews.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, filled, submitted
from connector.web.gate import viewer

Page = str | Response | tuple[str, int]
LABELS = {"title": "Decision", "owner": "Owner", "due": "Due", "state": "State", "outcome": "What came of it", "key_result": "Key result"}
_TABS = (("open", "Open"), ("overdue", "Overdue"), ("asked", "Asked"), ("done", "Done"), ("all", "All"))
_STATES = [("asked", "asked"), ("open", "open"), ("done", "done"), ("dropped", "dropped")]
_WORDS = {
    "verdict_words": {key.value: word for key, word in VERDICT_WORDS.items()},
    "action_words": {key.value: word for key, word in ACTION_WORDS.items()},
}


@blueprint.get("/decisions")
def decisions() -> str:
    """Open, overdue, asked for, done: of everything, or of one forum."""
    show = request.args.get("show", "open")
    show = show if show in SHOWN else "open"
    chosen = row_id(request.args.get("forum", ""))
    today = runtime().now().astimezone(runtime().settings.zone).date()
    with runtime().store.read() as session:
        found = load_ledger(session, viewer(), today, show=show, forum_id=chosen)
        forum = session.get(Forum, chosen) if chosen else None
    return render_template(
        "reviews/decisions.html",
        found=found,
        show=show,
        chosen=chosen,
        forum=forum.name if forum else "",
        labels=_TABS,
        day=day_text,
        **_WORDS,
    )


@blueprint.route("/decisions/new", methods=["GET", "POST"])
def new_decision() -> Page:
    """Enter one; it may correct what a review decided."""
    if request.method == "GET":
        return _page(Form({"state": "open", "key_result": request.args.get("key_result", "")}))
    form = submitted()
    try:
        made = decision_editing.create(runtime(), viewer(), _given(form, new=True))
    except InputError as error:
        form.note(error)
        return _page(form)
    flash("Saved. It stands on the next agenda until it is done.")
    return send_to(url_for("reviews.decision", ident=made.id), 303)


@blueprint.route("/decisions/<int:ident>", methods=["GET", "POST"])
def decision(ident: int) -> Page:
    """One decision: read by everybody who may know of its key result, changed by its owner and by who holds the reviews."""
    stored = decision_editing.load(runtime(), viewer(), ident)
    if request.method == "GET":
        return _page(filled(stored.view, stored.version), stored)
    form = submitted()
    try:
        decision_editing.update(runtime(), viewer(), ident, _given(form, new=False), version=form.version or None)
    except InputError as error:
        form.note(error)
        return _page(form, stored)
    except Stale as stale:
        form.conflict(stale)
        return _page(form, stored)
    flash("Saved.")
    return send_to(url_for("reviews.decision", ident=ident), 303)


def _given(form: Form, *, new: bool) -> dict[str, Any]:
    names = ("title", "owner", "due", "state", "outcome", *(("key_result",) if new else ()))
    return {name: form[name] or None for name in names} | ({"issue": form["issue"]} if form["issue"] else {})


def _page(form: Form, stored: decision_editing.Loaded | None = None) -> tuple[str, int]:
    with runtime().store.read() as session:
        people = choices.people(session)
    row = stored.row if stored else None
    facts = [(label, form[name]) for name, label in LABELS.items() if name in form.values and form[name]]
    page = render_template(
        "reviews/decision.html",
        form=form,
        row=row,
        title=row.title if row else "",
        key_result=stored.key_result_title if stored else "",
        may_edit=stored.may_edit if stored else True,
        offers=[(each.value, each.label) for each in stored.offers] if stored else [],
        people=people,
        states=_STATES,
        labels=LABELS,
        facts=facts,
        asked=f"{local_day_text(row.created_at, runtime().settings.zone)}{f', {stored.asked_by}' if stored and stored.asked_by else ''}"
        if row
        else "",
        **_WORDS,
    )
    return page, form.status
