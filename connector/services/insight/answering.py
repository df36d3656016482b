"""The three questions of a lead, answered over many key results, and the words that lists have in common. No statement, no markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from connector.domain import buckets
from connector.domain.buckets import Bucket
from connector.services.insight.scope import Light

ASK_WORDS = {"budget": "Budget", "approval": "Approval", "scope": "Less scope", "headcount": "Headcount", "other": "Other"}


@dataclass(frozen=True, slots=True)
class Answers:
    """The three questions in their order, each as a bold part and the rest."""

    moving: tuple[str, str]
    off_track: tuple[str, str]
    decisions: tuple[str, str]


def answers(lights: Sequence[Light], asks: int, oldest: str) -> Answers:
    """Are we moving, where are we off track, what decision is needed now. ``oldest``: "oldest 9 days", or "oldest since 9 Nov"."""
    counts = Counter(each.bucket for each in lights)
    closed = counts[Bucket.CLOSED]
    running = [each for each in lights if each.bucket is not Bucket.CLOSED]
    words = Counter(each.moves for each in running)
    ways = [(word, words[word]) for word in buckets.MOVES]
    rest = [f"{count} {word}" for word, count in ways[1:] if count] + ([f"{closed} closed"] if closed else [])
    off = [f"{counts[each]} {buckets.WORDS[each].lower()}" for each in (Bucket.AT_RISK, Bucket.STALLED) if counts[each]]
    dark, early = counts[Bucket.CANNOT_TELL], sum(each.early for each in running)
    beside = ([f"{dark} cannot be told"] if dark else []) + ([f"{early} {'risk' if early == 1 else 'risks'} raised early"] if early else [])
    return Answers(
        (f"{ways[0][1]} of {len(lights)}", " moving" + "".join(f", {part}" for part in rest)),
        (", ".join(off) or ("None seen" if dark else "Nothing"), "".join(f" · {part}" for part in beside)),
        (f"{asks} {'ask' if asks == 1 else 'asks'}" if asks else "None asked", f", {oldest}" if asks and oldest else ""),
    )
