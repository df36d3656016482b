"""Wording: the list of all key results with their verdicts for champions, and the sign-off of one."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import Conflict, InputError
from connector.services.changes import Stale, require
from connector.services.plan import key_results, sign_offs
from connector.services.plan.quality import judge_stored
from connector.services.plan.quality_list import STATES, judged_page
from connector.views.plan import choices
from connector.views.plan.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, filled, submitted
from connector.web.gate import need, viewer

Page = str | Response | tuple[str, int]


@blueprint.get("/plan/quality")
def quality() -> Page:
    """All key results with their verdicts and sign-off state."""
    if not viewer().may(Act.WRITE):
        require(viewer(), Act.SIGN_OFF)
    form = filled({name: request.args.get(name, "") for name in ("cycle", "state")})
    with runtime().store.read() as session:
        found = judged_page(
            session,
            viewer(),
            runtime().now(),
            runtime().settings.zone,
            cycle=form["cycle"] or None,
            state=form["state"] or None,
            page=request.args.get("page", 1, type=int),
        )
        cycles = choices.cycles(session)
    return render_template("plan/quality_list.html", form=form, found=found, cycles=cycles, states=STATES)


@blueprint.route("/plan/key-results/<ident>/sign-off", methods=["GET", "POST"])
def wording(ident: str) -> Page:
    """The wording of one key result: verdicts, what champions said, and their form."""
    form = Form()
    if request.method == "POST":
        form = submitted()
        try:
            word = sign_offs.sign_off(
                runtime(), viewer(), ident, form["verdict"], suggestion=form["suggestion"], comment=form["comment"], title=form["judged"]
            )
        except InputError as error:
            form.note(error)
        except Stale as stale:
            form.conflict(stale)
        else:
            flash(
                "Signed off." if word.verdict == sign_offs.SIGNED else "Returned. Its owner and those who write can take the wording over."
            )
            return redirect(url_for("plan.wording", ident=ident), 303)
    with runtime().store.read() as session:
        row, above, _ = key_results.find(session, viewer(), ident)
        words = sign_offs.history(session, ident)
        judged = judge_stored(session, [ident], runtime().now(), runtime().settings.zone)[ident]
    verdicts = judged.quality.verdicts
    owns = row.owner_id is not None and row.owner_id == viewer().person_id and viewer().may(Act.CHECK_IN)
    state = sign_offs.state_of(words[0] if words else None, row.title)
    page = render_template(
        "plan/wording.html",
        form=form,
        row=row,
        objective=above,
        words=words,
        state=state,
        takes_over=state == sign_offs.RETURNED and (owns or viewer().may(Act.WRITE)),
        verdicts=verdicts,
        output=judged.quality.output,
        remarks=judged.remarks,
        holding=sum(verdict.passed is True for verdict in verdicts),
    )
    return page, form.status


@blueprint.post("/plan/key-results/<ident>/sign-off/<int:word>/take-over")
def take_over(ident: str, word: int) -> Response:
    """Make a suggested wording the key result's own."""
    try:
        sign_offs.take_over(runtime(), viewer(), ident, word, reason=request.form.get("reason"))
    except Conflict as error:
        flash(f"Nothing was changed: {error}.")
    except InputError as error:
        flash(f"The wording was not taken over. {error.message[:1].upper()}{error.message[1:]}.")
    else:
        flash("The suggested wording is the key result's own now; a champion can sign it off.")
    return redirect(url_for("plan.wording", ident=ident), 303)


@blueprint.post("/plan/key-results/<ident>/sign-off/again")
@need(Act.SIGN_OFF)
def sign_again(ident: str) -> Response:
    """Sign a wording straight from the list."""
    try:
        sign_offs.sign_off(runtime(), viewer(), ident, sign_offs.SIGNED, title=request.form.get("judged"))
    except Conflict as error:
        flash(f"Nothing was signed: {error}.")
    else:
        flash("Signed off.")
    form = request.form
    back = url_for("plan.quality", cycle=form.get("cycle") or None, state=form.get("state") or None, page=form.get("page") or None)
    return redirect(back, 303)
