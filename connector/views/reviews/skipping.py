"""Skipping a review: the reason is asked for on a page of its own; taking it back is one button."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.errors import Conflict, InputError
from connector.services.plan.first_forum import Offer, offered
from connector.services.rhythm import listing, skipping
from connector.services.rhythm.listing import Listed
from connector.services.rhythm.seats import held_forums, require_holder
from connector.views.reviews.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import viewer


@blueprint.route("/reviews/<int:ident>/skip", methods=["GET", "POST"])
def skip(ident: int) -> str | Response | tuple[str, int]:
    """Ask for the reason, then skip."""
    review = _review(ident)
    form = Form()
    if request.method == "POST":
        form = submitted()
        try:
            remarks = skipping.skip(runtime(), viewer(), ident, form["reason"])
        except InputError as error:
            form.note(error)
        except Conflict as conflict:
            form.note(InputError(str(conflict)))
        else:
            flash(" ".join((f"Skipped. {review.forum} does not meet on {review.starts.partition(',')[0]}.", *remarks)))
            return _back(review)
    return render_template("reviews/skip.html", review=review, form=form), form.status


@blueprint.post("/reviews/<int:ident>/take-back")
def take_back(ident: int) -> Response:
    """Have a skipped review meet after all."""
    review = _review(ident)
    try:
        skipping.take_back(runtime(), viewer(), ident)
    except Conflict as conflict:
        flash(f"Nothing was changed: {conflict}.")
    else:
        flash(f"Taken back. {review.forum} meets on {review.starts}.")
    return _back(review)


@blueprint.context_processor
def _seats() -> dict[str, Any]:
    """For the templates of reviews: whether the viewer may hold the reviews of a forum. Asked once for each page, if at all."""

    def may_hold(forum_id: int) -> bool:
        if "held_forums" not in g:
            with runtime().store.read() as session:
                g.held_forums = held_forums(session, viewer())
        return forum_id in g.held_forums

    return {"may_hold": may_hold}


@blueprint.context_processor
def _offers() -> dict[str, Any]:
    """For the list of reviews: the forum that a single team without one is offered."""

    def offered_forum() -> Offer | None:
        with runtime().store.read() as session:
            return offered(session, viewer())

    return {"offered_forum": offered_forum}


def _review(ident: int) -> Listed:
    with runtime().store.read() as session:
        found = listing.find(session, ident, runtime().now(), runtime().settings.zone)
        require_holder(session, viewer(), found.forum_id)
    return found


def _back(review: Listed) -> Response:
    return redirect(url_for("reviews.index", forum=review.forum_id), 303)
