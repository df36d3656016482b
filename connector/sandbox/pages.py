"""Pages of the sandbox: the Jira board of the stand-in, where work is moved by mouse and keyboard; what its other pages share.

Every change goes into the stand-in as a person would make it there; the connector hears of it through its webhook door only.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from connector.domain.model import State
from connector.domain.rights import VISITOR
from connector.domain.wording import STATE_WORDS
from connector.sandbox import board
from connector.sandbox.standins import Standins
from connector.store.tables import KeyResult, Objective
from connector.store.visibility import visible
from connector.web.context import runtime
from connector.web.gate import current_viewer
from mappings.repository import load_links
from mappings.rules import SelectorKind

blueprint = Blueprint("sandbox", __name__, url_prefix="/sandbox")


def standins() -> Standins:
    """The stand-ins of this process."""
    found: Standins = current_app.extensions["standins"]
    return found


@blueprint.before_request
def same_origin() -> None:
    """Changes come from our own pages only."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin and origin != request.host_url.rstrip("/"):
        abort(403, "This change came from another site.")


@blueprint.get("")
def index() -> AnyResponse:
    """The way in."""
    return redirect(url_for("sandbox.show_board"))


@blueprint.get("/board")
def show_board() -> str:
    """Lanes of one key result's epics, or of one epic (``epic``) or one issue's epic (``issue``)."""
    world = standins().jira.world
    feeds = _feeds()
    every = board.epics(world)
    wanted = request.args.get("epic") or board.epic_of(world, request.args.get("issue", ""))
    chosen = request.args.get("kr", "" if wanted else next((each["id"] for each in feeds), ""))
    feed = next((each for each in feeds if each["id"] == chosen), None)
    lanes = [board.epic_lane(world, name) for name in (feed["epics"] if feed else [wanted] if wanted else [])]
    lanes += [board.query_lane(world, jql) for jql in (feed["queries"] if feed else [])]
    shown = [lane for lane in lanes if lane is not None]
    if not shown:
        abort(404, "The stand-in has no such epic or key result.")
    marks: dict[str, list[dict[str, Any]]] = {}
    for each in feeds:
        for epic in each["epics"]:
            marks.setdefault(epic, []).append(each)
    return render_template("sandbox/board.html", feeds=feeds, chosen=chosen, wanted=wanted, lanes=shown, every=every, marks=marks)


@blueprint.post("/board/move")
def move_card() -> AnyResponse:
    """Put a card into another column: ``key``, ``to`` (a status category)."""
    key, to = request.form.get("key", ""), request.form.get("to", "")
    world = standins().jira.world
    if to not in dict(board.COLUMNS) or world.find(key) is None:
        abort(400, "A move needs an issue that exists and one of the three columns.")
    world.set_status(key, to)
    return answer_done(url_for("sandbox.show_board", issue=key))


def answer_done(back: str) -> AnyResponse:
    """204 for our own script, which hears of the outcome through the event stream; a redirect for a plain form."""
    if request.headers.get("X-Requested-With") == "fetch":
        return Response(status=204)
    return redirect(back, 303)


def _feeds() -> list[dict[str, Any]]:
    """The key results that Jira work hangs on: id, title, state, epics, queries."""
    with runtime().store.read() as session:
        rows = session.execute(
            select(KeyResult.id, KeyResult.title, KeyResult.state)
            .join(Objective, Objective.id == KeyResult.objective_id)
            .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(current_viewer() or VISITOR))
            .order_by(Objective.position, KeyResult.position)
        ).all()
        links = load_links(session)
    feeds = []
    for row in rows:
        own = [link.rule.selector for link in links if link.key_result_id == row.id and link.rule.on_jira]
        epics = [key for selector in own if selector.kind is SelectorKind.EPICS for key in selector.epics]
        queries = [selector.jql for selector in own if selector.kind is SelectorKind.JQL]
        if epics or queries:
            word = STATE_WORDS[State(row.state)]
            feeds.append({"id": row.id, "title": row.title, "state": row.state, "word": word, "epics": epics, "queries": queries})
    return feeds
