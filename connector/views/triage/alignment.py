"""How goals hang together: a tree from the company's goals down to key results, and goals or teams against review forums."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request
from sqlalchemy.orm import Session

from connector.domain import buckets, wording
from connector.domain.buckets import Bucket
from connector.domain.rollup import coverage_text
from connector.services.insight import alignment
from connector.services.insight.scope import Lost
from connector.services.insight.tree import load_tree
from connector.views.forge import dashboard_rows as rows
from connector.views.forge.dashboard_lines import load_lines
from connector.views.triage.blueprint import blueprint
from connector.views.triage.choosing import Chosen, Wishes, choose
from connector.web.context import runtime
from connector.web.gate import viewer

MOST_OPEN = 120  # key results: beyond it they are folded to counts, and each objective's page shows them
DEEPEST = 5  # steps that are drawn; what is deeper stands at the same place
VIEWS = {"tree": "Tree", "matrix": "By forum"}
ROWS = {"goal": "Goals", "team": "Teams"}
SHOWN = (Bucket.AT_RISK, Bucket.STALLED, Bucket.CANNOT_TELL, Bucket.ON_TRACK, Bucket.CLOSED)


@blueprint.get("/alignment", endpoint="alignment")
def show() -> str:
    """The tree, or the matrix by forum."""
    now, zone = runtime().now(), runtime().settings.zone
    view = request.args.get("view", "tree")
    view = view if view in VIEWS else "tree"
    with runtime().store.read() as session:
        try:
            chosen = choose(session, viewer(), Wishes.of(request.args), now.astimezone(zone).date())
        except Lost as lost:
            abort(404, f"The {lost.what} that this address names is not here any more. Alignment shows all of them.")
        values = _tree(session, chosen) if view == "tree" else _matrix(session, chosen)
    return render_template(
        f"triage/alignment_{view}.html",
        chosen=chosen,
        wishes=chosen.wishes,
        view=view,
        views=VIEWS,
        week=rows.when_text(chosen.scope, now.astimezone(zone)),
        words=buckets.WORDS,
        **values,
    )


def _tree(session: Session, chosen: Chosen) -> dict[str, Any]:
    roots = load_tree(session, viewer(), chosen.scope, chosen.lights)
    if chosen.wishes.forum:  # a goal above stays where something below it is reviewed there
        roots = [each for each in roots if alignment.everything(each)]
    found = alignment.nodes(roots)
    opened = len(chosen.lights) <= MOST_OPEN
    lines = load_lines(session, chosen.lights, drawn=False) if opened else {}
    return {
        "lines": [
            {
                "node": node,
                "depth": min(node.depth, DEEPEST),
                "word": wording.STATE_WORDS[node.state],
                "coverage": coverage_text(node.progress),
                "percent": "" if node.progress.progress is None else wording.percent_text(node.progress.progress),
                "counts": [(bucket, buckets.WORDS[bucket], node.counts[bucket]) for bucket in SHOWN if node.counts[bucket]],
                "weakest_word": wording.STATE_WORDS[node.weakest.state] if node.weakest else "",
                "key_results": [(lines[each.id], each.moves) for each in node.key_results] if opened else [],
            }
            for node in found
            if node.key_results or node.branch.below or not chosen.wishes.forum
        ],
        "opened": opened,
        "orphans": alignment.orphans(roots),
    }


def _matrix(session: Session, chosen: Chosen) -> dict[str, Any]:
    kind = request.args.get("rows", "goal")
    kind = kind if kind in ROWS else "goal"
    forums = alignment.forums_of(chosen.lights)
    if kind == "team":
        found = alignment.by_team(chosen.lights)
    else:
        found = alignment.by_goal(load_tree(session, viewer(), chosen.scope, chosen.lights))
    return {"forums": forums, "matrix": found, "kind": kind, "kinds": ROWS, "shown": SHOWN}
