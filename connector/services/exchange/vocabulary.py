"""What other programs and templates call the columns of a table of key results. Data only: ``columns`` decides with it.

Header names are compared in lower case, without signs and with single blanks. A profile is "confirmed" when its header was seen in files
of the program; the others rest on the words that its help pages use, and everything falls back on synonyms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connector.services.exchange.languages import WORDS

# The nine columns of our own files, in their order, by field.
NINE: Mapping[str, str] = {
    "objective": "Objective",
    "key_result": "Key Result",
    "owner": "Owner",
    "from": "From",
    "to": "To",
    "current": "Current value",
    "confidence": "Confidence",
    "blocker": "Blocker",
    "updated": "Last updated",
}
COLUMNS = tuple(NINE.values())

# Every field that a column can feed, with what it means to an admin who maps columns.
FIELDS: Mapping[str, str] = {
    "objective": "title of the objective",
    "key_result": "title of the key result",
    "owner": "owner: e-mail address, or name where names are allowed",
    "from": "value at the start",
    "to": "target value",
    "current": "value now",
    "confidence": "confidence from 1 to 10",
    "blocker": "what is in the way",
    "updated": "when the value was updated (shown only)",
    "title": "title of an objective or a key result, in files with one row for each",
    "type": "whether a row is an objective or a key result",
    "parent": "the objective that a key result belongs to, by title or id",
    "id": "id of the row in the other program",
    "cycle": "name of the cycle",
    "team": "team of the objective",
    "unit": "unit of the values",
    "kind": "kind of the key result: metric, at_least, at_most, yes_no",
    "due": "day by which it is due: chooses the cycle",
    "done": "filled when it is done (makes a yes/no key result)",
}
NUMBERS = ("from", "to", "current")

_ENGLISH: Mapping[str, Sequence[str]] = {
    "objective": (
        "objective",
        "objectives",
        "objective title",
        "objective name",
        "okr objective",
        "goal objective",
        "objective o",
        "ziel",
        "objectif",
        "objetivo",
    ),
    "key_result": (
        "key result",
        "key results",
        "key result title",
        "key result name",
        "kr",
        "krs",
        "kr title",
        "kr name",
        "measure of success",
        "schlüsselergebnis",
        "résultat clé",
        "resultado clave",
    ),
    "owner": (
        "owner email",
        "owner e mail",
        "owner email id",
        "assignee email",
        "lead email",
        "responsible email",
        "owner",
        "kr owner",
        "key result owner",
        "assignee",
        "assigned to",
        "responsible",
        "dri",
        "accountable",
        "owners",
        "person",
        "verantwortlich",
    ),
    "from": (
        "from",
        "start value",
        "starting value",
        "start",
        "initial value",
        "initial",
        "baseline",
        "baseline value",
        "metric start value",
        "starting amount",
        "startingamount",
        "initial metric value",
        "startwert",
    ),
    "to": (
        "to",
        "target value",
        "target",
        "goal value",
        "target metric value",
        "metric target value",
        "ending amount",
        "endingamount",
        "target amount",
        "end value",
        "zielwert",
    ),
    "current": (
        "current value",
        "current",
        "actual",
        "actual value",
        "now",
        "latest value",
        "current metric value",
        "current amount",
        "currentamount",
        "value",
        "metric value",
        "istwert",
        "progress value",
    ),
    "confidence": ("confidence", "confidence score", "confidence level", "confidence 1 10", "confidence rating"),
    "blocker": ("blocker", "blockers", "impediment", "impediments", "blocked by", "risk or blocker"),
    "updated": (
        "last updated",
        "updated",
        "updated at",
        "last update",
        "last modified",
        "last check in",
        "last checked in",
        "last edited time",
    ),
    "title": ("title", "name", "goal", "goal name", "goal title", "okr", "okr title", "okr name", "task name", "item", "item name"),
    "type": ("type", "okr type", "goal type", "item type", "level", "objective or key result", "okrtype"),
    "parent": (
        "parent",
        "parent goal",
        "parent title",
        "parent objective",
        "parent name",
        "parent task",
        "parent item",
        "aligned to",
        "parent id",
        "parent goal name",
        "parent okr",
        "parent row ids",
        "parentgoal",
    ),
    "id": ("id", "goal id", "okr id", "row id", "task id", "item id", "objective id", "gid"),
    "cycle": (
        "cycle",
        "quarter",
        "time period",
        "timeframe",
        "time frame",
        "period",
        "session",
        "goal cycle",
        "okr cycle",
        "timeline",
        "planning session",
    ),
    "team": ("team", "department", "group", "teams", "team name", "departments", "squad", "abteilung"),
    "unit": ("unit", "units", "metric unit", "uom", "unit of measure", "einheit"),
    "kind": ("kind", "metric type", "measurement type", "kr type", "key result type"),
    "due": ("due date", "end date", "due", "deadline", "due on", "target date", "due date time"),
    "done": ("completed at", "completed on", "done", "completed"),
}
# In the order of trust. No name may stand at two fields.
SYNONYMS: Mapping[str, Sequence[str]] = {name: (*words, *WORDS.get(name, ())) for name, words in _ENGLISH.items()}
# A share of the way from start to target, not a value in a unit.
PROGRESS = ("progress", "complete", "percent complete", "completion", "current progress", "score", "goal progress", "fortschritt")


@dataclass(frozen=True, slots=True)
class Profile:
    """How a program's export differs from the synonyms. ``signs``: header names that together give it away."""

    name: str
    title: str
    signs: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)  # field → header names that come before the synonyms
    never: tuple[str, ...] = ()  # header names that mean something else there
    confirmed: bool = False
    note: str = ""


_BY_WORDS = "its columns are guessed by their names: the program does not document them; look through the guess"

PROFILES: Mapping[str, Profile] = {
    each.name: each
    for each in (
        Profile(
            "nine-columns",
            "our nine columns",
            tuple(name.lower() for name in COLUMNS),
            {f: (c.lower(),) for f, c in NINE.items()},
            confirmed=True,
        ),
        Profile(
            "asana-tasks",
            "Asana, tasks as CSV",
            ("task id", "name", "section column", "last modified"),
            {
                "title": ("name",),
                "owner": ("assignee email", "assignee"),
                "id": ("task id",),
                "parent": ("parent task",),
                "done": ("completed at",),
            },
            never=("start date", "created at", "notes", "tags", "projects", "blocked by dependencies", "blocking dependencies"),
            confirmed=True,
            note="sections, or the tasks above subtasks, become objectives; a task without numbers becomes a yes/no key result",
        ),
        Profile(
            "asana-goals",
            "Asana, goals as CSV",
            columns={"title": ("goal", "goal name", "name"), "parent": ("parent goal",), "cycle": ("time period",)},
            note=_BY_WORDS,
        ),
        Profile(
            "notion",
            "Notion, database as CSV",
            columns={"title": ("name", "title")},
            note="a person is exported by name: allow names, or add e-mails",
        ),
        Profile(
            "google-sheets",
            "Google Sheets, OKR template",
            note="an objective that stands only in its first row counts for the rows below it",
        ),
        Profile(
            "lattice",
            "Lattice",
            columns={"type": ("okr type", "okrtype"), "title": ("name", "goal name"), "parent": ("parent goal",)},
            never=("goal type",),
            note=_BY_WORDS,
        ),
        Profile(
            "perdoo",
            "Perdoo",
            columns={"owner": ("lead email", "lead"), "team": ("owner", "group"), "cycle": ("timeframe",)},
            note="there the lead is the person, and the owner a team; " + _BY_WORDS,
        ),
        Profile(
            "quantive",
            "Quantive (Gtmhub)",
            columns={"key_result": ("metric", "metric name"), "cycle": ("session",), "objective": ("goal",)},
            note=_BY_WORDS,
        ),
        Profile("weekdone", "Weekdone", columns={"cycle": ("quarter",)}, note=_BY_WORDS),
        Profile("viva-goals", "Viva Goals", columns={"type": ("type", "objective type"), "cycle": ("time period",)}, note=_BY_WORDS),
        Profile("profit", "Profit.co", columns={"cycle": ("period",)}, note=_BY_WORDS),
        Profile("generic", "another table", note="columns are guessed by their names"),
    )
}
