"""The leads' page of a connection, and an end to all embedded live pages."""

from __future__ import annotations

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from connector.domain.rights import Act
from connector.errors import Conflict, HostError, InputError
from connector.services.leads_page.setting import drop_leads_page, set_leads_page
from connector.services.panels import embedding
from connector.views.connections.blueprint import blueprint
from connector.views.connections.okr_databases import note, okr_page
from connector.views.connections.steps import TESTS
from connector.web.context import runtime
from connector.web.forms import submitted
from connector.web.gate import need, viewer
from connector.web.limits import limiter


def _back(name: str) -> AnyResponse:
    return redirect(url_for("connections.show_okr_databases", name=name), 303)


@blueprint.post("/connections/<name>/leads-pages")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def set_okr_leads_page(name: str) -> AnyResponse | tuple[str, int]:
    """Show where things stand on a page: one that is there, or a new one below it."""
    form = submitted()
    link = form["leads_page"]
    where = {"parent": link} if form["place"] == "below" else {"page": link}
    options = {each: form[each] for each in ("forum", "team", "cycle") if form[each]}
    try:
        if not link.strip():
            raise InputError("Paste the link of a page", where="leads_page")
        set_leads_page(runtime(), viewer(), name, options=options, **where)
    except (InputError, Conflict, HostError) as error:
        status = note(form, error, "leads_page")
        for wrong in ("page", "parent"):
            if wrong in form.errors:
                form.errors["leads_page"] = form.errors.pop(wrong)
        return okr_page(name, form, opened="leads", status=status)
    flash("The page is written within a minute, and follows from then on.")
    return _back(name)


@blueprint.post("/connections/<name>/leads-pages/<int:ident>/drop")
@need(Act.ADMINISTER)
def drop_okr_leads_page(name: str, ident: int) -> AnyResponse:
    """Stop writing a leads' page."""
    drop_leads_page(runtime(), viewer(), name, ident)
    flash("Stopped. What stands on the page stays, as of its last change.")
    return _back(name)


@blueprint.post("/connections/<name>/okr-databases/end-embeds")
@need(Act.ADMINISTER)
def end_okr_embeds(name: str) -> AnyResponse:
    """End all addresses of live pages that were embedded."""
    embedding.revoke(runtime(), viewer(), name)
    flash("All embedded pages are ended. Where embedding is still chosen, new addresses are written by and by.")
    return _back(name)
