"""Says when a forum uses the tracker less: vitality or updates in time fell by 20 points (S11, R071), and cadences that do not fit (S13).

Signals like every other: they begin, change and end with what is so; leads and champions of forums are told once, when one begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import SYSTEM
from connector.domain.signals import Seen
from connector.domain.vitality import WORDS
from connector.domain.wording import day_text
from connector.runtime import Runtime
from connector.services.insight.scope import find_scope, load_lights
from connector.services.messages import tell_person
from connector.services.reports.built import load_built
from connector.services.reports.champion import Pulse, pulse
from connector.services.reports.discipline import of_forums
from connector.services.reports.reviews import forums_for
from connector.services.signals.standing import end_elsewhere, keep
from connector.store.batches import batches
from connector.store.tables import Forum, Person, Signal

FELL = ("vitality_fell", "on_time_fell")
MISFIT = ("cadence_misfit",)
LINK = "/reports/discipline"


def find_alarms(runtime: Runtime) -> int:
    """Look at all forums and cadences. Returns how many signals began, changed or ended; a second run changes nothing."""
    now, zone = runtime.now(), runtime.settings.zone
    today = now.astimezone(zone).date()
    with runtime.store.read() as session:
        scope = find_scope(session, today)
        begun = min((each.start for each in scope.cycles.values()), default=today)
        forums = forums_for(session, SYSTEM)
        seen = [found for each in of_forums(session, SYSTEM, forums, now, zone) for found in _seen(pulse(each, begun))]
        lights = load_lights(session, SYSTEM, scope, today) if scope.cycles else []
        misfits = [
            Seen(MISFIT[0], each.id, each.fit, {"leading": each.leading}) for each in load_built(session, lights, now, zone) if each.fit
        ]
        running = {each.id for each in lights}
    count = 0
    with runtime.store.write() as session:
        before = _standing(session)
        subjects = sorted({f"forum:{each.id}" for each in forums} | {subject for _, subject in before})
        count += keep(session, seen, now, kinds=FELL, subjects=subjects, about=dict.fromkeys(subjects))
        for part in batches(each.id for each in lights):
            count += keep(session, [each for each in misfits if each.subject in set(part)], now, kinds=MISFIT, subjects=part)
        count += end_elsewhere(session, MISFIT, running, now)
        _tell(session, [each for each in seen if (each.kind, each.subject) not in before], forums, now)
    return count


def _seen(found: Pulse) -> list[Seen]:
    subject, name = f"forum:{found.report.forum}", found.report.name
    told = []
    if found.fell is not None:
        fell = found.fell
        most = f"; most of it: {WORDS[fell.most]}" if fell.most else ""
        sentence = (
            f"{name}: vitality fell from {fell.before:.0%} on {day_text(fell.since)} to {fell.after:.0%} on {day_text(fell.until)}{most}."
        )
        told.append(Seen("vitality_fell", subject, sentence, _numbers(fell)))
    if found.on_time is not None:
        fell = found.on_time
        sentence = (
            f"{name}: updates in time fell from {fell.before:.0%} on {day_text(fell.since)} to {fell.after:.0%} on {day_text(fell.until)}."
        )
        told.append(Seen("on_time_fell", subject, sentence, _numbers(fell)))
    return told


def _numbers(fell: Any) -> dict[str, Any]:
    return {
        "before": round(fell.before, 4), "after": round(fell.after, 4), "points": fell.points,
        "since": fell.since.isoformat(), "until": fell.until.isoformat(),
    }  # fmt: skip


def _standing(session: Session) -> set[tuple[str, str]]:
    """(kind, subject) of what stands already."""
    rows = session.execute(select(Signal.kind, Signal.subject).where(Signal.kind.in_(FELL), Signal.ended_at.is_(None)))
    return {(kind, subject) for kind, subject in rows}


def _tell(session: Session, fresh: Sequence[Seen], forums: Sequence[Forum], now: datetime) -> None:
    """The sponsor of the forum, its caller, and the champions hear of a fall once."""
    if not fresh:
        return
    champions = set(session.scalars(select(Person.id).where(Person.role == "champion", Person.active.is_(True))))
    seats = {f"forum:{each.id}": {each.sponsor_id, each.caller_id} - {None} for each in forums}
    for seen in fresh:
        for person in sorted(champions | {ident for ident in seats.get(seen.subject, set()) if ident is not None}):
            tell_person(
                session,
                person,
                key=f"{seen.kind} {seen.subject} {seen.numbers['since']}",
                kind="review",
                subject="The rhythm of a forum is asked about",
                lines=[seen.sentence, "What would make the next pre-read worth opening?"],
                link=LINK,
                now=now,
            )
