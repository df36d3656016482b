"""What the page of a key result shows beside its number: the chart with its three lanes, delivery, decisions. Reads one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import rhythm
from connector.domain.agenda import ACTION_WORDS, VERDICT_WORDS, Action, Verdict
from connector.domain.forecast import Forecast, forecast, thinned
from connector.domain.model import Cadence, Kind, Point
from connector.domain.wording import day_text, local_day_text
from connector.services.decisions import ASKED, DONE, DROPPED
from connector.services.facts import Facts, cycle_end_moment
from connector.services.insight.answering import ASK_WORDS
from connector.services.insight.delivery import Delivery
from connector.store.tables import Decision, Person, Reading, Review
from connector.views.lanes import Lanes, Told, Week, draw

MOST_DECISIONS = 12
LEAST_POINTS = 3  # values before a rate is worth drawing


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """A decision, ready to print: "Adjust scope:" "drop logo upload" and what became of it."""

    head: str
    text: str
    told: str
    state: str
    url: str
    key: str


def load_points(session: Session, facts: Facts, zone: tzinfo) -> list[tuple[datetime, float, bool]]:
    """The values of the cycle, the last of each day and kind: (moment, value, confirmed by the owner), oldest first. One statement."""
    name, cycle = facts.row.id, facts.cycle
    last = (
        select(func.max(Reading.id))
        .where(Reading.key_result_id == name, Reading.day >= cycle.start - timedelta(days=1), Reading.day <= cycle.end + timedelta(days=1))
        .group_by(Reading.day, Reading.kind)
    )
    rows = session.execute(select(Reading.as_of, Reading.value, Reading.kind).where(Reading.id.in_(last)).order_by(Reading.id))
    return sorted((row.as_of.astimezone(zone), row.value, row.kind == "check_in") for row in rows if row.value is not None)


def draw_chart(
    facts: Facts,
    points: Sequence[tuple[datetime, float, bool]],
    check_ins: Sequence[Any],
    delivery: Delivery | None,
    now: datetime,
    zone: tzinfo,
) -> Lanes | None:
    """The chart of a key result; ``check_ins`` without drafts, oldest first. None while it has no value in its cycle."""
    stated = [(each.created_at.astimezone(zone), each.confidence) for each in check_ins if each.confidence is not None]
    weeks = [Week(each.start, each.end, each.done) for each in delivery.weeks] if delivery else []
    return draw(
        Told(
            facts.definition,
            facts.cycle,
            now.astimezone(zone),
            points,
            stated,
            weeks,
            delivery.unit if delivery else "items",
            _ahead(facts, points, now, zone),
        )
    )


def _ahead(facts: Facts, points: Sequence[tuple[datetime, float, bool]], now: datetime, zone: tzinfo) -> Forecast | None:
    """Where the value ends at its recent rate, with the rules of triage: enough values apart, not too early, while time is left."""
    if facts.definition.kind is not Kind.METRIC or rhythm.expected(facts.cycle, now.astimezone(zone).date()).too_early:
        return None
    length = rhythm.cadence_length(Cadence(facts.row.cadence))
    kept = thinned([Point(moment, value) for moment, value, _ in points], length / 2)
    if len(kept) < LEAST_POINTS or kept[-1].at - kept[0].at < length:
        return None
    return forecast(kept, cycle_end_moment(facts.cycle, zone))


def load_decisions(session: Session, ident: str, zone: tzinfo) -> list[DecisionLine]:
    """What was asked for and decided about a key result, the latest first: one statement."""
    rows = session.execute(
        select(Decision, Person.name, Review.day)
        .outerjoin(Person, Person.id == Decision.owner_id)
        .outerjoin(Review, Review.id == Decision.review_id)
        .where(Decision.key_result_id == ident)
        .order_by(Decision.id.desc())
        .limit(MOST_DECISIONS)
    )
    return [_line(row, name or "", held, zone) for row, name, held in rows]


def _line(row: Decision, owner: str, held: date | None, zone: tzinfo) -> DecisionLine:
    if row.action in set(Action):
        head = ACTION_WORDS[Action(row.action)]
    elif row.verdict in set(Verdict):
        head = VERDICT_WORDS[Verdict(row.verdict)]
    else:
        head = ASK_WORDS.get(row.kind, ASK_WORDS["other"])
    origin = f"review of {day_text(held)}" if held else f"asked {local_day_text(row.created_at, zone)}"
    told = [origin, *_became(row, owner, zone)]
    effect = row.effect or {}
    if words := str(effect.get("text") or effect.get("word") or ""):
        told.append(f"effect: {words}")
    link = row.link or {}
    url = str(link.get("url") or "")
    return DecisionLine(
        head,
        row.title,
        " · ".join(part for part in told if part),
        row.state,
        url if url.startswith("https://") else "",
        str(link.get("key") or "open"),
    )


def _became(row: Decision, owner: str, zone: tzinfo) -> list[str]:
    ended = local_day_text(row.closed_at, zone) if row.closed_at else ""
    if row.state == ASKED:
        return ["nobody has taken it up"]
    if row.state == DONE:
        return [owner, f"done {ended}".strip()]
    if row.state == DROPPED and row.review_id is not None and row.outcome.startswith(f"{VERDICT_WORDS.get(row.verdict, '')}, review of "):  # type: ignore[call-overload]
        return ["no decision follows"]  # the verdict and its day stand before
    if row.state == DROPPED:
        return [f"dropped {ended}".strip() + (f": {row.outcome}" if row.outcome else "")]
    return [owner, f"due {day_text(row.due)}" if row.due else ""]
