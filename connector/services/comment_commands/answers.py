"""The words of answers to commands. No line begins with a command, so that an answer is never one itself. ``place`` is the host's word
for where a comment stands: "issue", "page".

Words of people are not repeated, nor those that could not be read: an answer must not carry their secrets, mentions and markup on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, tzinfo

from connector.domain.checkin import asks_about_number
from connector.domain.model import Definition, Movement
from connector.domain.panel import KeyResultPanel
from connector.domain.wording import current_text, moment_text
from connector.store.tables import CheckIn

_DECISION_WORDS = {
    "budget": "budget needed",
    "approval": "faster approval needed",
    "scope": "less scope needed",
    "headcount": "headcount needed",
    "other": "another decision needed",
    "none": "no decision needed",
}
_TO_ADD = {"value": "value 42", "confidence": "confidence 7", "decision": "decision none", "blocker": "no blocker"}
_MOST_NAMES = 12
_MOST_MISTAKES = 6


def filed_text(panel: KeyResultPanel, row: CheckIn, definition: Definition, carried: Collection[str]) -> str:
    """An update that counts: what it says, and where the key result stands now."""
    asked = ""
    if row.comment and asks_about_number(row.comment, Movement(row.movement) if row.movement else None):
        asked = " What did the number do?"
    question = f" {panel.question[0].upper()}{panel.question[1:]}" if panel.question else ""
    return f"{_title(panel)} is updated: {_said(row, definition, carried)}. {_state(panel)}{question}{asked}"


def draft_text(
    panel: KeyResultPanel, row: CheckIn, definition: Definition, carried: Collection[str], missing: Sequence[str], name: str
) -> str:
    """An update that lacks something: what to add, as it can be written. ``name``: the id, where it must be named."""
    example = " ".join(["/okr", *([name] if name else []), *(_TO_ADD[each] for each in missing)])
    kinds = " The decision can be budget, approval, scope, headcount, other or none." if "decision" in missing else ""
    return (
        f"{_title(panel)}: kept as a draft, which does not count yet: {_said(row, definition, carried)}. "
        f"Still to say: {_listed(missing)}. Add it in a comment, for example “{example}”.{kinds}"
    )


def status_text(panel: KeyResultPanel) -> str:
    """Where a key result stands, in the panel's words."""
    trail = f" Confidence {panel.confidence}." if panel.confidence is not None else ""
    return f"{_title(panel)}: {panel.sentence}. {_state(panel)} {panel.movement_text}.{trail} {panel.source_text}. {panel.url}"


def mistakes_text(mistakes: Sequence[str]) -> str:
    """What could not be read, each with its mend."""
    shown = [f"{text[0].upper()}{text[1:]}." for text in mistakes[:_MOST_MISTAKES]]
    if len(mistakes) > _MOST_MISTAKES:
        shown.append(f"And {len(mistakes) - _MOST_MISTAKES} more.")
    return "\n".join(["Nothing was filed.", *shown, "Edit the comment or write a new one; “/okr help” tells what can be said."])


def refused_text(reason: str) -> str:
    """Why nothing was filed though everything could be read."""
    return f"Nothing was filed: {reason.rstrip('.')}."


def unknown_account(base_url: str) -> str:
    """For somebody whom nobody has entered as a person."""
    return f"this account belongs to no person in the OKR connector. An admin adds it to a person at {base_url}/people; then write it again"


def too_late(name: str, at: datetime, zone: tzinfo) -> str:
    """For a comment that arrived after something newer was filed."""
    return f"a newer update of {name}, of {moment_text(at, zone)}, came first. Write it again if it still holds"


def unknown_name(known: Sequence[tuple[str, str]], place: str) -> str:
    """For a first word that is neither a command nor a key result here. It is not repeated: it may be anything."""
    return f"the word right behind “/okr” is neither a command nor a key result of this {place}. {_names(known, place)}"


def which_one(known: Sequence[tuple[str, str]], place: str) -> str:
    """Which key results an update could have meant."""
    if not known:
        return (
            f"this {place} serves no key result that could be shown here. A lead or admin maps it; for other key results use the page of "
            "the key result"
        )
    return f"name the key result, for example “/okr {known[0][0]} confidence 7”. {_names(known, place)}"


def help_text(known: Sequence[tuple[str, str]], place: str) -> str:
    """What can be said."""
    named = known[0][0] if known else "kr-setup"
    return "\n".join(
        [
            f"A line that begins with “/okr” updates the key result that this {place} serves. Examples:",
            "“/okr status” tells where it stands.",
            "“/okr 64 confidence 7 blocker: waiting for legal decision: none” files an update. What is left out is carried over from the "
            "last one, the value from its source; only the decision is always said.",
            "Parts: “value 42”, “confidence 7” (1 to 10), “blocker: …” or “no blocker”, “decision: budget” (or approval, scope, headcount, "
            "other, none), “comment: …”.",
            f"“/okr {named} confidence 7” names the key result. {_names(known, place)}".rstrip(),
        ]
    )


def _names(known: Sequence[tuple[str, str]], place: str) -> str:
    if not known:
        return f"This {place} serves no key result that could be shown here"
    shown = ", ".join(f"{name} ({_line(title)})" for name, title in known[:_MOST_NAMES])
    more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    return f"This {place} serves {shown}{more}"


def _said(row: CheckIn, definition: Definition, carried: Collection[str]) -> str:
    parts = []
    if row.value is not None:
        parts.append(_part("value", f"value {current_text(definition, row.value)}", carried))
    if row.confidence is not None:
        parts.append(_part("confidence", f"confidence {row.confidence}", carried))
    parts.append(_part("blocker", "a blocker" if row.blocker else "no blocker", carried))
    if row.decision is not None:
        parts.append(_part("decision", _DECISION_WORDS.get(row.decision, row.decision), carried))
    return ", ".join(parts)


def _part(name: str, text: str, carried: Collection[str]) -> str:
    """What was not said in the comment is told apart: nobody shall think that they said it."""
    if name not in carried:
        return text
    return f"{text} ({'as it stands' if name == 'value' else 'as before'})"


def _state(panel: KeyResultPanel) -> str:
    return f"{panel.state_word}: {panel.reason}." if panel.reason else f"{panel.state_word}."


def _listed(names: Sequence[str]) -> str:
    words = [f"the {name}" for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _title(panel: KeyResultPanel) -> str:
    return f"“{_line(panel.title)}”"


def _line(text: str) -> str:
    return " ".join(text.split())
