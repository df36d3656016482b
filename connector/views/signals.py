"""What the work says: the list of signals, waving one away with a reason, and a word on a value that was held back."""

from __future__ import annotations

from typing import Any

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
    given = _given()
    filters = Filters(given.get("kind", ""), "", given.get("team", ""), "mine" in given, "dismissed" in given)
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
        given=given,
        cursor=request.args.get("cursor") or None,
        zone=runtime().settings.zone,
    )


@blueprint.get("/signals/<int:ident>/dismiss")
def dismiss_form(ident: int) -> str:
    """The form that asks for the reason. ``back``: it was opened from the list, and this is the signal beside it (0: there is none)."""
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
    return redirect(_came_from(row.key_result_id), 303)


def _given() -> dict[str, str]:
    """The filters of the list that the address holds."""
    told = {name: request.args.get(name, "").strip()[:200] for name in ("kind", "team", "mine", "dismissed")}
    return {name: value for name, value in told.items() if value}


def _way_back() -> dict[str, Any]:
    """What a form carries so that the list is found again as it was; empty when it was not opened from the list."""
    beside = request.args.get("back", "")
    if not (beside.isascii() and beside.isdigit() and len(beside) < 19):
        return {}
    cursor = request.args.get("cursor", "")[:200]
    return {"back": beside, **({"cursor": cursor} if cursor else {}), **_given()}


def _came_from(key_result: str | None) -> str:
    """Where somebody goes on: the list where they were, or else the key result."""
    way = _way_back()
    if beside := way.pop("back", ""):
        return url_for("pages.signals", **way, _anchor=f"signal-{beside}" if int(beside) else None)
    return url_for("pages.key_result", ident=key_result, _anchor="signals") if key_result else url_for("pages.signals")


def _dismiss_page(ident: int, form: Form) -> str:
    with runtime().store.read() as session:
        line = listing.one(session, viewer(), ident)
    if line is None:
        abort(404, f"There is no signal {ident}. It may be over.")
    if not line.may_dismiss:
        raise Forbidden("the owner, a lead or a champion dismisses a signal; ask one of them")
    return render_template("signals/dismiss.html", line=line, form=form, way_back=_way_back(), back=_came_from(line.key_result))


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
