"""The note of a row: one short text for the people there, made of what each part has to say about it.

Each part keeps its sentences under a topic of its own: they are replaced by the next telling and taken away with "". The row's column is
written by the row worker; whoever tells something wants the row.
"""

from __future__ import annotations

from connector.store.tables import OkrRow

# Topics in the order in which they are read: what keeps a person waiting stands first.
CHECK_IN, DRAFT, FIELDS, REASON, PUT_BACK, ELSEWHERE, STATE = "check_in", "draft", "fields", "reason", "put_back", "elsewhere", "state"
TOPICS = (CHECK_IN, DRAFT, FIELDS, REASON, PUT_BACK, ELSEWHERE, STATE)
LONGEST = 900  # characters; people read this in a narrow column
_KEPT = "notes"  # in ``OkrRow.shown``


def tell(row: OkrRow, topic: str, text: str) -> bool:
    """Say something about a row under a topic, or no more with "". True when what the row's note says has changed."""
    kept = dict((row.shown or {}).get(_KEPT) or {})
    if text:
        kept[topic] = " ".join(text.split())
    else:
        kept.pop(topic, None)
    row.shown = {**(row.shown or {}), _KEPT: kept}
    before, row.note = row.note, _whole(kept)
    return row.note != before


def told(row: OkrRow, topic: str) -> str:
    """What a topic says now, "" for nothing."""
    return str(((row.shown or {}).get(_KEPT) or {}).get(topic, ""))


def _whole(kept: dict[str, str]) -> str:
    named = [*TOPICS, *sorted(topic for topic in kept if topic not in TOPICS)]
    parts = [_sentence(kept[topic]) for topic in named if kept.get(topic)]
    text = " ".join(parts)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _sentence(text: str) -> str:
    found = text[:1].upper() + text[1:]
    return found if found.endswith((".", "?", "…")) else f"{found}."
