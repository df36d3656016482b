"""The champion's report (R085): what is badly built, what keeps coming back, what waits, what never moves, whether the rhythm is used.

Key results, forums and forms are looked at, never people; nothing is counted that the viewer may not know of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo

from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.domain.vitality import Fell, on_time_fell, vitality_fell
from connector.errors import Forbidden
from connector.services.insight.scope import Light, find_scope, load_lights
from connector.services.mapping.unmapped import load_landscape
from connector.services.reports.approvals import Approvals, load_approvals
from connector.services.reports.built import Built, load_built
from connector.services.reports.discipline import WEEKS, Report, of_forums
from connector.services.reports.forms import Diet, load_diet
from connector.services.reports.repeats import Repeated, load_repeats
from connector.services.reports.reviews import forums_for, load, sees_all
from connector.services.reviews.effects import Effects, measure_effects
from connector.services.signals.blocker_measures import Measures, measure_blockers
from connector.services.signals.standing import standing
from connector.store.batches import batches
from connector.store.tables import Signal

GUARDS = ("late_target_edit",)


@dataclass(frozen=True, slots=True)
class Pulse:
    """How one forum uses the tracker: its report, and what fell."""

    report: Report
    fell: Fell | None
    on_time: Fell | None

    @property
    def vitality(self) -> float | None:
        """Of the last review that is behind us."""
        uses = self.report.uses
        return uses[-1].vitality if uses else None


@dataclass(frozen=True, slots=True)
class Champion:
    """Everything on the page. ``total``: key results that were looked at."""

    total: int
    titles: dict[str, str]
    built: tuple[Built, ...]
    repeats: tuple[Repeated, ...]
    blockers: Measures
    approvals: Approvals
    effects: Effects
    pulses: tuple[Pulse, ...]
    diet: Diet
    effort: str  # how much done work no key result asked for, "" when that cannot be told
    guards: tuple[Signal, ...]

    @property
    def badly(self) -> tuple[Built, ...]:
        """Those that are built weakly."""
        return tuple(each for each in self.built if each.badly)

    @property
    def still(self) -> tuple[Built, ...]:
        """Those that never moved in this cycle."""
        return tuple(each for each in self.built if each.still)

    @property
    def misfits(self) -> tuple[Built, ...]:
        """Those whose cadence does not fit."""
        return tuple(each for each in self.built if each.fit)


def load_champion(session: Session, viewer: Viewer, now: datetime, zone: tzinfo) -> Champion:
    """The report. Raises ``Forbidden`` for roles that neither write nor sign off."""
    if not sees_all(viewer):
        raise Forbidden("the champion's report is shown to champions, leads and admins")
    today = now.astimezone(zone).date()
    scope = find_scope(session, today)
    lights: Sequence[Light] = load_lights(session, viewer, scope, today) if scope.cycles else []
    names = [each.id for each in lights]
    begun = min((each.start for each in scope.cycles.values()), default=today)
    since = min(datetime.combine(begun, time(), tzinfo=zone), now)
    forums = forums_for(session, viewer)
    loaded = load(session, viewer, forums, now, WEEKS)
    reports = of_forums(session, viewer, forums, now, zone, loaded=loaded)
    marks: dict[str, list[Signal]] = {}
    for part in batches(names):
        marks |= standing(session, part)
    effort = load_landscape(session, viewer, today).effort
    return Champion(
        total=len(lights),
        titles={each.id: each.title for each in lights},
        built=tuple(load_built(session, lights, now, zone)),
        repeats=tuple(load_repeats(session, names, since)),
        blockers=measure_blockers(session, names, since, now),
        approvals=load_approvals(session, loaded, names, since, now),
        effects=measure_effects(session, names, since),
        pulses=tuple(pulse(each, begun) for each in reports),
        diet=load_diet(session, names, now),
        effort=effort.sentence if effort is not None else "",
        guards=tuple(row for rows in marks.values() for row in rows if row.kind in GUARDS),
    )


def pulse(report: Report, begun: date) -> Pulse:
    """What fell in a forum. ``begun``: the day on which the cycle began, from which weeks are counted."""
    uses = report.uses
    return Pulse(report, vitality_fell(uses), on_time_fell([each for each in uses if each.day >= begun]))


__all__ = ["Champion", "Pulse", "load_champion", "pulse"]
