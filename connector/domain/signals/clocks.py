"""Two clocks that stop (S4): no word from the owner, and a source that is silent. That a value stands still is a state, ``triage``'s."""

from __future__ import annotations

from datetime import timedelta

from connector.domain import rhythm, wording
from connector.domain.signals import Seen
from connector.domain.signals.known import Known, Source

SILENT = timedelta(hours=26)
UNEDITED = 3
"""Cadences after which a source that nobody edits is asked about."""


def update_stale(known: Known) -> Seen | None:
    """No check-in for a cadence and a working day of grace. What a machine reads does not count."""
    last = known.check_ins[-1].at if known.check_ins else None
    begun = max(last, known.started_at) if last else known.started_at
    if not rhythm.is_overdue(known.cadence, begun, known.now, known.zone, known.holidays):
        return None
    due = rhythm.due_by(known.cadence, begun, known.zone, known.holidays)
    said = f"Last check-in {wording.local_day_text(last, known.zone)}" if last else "No check-in yet"
    sentence = f"{said}; the next was due by {wording.local_day_text(due, known.zone)}."
    return Seen("update_stale", known.id, sentence, {"last": last.isoformat() if last else None, "due": due.isoformat()})


def source_stale(known: Known) -> Seen | None:
    """A source that was not read for 26 hours, or whose items nobody edited for three cadences."""
    silent = [each for each in known.sources if _silent(each, known)]
    if silent:
        first = min(silent, key=lambda each: (each.read_at or each.fed_since, each.name))
        since = f"not read since {wording.moment_text(first.read_at, known.zone)}" if first.read_at else "was not read yet"
        more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        return Seen(
            "source_stale",
            known.id,
            f"{first.name}{more} {since}: the number is of then.",
            {"sources": sorted(each.name for each in silent), "read_at": first.read_at.isoformat() if first.read_at else None},
        )
    edited = [each.edited_at for each in known.sources]
    last = max((each for each in edited if each is not None), default=None)
    if last is None or None in edited or known.arrived or known.now - last <= UNEDITED * known.length:
        return None
    names = ", ".join(sorted({each.name for each in known.sources}))
    weeks = UNEDITED * known.length.days // 7
    sentence = f"Nothing that feeds the number was edited in {names} since {wording.local_day_text(last, known.zone)}, over {weeks} weeks."
    return Seen("source_stale", known.id, sentence, {"edited_at": last.isoformat()})


def _silent(source: Source, known: Known) -> bool:
    return known.now - (source.read_at or source.fed_since) > SILENT
