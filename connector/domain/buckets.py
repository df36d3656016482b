"""The lists that a lead names in two minutes: at risk, stalled, cannot tell, on track, and closed; every state is in exactly one.

Pure: which list, in which order, and how far behind the plan. The states themselves are ``triage``'s.
"""

from __future__ import annotations

from enum import StrEnum

from connector.domain.model import Kind, Movement, State
from connector.domain.scoring import BOUND_KINDS, TOLERANCE


class Bucket(StrEnum):
    """One list of key results, in the order in which they are shown."""

    AT_RISK = "at_risk"
    STALLED = "stalled"
    CANNOT_TELL = "cannot_tell"
    ON_TRACK = "on_track"
    CLOSED = "closed"


WORDS = {
    Bucket.AT_RISK: "At risk",
    Bucket.STALLED: "Stalled",
    Bucket.CANNOT_TELL: "Cannot tell",
    Bucket.ON_TRACK: "On track",
    Bucket.CLOSED: "Closed",
}
EXCEPTIONS = (Bucket.AT_RISK, Bucket.STALLED, Bucket.CANNOT_TELL)
MOVES = ("moving", "flat", "slipping", "inside", "outside", "not known")
"""What is said of a value's way; ``inside`` and ``outside`` belong to bounds (R079)."""
_OF = {State.AT_RISK: Bucket.AT_RISK, State.STALLED: Bucket.STALLED, State.ON_TRACK: Bucket.ON_TRACK, State.CLOSED: Bucket.CLOSED}
_WAYS = {Movement.UP: "moving", Movement.FLAT: "flat", Movement.DOWN: "slipping"}


def bucket_of(state: State) -> Bucket:
    """The list of a state: overdue, no data and data late cannot be told."""
    return _OF.get(state, Bucket.CANNOT_TELL)


def moves(kind: Kind, state: State, movement: Movement | None, progress: float | None) -> str:
    """The one word for a value's way; "not known" where nobody vouches for the number."""
    if bucket_of(state) is Bucket.CANNOT_TELL:
        return "not known"
    if kind in BOUND_KINDS:
        return "not known" if progress is None else "inside" if progress >= 1.0 - TOLERANCE else "outside"
    return _WAYS[movement] if movement else "not known"


def gap(progress: float | None, expected: float | None) -> float | None:
    """How far behind the plan, as a share of the whole way; below 0 it is ahead. None where either is not known, or bounds have no plan."""
    return None if progress is None or expected is None else expected - progress
