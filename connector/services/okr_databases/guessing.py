"""Which column of a database that people made is which of our fields: guessed by name, type and values, each with its reason. Pure.

A column that we compute is only guessed when it bears our name or holds our words: what people wrote elsewhere is not written over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import (
    BLOCKER,
    CHECKED_IN_BY,
    COLUMNS,
    COMMENT,
    CONFIDENCE,
    CYCLE,
    DECISION,
    DUE,
    FROM,
    KEY_RESULT,
    OBJECTIVE,
    OUTCOME,
    OWNER,
    STATE,
    TEAM,
    TO,
    UNIT,
    VALUE,
    Column,
    ColumnType,
    DatabaseKind,
)
from connector.domain.row_drafts import number_of
from connector.hosts.okr_databases import FoundColumn, FoundDatabase
from connector.services.exchange.columns import plain_name
from connector.services.exchange.vocabulary import SYNONYMS
from connector.services.okr_databases.columns import fits

# Our fields and those of imported tables: both know the same words in several languages.
_SHARED: Mapping[str, Sequence[str]] = {
    OBJECTIVE: ("objective", "parent"),
    OWNER: ("owner",),
    FROM: ("from",),
    TO: ("to",),
    UNIT: ("unit",),
    VALUE: ("current",),
    CONFIDENCE: ("confidence",),
    BLOCKER: ("blocker",),
    TEAM: ("team",),
    CYCLE: ("cycle",),
    DUE: ("due",),
    KEY_RESULT: ("key_result",),
}
_OWN: Mapping[str, Sequence[str]] = {
    COMMENT: ("comment", "comments", "last comment", "kommentar", "commentaire", "comentario", "comentário", "commento", "opmerking"),
    DECISION: ("decision", "decision needed", "ask", "entscheidung", "décision", "decisión", "decisão", "decisione", "besluit"),
    CHECKED_IN_BY: ("checked in by", "check in by"),
    OUTCOME: ("outcome", "result", "ergebnis", "résultat", "resultado"),
}
_NUMBERS = (FROM, TO, VALUE, CONFIDENCE)
# What holds numbers is where a key result goes to, what holds titles the objective that it serves.
_GOALS = (
    "goal", "goals", "ziel", "ziele", "objectif", "objectifs", "objetivo", "objetivos", "obiettivo", "obiettivi", "doel", "doelen", "mål",
    "cel", "目標", "目标",
)  # fmt: skip
_NAMING = ("select", "rich_text")


@dataclass(frozen=True, slots=True)
class Guess:
    """The columns that fit best, by field, with the reason of each. ``left``: id of a column that was left alone → why."""

    columns: Mapping[str, FoundColumn]
    why: Mapping[str, str]
    left: Mapping[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left alone and why."""
        return tuple(self.left.values())


def guess(
    kind: DatabaseKind, found: FoundDatabase, samples: Mapping[str, Sequence[FieldValue]], related: Mapping[DatabaseKind, str]
) -> Guess:
    """Guess the columns. ``samples``: column id → some of its values; ``related``: kind → source, of databases that are adopted with it."""
    columns: dict[str, FoundColumn] = {}
    why: dict[str, str] = {}
    left: dict[str, str] = {}
    taken: set[str] = set()

    def choose(wanted: Column, candidates: Iterable[FoundColumn], reason: str, *, naming: bool = False) -> None:
        if wanted.field in columns:
            return
        for each in candidates:
            if wanted.type is ColumnType.RELATION and naming != (each.type in _NAMING):
                continue  # a title is only asked for where no relation leads to it
            if each.id not in taken and fits(wanted, each) and _leads(wanted, each, related):
                columns[wanted.field], why[wanted.field] = each, reason
                taken.add(each.id)
                return

    for wanted in COLUMNS[kind]:
        choose(wanted, [each for each in found.columns if each.name.casefold() == wanted.name.casefold()], "has our name")
        if wanted.type is ColumnType.TITLE:
            choose(wanted, found.columns, "the title of the rows")
    named: dict[str, list[FoundColumn]] = {}
    for each in found.columns:
        named.setdefault(plain_name(each.name), []).append(each)
    for wanted in COLUMNS[kind]:
        if wanted.human:
            choose(wanted, [each for word in _words(wanted.field) for each in named.get(word, ())], "by its name")
    for wanted in COLUMNS[kind]:
        if wanted.to is not None and wanted.to in related:
            choose(wanted, found.columns, "leads to that database")
        if wanted.field == OWNER:
            people = [each for each in found.columns if each.type == "people" and each.id not in taken]
            if len(people) == 1:
                choose(wanted, people, "the only column of people")
        if wanted.field == STATE and not wanted.human and STATE not in columns:
            _state(wanted, found, taken, columns, why, left)
    for judged in _judge(columns, why, left, samples):
        taken.discard(judged)
    if kind is DatabaseKind.KEY_RESULTS:
        goals = [each for word in (*_words(OBJECTIVE), *_GOALS) for each in named.get(word, ())]
        numbers = [each for each in goals if each.type == "number" or _mostly_numbers(samples.get(each.id, ()))]
        for wanted in COLUMNS[kind]:
            if wanted.field == TO:
                choose(wanted, numbers, "by its name, and it holds numbers")
            elif wanted.field == OBJECTIVE:
                titles = [each for each in goals if each not in numbers and each.id not in left]
                choose(wanted, titles, "by its name, and it holds titles", naming=True)
    return Guess(columns, why, left)


def shown(value: FieldValue) -> str:
    """A sample as the form shows it, "" for an empty one."""
    if isinstance(value, Unknown) or value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return f"{len(value)} related" if len(value) > 1 else "1 related" if value else ""
    return (f"{value:g}" if isinstance(value, float) else " ".join(str(value).split()))[:60]


def _words(name: str) -> tuple[str, ...]:
    return (*(word for each in _SHARED.get(name, ()) for word in SYNONYMS[each]), *_OWN.get(name, ()))


def _leads(wanted: Column, found: FoundColumn, related: Mapping[DatabaseKind, str]) -> bool:
    """A relation must lead to the database whose rows it names, where that is known."""
    if wanted.to is None or wanted.to not in related or not found.to:
        return True
    return found.to == related[wanted.to]


def _state(
    wanted: Column, found: FoundDatabase, taken: set[str], columns: dict[str, FoundColumn], why: dict[str, str], left: dict[str, str]
) -> None:
    """A status of people's own is theirs, unless it holds our words."""
    ours = {each.casefold() for each in wanted.options}
    for each in found.columns:
        if each.type not in ("select", "status") or each.id in taken:
            continue
        same = [option for option in each.options if option.casefold() in ours]
        if len(same) >= 3:
            columns[STATE], why[STATE] = each, f"holds our words: {', '.join(same[:3])}"
            taken.add(each.id)
            return
        if plain_name(each.name) in ("status", "state", "health", "estado", "statut", "stato"):
            words = ", ".join(each.options[:3])
            left[each.id] = f"{each.name} is left to people{f': it holds {words}' if words else ''}; ours is written into “{wanted.name}”"


def _judge(
    columns: dict[str, FoundColumn], why: dict[str, str], left: dict[str, str], samples: Mapping[str, Sequence[FieldValue]]
) -> list[str]:
    """Take back what most values speak against; gives the ids of those columns. An odd value is its own row's, and the name counts."""
    judged: list[str] = []
    for name in _NUMBERS:
        found = columns.get(name)
        if found is None or found.type == "number":
            continue
        values = _filled(samples.get(found.id, ()))
        wrong = next((value for value in values if not _is_number(value)), None)
        if wrong is not None and 2 * sum(map(_is_number, values)) < len(values):
            columns.pop(name)
            why.pop(name)
            left[found.id] = f"{found.name} was left out: it holds {str(wrong)[:40]!r}, which is no number"
            judged.append(found.id)
    return judged


def _mostly_numbers(values: Sequence[FieldValue]) -> bool:
    filled = _filled(values)
    return 2 * sum(map(_is_number, filled)) > len(filled)


def _filled(values: Sequence[FieldValue]) -> list[FieldValue]:
    return [value for value in values if value not in (None, "", ()) and not isinstance(value, Unknown)]


def _is_number(value: FieldValue) -> bool:
    try:
        number_of(value, "")
    except ValueError:
        return False
    return True
