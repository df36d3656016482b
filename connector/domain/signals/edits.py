"""Targets that were edited late (S18): in the last fifth of the cycle, or when most of the way was done. Shown, never judged."""

from __future__ import annotations

from connector.domain.signals import Seen
from connector.domain.signals.known import Known
from connector.domain.wording import day_text, with_capital


def late_target_edit(known: Known) -> Seen | None:
    """The latest late edit of this cycle, and how many there were."""
    if not known.edits:
        return None
    last = known.edits[-1]
    count = f"; {len(known.edits)} late edits in this cycle" if len(known.edits) > 1 else ""
    sentence = f"{with_capital(last.sentence)}, on {day_text(last.day)}{count}."
    return Seen("late_target_edit", known.id, sentence, {"day": last.day.isoformat(), "edits": len(known.edits)})
