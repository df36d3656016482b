"""A word on a blocker from the page of its key result: it is in the way, it is cleared, it still is in the way, or it never was."""

from __future__ import annotations

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from connector.errors import Conflict, InputError
from connector.services.signals import saying
from connector.views.blocker_parts import Refused
from connector.views.blueprint import blueprint
from connector.views.key_result import page
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import viewer

_DONE = {
    "confirm": "Noted as the blocker of this key result; its clock runs since it was there.",
    "clear": "Noted as cleared.",
    "keep": "Noted: it is still in the way.",
    "dismiss": "Dismissed. It stays silent until it begins anew.",
}


@blueprint.post("/key-results/<ident>/blockers/<int:number>")
def answer_blocker(ident: str, number: int) -> Response | tuple[str, int]:
    """Take the answer."""
    form = submitted()
    try:
        saying.answer(runtime(), viewer(), ident, number, form["answer"], reason=form["reason"])
    except InputError as error:
        form.note(error)
        return page(ident, Form(), refused=Refused(number, form)), form.status
    except Conflict as error:
        flash(f"{str(error)[:1].upper()}{str(error)[1:]}.")
    else:
        flash(_DONE[form["answer"]])
    return redirect(url_for("pages.key_result", ident=ident, _anchor="blockers"), 303)
