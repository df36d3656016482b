"""The three questions of a lead, answered over many key results, and the words that lists have in common. No statement, no markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from connector.domain import buckets
from connector.domain.buckets import Bucket
from connector.domain.pre_read import Answers

ASK_WORDS = {"budget": "Budget", "approval": "Approval", "scope": "Less scope", "headcount": "Headcount", "other": "Other"}


class Told(Protocol):
    """As much of a key result as the answers need."""

    @property
    def bucket(self) -> Bucket:
        """Its list."""
        ...

    @property
    def moves(self) -> str:
        """The one word for its value's way."""
        ...

    @property
    def early(self) -> bool:
        """At risk by its owner's word alone."""
        ...


@dataclass(frozen=True, slots=True)
class Decided:
    """What updates asked for in the running cycles, withdrawn asks left out, and how much of it has an answer."""

    asked: int
    answered: int


def answers(lights: Sequence[Told], asks: int, oldest: str, decided: Decided | None = None) -> Answers:
    """Are we moving, where are we off track, what decision is needed now, with one measure of each job (R078).

    ``oldest``: "oldest 9 days", or "oldest since 9 Nov".
    """
    counts = Counter(each.bucket for each in lights)
    closed = counts[Bucket.CLOSED]
    running = [each for each in lights if each.bucket is not Bucket.CLOSED]
    words = Counter(each.moves for each in running)
    ways = [(word, words[word]) for word in buckets.MOVES]
    rest = [f"{count} {word}" for word, count in ways[1:] if count] + ([f"{closed} closed"] if closed else [])
    off = [f"{counts[each]} {buckets.WORDS[each].lower()}" for each in (Bucket.AT_RISK, Bucket.STALLED) if counts[each]]
    dark, early = counts[Bucket.CANNOT_TELL], sum(each.early for each in running)
    beside = ([f"{dark} cannot be told"] if dark else []) + [f"{early} {'risk' if early == 1 else 'risks'} raised early"]
    open_asks = f", {oldest}" if asks and oldest else ""
    settled = f" · {decided.answered} of {decided.asked} decided in the cycle" if decided and decided.asked else ""
    return Answers(
        (f"{ways[0][1]} of {len(lights)}", " moving" + "".join(f", {part}" for part in rest)),
        (", ".join(off) or ("None seen" if dark else "Nothing"), "".join(f" · {part}" for part in beside)),
        (f"{asks} {'ask' if asks == 1 else 'asks'}" if asks else "None asked", open_asks + settled),
    )
