"""Reports on the rhythm: the discipline of forums, what champions look at, and the review pack of a review."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from connector.api.models import Shape
from connector.api.requests import Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.form_diet import Cost
from connector.domain.rights import Act
from connector.domain.vitality import Fell, Share
from connector.errors import NotFound
from connector.services.exchange import MIME_TYPES, PACKS, export_pack, pack_name
from connector.services.insight.scope import row_id
from connector.services.reports.champion import load_champion
from connector.services.reports.discipline import WEEKS, Report, Week, load_reports
from connector.services.reports.reviews import MOST_WEEKS


class ShareShape(Shape):
    """So many of so many; nothing can be told where ``of`` is 0."""

    good: int
    of: int


class ReviewWeekShape(Shape):
    """One review of a forum. ``edits`` is null when it was not held, ``vitality`` (0-1) when too little is known."""

    review: int
    day: date
    state: str
    skipped: str
    pre_read: str
    on_time: int
    late: int
    missing: int
    opened: ShareShape
    verdicts: ShareShape
    follow_through: ShareShape
    decisions: int
    edits: int | None
    raised_updates: int
    raised_blockers: int
    vitality: float | None


class FirstDecisionShape(Shape):
    """Days from first off track to first decision. ``median_days`` is null while none of the ``of`` key results has one."""

    median_days: float | None
    decided: int
    of: int


class ForumReportShape(Shape):
    """One forum, its reviews oldest first."""

    forum: str
    updates: ShareShape
    first_decision: FirstDecisionShape
    reviews: list[ReviewWeekShape]


class DisciplineShape(Shape):
    """The forums whose report the caller sees."""

    forums: list[ForumReportShape]


class FellShape(Shape):
    """A fall of so many points between two reviews."""

    points: int
    before: float
    after: float
    since: date
    until: date


class PulseShape(Shape):
    """How a forum uses the tracker. ``vitality`` 0-1 of its last review."""

    forum: str
    vitality: float | None
    vitality_fell: FellShape | None
    on_time_fell: FellShape | None


class WeakShape(Shape):
    """A key result and what is said of it."""

    key_result: str
    title: str
    says: list[str]


class RepeatShape(Shape):
    """A blocker that came back."""

    text: str
    key: str
    times: int
    key_results: list[str]


class LatencyShape(Shape):
    """Asks of one kind in one forum."""

    forum: str
    kind: str
    asked: int
    answered: int
    median_days: float | None
    oldest_days: int | None


class CostShape(Shape):
    """What updates cost: seconds from open to save, presses, shares 0-1."""

    forms: int
    open_now: int
    p50: float | None
    p90: float | None
    clicks: float | None
    abandoned: float | None
    kept: float | None
    proposals: list[str]
    unused_fields: list[str]


class ChampionShape(Shape):
    """What champions look at. ``carried``: forums in which asks passed two reviews without a verdict, as sentences."""

    key_results: int
    badly_built: list[WeakShape]
    never_moving: list[WeakShape]
    cadence: list[WeakShape]
    late_targets: list[WeakShape]
    repeated_blockers: list[RepeatShape]
    approvals: list[LatencyShape]
    carried: list[str]
    forums: list[PulseShape]
    form: CostShape
    unaligned_effort: str


class DisciplineQuery(BaseModel):
    """Which forum, and how far back."""

    model_config = ConfigDict(extra="forbid")
    forum: Annotated[Text | None, Field(description="id of the forum; all that the caller may see when left out")] = None
    weeks: Annotated[int, Field(ge=1, le=MOST_WEEKS, description="how many weeks back")] = WEEKS


def get_discipline(call: Call) -> Answer:
    """How updates came, who read before, what was decided: by forum and review. Nobody is named."""
    wanted = call.query.forum
    forum = row_id(wanted) if wanted else None
    if wanted and forum is None:
        raise NotFound(f"there is no forum {wanted[:40]!r}")
    with call.runtime.store.read() as session:
        found = load_reports(
            session, call.viewer, call.runtime.now(), call.runtime.settings.zone, weeks=call.query.weeks, forum=forum
        )  # fmt: skip
    return Answer({"forums": [_report(each) for each in found]})


def get_champion(call: Call) -> Answer:
    """What is badly built, keeps coming back, waits or never moves, and whether the rhythm is used."""
    with call.runtime.store.read() as session:
        found = load_champion(session, call.viewer, call.runtime.now(), call.runtime.settings.zone)
        guards = [
            {"key_result": each.key_result_id, "title": found.titles.get(str(each.key_result_id), ""), "says": [each.sentence]}
            for each in found.guards
        ]
    return Answer(
        {
            "key_results": found.total,
            "badly_built": [
                _weak(each.id, each.title, [*each.failing, *(weak.sentence for weak in each.weak)]) for each in found.badly
            ],
            "never_moving": [_weak(each.id, each.title, [each.still]) for each in found.still],
            "cadence": [_weak(each.id, each.title, [each.fit]) for each in found.misfits],
            "late_targets": guards,
            "repeated_blockers": [
                {"text": each.text, "key": each.link, "times": each.times, "key_results": list(each.key_results)} for each in found.repeats
            ],
            "approvals": [
                {
                    "forum": each.forum,
                    "kind": each.kind,
                    "asked": each.asked,
                    "answered": each.answered,
                    "median_days": each.days,
                    "oldest_days": each.oldest,
                }
                for each in found.approvals.latencies
            ],
            "carried": [each.sentence for each in found.approvals.carried],
            "forums": [
                {
                    "forum": each.report.name,
                    "vitality": each.vitality,
                    "vitality_fell": _fell(each.fell),
                    "on_time_fell": _fell(each.on_time),
                }
                for each in found.pulses
            ],
            "form": _cost(found.diet.total, found.diet.proposals, found.diet.hide),
            "unaligned_effort": found.effort,
        }
    )  # fmt: skip


def _weak(ident: str, title: str, says: list[str]) -> dict[str, Any]:
    return {"key_result": ident, "title": title, "says": says}


def _fell(fell: Fell | None) -> dict[str, Any] | None:
    if fell is None:
        return None
    return {
        "points": fell.points,
        "before": fell.before,
        "after": fell.after,
        "since": fell.since.isoformat(),
        "until": fell.until.isoformat(),
    }


def _cost(cost: Cost, proposals: tuple[str, ...], hide: tuple[str, ...]) -> dict[str, Any]:
    return {
        "forms": cost.tries,
        "open_now": cost.waiting,
        "p50": cost.p50,
        "p90": cost.p90,
        "clicks": cost.clicks,
        "abandoned": cost.abandoned,
        "kept": cost.kept,
        "proposals": list(proposals),
        "unused_fields": list(hide),
    }


def _share(share: Share) -> dict[str, int]:
    return {"good": share.good, "of": share.of}


def _report(report: Report) -> dict[str, Any]:
    waits = report.first_decision
    return {
        "forum": report.name,
        "updates": _share(report.updates),
        "first_decision": {"median_days": waits.median, "decided": waits.decided, "of": waits.of},
        "reviews": [_week(each) for each in report.weeks],
    }


def _week(week: Week) -> dict[str, Any]:
    return {
        "review": week.review,
        "day": week.day.isoformat(),
        "state": week.state,
        "skipped": week.skipped,
        "pre_read": week.key,
        "on_time": week.on_time,
        "late": week.late,
        "missing": week.missing,
        "opened": _share(week.opened),
        "verdicts": _share(week.verdicts),
        "follow_through": _share(week.follow_through),
        "decisions": week.decisions,
        "edits": week.edits,
        "raised_updates": week.raised_missed,
        "raised_blockers": week.raised_blockers,
        "vitality": None if week.state == "skipped" else week.use.vitality,
    }


def _pack(kind: str) -> Any:
    def give(call: Call, id: str) -> Answer:
        ident = row_id(id)
        if ident is None:
            raise NotFound(f"there is no review {id[:40]}")
        pieces = export_pack(call.runtime, kind, call.viewer, review=ident)
        return Answer(pieces, headers={"Content-Disposition": f'attachment; filename="{pack_name(call.runtime, ident, kind)}"'})

    give.__name__ = f"review_pack_{kind}"
    give.__doc__ = f"The review pack as {kind.upper()}: of the frozen pre-read, before the lock as it would be now."
    return give


TABLE: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/reports/discipline",
        get_discipline,
        "Discipline by forum and review",
        DisciplineShape,
        query=DisciplineQuery,
        problems=(404,),
    ),
    Endpoint("GET", "/reports/champion", get_champion, "What champions look at", ChampionShape),
    *(
        Endpoint(
            "GET",
            f"/reviews/<id>/pack/{kind}",
            _pack(kind),
            f"Review pack as {kind.upper()}",
            Shape,
            act=Act.EXPORT,
            problems=(404,),
            file=MIME_TYPES[kind].partition(";")[0],
        )
        for kind in PACKS
    ),
)
