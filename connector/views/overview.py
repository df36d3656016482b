"""The pages for people: overview, objective, key result, and the stream that keeps them current. Thin: what they say is ``query``'s.

Open without sign-in in the sandbox only.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response, abort, current_app, render_template, request, stream_with_context
from sqlalchemy import select

from connector.domain.model import State
from connector.services import celebrations
from connector.services.plan.key_results_changes import chain
from connector.store.tables import Connection
from connector.views.answers import answer, week_text
from connector.views.blueprint import blueprint
from connector.views.choosing import EVERY, Filters, choose
from connector.views.live import Feed
from connector.views.query import ObjectiveView, load_objectives
from connector.web.context import runtime
from connector.web.gate import viewer

MOST_GLAD = 3
SHOWN = 12  # readings and check-ins on a key result's page


def feed() -> Feed:
    """The live feed of this process, made when first asked for."""
    found: Feed = current_app.extensions.setdefault("feed", Feed(runtime()))
    return found


@blueprint.app_context_processor
def states() -> dict[str, Any]:
    """The states, for the sheet of marks."""
    return {"State": State}


@blueprint.get("/")
def overview() -> str:
    """Objectives with their key results under the three questions: what the address's filters choose, a page at a time."""
    now, zone = runtime().now(), runtime().settings.zone
    filters = Filters.of(request.args)
    with runtime().store.read() as session:
        chosen = choose(session, viewer(), filters, now, zone)
        showing = chosen.shown if chosen.filters.narrow else None
        objectives = load_objectives(session, viewer(), now, zone, only=chosen.page, showing=showing)
        glad = celebrations.latest(session, [each.id for each in chosen.rows], now, zone, most=MOST_GLAD)
        connections = list(session.scalars(select(Connection).where(Connection.retired_at.is_(None)).order_by(Connection.name)))
    counted = [each for each in chosen.rows if not each.draft]  # what is being written is nobody's progress yet
    return render_template(
        "overview.html",
        chosen=chosen,
        filters=chosen.filters,
        every=EVERY,
        objectives=objectives,
        key_results=counted,
        glad=glad,
        drafts=len(chosen.rows) - len(counted),
        answers=answer(counted, now, zone),
        week=week_text(chosen.cycle, now.astimezone(zone).date()) if chosen.cycle else "",
        reporting=sum(each.progress is not None for each in counted),
        troubles=[row for row in connections if row.parked_at],
        unread=[row.name for row in connections if row.last_success_at is None and not row.parked_at],
    )


@blueprint.get("/objectives/<ident>")
def objective(ident: str) -> str:
    """One objective with its key results."""
    now = runtime().now()
    with runtime().store.read() as session:
        found = load_objectives(session, viewer(), now, runtime().settings.zone, only=[ident])
        goals = chain(session, viewer(), ident)
    if not found:
        abort(404, f"There is no objective {ident}. It may have been retired.")
    return render_template(
        "objective.html",
        objective=found[0],
        above=goals[:-1],
        answers=answer(found[0].key_results, now, runtime().settings.zone),
        week=_week(found),
    )


@blueprint.get("/events")
def events() -> Response:
    """The names of what changed, as server-sent events, for as long as a page listens."""
    if feed().full:
        abort(503, "Too many pages listen already. This one is current as of now; load it again to see what changed.")
    response = Response(stream_with_context(feed().stream(viewer())), content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # a proxy that gathers the answer would hold every event back
    return response


def _week(objectives: list[ObjectiveView]) -> str:
    today: date = runtime().now().astimezone(runtime().settings.zone).date()
    running = next((each.cycle for each in objectives if each.cycle.start <= today <= each.cycle.end), None)
    chosen = running or (objectives[-1].cycle if objectives else None)
    return week_text(chosen, today) if chosen else ""
