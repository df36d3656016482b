"""One finding of ``doctor``: what was looked at, how it is, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, FAULT, SKIPPED = "ok", "warning", "fault", "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """``state`` is "ok", "warning", "fault" or "skipped". A fault always has a ``mend``; no field ever holds a secret."""

    name: str
    state: str
    message: str
    mend: str = ""
