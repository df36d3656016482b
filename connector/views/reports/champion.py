"""The champion's page: what is badly built, keeps coming back, waits or never moves; and whether it is used. One advice each."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.form_diet import minutes_text
from connector.domain.vitality import WEIGHTS, WORDS
from connector.services.check_ins.hiding import set_hidden
from connector.services.reports.champion import load_champion
from connector.views.reports.blueprint import blueprint
from connector.web.context import runtime
from connector.web.gate import viewer

MOST = 40  # rows of a list
ADVICE = {
    "built": "A weak number gives tidy reports and poor decisions. Say from what to what, by when; then it can be won or lost.",
    "repeats": "What holds up two key results is seldom solved by their owners. Bring it to the forum once, with a name and a day.",
    "approvals": "A small delay in deciding costs more than a wrong small decision. Name who can call it in the review.",
    "still": "Activity may be high while the number stands still. Ask what would make it move, or measure something earlier.",
    "vitality": "A tracker lives as long as it changes what is done this week. Ask what a pre-read would have to say to be opened.",
    "diet": "An update has to be possible on a busy day, in a minute. Take a field away before you ask people to try harder.",
    "cadence": "A number that changes once a month cannot warn in time. Ask as often as it changes, and add one that moves earlier.",
    "effort": "Work that serves no key result is not wrong, but it should have been chosen. Map it, or say that it needs no mapping.",
    "guards": "A target that moves late makes the result hard to read. Keep it, and say at grading what was learnt.",
}


@blueprint.get("/champion")
def champion() -> str:
    """For champions, leads and admins; the service refuses everybody else."""
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        found = load_champion(session, viewer(), now, zone)
    return render_template(
        "reports/champion.html", found=found, advice=ADVICE, most=MOST, parts=WEIGHTS, part_words=WORDS, took=minutes_text
    )


@blueprint.post("/champion/form")
def form_field() -> Response:
    """Hide an optional field of the check-in form, or show it again: one click, for everybody, on our page and in Jira."""
    hidden = "hide" in request.form
    word = set_hidden(runtime(), viewer(), request.form.get("hide" if hidden else "show", ""), hidden=hidden)
    flash(f"The form leaves out “{word}” from now on; it comes back with one click." if hidden else f"The form asks for “{word}” again.")
    return redirect(url_for("reports.champion", _anchor="h-diet"), 303)
