"""What the owners of the sample key results told in eight weeks, and how the work behind them went. Data only, no logic."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

WEEKS = 8
STEADY = (0.1, 0.22, 0.34, 0.46, 0.58, 0.7, 0.82, 0.94)  # how far from the start to today's value each check-in was


@dataclass(frozen=True, slots=True)
class Past:
    """The check-ins of one key result, oldest first. ``values`` wins over ``shares``; blockers and asks by their position."""

    confidence: Sequence[int]
    shares: Sequence[float] = STEADY
    values: Sequence[float] = ()
    blockers: Mapping[int, str] = field(default_factory=dict)
    asks: Mapping[int, str] = field(default_factory=dict)
    comments: Mapping[int, str] = field(default_factory=dict)
    newest: int = 1  # days since the last check-in
    late: Collection[int] = ()  # those that came after the lock of their week


PASTS: Mapping[str, Past] = {
    "kr-setup": Past(
        (6, 6, 7, 7, 7, 8, 8, 8),
        asks={4: "scope"},
        comments={4: "Without the logo upload we save two weeks.", 7: "First-invoice step goes to ten customers on Monday."},
        late=(7,),
    ),
    "kr-activation": Past(
        (7, 7, 8, 7, 7, 7, 7, 7),
        values=(41, 43, 44, 45, 45, 45, 45, 45),
        blockers={6: "Template picker hides the send button", 7: "Template picker hides the send button"},
        newest=2,
    ),
    "kr-interviews": Past(
        (7, 6, 6, 6, 5, 5, 4, 4),
        shares=(0.2, 0.35, 0.5, 0.62, 0.74, 0.8, 0.86, 0.92),
        asks={7: "headcount"},
        comments={7: "Ten interviews wait for somebody to write them up."},
        newest=2,
    ),
    "kr-seats": Past((6, 6, 7, 7, 7, 8, 8, 8), shares=(0.08, 0.2, 0.33, 0.45, 0.57, 0.7, 0.83, 0.95), late=(5,)),
    "kr-failures": Past((5, 6, 6, 6, 7, 7, 7, 7), shares=(0.05, 0.1, 0.16, 0.24, 0.42, 0.6, 0.78, 0.95), newest=3),
    "kr-payout": Past(
        (6, 6, 5, 5, 4, 4, 4, 3),
        values=(52, 51, 50, 50, 49, 49, 48, 47),
        blockers={6: "Bank partner has not issued the certificate", 7: "Bank partner has not issued the certificate"},
        asks={6: "approval", 7: "approval"},
        comments={7: "The signed contract is with legal since Monday."},
    ),
    "kr-accounts": Past(
        (7, 7, 7, 6, 6, 6, 5, 5), asks={7: "scope"}, comments={7: "Cutting the history import would save three weeks."}, newest=2
    ),
    "kr-incidents": Past((6, 6, 7, 7, 7, 7, 8, 8), values=(6, 5, 5, 4, 4, 3, 3, 3), newest=3),
    "kr-latency": Past((6, 6, 7, 7, 7, 7, 8, 8), values=(1.62, 1.55, 1.4, 1.31, 1.22, 1.18, 1.12, 1.08)),
    "kr-stores": Past((6, 6, 6, 5, 5, 5), values=(0, 0, 0, 0, 0, 0), newest=19),
    "kr-offline": Past((6, 6, 7, 7, 7, 7, 7, 8), values=(0.0, 0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5), newest=2),
}


@dataclass(frozen=True, slots=True)
class Work:
    """How the work behind a key result went. ``finished``: days ago at which it was as far as it is today; ``bend``: above 1 it went slow
    first and fast later; ``grew``: the share of today's items that came in the middle of the cycle.
    """

    finished: int = 0
    bend: float = 1.0
    grew: float = 0.0


STEADY_WORK = Work()
WORK: Mapping[str, Work] = {
    "kr-activation": Work(bend=1.6),  # more and more is done, and the value stands still
    "kr-payout": Work(finished=24),  # delivered for weeks, and without its effect
    "kr-accounts": Work(grew=0.26),
}
