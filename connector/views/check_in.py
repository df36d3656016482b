"""Our own page of the check-in form, for whoever is not in Jira or Notion."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.views import check_in_form as forms
from connector.views.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import viewer

PLACE = "page"


@blueprint.get("/key-results/<ident>/check-in")
def check_in(ident: str) -> str:
    """The form, prefilled."""
    shown = _load(ident)
    return _page(shown, forms.fresh(shown))


@blueprint.post("/key-results/<ident>/check-in")
def file_check_in(ident: str) -> Response | tuple[str, int]:
    """File what was typed; a draft comes back to be completed."""
    shown, form = _load(ident), submitted()
    saved = forms.save(shown, form)
    if saved is None:
        # Read again: what is shown beside the entries is how it is now.
        return _page(_load(ident), form), form.status
    flash(saved.said)
    return redirect(url_for("pages.check_in" if saved.filed.draft else "pages.key_result", ident=ident), 303)


@blueprint.post("/key-results/<ident>/check-in/check")
def check_check_in(ident: str) -> str:
    """Movement and questions for what is typed; nothing is saved."""
    return forms.render_live(_load(ident), submitted())


def _load(ident: str) -> forms.Shown:
    post, check, back = (url_for(f"pages.{name}", ident=ident) for name in ("file_check_in", "check_check_in", "key_result"))
    return forms.load(runtime(), viewer(), ident, forms.Place(PLACE, post, check, back, page=True))


def _page(shown: forms.Shown, form: Form) -> str:
    return render_template("panels/check_in_page.html", form=form, **forms.context(shown, form))
