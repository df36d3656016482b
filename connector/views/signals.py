"""What the work says: the list of signals, waving one away with a reason, and a word on a value that was held back."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.signals import KINDS
from connector.errors import Conflict, Forbidden, InputError
from connector.services.signals import listing
from connector.services.signals.dismissing import dismiss
from connector.services.signals.held import settle, waiting_value
from connector.services.signals.listing import Filters
from connector.store.visibility import sees_key_result
from connector.views.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import viewer

PER_PAGE = 100


@blueprint.get("/signals")
def signals() -> str:
    """The signals that stand (or those that were dismissed), of what the viewer may know."""
    given = {name: request.args.get(name, "").strip()[:200] for name in ("kind", "team", "mine", "dismissed")}
    filters = Filters(given["kind"], "", given["team"], bool(given["mine"]), bool(given["dismissed"]))
    with runtime().store.read() as session:
        try:
            lines, following = listing.listed(session, viewer(), filters, request.args.get("cursor") or None, PER_PAGE)
        except InputError:  # a cursor that is none
            lines, following = listing.listed(session, viewer(), filters, None, PER_PAGE)
        teams = listing.teams(session, viewer())
    return render_template(
        "signals/index.html",
        lines=lines,
        following=following,
        kinds=KINDS,
        teams=teams,
        given={name: value for name, value in given.items() if value},
        zone=runtime().settings.zone,
    )


@blueprint.get("/signals/<int:ident>/dismiss")
def dismiss_form(ident: int) -> str:
    """The form that asks for the reason."""
    return _dismiss_page(ident, Form())


@blueprint.post("/signals/<int:ident>/dismiss")
def dismiss_signal(ident: int) -> Response | tuple[str, int]:
    """Wave a signal away."""
    form = submitted()
    try:
        row = dismiss(runtime(), viewer(), ident, form["reason"])
    except InputError as error:
        form.note(error)
        return _dismiss_page(ident, form), form.status
    flash("Dismissed. It stays silent until it is over.")
    if row.key_result_id:
        return redirect(url_for("pages.key_result", ident=row.key_result_id, _anchor="signals"), 303)
    return redirect(url_for("pages.signals"), 303)


def _dismiss_page(ident: int, form: Form) -> str:
    with runtime().store.read() as session:
        line = listing.one(session, viewer(), ident)
    if line is None:
        abort(404, f"There is no signal {ident}. It may be over.")
    if not line.may_dismiss:
        raise Forbidden("the owner, a lead or a champion dismisses a signal; ask one of them")
    return render_template("signals/dismiss.html", line=line, form=form)


@blueprint.get("/key-results/<ident>/held")
def held_form(ident: str) -> str:
    """The value that waits, and what it is compared with."""
    return _held_page(ident, Form())


@blueprint.post("/key-results/<ident>/held")
def settle_held(ident: str) -> Response | tuple[str, int]:
    """Take or refuse the value that waits."""
    form = submitted()
    looked_at = form["held"]
    number = int(looked_at) if looked_at.isascii() and looked_at.isdigit() and len(looked_at) < 10 else None
    try:
        outcome = settle(runtime(), viewer(), ident, form["verdict"], form["reason"], held=number)
    except InputError as error:
        form.note(error)
        return _held_page(ident, form), form.status
    except Conflict as error:
        flash(f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return redirect(url_for("pages.key_result", ident=ident), 303)
    flash("Taken: it is the value now." if outcome == "taken" else "Refused: the last value stays.")
    return redirect(url_for("pages.key_result", ident=ident), 303)


def _held_page(ident: str, form: Form) -> str:
    with runtime().store.read() as session:
        if not sees_key_result(session, viewer(), ident):
            abort(404, f"There is no key result {ident}. It may have been retired.")
        held = waiting_value(session, ident)
        told = listing.of_key_result(session, viewer(), ident)
    if held is None:
        abort(404, "No value waits here any more: somebody settled it, or the source gives a usual value again.")
    if not told.may_settle:
        raise Forbidden("the owner, their team or a lead takes or refuses a value; ask one of them")
    return render_template("signals/held.html", ident=ident, held=held, form=form)
