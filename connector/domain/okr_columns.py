"""The columns of the four OKR databases that a host keeps for people: which there are, whose they are, what a new row needs. Pure.

A *human* column is edited by people and arrives here; a *computed* one is ours and is put back when somebody changes it. ``VALUE`` is
both: it shows the current value, and where no mapping feeds the key result the owner types the new one there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class DatabaseKind(StrEnum):
    """What the rows of an OKR database stand for."""

    OBJECTIVES = "objectives"
    KEY_RESULTS = "key_results"
    CHECK_INS = "check_ins"
    DECISIONS = "decisions"


class ColumnType(StrEnum):
    """A column's type in our words; a host has its own for each."""

    TITLE = "title"
    TEXT = "text"
    NUMBER = "number"
    PERCENT = "percent"  # 0-1, shown as 0 % - 100 %
    CHOICE = "choice"  # one of ``options``
    STATUS = "status"  # like CHOICE; a host that has a type with groups may use it
    PEOPLE = "people"  # tuple of account ids
    DATE = "date"  # ISO day or moment
    RELATION = "relation"  # tuple of refs of rows of ``to``
    CHECKBOX = "checkbox"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``human``: people edit it. ``needed``: a row without it stays a draft."""

    field: str
    name: str
    type: ColumnType
    human: bool = False
    needed: bool = False
    options: tuple[str, ...] = ()
    to: DatabaseKind | None = None


# Fields of rows. The words that hosts show are the columns' names; these are only ours.
TITLE, OBJECTIVE, OWNER, FROM, TO, UNIT, KIND = "title", "objective", "owner", "from", "to", "unit", "kind"
VALUE, PROGRESS, STATE, CONFIDENCE, BLOCKER, DECISION, COMMENT = (
    "value",
    "progress",
    "state",
    "confidence",
    "blocker",
    "decision",
    "comment",
)
CHECKED_IN_BY, UPDATED, UPDATED_BY, SOURCE, REASON, NOTE, KEY = (
    "checked_in_by",
    "updated",
    "updated_by",
    "source",
    "reason",
    "note",
    "key",
)
TEAM, CYCLE, KEY_RESULT, AUTHOR, MOVEMENT, DUE, OUTCOME, ASKED_BY = (
    "team",
    "cycle",
    "key_result",
    "author",
    "movement",
    "due",
    "outcome",
    "asked_by",
)

# What makes an update when it is edited in a row. The value counts only where no mapping feeds the key result.
CHECK_IN_FIELDS = (VALUE, CONFIDENCE, BLOCKER, DECISION, COMMENT)
HIDDEN_TITLE = "No longer shown here"  # of a row whose record hosts may not show any more
STATE_OPTIONS = ("On track", "At risk", "Stalled", "Overdue update", "No data", "Data late", "Closed")
DECISION_OPTIONS = ("none", "budget", "approval", "scope", "headcount", "other")
MOVEMENT_OPTIONS = ("moving", "flat", "slipping", "inside", "outside")
KIND_OPTIONS = ("metric", "at_least", "at_most", "yes_no")
DECISION_STATES = ("asked", "open", "done", "dropped")

_T = ColumnType
_KEY_COLUMN = Column(KEY, "OKR key", _T.TEXT)  # our id: finds a row whose making was not confirmed; never shown in views
_NOTE_COLUMN = Column(NOTE, "OKR note", _T.TEXT)  # what is missing, put back or waiting, in words for people

COLUMNS: Mapping[DatabaseKind, tuple[Column, ...]] = {
    DatabaseKind.OBJECTIVES: (
        Column(TITLE, "Objective", _T.TITLE, human=True, needed=True),
        Column(TEAM, "Team", _T.CHOICE, human=True),
        Column(CYCLE, "Cycle", _T.CHOICE, human=True, needed=True),
        Column(STATE, "OKR status", _T.CHOICE, options=STATE_OPTIONS),
        Column(PROGRESS, "OKR progress", _T.PERCENT),
        _NOTE_COLUMN,
        _KEY_COLUMN,
    ),
    DatabaseKind.KEY_RESULTS: (
        Column(TITLE, "Key result", _T.TITLE, human=True, needed=True),
        Column(STATE, "OKR status", _T.CHOICE, options=STATE_OPTIONS),
        _NOTE_COLUMN,
        Column(OWNER, "Owner", _T.PEOPLE, human=True, needed=True),
        Column(FROM, "From", _T.NUMBER, human=True, needed=True),
        Column(TO, "To", _T.NUMBER, human=True, needed=True),
        Column(VALUE, "Value", _T.NUMBER, human=True),
        Column(PROGRESS, "OKR progress", _T.PERCENT),
        Column(CONFIDENCE, "Confidence", _T.NUMBER, human=True),
        Column(BLOCKER, "Blocker", _T.TEXT, human=True),
        Column(DECISION, "Decision", _T.CHOICE, human=True, options=DECISION_OPTIONS),
        Column(COMMENT, "Comment", _T.TEXT, human=True),
        Column(OBJECTIVE, "Objective", _T.RELATION, human=True, needed=True, to=DatabaseKind.OBJECTIVES),
        Column(REASON, "Reason", _T.TEXT, human=True),
        Column(CHECKED_IN_BY, "Checked in by", _T.PEOPLE, human=True),
        Column(MOVEMENT, "Movement", _T.CHOICE, options=MOVEMENT_OPTIONS),
        Column(UNIT, "Unit", _T.TEXT, human=True),
        Column(UPDATED, "Last updated", _T.DATE),
        Column(UPDATED_BY, "Updated by", _T.TEXT),
        Column(SOURCE, "Source", _T.TEXT),
        _KEY_COLUMN,
    ),
    DatabaseKind.CHECK_INS: (
        Column(TITLE, "Check-in", _T.TITLE),
        Column(KEY_RESULT, "Key result", _T.RELATION, to=DatabaseKind.KEY_RESULTS),
        Column(UPDATED, "As of", _T.DATE),
        Column(VALUE, "Value", _T.NUMBER),
        Column(PROGRESS, "Progress", _T.PERCENT),
        Column(CONFIDENCE, "Confidence", _T.NUMBER),
        Column(MOVEMENT, "Movement", _T.CHOICE, options=MOVEMENT_OPTIONS),
        Column(BLOCKER, "Blocker", _T.TEXT),
        Column(DECISION, "Decision", _T.CHOICE, options=DECISION_OPTIONS),
        Column(COMMENT, "Comment", _T.TEXT),
        Column(AUTHOR, "Author", _T.PEOPLE),
        Column(UPDATED_BY, "By", _T.TEXT),
        _NOTE_COLUMN,
        _KEY_COLUMN,
    ),
    DatabaseKind.DECISIONS: (
        Column(TITLE, "Decision", _T.TITLE, human=True, needed=True),
        Column(KEY_RESULT, "Key result", _T.RELATION, human=True, needed=True, to=DatabaseKind.KEY_RESULTS),
        Column(KIND, "Kind", _T.CHOICE, human=True, options=DECISION_OPTIONS[1:]),
        Column(OWNER, "Owner", _T.PEOPLE, human=True),
        Column(DUE, "Due", _T.DATE, human=True),
        Column(STATE, "State", _T.CHOICE, human=True, options=DECISION_STATES),
        Column(OUTCOME, "Outcome", _T.TEXT, human=True),
        Column(ASKED_BY, "Asked by", _T.TEXT),
        _NOTE_COLUMN,
        _KEY_COLUMN,
    ),
}
TITLES: Mapping[DatabaseKind, str] = {
    DatabaseKind.OBJECTIVES: "Objectives",
    DatabaseKind.KEY_RESULTS: "Key Results",
    DatabaseKind.CHECK_INS: "Check-ins",
    DatabaseKind.DECISIONS: "Decisions",
}
# The order in which they are made: a relation needs the database that it leads to.
IN_ORDER = (DatabaseKind.OBJECTIVES, DatabaseKind.KEY_RESULTS, DatabaseKind.CHECK_INS, DatabaseKind.DECISIONS)


def column(kind: DatabaseKind, field: str) -> Column:
    """The column of that field. Raises ``KeyError``."""
    return {each.field: each for each in COLUMNS[kind]}[field]
