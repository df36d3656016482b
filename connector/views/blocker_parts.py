"""The blockers of a key result as its page prints them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from connector.domain.wording import local_day_text, percent_text
from connector.services.signals.blocker_lines import BlockerLine, load_lines
from connector.web.forms import Form


@dataclass(frozen=True, slots=True)
class Refused:
    """A form of one blocker that was not taken."""

    number: int
    form: Form


def shown_blockers(session: Session, ident: str, zone: Any) -> list[dict[str, Any]]:
    """The blockers of a key result as its page prints them."""
    return [
        {
            "id": each.id,
            "text": each.text,
            "url": each.url,
            "seen": each.seen,
            "waits": each.waits_for_word,
            "asked": f"Nothing holds it up since {local_day_text(each.asked_at, zone)}. Is it cleared?" if each.asked_at else "",
            "told": _told(each, zone),
        }
        for each in load_lines(session, [ident])
    ]


def _told(each: BlockerLine, zone: Any) -> str:
    parts = ["seen in the work" if each.seen else "named in an update", f"since {local_day_text(each.since, zone)}"]
    if each.share is not None:
        parts.append(f"{percent_text(each.share)} of what is left waits")
    if each.seen:
        parts.append("not confirmed yet" if each.waits_for_word else "confirmed")
    return ", ".join(parts)
