"""The quarter as a table: what happens in each of the thirteen weeks, and what has to be seen after it. Every number is worked out by hand.

A value is a step of the way: 10 of 130 a week is just on plan. States are read on Thursday, when the review of Product is closed.
``O`` on track · ``R`` at risk · ``S`` stalled · ``V`` overdue update · ``N`` no data.

The plan has 62 working days where Saxony's holidays count (18 Nov, 25 Dec, 1 Jan), 60 where those of the United States do (12 Oct, 11 Nov,
26 Nov, 25 Dec, 1 Jan). On Thursday of week 5, 24 of 62 days are over: 38.7 %; a key result at 40 of 130 is at 30.8 %, 0.79 of the plan:
at risk. At 46 of 130 it is at 35.4 %, 0.91 of the plan: on track.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

BEGIN, END = date(2026, 10, 5), date(2027, 1, 3)
PRODUCT, MARKET = "Product review", "Market review"
WEEKS = range(1, 14)


@dataclass(frozen=True)
class Goal:
    """A key result. ``at``: where its owner updates it."""

    title: str
    team: str
    owner: str
    at: str = "page"
    start: float | None = 0.0
    target: float | None = 130.0
    kind: str = "metric"
    unit: str = ""
    cadence: str = "weekly"
    lag: int | None = None


@dataclass(frozen=True)
class Epic:
    """An epic and the points of its stories, None for stories without."""

    title: str
    points: tuple[float | None, ...]
    measure: str = "done_share"
    mode: str = "value"


KEY_RESULTS = {
    "signups": Goal("Sign-ups in the trial", "Growth", "Alice"),
    "invoices": Goal("Invoicing steps finished", "Growth", "Alice", "jira", target=100.0, unit="%"),
    "activation": Goal("Activated accounts", "Growth", "Alice", "notion"),
    "rating": Goal("Reviews with five stars", "Growth", "Alice"),
    "uptime": Goal("Uptime of the sign-in", "Platform", "Bob", start=None, target=99.5, kind="at_least", unit="%"),
    "setup": Goal("Guided set-ups completed", "Platform", "Bob", "jira", lag=0),
    "tickets": Goal("Support tickets in a week", "Platform", "Bob", start=200.0, target=70.0),
    "seats": Goal("Seats in signed deals", "Platform", "Bob", "notion"),
    "deals": Goal("Deals won", "Sales", "Charlie", cadence="fortnightly"),
    "renewals": Goal("Renewals confirmed", "Sales", "Charlie", cadence="fortnightly"),
    "certificate": Goal("Security certificate granted", "Sales", "Charlie", start=None, target=None, kind="yes_no", cadence="fortnightly"),
    "pipeline": Goal("Pipeline steps finished", "Sales", "Charlie", "jira", target=100.0, unit="%"),
}
EPICS = {
    "invoices": Epic("Invoicing", (None,) * 26),
    "setup": Epic("Guided set-up", (5, 8, 9, 8, 10, 16, 18, 9, 9, 9, 9, 9, 9, 100), "points_share", "context"),
    "tickets": Epic("Answers in the app", (None,) * 4, mode="context"),
    "pipeline": Epic("Pipeline", (None,) * 10),
}

# How many stories of each epic are done at the end of a week. In week 6 the pipeline gets four more: 6 of 14.
DONE = {
    "invoices": tuple(2 * week for week in WEEKS),
    "setup": tuple(WEEKS),
    "tickets": (1, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4),
    "pipeline": tuple(WEEKS),
}
ADDED = {6: ("pipeline", 4)}

# --- what people say: a value for each week, None where nobody says any, and the confidence ----------------------------------

SAID: dict[str, tuple[tuple[Any, ...], tuple[int, ...]]] = {
    "signups": (tuple(10 * week for week in WEEKS), (8,) * 13),
    "invoices": (("read",) * 13, (8,) * 13),
    "activation": ((10, 20, 30, 40, 40, 40, 40, 60, 80, 100, 110, 120, 130), (7, 7, 7, 7, 6, 3, 3, 5, 5, 6, 7, 8, 9)),
    "rating": ((10, 18, 24, 29, 33, 36, 39, 42, 44, 46, 48, 50, 52), (9,) * 13),
    "uptime": ((99.7, 99.7, 99.7, 99.2, 99.7, 99.7, 99.7, 99.7, None, None, None, 99.7, 99.7), (8,) * 13),
    "setup": ((10, 20, 30, 40, 46, 46, 46, 58, 85, 100, 110, 120, 130), (7, 7, 7, 7, 7, 4, 3, 5, 7, 7, 8, 8, 9)),
    "tickets": ((195, 190, 185, 180, 175, 170, 165, 160, 150, 120, 95, 80, 70), (5, 3, 3, 3, 3, 3, 3, 3, 3, 4, 6, 8, 9)),
    "seats": (("read",) * 13, (7, 8, 7, 8, 7, 8, 7, 8, 7, 8, 7, 8, 9)),
    "pipeline": (("read",) * 13, (6, 6, 6, 6, 6, 6, 4, 3, 5, 6, 6, 6, 7)),
}
ASKS = {(7, "activation"): "budget"}
LATE = {(5, "signups")}
"""Said half an hour after the lock."""
# On the Friday before a review of Market: the week in which that Friday lies → value, confidence, blocker, what is asked for.
FRIDAYS: dict[str, dict[int, tuple[Any, int, str, str]]] = {
    "deals": {w: (v, 8, "", "none") for w, v in ((1, 30), (3, 52), (5, 75), (7, 92), (9, 115), (11, 130))},
    "renewals": {w: (v, 7, "", "none") for w, v in ((7, 85), (9, 110), (11, 130))},
    "certificate": {
        1: ("no", 6, "", "none"),
        3: ("no", 6, "", "none"),
        5: ("no", 3, "The auditor names no day", "approval"),
        7: ("no", 6, "", "none"),
        9: ("no", 7, "", "none"),
        11: ("yes", 9, "", "none"),
    },
}
FIRST_RENEWALS = (65, 7, "", "none")
"""Said in week 6, half an hour after the lock of Market; nothing was said before."""
SKIPPED = {12: "Christmas Eve: half of us are away"}

# --- what has to be seen ---------------------------------------------------------------------------------------------------

STATES = {
    "signups": "OOOOOOOOOOOOO",
    "invoices": "OOOOOOOOOOOOO",
    "activation": "OOOORSSRROOOO",
    "rating": "OORRRRRRRRRRR",
    "uptime": "OOOROOOOVVVOO",
    "setup": "OOOOORSROOOOO",
    "tickets": "ORRRRRRRRROOO",
    "seats": "OOOOOOOROOOOO",
    "deals": "NOOOOOOOOOOOO",
    "renewals": "NNNNNOOOOOOOO",
    "certificate": "NOOOORROOOOOO",
    "pipeline": "OOOOOORROOOOO",
}
WORDS = {"O": "On track", "R": "At risk", "S": "Stalled", "V": "Overdue", "N": "No data", "L": "Data late"}
LISTS = {"O": "On track", "R": "At risk", "S": "Stalled", "V": "Cannot tell", "N": "Cannot tell", "L": "Cannot tell"}

WATCHED = ("blocker_detected", "busy_not_moving", "confidence_gap", "delivered_without_effect", "scope_grew", "value_held")
SIGNALS: dict[tuple[str, str], range] = {
    ("blocker_detected", "invoices"): range(3, 4),  # flagged on Monday, seen on Wednesday, gone on Friday
    ("busy_not_moving", "setup"): range(7, 8),  # 8, 9, 8, 10, 16, 18 points, and 46 for three check-ins
    ("delivered_without_effect", "tickets"): range(5, 10),  # all done since week 3, below 60 % until week 10
    ("confidence_gap", "rating"): range(4, 14),  # 9, where three and more values imply 1
    ("scope_grew", "pipeline"): range(6, 14),  # 10 stories, and four more; never the deals, whose number is the value (S16)
    ("value_held", "seats"): range(8, 9),
}
STEPS = ("day", "hours", "lock")
REMINDED: dict[int, set[tuple[str, str, str]]] = {
    4: {("Charlie", "renewals", step) for step in STEPS},
    5: {("Alice", "signups", step) for step in STEPS},
    6: {("Charlie", "renewals", step) for step in STEPS},
    # The lock of week 7 falls on Tuesday, since Wednesday is a holiday in Saxony; nobody has said anything by then.
    7: {("Alice", each, step) for each in ("signups", "invoices", "activation", "rating") for step in ("day", "hours")}
    | {("Bob", each, step) for each in ("uptime", "setup", "tickets", "seats") for step in ("day", "hours")},
    **{week: {("Bob", "uptime", step) for step in STEPS} for week in (9, 10, 11)},
}
DIGESTS = {4: 3, 5: 3, 6: 3, 7: 4, 9: 3, 10: 3, 11: 3}
"""Mails with reminders in a week: one for each person and step, however many key results are in it."""
RAISED: dict[int, set[tuple[str, str, int, str]]] = {
    3: {("renewals", "missed", 1, ""), ("invoices", "blocker", 1, "Gwen")},
    5: {("renewals", "missed", 2, "Sam"), ("signups", "missed", 1, "")},  # a day of grace ended an hour before the lock
    7: {("certificate", "blocker", 1, "Sam"), ("certificate", "blocker", 2, "Paul")},  # 11 Nov is a holiday there
    9: {("uptime", "missed", 1, "")},
    10: {("uptime", "missed", 2, "Pia")},
    11: {("uptime", "missed", 3, "Sten")},
}


@dataclass(frozen=True)
class Verdict:
    """What a review says of a key result, and the decision that follows."""

    verdict: str
    action: str
    text: str
    owner: str
    due: str
    issue: bool = False


@dataclass(frozen=True)
class Meeting:
    """A review: its lock and start (UTC), its agenda in order, the verdicts that are not "hold course"."""

    lock: str
    start: str
    agenda: tuple[str, ...] = ()
    verdicts: dict[str, Verdict] = field(default_factory=dict)


MEETINGS: dict[tuple[str, int], Meeting] = {
    (PRODUCT, 1): Meeting("10-07 14:00", "10-08 08:00"),
    (PRODUCT, 2): Meeting("10-14 14:00", "10-15 08:00", ("tickets",)),
    (PRODUCT, 3): Meeting("10-21 14:00", "10-22 08:00", ("rating", "tickets")),
    (PRODUCT, 4): Meeting("10-28 15:00", "10-29 09:00", ("rating", "uptime", "tickets")),  # winter time
    (PRODUCT, 5): Meeting("11-04 15:00", "11-05 09:00", ("signups", "rating", "tickets", "activation")),
    (PRODUCT, 6): Meeting("11-11 15:00", "11-12 09:00", ("activation", "rating", "setup", "tickets")),
    (PRODUCT, 7): Meeting(
        "11-17 15:00",
        "11-19 09:00",
        ("activation", "setup", "rating", "tickets"),
        {
            "activation": Verdict("intervene", "reallocate", "Two people more for the first hour", "alice", "2026-12-04"),
            "setup": Verdict("intervene", "change_approach", "Try the set-up with five customers", "bob", "2026-12-04", issue=True),
        },
    ),
    (PRODUCT, 8): Meeting(
        "11-25 15:00",
        "11-26 09:00",
        ("rating", "tickets", "setup", "activation"),
        {"tickets": Verdict("intervene", "change_approach", "Answer in the app before a ticket is made", "bob", "2026-12-18")},
    ),
    (PRODUCT, 9): Meeting("12-02 15:00", "12-03 09:00", ("uptime", "rating", "tickets")),
    (PRODUCT, 10): Meeting("12-09 15:00", "12-10 09:00", ("uptime", "rating", "tickets")),
    (PRODUCT, 11): Meeting("12-16 15:00", "12-17 09:00", ("uptime", "rating")),
    (PRODUCT, 12): Meeting("12-23 15:00", "12-24 09:00"),
    (PRODUCT, 13): Meeting("12-30 15:00", "12-31 09:00", ("rating",)),
    (MARKET, 2): Meeting("10-09 20:00", "10-13 13:00"),  # the lock day is Columbus Day: Friday before
    (MARKET, 4): Meeting("10-26 20:00", "10-27 13:00", ("renewals",)),
    (MARKET, 6): Meeting(
        "11-09 21:00",
        "11-10 14:00",
        ("certificate", "renewals"),  # winter time there, too
        {"certificate": Verdict("escalate", "seek_help", "Ask the head office of the auditor", "paul", "2026-11-20")},
    ),
    # The pipeline: half of the way in 35 days at its best rate of four weeks, 40 %: decide by 29 Nov, 4 + 2 + 0.6. The decision on the
    # certificate is overdue: 2 + 1.25.
    (MARKET, 8): Meeting("11-23 21:00", "11-24 14:00", ("pipeline", "certificate")),
    (MARKET, 10): Meeting("12-07 21:00", "12-08 14:00", ("pipeline",)),
    (MARKET, 12): Meeting("12-21 21:00", "12-22 14:00", ("pipeline",)),
}
# By whom decisions are closed on our pages, on Tuesday; that on "setup" closes with its issue in week 9.
CLOSED = {8: ("Paul", "certificate"), 9: ("Alice", "activation"), 10: ("Bob", "tickets")}
