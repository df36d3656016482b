"""Our own page of the check-in form, for whoever is not in Jira or Notion."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.views import check_in_form as forms
from connector.views.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import viewer

PLACE = "page"


@blueprint.route("/key-results/<ident>/check-in", methods=["GET", "POST"])
def check_in(ident: str) -> Response | tuple[str, int]:
    """The form, prefilled; posted, it is filed. A draft comes back to be completed."""
    shown = _load(ident)
    if request.method == "GET":
        return _page(shown, forms.fresh(shown))
    form = submitted()
    saved = forms.save(shown, form)
    if saved is None:
        return _page(_load(ident), form)  # what is shown beside the entries is how it is now
    if saved.filed.draft:  # the form itself says that it was saved, and what is still to add
        return redirect(url_for("pages.check_in", ident=ident), 303)
    flash(saved.said)
    return redirect(url_for("pages.key_result", ident=ident), 303)


@blueprint.post("/key-results/<ident>/check-in/check")
def check_in_live(ident: str) -> str:
    """Movement and questions for what is typed; nothing is saved."""
    return forms.render_live(_load(ident), submitted())


def _load(ident: str) -> forms.Shown:
    post, check, back = (url_for(f"pages.{name}", ident=ident) for name in ("check_in", "check_in_live", "key_result"))
    return forms.load(runtime(), viewer(), ident, forms.Place(PLACE, post, check, back, page=True))


def _page(shown: forms.Shown, form: Form) -> tuple[str, int]:
    status = form.status if request.method == "POST" else 200  # what a resumed draft lacks is no error
    return render_template("panels/check_in_page.html", form=form, **forms.context(shown, form)), status
