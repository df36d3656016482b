"""Whether the source of a mapping can be read: links in the shape that hosts read, and why one is broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from connector.errors import Gone, Refused
from connector.hosts.base import Host, Resolution, Wanted
from mappings.repository import Link
from mappings.repository import Resolution as Stored
from mappings.rules import MeasureKind, Mode, Of, field_names

_POINTS = frozenset({"", "points", "story points", "story point estimate"})


def as_wanted(links: Sequence[Link]) -> list[Wanted]:
    """Links in the shape that hosts read."""
    return [Wanted(link.id, link.rule.selector, as_resolution(link), field_names(link.rule)) for link in links]


def as_resolution(link: Link) -> Resolution:
    """What the host resolved for a link."""
    return stored_resolution(link.resolved)


def stored_resolution(resolved: Stored) -> Resolution:
    """What is stored with a mapping, in the shape that hosts read."""
    told = {each.name: getattr(resolved, each.name) for each in fields(Stored)}
    return Resolution(**told)


def value_measures(links: Iterable[Link]) -> tuple[str, ...]:
    """The names of the measures that move a value; "count of done" where only done items are counted."""
    measures = [link.rule.measure for link in links if link.rule.mode is Mode.VALUE]
    return tuple("count of done" if each.kind is MeasureKind.COUNT and each.of is Of.DONE else each.kind.value for each in measures)


def point_ids(link: Link) -> tuple[str, ...]:
    """Ids of the fields that hold points, as far as the mapping measures them: "" names a host's own, others are known by their name."""
    named = [ids for name, ids in link.resolved.fields.items() if name.strip().casefold() in _POINTS]
    return tuple(dict.fromkeys(ident for ids in named for ident in ids))


def why_broken(link: Link, answer: Resolution) -> str | None:
    """What a mapping lost so much of that its number would be wrong: everything it names, or a field that it measures."""
    missing = set(answer.missing)
    named = (*link.rule.selector.epics, *link.rule.selector.issues, *link.rule.selector.rows)
    if named and set(named) <= missing:
        return f"{', '.join(named)}: no longer there, or no longer visible to the connector's account"
    lost = [name for name in (*field_names(link.rule), *link.rule.selector.filter) if name in missing]
    if lost:
        return f"the field {lost[0]!r} no longer exists at the host; choose another one in the mapping"
    return "; ".join(answer.wrong) or None


def unreachable(host: Host, links: Sequence[Link]) -> dict[int, str]:
    """Which mappings' whole source is out of reach now, with the reason: a missing item then proves nothing.

    Each source is asked once. Raises ``HostError`` when the connection itself is in trouble.
    """
    found: dict[int, str] = {}
    answers: dict[tuple[object, ...], Resolution | str] = {}
    for link in links:
        selector = link.rule.selector
        key = (
            selector.kind,
            selector.database,
            selector.data_source,
            selector.epics,
            selector.project,
            selector.issues,
            selector.rows,
            selector.jql,
            repr((selector.filter, link.rule.done)),  # two filters on one database may lose different options
            field_names(link.rule),
        )
        if key not in answers:
            try:
                answers[key] = host.resolve(selector, field_names(link.rule), as_resolution(link), also=link.rule.done)
            except (Gone, Refused) as error:
                if isinstance(error, Refused) and error.parks:
                    raise
                answers[key] = error.message
        answer = answers[key]
        reason = answer if isinstance(answer, str) else why_broken(link, answer)
        if reason is not None:
            found[link.id] = reason
    return found


def database_name(link: Link) -> str:
    """What people call the data source of a mapping, "" when the host has not told it."""
    names = (link.resolved.titles.get(container, "") for container in (*link.resolved.containers, link.rule.selector.database))
    return next((name for name in names if name), "")
