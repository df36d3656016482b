"""The page of one key result: chain, state, value and where it comes from, check-ins, changes."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

from flask import abort, render_template
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.asking import DECISION_WORDS
from connector.domain.checkin import said_nothing
from connector.domain.wording import AFTER_LOCK, local_day_text, moment_text, value_text
from connector.services import provenance
from connector.services.check_ins import may_check_in, readable_doubts
from connector.services.check_ins.opening import over_text
from connector.services.explain import told
from connector.services.facts import Facts, load_facts
from connector.services.plan.key_results_changes import chain, changes_of
from connector.store.tables import CheckIn, Person, Reading
from connector.views.answers import week_text
from connector.views.blueprint import blueprint
from connector.views.figures import chart, trail
from connector.views.query import KeyResultView, Known, age_text, load_key_result
from connector.web.context import runtime
from connector.web.gate import viewer

SHOWN = 12  # readings and check-ins on the page
CHARTED = 60  # readings in the chart
# Where a check-in was filed; a script's is the one that no person typed (R041).
WHERE = {
    "jira": ", in Jira",
    "comment": ", in a comment",
    "row": ", in its row",
    "cli": ", on the command line",
    "api": ", by a script",
    "import": ", imported",
}
LOOKED_AT = 60  # check-ins that say since when something is asked for


@blueprint.get("/key-results/<ident>")
def key_result(ident: str) -> str:
    """One key result: chain, state, value and where it comes from."""
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        found = load_key_result(session, viewer(), ident)
        if found is None:
            abort(404, f"There is no key result {ident}. It may have been retired.")
        facts = load_facts(session, [ident], history=False, rows=[found])[ident]
        check_ins = _check_ins(session, ident)
        readings = list(session.scalars(select(Reading).where(Reading.key_result_id == ident).order_by(Reading.id.desc()).limit(CHARTED)))
        above = chain(session, viewer(), facts.objective.id)
        changes = changes_of(session, ident, facts.objective.id)
        counted = [each for each in reversed(check_ins) if not each.draft]
        origins = told(facts, _teller(facts, counted))
        updates = may_check_in(session, viewer(), ident) and not over_text(facts, runtime())
        doubts = readable_doubts(runtime(), session, viewer(), [each.id for each in check_ins[:SHOWN]])
    view = Known.of(facts, counted).view(facts, now, zone)
    last = readings[0] if readings else None
    definition = view.definition
    points = [(each.as_of, each.value, each.kind == "check_in") for each in reversed(readings) if each.value is not None]
    return render_template(
        "key_result.html",
        chain=above,
        changes=changes,
        objective=facts.objective,
        kr=view,
        week=week_text(facts.cycle, now.astimezone(zone).date()),
        answers=_own_answers(view),
        sources=[{**each, "read": _age(_read_at(facts, each["connection"]), now, zone)} for each in origins],
        as_of=moment_text(last.as_of, zone) if last else "",
        age=age_text(last.as_of, now, zone) if last else "",
        previous=_previous(readings, view, zone),
        readings=[
            {
                "at": moment_text(each.as_of, zone),
                "value": "not known" if each.value is None else value_text(definition, each.value),
                "by": "read by sync" if each.kind == "mapping" else each.actor or each.kind,
                "items": each.source.get("items"),
            }
            for each in readings[:SHOWN]
        ],
        updates=updates,
        check_ins=_told(check_ins, view, doubts, facts.owner.id if facts.owner else None, zone),
        trail=trail([each.confidence for each in reversed(check_ins) if each.confidence is not None and not each.draft]),
        chart=chart(points, definition, facts.cycle, now),
    )


def _told(check_ins: list[Any], view: KeyResultView, doubts: dict[int, str], owner: int | None, zone: Any) -> list[dict[str, Any]]:
    """The latest check-ins as the table prints them."""
    counted = [each for each in reversed(check_ins) if not each.draft]
    silent = {each.id for before, each in pairwise(counted) if said_nothing(before.confidence, each)}
    return [
        {
            "day": f"{local_day_text(each.as_of, zone)}{', delayed' if each.delayed else ''}",
            "value": "not told" if each.value is None else value_text(view.definition, each.value),
            "confidence": each.confidence,
            "movement": {"up": "moving", "flat": "flat", "down": "slipping"}.get(each.movement or "", ""),
            "blocker": each.blocker or "none",
            "blocker_url": (each.blocker_link or {}).get("url", ""),
            "decision": DECISION_WORDS.get(each.decision or "", "not chosen"),
            "comment": each.comment or "",
            "doubt": doubts.get(each.id, ""),
            "by": _by(each, owner),
            "at": f"{moment_text(each.created_at, zone)}{f', {AFTER_LOCK}' if each.late else ''}",
            "draft": each.draft,
            "no_signal": each.id in silent,
        }
        for each in check_ins[:SHOWN]
    ]


def _by(check_in: Any, owner: int | None) -> str:
    """Who said it and where; somebody who is not the owner is marked."""
    who = check_in.author or "author not known"
    marked = "" if check_in.author_id == owner or check_in.author_id is None else ", not the owner"
    return f"{who}{marked}{WHERE.get(check_in.source, '')}"


def _check_ins(session: Session, ident: str) -> list[Any]:
    """The latest check-ins, drafts too, newest first."""
    return list(
        session.execute(
            select(
                CheckIn.id, CheckIn.author_id, CheckIn.source, CheckIn.delayed, CheckIn.blocker_link,
                CheckIn.key_result_id, CheckIn.value, CheckIn.confidence, CheckIn.decision, CheckIn.comment, CheckIn.created_at,
                CheckIn.movement, CheckIn.blocker, CheckIn.as_of, CheckIn.draft, CheckIn.late, Person.name.label("author"), Person.name,
            )
            .outerjoin(Person, Person.id == CheckIn.author_id)
            .where(CheckIn.key_result_id == ident)
            .order_by(CheckIn.id.desc())
            .limit(LOOKED_AT)
        )
    )  # fmt: skip


def _teller(facts: Facts, check_ins: list[Any]) -> str:
    """Who told the number that stands in a check-in; "" where a source did."""
    row = provenance.telling(facts.row.source, check_ins)
    if row is not None:
        return provenance.author_text(row.name, row.source)
    return provenance.SOMEBODY if provenance.is_told(facts.row.source) else ""


def _read_at(facts: Facts, connection: str) -> datetime | None:
    return next((row.last_success_at for row in facts.connections.values() if row.name == connection), None)


def _own_answers(view: KeyResultView) -> list[tuple[str, str, str]]:
    """The three questions for one key result: question, bold part, the rest."""
    moving = view.moves[:1].upper() + view.moves[1:]
    bold, rest = (view.ask, f"for {view.title}") if view.ask else ("None asked.", "")
    return [
        ("Are we moving?", moving, view.sentence),
        ("Where are we off track?", view.state_word, " · ".join(view.reasons)),
        ("What decision is needed now?", bold, f"Blocker: {view.blocker}" if view.blocker else rest if view.ask else ""),
    ]


def _age(moment: datetime | None, now: datetime, zone: Any) -> str:
    return age_text(moment, now, zone) if moment else "not read yet"


def _previous(readings: list[Reading], view: KeyResultView, zone: Any) -> str:
    """The last value that differs from the one shown now, with its day."""
    if not readings:
        return ""
    before = next((each for each in readings if each.value is not None and each.value != readings[0].value), None)
    return (
        f"{value_text(view.definition, before.value)} on {moment_text(before.as_of, zone)}" if before and before.value is not None else ""
    )
