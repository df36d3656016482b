"""Our live page inside another page, opened by a signed address instead of a sign-in: one key result or one objective, read-only.

It reads no cookie and sets none, leads nowhere but to our pages in a tab of their own, and is the only page that others may put into a
frame. The address is looked at each time, so that one that has ended or was taken back shows nothing from then on.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.domain.wording import moment_text
from connector.errors import Forbidden
from connector.services.panels.embedding import Live, read_token
from connector.store.tables import Cycle, KeyResult, Objective
from connector.store.visibility import public
from connector.views.query import load_key_results, load_objectives
from connector.web.context import runtime
from connector.web.limits import limiter

blueprint = Blueprint("embed", __name__, url_prefix="/embed")

READER = Viewer("embed", "viewer")  # nobody's own: sees what is neither restricted nor a draft
REFRESH = 60  # seconds
# Notion's app in a browser, its old addresses and published sites. Nobody else may put the page into a frame.
FRAMES = "https://www.notion.so https://notion.so https://app.notion.com https://*.notion.com https://*.notion.site"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; "
        f"base-uri 'none'; frame-ancestors {FRAMES}"
    ),
    "Referrer-Policy": "no-referrer",  # the address is a key: no page that is opened from here may learn it
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex",
}
MANY = "300 per minute"  # an office behind one address, each with several pages open
WRONG = "30 per minute"  # addresses that open nothing: hopeless for guessing
_HIDDEN = "This is not shown to everybody any more. Open it in okr-connector: who may see it there, sees it."


@blueprint.after_request
def may_be_framed(response: Response) -> Response:
    """The headers of this page alone, on its refusals as well."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


@blueprint.get("/<token>")
@limiter.limit(MANY)
@limiter.limit(WRONG, deduct_when=lambda response: response.status_code == 403)
def show(token: str) -> Response:
    """The live page that an address opens; 403 and a calm page for an address that opens nothing (any more)."""
    try:
        values = _values(read_token(runtime(), token))
    except Forbidden as refusal:
        return Response(render_template("embed_refused.html", why=str(refusal)), status=403)
    return Response(render_template("embed.html", refresh=REFRESH, address=request.path, **values))


def _values(live: Live) -> dict[str, Any]:
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        objective = _shown_objective(session, live)
        if objective is None:
            raise Forbidden(_HIDDEN)
        above = None
        if live.objective:
            above = load_objectives(session, READER, now, zone, only=[objective])[0]
            key_results = list(above.key_results)
        else:
            key_results = list(load_key_results(session, READER, [live.key_result], now, zone).values())
    base = runtime().settings.base_url
    return {"objective": above, "key_results": key_results, "base": base, "as_of": moment_text(now, zone)}


def _shown_objective(session: Session, live: Live) -> str | None:
    """The objective behind it, as long as hosts may show that: None for one that is restricted, a draft, not started, closed or retired."""
    query = (
        select(Objective.id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(Objective.retired_at.is_(None), Objective.closed_at.is_(None), public())
    )
    if live.objective:
        return session.scalar(query.where(Objective.id == live.objective))
    query = query.join(KeyResult, KeyResult.objective_id == Objective.id)
    return session.scalar(query.where(KeyResult.id == live.key_result, KeyResult.retired_at.is_(None)))
