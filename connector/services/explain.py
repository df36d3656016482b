"""Where a key result's number comes from: each mapping with its query, its counts and one sentence. Reads the mirror, calls no host."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.services import provenance
from connector.services.facts import Facts, load_facts
from connector.services.rollup import describe, measure_link
from connector.store.tables import CheckIn, Person
from mappings.repository import Link
from mappings.rules import Measurement, Mode, dump_mapping, explain

DIGITS = 10


def sources(session: Session, key_result_id: str) -> list[dict[str, Any]]:
    """One entry per active mapping, in their order; counts are None while its source cannot be read. Empty for an unknown key result."""
    facts = load_facts(session, [key_result_id], history=False).get(key_result_id)
    return [] if facts is None else told(facts, _teller(session, facts))


def _teller(session: Session, facts: Facts) -> str:
    """Who told the number that stands; "" where a source did."""
    if not provenance.is_told(facts.row.source):
        return ""
    row = session.execute(
        select(Person.name, CheckIn.source)
        .select_from(CheckIn)
        .outerjoin(Person, Person.id == CheckIn.author_id)
        .where(CheckIn.id == (facts.row.source or {}).get("check_in"))
    ).one_or_none()
    return provenance.author_text(row.name, row.source) if row is not None else provenance.SOMEBODY


def told(facts: Facts, teller: str = "") -> list[dict[str, Any]]:
    """One entry per active mapping of a key result whose links and items were read. ``teller``: who told the number that stands."""
    found = []
    for link in facts.links:
        answer = measure_link(facts, link)
        written = dump_mapping(link.rule)
        # A source that could not be read was not counted: 0 would be a lie.
        counts: dict[str, int | None] = {
            name: None if answer.broken else getattr(answer, name) for name in ("items", "done", "total", "without_number", "wont_do")
        }
        found.append(
            {
                "id": link.id,
                "connection": written["connection"],
                "select": written["select"],
                "measure": written["measure"],
                "mode": written["mode"],
                "query": describe(link),
                "value": None if answer.value is None else round(answer.value, DIGITS),
                **counts,
                "unknown": answer.unknown or None,
                "broken": link.broken,
                "explanation": _explained(link, answer, teller),
                "titles": dict(link.resolved.titles),
            }
        )
    return found


def _explained(link: Link, answer: Measurement, teller: str) -> str:
    words = explain(link.rule, answer)
    if not teller or link.rule.mode is not Mode.VALUE:
        return words
    return f"{words}; read beside the number that stands, which was told by {teller}"
