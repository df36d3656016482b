"""The pages for people: overview, objective, key result, and the stream that keeps them current. Thin: what they say is ``query``'s.

Open without sign-in in the sandbox only.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, abort, current_app, render_template, stream_with_context
from sqlalchemy import select

from connector.domain.model import State
from connector.domain.wording import local_day_text, moment_text, number_text
from connector.services.explain import sources
from connector.store.tables import CheckIn, Connection, KeyResult, Person, Reading
from connector.views.figures import chart, trail
from connector.views.live import Feed
from connector.views.query import KeyResultView, ObjectiveView, age_text, answer, load_objectives, week_text
from connector.web.context import runtime
from connector.web.gate import guard, viewer

blueprint = Blueprint("pages", __name__)
guard(blueprint)

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
    """All objectives with their key results, under the three questions."""
    now = runtime().now()
    with runtime().store.read() as session:
        objectives = load_objectives(session, viewer(), now, runtime().settings.zone)
        connections = list(session.scalars(select(Connection).where(Connection.retired_at.is_(None)).order_by(Connection.name)))
    key_results = [each for objective in objectives for each in objective.key_results]
    return render_template(
        "overview.html",
        objectives=objectives,
        key_results=key_results,
        answers=answer(key_results, now),
        week=_week(objectives),
        reporting=sum(each.progress is not None for each in key_results),
        troubles=[row for row in connections if row.parked_at],
        unread=[row.name for row in connections if row.last_success_at is None and not row.parked_at],
    )


@blueprint.get("/objectives/<ident>")
def objective(ident: str) -> str:
    """One objective with its key results."""
    now = runtime().now()
    with runtime().store.read() as session:
        found = load_objectives(session, viewer(), now, runtime().settings.zone, only=[ident])
    if not found:
        abort(404, f"There is no objective {ident}. It may have been retired.")
    return render_template("objective.html", objective=found[0], answers=answer(found[0].key_results, now), week=_week(found))


@blueprint.get("/key-results/<ident>")
def key_result(ident: str) -> str:
    """One key result: chain, state, value and where it comes from."""
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        row = session.get(KeyResult, ident)
        found = load_objectives(session, viewer(), now, zone, only=[row.objective_id]) if row is not None else []
        view = next((each for above in found for each in above.key_results if each.id == ident), None)
        if row is None or view is None:
            abort(404, f"There is no key result {ident}. It may have been retired.")
        origins = sources(session, ident)
        read_at = {row.name: row.last_success_at for row in session.execute(select(Connection.name, Connection.last_success_at))}
        readings = list(session.scalars(select(Reading).where(Reading.key_result_id == ident).order_by(Reading.id.desc()).limit(60)))
        check_ins = session.execute(
            select(CheckIn, Person.name)
            .outerjoin(Person, Person.id == CheckIn.author_id)
            .where(CheckIn.key_result_id == ident)
            .order_by(CheckIn.id.desc())
            .limit(SHOWN)
        ).all()
    last = readings[0] if readings else None
    points = [(each.as_of, each.value, each.kind == "check_in") for each in reversed(readings) if each.value is not None]
    definition = view.definition
    return render_template(
        "key_result.html",
        objective=found[0],
        kr=view,
        week=_week(found),
        answers=_own_answers(view),
        sources=[{**each, "read": _age(read_at.get(each["connection"]), now)} for each in origins],
        as_of=moment_text(last.as_of, zone) if last else "",
        age=age_text(last.as_of, now) if last else "",
        previous=_previous(readings, view, zone),
        readings=[
            {
                "at": moment_text(each.as_of, zone),
                "value": "not known" if each.value is None else number_text(each.value, definition),
                "by": "read by sync" if each.kind == "mapping" else each.actor or each.kind,
                "items": each.source.get("items"),
            }
            for each in readings[:SHOWN]
        ],
        check_ins=[
            {
                "day": local_day_text(each.CheckIn.as_of, zone),
                "value": "not told" if each.CheckIn.value is None else number_text(each.CheckIn.value, definition),
                "confidence": each.CheckIn.confidence,
                "movement": {"up": "moving", "flat": "flat", "down": "slipping"}.get(each.CheckIn.movement or "", ""),
                "blocker": each.CheckIn.blocker or "none",
                "decision": each.CheckIn.decision or "not chosen",
                "comment": each.CheckIn.comment or "",
                "by": each.name or "",
                "draft": each.CheckIn.draft,
            }
            for each in check_ins
        ],
        trail=trail(
            [each.CheckIn.confidence for each in reversed(check_ins) if each.CheckIn.confidence is not None and not each.CheckIn.draft]
        ),
        chart=chart(points, definition, found[0].cycle, now),
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


def _own_answers(view: KeyResultView) -> list[tuple[str, str, str]]:
    """The three questions for one key result: question, bold part, the rest."""
    moving = view.moves[:1].upper() + view.moves[1:]
    bold, rest = (view.ask, f"for {view.title}") if view.ask else ("None asked.", "")
    return [
        ("Are we moving?", moving, view.sentence),
        ("Where are we off track?", view.state_word, " · ".join(view.reasons)),
        ("What decision is needed now?", bold, f"Blocker: {view.blocker}" if view.blocker else rest if view.ask else ""),
    ]


def _age(moment: datetime | None, now: datetime) -> str:
    return age_text(moment, now) if moment else "not read yet"


def _previous(readings: list[Reading], view: KeyResultView, zone: Any) -> str:
    """The last value that differs from the one shown now, with its day."""
    if not readings:
        return ""
    before = next((each for each in readings if each.value is not None and each.value != readings[0].value), None)
    return (
        f"{number_text(before.value, view.definition)} on {moment_text(before.as_of, zone)}" if before and before.value is not None else ""
    )
