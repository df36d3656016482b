"""The page of one key result: chain, state, value and where it comes from, check-ins, changes."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

from flask import abort, flash, redirect, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from connector.domain.asking import DECISION_WORDS
from connector.domain.checkin import said_nothing
from connector.domain.model import State
from connector.domain.raising import missed_text
from connector.domain.wording import AFTER_LOCK, day_text, local_day_text, moment_text, value_text
from connector.errors import InputError
from connector.services import celebrations, provenance
from connector.services.check_ins import may_check_in, readable_doubts
from connector.services.check_ins.opening import over_text
from connector.services.explain import told
from connector.services.facts import Facts, load_facts
from connector.services.insight.delivery import load_delivery
from connector.services.plan.key_results_changes import chain, changes_of
from connector.services.rhythm.raising import standing_levels
from connector.services.signals.listing import of_key_result
from connector.store.tables import CheckIn, Person, Reading
from connector.views.answers import week_text
from connector.views.blocker_parts import Refused, shown_blockers
from connector.views.blueprint import blueprint
from connector.views.figures import trail
from connector.views.key_result_parts import draw_chart, load_decisions, load_points
from connector.views.query import KeyResultView, Known, age_text, load_key_result
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import viewer

SHOWN = 12  # readings and check-ins on the page
TOGETHER = 5  # check-ins that stand open: values and confidences of five updates, seen together (R089)
# Where a check-in was filed; a script's is the one that no person typed (R041).
WHERE = {
    "jira": ", in Jira",
    "comment": ", in a comment",
    "row": ", in its row",
    "cli": ", on the command line",
    "api": ", by a script",
    "import": ", imported",
}
LOOKED_AT = 60  # check-ins that say since when something is asked for, and readings among which the value before is found


@blueprint.get("/key-results/<ident>")
def key_result(ident: str) -> str:
    """One key result: chain, state, value and where it comes from."""
    return page(ident, Form())


@blueprint.post("/key-results/<ident>/thanks")
def thank(ident: str) -> Response | tuple[str, int]:
    """A person's thanks for work on it (R102)."""
    form = submitted()
    try:
        celebrations.thank(runtime(), viewer(), ident, form["thanks"])
    except InputError as error:
        form.note(error)
        return page(ident, form), form.status
    flash("Your thanks stand on the key result's page, and its owner is told.")
    return redirect(url_for("pages.key_result", ident=ident, _anchor="glad"), 303)


def page(ident: str, form: Form, refused: Refused | None = None) -> str:
    """The page; ``form``: of thanks · ``refused``: the form of a blocker that was not taken."""
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        found = load_key_result(session, viewer(), ident)
        if found is None:
            abort(404, f"There is no key result {ident}. It may have been retired.")
        facts = load_facts(session, [ident], history=False, rows=[found])[ident]
        check_ins = _check_ins(session, ident)
        readings = list(session.scalars(select(Reading).where(Reading.key_result_id == ident).order_by(Reading.id.desc()).limit(LOOKED_AT)))
        above = chain(session, viewer(), facts.objective.id)
        signals = of_key_result(session, viewer(), ident)
        missed = standing_levels(session, [ident]).get(ident, 0) if facts.row.state != State.CLOSED else 0
        blockers = shown_blockers(session, ident, zone)
        may_answer = may_check_in(session, viewer(), ident)
        changes = changes_of(session, ident, facts.objective.id)
        counted = [each for each in reversed(check_ins) if not each.draft]
        origins = told(facts, _teller(facts, counted))
        updates = may_answer and not over_text(facts, runtime())
        points = load_points(session, facts, zone)
        delivery = load_delivery(session, ident, facts.cycle, now.astimezone(zone).date())
        decided = load_decisions(session, ident, zone)
        glad = celebrations.of_key_result(session, ident, zone)
        doubts = readable_doubts(runtime(), session, viewer(), [each.id for each in check_ins[:SHOWN]])
    view = Known.of(facts, counted).view(facts, now, zone)
    last = readings[0] if readings else None
    definition = view.definition
    return render_template(
        "key_result.html",
        chain=above,
        changes=changes,
        objective=facts.objective,
        kr=view,
        missed=missed_text(missed),
        week=week_text(facts.cycle, now.astimezone(zone).date()),
        answers=_own_answers(view),
        signals=signals,
        blockers=blockers,
        may_answer=may_answer,
        blocker_form=refused,
        held_told=(facts.row.source or {}).get("held"),
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
        together=TOGETHER,
        check_ins=_told(check_ins, view, doubts, facts.owner.id if facts.owner else None, zone),
        trail=trail([each.confidence for each in reversed(check_ins) if each.confidence is not None and not each.draft]),
        chart=draw_chart(facts, points, counted, delivery, now, zone),
        delivery=delivery,
        delivery_day=day_text(delivery.day) if delivery else "",
        decisions=decided,
        glad=glad,
        may_thank=celebrations.may_thank(viewer()),
        form=form,
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
