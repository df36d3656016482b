"""Where a key result's number comes from: each mapping with its query, its counts and one sentence. Reads the mirror, calls no host."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from connector.services.facts import Facts, load_facts
from connector.services.rollup import describe, measure_link
from mappings.rules import dump_mapping, explain

DIGITS = 10


def sources(session: Session, key_result_id: str) -> list[dict[str, Any]]:
    """One entry per active mapping, in their order; counts are None while its source cannot be read. Empty for an unknown key result."""
    facts = load_facts(session, [key_result_id], history=False).get(key_result_id)
    return [] if facts is None else told(facts)


def told(facts: Facts) -> list[dict[str, Any]]:
    """One entry per active mapping of a key result whose links and items were read."""
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
                "explanation": explain(link.rule, answer),
                "titles": dict(link.resolved.titles),
            }
        )
    return found
