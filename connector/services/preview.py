"""What a key result's value would become with one more (or another) mapping, computed over live items of the host. Stores nothing.

The rules and the words are those of ``mappings.preview``, the reading is ``services.mapping.gathering``'s. A walk that is longer than
``MOST_ITEMS`` is cut off, and then the value is said to be not known yet instead of being computed from a part.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Definition, Kind
from connector.errors import NotFound
from connector.runtime import Runtime
from connector.services.facts import Facts, load_facts
from connector.services.mapping.catalog import usable_connection
from connector.services.mapping.gathering import Gathered, gather, gathered_lately
from connector.store.tables import Connection, KeyResult, MappingItem
from connector.store.tables import Item as ItemRow
from connector.store.tables import Mapping as MappingRow
from mappings.parsing import parse_mapping
from mappings.preview import Candidate, Notice, Preview, Row, preview
from mappings.repository import Link
from mappings.rules import SHARES, Draft, Mode, check_family, dump_mapping

MOST_ITEMS = 10_000
MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Question:
    """A mapping that somebody thinks about, with everything of ours that the answer needs. ``others``: the key result's other mappings."""

    connection: Connection
    draft: Draft
    facts: Facts | None
    others: tuple[Link, ...]
    elsewhere: Mapping[str, set[tuple[str, str]]]

    @property
    def definition(self) -> Definition:
        """What the key result promises; without one, a scale that fits the measure."""
        if self.facts is None:
            return Definition(unit="%" if self.draft.measure.kind in SHARES else "")
        return self.facts.definition

    @property
    def current(self) -> float | None:
        """The key result's value now."""
        return self.facts.row.current if self.facts else None

    @property
    def key_result(self) -> str:
        """Its id, "" without one."""
        return self.facts.row.id if self.facts else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it would come to, from ``read``: a part of the items as long as that is not complete."""

    question: Question
    read: Gathered
    preview: Preview

    @property
    def after(self) -> float | None:
        """The value after saving, in the key result's unit; None is not known, which it is before everything was read."""
        partial = not self.read.complete or self.read.cut_off
        return None if partial and self.question.draft.mode is Mode.VALUE else self.preview.after

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if self.read.cut_off:
            return f"more than {MOST_ITEMS} items match; the value is computed after saving, when all of them were read"
        return self.preview.sentence

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What to look at before saving."""
        found = [*self.preview.warnings, *(Notice("query", text) for text in self.read.query.warnings)]
        waiting = sum(not link.listed and not link.broken for link in self.question.others)
        if waiting:
            whose = "another mapping of this key result was" if waiting == 1 else f"{waiting} other mappings of this key result were"
            found.append(Notice("waiting", f"{whose} not read yet: what it brings is not in this value"))
        found += [
            Notice("broken", f"another mapping of this key result cannot be read: {link.broken}")
            for link in self.question.others
            if link.broken and link.rule.mode is Mode.VALUE
        ]
        if self.read.cut_off:
            found.append(Notice("cut_off", f"only the first {MOST_ITEMS} items were read for this preview"))
        return tuple(found)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The items of the mapping itself."""
        mine = len(self.preview.measurements) - 1
        return tuple(row for row in self.preview.rows if row.mapping == mine)


def preview_mapping(runtime: Runtime, data: Mapping[str, Any], *, key_result: str | None = None) -> dict[str, Any]:
    """The preview of one mapping as the API shows it. ``data`` is a mapping as in the file of ``apply``.

    Raises ``InputError`` for a mapping that cannot be (also when the host refuses its names), ``NotFound`` for an unknown
    connection or key result, ``Conflict`` for a parked connection, ``HostError`` when the host does not answer.
    """
    last: Answer | None = None
    with closing(preview_steps(runtime, data, key_result=key_result, reuse=False)) as steps:
        for step in steps:
            last = step
    assert last is not None
    return shape(last)


def preview_steps(
    runtime: Runtime, data: Mapping[str, Any], *, key_result: str | None = None, replacing: int | None = None, reuse: bool = True
) -> Generator[Answer, None, None]:
    """Answers from a growing part of the items, the last one from all of them. Close it when nobody waits any more.

    ``replacing``: id of the stored mapping that this one takes the place of. ``reuse``: items read some seconds ago will do.
    Raises as ``preview_mapping`` does, before the first answer or between two.
    """
    question = ask(runtime, data, key_result=key_result, replacing=replacing)
    for read in gather(runtime, question.connection, question.draft, most=MOST_ITEMS, reuse=reuse, key_result=question.key_result):
        yield answer_from(question, read)


def answer_lately(runtime: Runtime, question: Question) -> Answer | None:
    """The complete answer from items that a preview read some seconds ago; None without them. Calls no host."""
    read = gathered_lately(runtime, question.connection, question.draft, key_result=question.key_result)
    return answer_from(question, read) if read is not None else None


def ask(runtime: Runtime, data: Mapping[str, Any], *, key_result: str | None, replacing: int | None = None) -> Question:
    """Read what the answer needs of our own and check the mapping. Raises as ``preview_mapping`` does; calls no host."""
    with runtime.store.read() as session:
        connection = usable_connection(session, data.get("connection"))
        facts = _facts(session, key_result)
        elsewhere = _elsewhere(session, facts) if facts else {}
    draft = parse_mapping(data, where="mapping", host=connection.host)
    same = dump_mapping(draft)
    others = () if facts is None else tuple(link for link in facts.links if link.id != replacing and dump_mapping(link.rule) != same)
    check_family([*(link.rule for link in others), draft], where="mappings")
    return Question(connection, draft, facts, others, elsewhere)


def answer_from(question: Question, read: Gathered) -> Answer:
    """The answer from items that were read."""
    facts, candidates = question.facts, []
    if facts is not None:
        candidates = [
            Candidate(link.rule, link.resolved, facts.items.get(link.id, []), facts.epics.get(link.id, ())) for link in question.others
        ]
    candidates.append(Candidate(question.draft, read.resolution, read.members, read.epics, read.unknown_members))
    definition = question.definition
    if definition.kind is Kind.MILESTONES:  # its value is a share of 0 to 1, whatever unit is printed beside it
        definition = Definition(definition.kind, "", milestones=definition.milestones)
    return Answer(question, read, preview(candidates, definition, question.current, elsewhere=question.elsewhere))


def _facts(session: Session, key_result: str | None) -> Facts | None:
    if key_result is None:
        return None
    facts = load_facts(session, [key_result]).get(key_result)
    if facts is None:
        raise NotFound(f"there is no key result {key_result!r}")
    return facts


def _elsewhere(session: Session, facts: Facts) -> dict[str, set[tuple[str, str]]]:
    """Which items other key results of the same objective count, by their title: work would move the objective twice."""
    counted: dict[str, set[tuple[str, str]]] = {}
    for title, connection, ref in session.execute(
        select(KeyResult.title, Connection.name, ItemRow.ref)
        .join(MappingRow, MappingRow.key_result_id == KeyResult.id)
        .join(Connection, Connection.id == MappingRow.connection_id)
        .join(MappingItem, MappingItem.mapping_id == MappingRow.id)
        .join(ItemRow, ItemRow.id == MappingItem.item_id)
        .where(
            KeyResult.objective_id == facts.objective.id,
            KeyResult.id != facts.row.id,
            KeyResult.retired_at.is_(None),
            MappingRow.retired_at.is_(None),
            MappingRow.mode == Mode.VALUE.value,
            ItemRow.gone_at.is_(None),
        )
        .order_by(KeyResult.position, KeyResult.id)
    ):
        counted.setdefault(title, set()).add((connection, ref))
    return counted


def shape(answer: Answer) -> dict[str, Any]:
    """An answer as the API gives it."""
    told, draft = answer.preview, answer.question.draft
    counts = told.combined if draft.mode is Mode.VALUE else told.measurements[-1]
    return {
        "before": told.before,
        "after": answer.after,
        "sentence": answer.sentence,
        "items": counts.items,
        "done": counts.done,
        "total": counts.total,
        "without_number": counts.without_number,
        "wont_do": counts.wont_do,
        "explanation": told.explanations[-1],
        "rows": [_row(row) for row in answer.rows[:MOST_ROWS]],
        "warnings": [{"code": notice.code, "text": notice.text} for notice in answer.warnings],
        "cut_off": answer.read.cut_off,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "ref": row.ref,
        "key": row.key,
        "title": row.title,
        "url": row.url,
        "status": row.status,
        "category": row.category.value,
        "number": row.number,
        "wont_do": row.wont_do,
        "standing": row.standing,
    }
