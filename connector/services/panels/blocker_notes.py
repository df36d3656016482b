"""What a panel says beside a blocker, or of work that seems held up while nobody named one. Days instead of ages: it stays the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.domain.signals.blocked import DECLARED, DETECTED
from connector.domain.wording import local_day_text
from connector.services.facts import Facts
from connector.services.signals.effective import effective
from connector.store.tables import Blocker

NOT_CONFIRMED = "not confirmed yet"
CLEARED = "nothing holds it up any more; is it cleared?"


def blocker_note(facts: Facts, stuck: Sequence[Any], zone: Any) -> str:
    """The note. ``stuck``: open work whose status says that nothing moves, looked at where nothing else was seen."""
    if facts.row.blocker:
        return _since(facts, zone)
    seen = next((row for row in facts.blockers if row.ended_at is None and row.source == DETECTED), None)
    return _seen(seen, zone) if seen is not None else _stuck(stuck, zone)


def _since(facts: Facts, zone: Any) -> str:
    """The picked item, and since when the blocker counts."""
    since = effective(facts.blockers, facts.check_ins)[1]
    if since is None:
        return ""
    named = facts.check_ins[-1] if facts.check_ins and facts.check_ins[-1].blocker else None
    key = str(((named.blocker_link if named is not None else None) or {}).get("key") or "")
    asked = any(row.clear_at and row.ended_at is None and row.source == DECLARED for row in facts.blockers)
    told = f"blocked since {local_day_text(since, zone)}" + (f"; {CLEARED}" if asked else "")
    return f"{key}, {told}" if key and key not in (facts.row.blocker or "") else told


def _seen(row: Blocker, zone: Any) -> str:
    if row.clear_at is not None:
        return f"was seen: {row.text}; {CLEARED}"
    return f"seen: {row.text}, since {local_day_text(row.since, zone)}, {NOT_CONFIRMED}"


def _stuck(stuck: Sequence[Any], zone: Any) -> str:
    if not stuck:
        return ""
    first = stuck[0]
    name = first.title if first.key in ("", first.ref) else first.key
    touched = f", last touched {local_day_text(first.updated_at, zone)}" if first.updated_at else ""
    more = f" and {len(stuck) - 1} more" if len(stuck) > 1 else ""
    return f"seen in {name}{more}, “{first.status}”{touched}"
