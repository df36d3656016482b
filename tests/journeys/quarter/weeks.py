"""The quarter as a table."""
from __future__ import annotations
from dataclasses import dataclass
from datetime import date
from typing import Any

BEGIN, END = date(2026, 10, 5), date(2027, 1, 3)


@dataclass(frozen=True)
class Goal:
    title: str
    team: str
    owner: str
    start: float | None = 0.0
    target: float | None = 130.0
    kind: str = "metric"
    unit: str = ""
    cadence: str = "weekly"
    lag: int | None = None


@dataclass(frozen=True)
class Epic:
    title: str
    points: tuple[float | None, ...]
    measure: Any = "done_share"
    mode: str = "value"


KEY_RESULTS = {
    "signups": Goal("Sign-ups in the trial", "Growth", "Alice"),
    "invoices": Goal("Invoicing steps finished", "Growth", "Alice", target=100.0, unit="%"),
    "activation": Goal("Activated accounts", "Growth", "Alice"),
    "rating": Goal("Reviews with five stars", "Growth", "Alice"),
    "uptime": Goal("Uptime of the sign-in", "Platform", "Bob", start=None, target=99.5, kind="at_least", unit="%"),
    "setup": Goal("Guided set-ups completed", "Platform", "Bob", lag=0),
    "tickets": Goal("Support tickets in a week", "Platform", "Bob", start=200.0, target=70.0),
    "seats": Goal("Seats in signed deals", "Platform", "Bob"),
    "deals": Goal("Deals won", "Sales", "Charlie", cadence="fortnightly"),
    "renewals": Goal("Renewals confirmed", "Sales", "Charlie", cadence="fortnightly"),
    "certificate": Goal("Security certificate granted", "Sales", "Charlie", start=None, target=None, kind="yes_no", cadence="fortnightly"),
    "pipeline": Goal("Pipeline steps finished", "Sales", "Charlie", target=100.0, unit="%"),
}
EPICS = {
    "invoices": Epic("Invoicing", (None,) * 26),
    "setup": Epic("Guided set-up", (5.0, 8.0, 9.0, 8.0, 10.0, 16.0, 18.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 100.0), "points_share", "context"),
    "tickets": Epic("Answers in the app", (None,) * 4, "done_share", "context"),
    "pipeline": Epic("Pipeline", (None,) * 10),
}
