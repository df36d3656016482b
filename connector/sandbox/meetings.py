"""What the reviews of the sample company decided in the past weeks. Data only, no logic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connector.domain.agenda import Action, Verdict

PRODUCT, PLATFORM = "Product review", "Platform review"
HELD = 3  # weeks in which the forums met so far


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict. ``owner`` by e-mail name, "" where nothing follows; ``days`` until it is due, ``done`` after so many, None: not yet."""

    verdict: Verdict
    action: Action | None = None
    text: str = ""
    owner: str = ""
    days: int = 7
    done: int | None = None
    outcome: str = ""
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Meeting:
    """One review, so many ``weeks`` before the next. ``skipped``: why it was not held; ``read_by``: leaders who opened its pre-read."""

    forum: str
    weeks: int
    caller: str
    read_by: Sequence[str] = ()
    said: Mapping[str, Said] = field(default_factory=dict)
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A decision from before the forums met here: ``asked`` and ``done`` days ago."""

    key_result: str
    title: str
    owner: str
    asked: int
    done: int
    outcome: str


HOLD = Said(Verdict.HOLD)

MEETINGS: Sequence[Meeting] = (
    Meeting(PLATFORM, 3, "farid", skipped="All of Platform is at the customer days"),
    Meeting(
        PRODUCT, 3, "alice", ("alice", "daniel"),
        {
            "kr-setup": Said(
                Verdict.INTERVENE, Action.ADJUST_SCOPE, "Leave the logo upload out of the first version", "ben", 7, 6,
                "Taken out, and noted for the next cycle",
            ),
            "kr-activation": Said(
                Verdict.INTERVENE, Action.CHANGE_APPROACH, "Show the send button to ten new customers and watch", "ben", 10, 9,
                "Watched ten: seven did not find it",
            ),
        },
    ),
    Meeting(
        PLATFORM, 2, "farid", ("farid", "alice"),
        {
            "kr-accounts": Said(
                Verdict.INTERVENE, Action.REALLOCATE, "Gita joins the migration for three weeks", "gita", 5, 4, "Joined",
            ),
        },
    ),
    Meeting(
        PRODUCT, 2, "alice", ("alice",),
        {
            "kr-payout": Said(
                Verdict.INTERVENE, Action.REMOVE_BLOCKER, "Find one person at the bank partner who answers", "elena", 9,
            ),
            "kr-stores": HOLD,
        },
    ),
    Meeting(
        PLATFORM, 1, "farid", ("farid",),
        {"kr-accounts": Said(Verdict.HOLD, plan="See what three weeks with Gita bring")},
    ),
    Meeting(
        PRODUCT, 1, "alice", ("alice", "daniel"),
        {
            "kr-payout": Said(Verdict.HOLD, plan="Legal answers until the next review"),
            "kr-interviews": Said(
                Verdict.INTERVENE, Action.REALLOCATE, "Two people from support write up what they hear", "chloe", 14,
            ),
            "kr-stores": Said(Verdict.ESCALATE, Action.SEEK_HELP, "Ask both stores for a review slot", "ines", 14),
        },
    ),
)  # fmt: skip

EARLIER: Sequence[Earlier] = (
    Earlier("kr-failures", "Say in plain words why a card was refused", "daniel", 43, 33, "Shown since then"),
    Earlier("kr-activation", "Send the welcome e-mail by trade", "ben", 45, 34, "Sent to everybody who signs up"),
)

CALL_NEEDED = (("daniel", "kr-activation"),)  # marked in the pre-read that is frozen now
THANKS = (("ben", "kr-setup", "The first-invoice step reads as if a roofer wrote it.", 2),)  # by whom, for what, days ago
