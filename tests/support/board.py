"""Thirty key results of an invented company in the seventh of thirteen weeks, as a lead's dashboard shows them: three forums, every state.

Rows are written directly, with the states that they have by design: what is tested is how they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from connector.store.tables import CheckIn, Connection, Cycle, Forum, KeyResult, Mapping, Objective, Person, Reading, Team
from tests.support.world import Company


@dataclass(frozen=True)
class Told:
    """One key result: where it stands and since how many check-ins it stands still."""

    title: str
    owner: str
    team: str
    state: str
    start: float
    target: float
    now: float | None
    unit: str = ""
    confidence: int | None = 7
    reason: str = ""
    flat: int = 0
    movement: str | None = "up"
    ask: tuple[str, str, int] | None = None  # kind, words, days
    blocker: tuple[str, int] | None = None  # words, days
    kind: str = "metric"


GROWTH, MOBILE, SALES, MONEY, SUPPORT = "Growth", "Mobile", "Sales", "Payments", "Care"
THIRTY = (
    Told("Payout time, median", "Elena", MONEY, "at_risk", 52, 24, 47, "h", 3, "18 % done, confidence 3",
         ask=("approval", "Escalate the certificate to the bank partner", 9), blocker=("The bank's certificate expired", 9)),
    Told("Annual plans sold", "Sam", SALES, "at_risk", 120, 400, 204, "", 7, "needs 2.8× the recent rate",
         ask=("other", "Offer two months free until 15 Dec", 1)),
    Told("Refunds without support", "Tara", SUPPORT, "at_risk", 35, 70, 47, "%", 4, "confidence 4"),
    Told("Accounts moved to the EU region", "Hugo", MONEY, "at_risk", 0, 1200, 430, "", 5, "36 % done, 53 % expected",
         ask=("scope", "Move the 90 archived accounts in January", 2)),
    Told("Cost per active account", "Pavel", SALES, "at_risk", 1.9, 1.4, 1.72, "€", 5, "36 % done, 53 % expected", movement="down"),
    Told("Referral invites accepted", "Rosa", GROWTH, "at_risk", 300, 1000, 559, "", 6, "37 % done, 53 % expected"),
    Told("Weekly active sign-ups", "Chloe", GROWTH, "at_risk", 400, 900, 610, "", 5, "42 % done, 53 % expected",
         ask=("budget", "Move 12 k€ from events to search ads", 1)),
    Told("First invoice sent in 7 days", "Ben", GROWTH, "stalled", 41, 60, 42, "%", 7, "same value for 5 check-ins", 5, "flat"),
    Told("Help pages rated helpful", "Uma", SUPPORT, "stalled", 58, 75, 61, "%", 6, "same value for 4 check-ins", 4, "flat"),
    Told("Dormant accounts reactivated", "Viktor", SALES, "stalled", 0, 500, 90, "", 4, "same value for 4 check-ins", 4, "flat",
         blocker=("No mailing tool until the contract is signed", 12)),
    Told("Open reconciliation differences", "Tara", MONEY, "stalled", 240, 60, 206, "", 5, "same value for 4 check-ins", 4, "flat",
         ask=("headcount", "Two accountants for two weeks", 6)),
    Told("Invoices created on a phone", "Ines", MOBILE, "overdue", 9, 20, 11.5, "%", 6, "last check-in 5 Nov"),
    Told("Partner interface error rate", "Wen", MONEY, "overdue", 2.2, 0.8, 1.6, "%", 7, "last check-in 4 Nov"),
    Told("App store rating", "Jonas", MOBILE, "data_late", 3.9, 4.5, 4.1, "", 7, "source silent since 18 Nov 06:10"),
    Told("Push messages allowed", "Jonas", MOBILE, "data_late", 31, 50, 38, "%", 7, "source silent since 18 Nov 06:10"),
    Told("Crew accounts that invoice offline", "Ines", MOBILE, "no_data", 0, 300, None, "", None, "no reading yet", movement=None),
    Told("Guided set-up finished", "Ada", GROWTH, "on_track", 38, 65, 54, "%", 8, "59 % done, 53 % expected"),
    Told("Invoices paid online", "Elena", MONEY, "on_track", 22, 42, 33, "%", 8, "55 % done, 53 % expected"),
    Told("Failed card payments", "Elena", MONEY, "on_track", 4.8, 2.4, 3.4, "%", 7, "58 % done, 53 % expected"),
    Told("Checkout response time, p95", "Hugo", MONEY, "on_track", 1.9, 0.6, 1.15, "s", 8, "58 % done, 53 % expected"),
    Told("Incidents customers see, month", "Hugo", MONEY, "on_track", 5, 3, 2, "", 7, "2 now, at most 3", 3, "flat", kind="at_most"),
    Told("Trial to paid conversion", "Sam", SALES, "on_track", 11, 15, 13.4, "%", 8, "60 % done, 53 % expected"),
    Told("Net revenue retention", "Sam", SALES, "on_track", 101, 108, 105, "%", 7, "57 % done, 53 % expected"),
    Told("Support replies within an hour", "Uma", SUPPORT, "on_track", 62, 85, 76, "%", 8, "61 % done, 53 % expected"),
    Told("Chargeback rate", "Elena", MONEY, "on_track", 0.9, 0.6, 0.5, "%", 8, "0.5 % now, at most 0.6 %", 3, "flat", kind="at_most"),
    Told("Direct debit volume, month", "Elena", MONEY, "on_track", 0.6, 2.2, 1.5, "M€", 7, "56 % done, 53 % expected"),
    Told("Deploys a day", "Wen", MONEY, "on_track", 4, 14, 9.5, "", 8, "55 % done, 53 % expected"),
    Told("Rehearsed restore time", "Wen", MONEY, "on_track", 120, 20, 55, "min", 8, "65 % done, 53 % expected"),
    Told("Accountant partners live", "Viktor", SALES, "on_track", 40, 120, 88, "", 8, "60 % done, 53 % expected"),
    Told("Instant payouts switched on", "Elena", MONEY, "closed", 0, 1, 1, "", 9, "reached 30 Oct", kind="yes_no"),
)  # fmt: skip
FORUMS = {"Product review": (GROWTH, MOBILE), "Revenue review": (SALES, SUPPORT), "Operations review": (MONEY,)}


def fill(company: Company, told: tuple[Told, ...] = THIRTY) -> dict[str, str]:
    """Write them; gives the id of each key result by its title."""
    now = company.runtime.now()
    today = now.date()
    with company.runtime.store.write() as session:
        cycle = Cycle(name="2026-Q4", start=today - timedelta(days=45), end=today + timedelta(days=45), started_at=now - timedelta(days=45))
        session.add(cycle)
        people = {row.name: row for row in session.scalars(select(Person))}
        for name in sorted({each.owner for each in told} - set(people)):
            people[name] = Person(email=f"{name.lower()}@acme.example", name=name)
            session.add(people[name])
        teams: dict[str, Team] = {}
        for forum, names in FORUMS.items():
            row = Forum(name=forum)
            session.add(row)
            session.flush()
            for name in names:
                teams[name] = Team(name=name, forum_id=row.id)
                session.add(teams[name])
        sources = [
            Connection(
                name=name,
                host=host,
                url="http://127.0.0.1:9",
                auth=company.runtime.vault.seal({}),
                created_at=now,
                last_success_at=now - age,
            )
            for name, host, age in (
                ("harbor-jira", "jira", timedelta(minutes=2)),
                ("harbor-notion-mobile", "notion", timedelta(hours=32)),
            )
        ]
        session.add_all(sources)
        session.flush()
        ids: dict[str, str] = {}
        objectives: dict[str, str] = {}
        session.add(Objective(id="o-company", title="Small firms trust us with their money", cycle_id=cycle.id, created_at=now))
        session.flush()
        for number, each in enumerate(told):
            if each.team not in objectives:
                objectives[each.team] = f"o-{each.team.lower()}"
                session.add(
                    Objective(
                        id=objectives[each.team],
                        title=f"{each.team}: what customers feel",
                        cycle_id=cycle.id,
                        team_id=teams[each.team].id,
                        position=len(objectives),
                        supports_id="o-company",
                        created_at=now,
                    )
                )
                session.flush()
            ids[each.title] = f"kr-{number}"
            session.add(_row(each, f"kr-{number}", objectives[each.team], people[each.owner].id, now))
            session.flush()
            session.add(
                Mapping(
                    key_result_id=f"kr-{number}",
                    connection_id=sources[each.state == "data_late"].id,
                    rule={"select": {"jql": "project = HARB"}, "measure": "done_count"},
                    created_at=now,
                )
            )
            _history(session, each, f"kr-{number}", people[each.owner].id, now)
    return ids


def _row(each: Told, ident: str, objective: str, owner: int, now: Any) -> KeyResult:
    bound = each.kind == "at_most"
    raw = None if each.now is None else 1.0 if bound or each.kind == "yes_no" else (each.now - each.start) / (each.target - each.start)
    dark = each.state in ("overdue", "data_late", "no_data")
    return KeyResult(
        id=ident,
        objective_id=objective,
        position=int(ident.removeprefix("kr-")),
        title=each.title,
        owner_id=owner,
        kind=each.kind,
        unit=each.unit,
        start=None if bound else each.start,
        target=each.target,
        decimals=2,
        created_at=now - timedelta(days=45),
        current=each.now,
        progress=raw,
        raw_progress=raw,
        expected=None if bound or each.kind == "yes_no" else 0.53,
        state=each.state,
        reasons=[each.reason],
        flags=[],
        movement=None if dark and each.now is None else each.movement,
        movement_since=now - timedelta(days=7),
        movement_from=None if each.now is None else each.now if each.movement == "flat" else each.now - (each.target - each.start) / 20,
        confidence=each.confidence,
        blocker=each.blocker[0] if each.blocker else None,
        decision_needed=each.ask[0] if each.ask else "none",
        as_of=now,
        updated_at=now,
    )


def _history(session: Any, each: Told, ident: str, owner: int, now: Any) -> None:
    """Weekly readings and check-ins from the start to the value now; the last ``flat`` are equal."""
    if each.now is None:
        return
    weeks = 7
    moving = max(1, weeks - max(0, each.flat - 1))
    late = {"overdue": 2}.get(each.state, 0)
    moments = [(now - timedelta(days=7 * (weeks - week), hours=3), week) for week in range(1, weeks + 1 - late)]
    # What stands open was said on the very day, between two weekly check-ins.
    moments += [(now - timedelta(days=days, minutes=1), weeks - days // 7) for days in {each.ask[2] if each.ask else 0} - {0}]
    moments += [(now - timedelta(days=days, minutes=2), weeks - days // 7) for days in {each.blocker[1] if each.blocker else 0} - {0}]
    for place, (at, week) in enumerate(sorted(moments)):
        value = each.now if week >= moving else round(each.start + (each.now - each.start) * week / moving, 2)
        session.add(Reading(key_result_id=ident, value=value, kind="mapping", as_of=at, day=at.date(), recorded_at=at, source={}))
        days = (now - at).days
        session.add(
            CheckIn(
                key_result_id=ident,
                author_id=owner,
                value=value,
                confidence=max(1, min(10, (each.confidence or 5) + (week < 4))),
                decision=each.ask[0] if each.ask and days <= each.ask[2] else "none",
                comment=each.ask[1] if each.ask and days <= each.ask[2] else None,
                blocker=each.blocker[0] if each.blocker and days <= each.blocker[1] else None,
                as_of=at,
                created_at=at,
                source="test",
                source_id=f"{ident}:{place}",
            )
        )
