"""What came of sending a message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """``sent``: True, False, or None when nobody knows · ``why`` it was not sent, never with an address or secret.

    ``lasting``: this message will never be taken · ``gone``: because its place is gone, which is nobody's trouble · ``halts``: nothing
    else goes there for now · ``wait``: seconds until it is tried again, at least · ``counts``: whether this was a failure of its own.
    """

    sent: bool | None
    why: str = ""
    receipt: str = ""
    lasting: bool = False
    gone: bool = False
    halts: bool = False
    wait: float = 0.0
    counts: bool = True
