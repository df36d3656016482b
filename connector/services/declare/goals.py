"""Objectives, key results and their mappings in the file of ``apply``: shape and references.

What a mapping may be is decided by ``mappings`` (``parse_mapping``, ``check_family``), what a key result promises by ``definitions``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.domain.model import Cadence
from connector.errors import InputError
from connector.services.declare import reading
from connector.services.declare.definitions import read_cadence, read_definition, silent_ticks
from connector.services.declare.document import join
from connector.services.declare.reading import Fields, Notes
from connector.services.declare.values import DeclaredKeyResult, DeclaredMapping, DeclaredObjective
from mappings.reading import as_list, as_mapping, as_text, near
from mappings.rules import Mode, SelectorKind, check_family, dump_mapping, notion_id, parse_mapping

_STAGES = ("draft", "ready")
_OBJECTIVE = ("id", "title", "cycle", "team", "supports", "panels", "stage", "restricted", "readers", "key_results")
_BESIDE_THE_RULE = ("owner",)  # keys of a mapping that say nothing of what it counts
_KEY_RESULT = (
    "id", "title", "owner", "kind", "unit", "start", "target", "low", "high", "strict", "decimals",
    "weight", "cadence", "checkpoints", "phased_targets", "milestones", "by_hand", "mappings",
)  # fmt: skip


@dataclass
class Known:
    """What the file has named so far: names that references may use."""

    connections: dict[str, str] = field(default_factory=dict)  # name → host, "" when that is wrong
    people: dict[str, bool] = field(default_factory=dict)  # e-mail → active
    forums: set[str] = field(default_factory=set)
    teams: set[str] = field(default_factory=set)
    cycles: set[str] = field(default_factory=set)
    objectives: set[str] = field(default_factory=set)
    key_results: set[str] = field(default_factory=set)
    pages: dict[tuple[str, str], str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    many: int = 5  # above this an objective's number of key results is warned about (R013)

    def check_connection(self, name: Any, where: str) -> str:
        """A connection that the file names."""
        return _one_of(name, self.connections, "connection", where)

    def person(self, value: Any, where: str) -> str:
        """The e-mail address of a person of the file."""
        found = reading.email(value, where)
        if found not in self.people:
            raise InputError(f"no person has the e-mail address {found}; add them under people{near(found, self.people)}", where=where)
        return found

    def persons(self, value: Any, where: str) -> list[str]:
        """A list of people of the file, each once, by address."""
        return sorted({self.person(each, f"{where}[{index}]") for index, each in enumerate(as_list(value, where))})

    def forum(self, value: Any, where: str) -> str:
        """A forum of the file."""
        return _one_of(value, self.forums, "forum", where)

    def owner(self, value: Any, where: str) -> str:
        """Exactly one active person (R009)."""
        rule = "a key result has exactly one owner, a person"
        if not isinstance(value, str):
            raise InputError(f"{rule}: write one e-mail address", where=where)
        words = as_text(value, where)
        if words.count("@") > 1 or "," in words or ";" in words:
            raise InputError(f"{rule}, not a list: write one e-mail address", where=where)
        if "@" not in words:
            what = f"{words[:80]!r} is a team" if words in self.teams else f"{words[:80]!r} is not an e-mail address"
            raise InputError(f"{rule}: {what}; write the e-mail address of one person", where=where)
        found = self.person(words, where)
        if not self.people[found]:
            raise InputError(f"{found} is not active any more; name another owner", where=where)
        return found


def _one_of(value: Any, known: Iterable[str], what: str, where: str) -> str:
    name = as_text(value, where)
    names = sorted(known)
    if name not in names:
        hint = near(name, names) or (f"; the file has {', '.join(names[:10])}" if names else f"; the file has no {what}")
        raise InputError(f"no {what} is called {name[:80]!r}{hint}", where=where)
    return name


# --- objectives ----------------------------------------------------------------------------------------------------------------


def read_objectives(notes: Notes, data: Any, where: str, known: Known) -> list[DeclaredObjective]:
    """All objectives. Those with errors are left out; the errors are noted."""
    found = []
    for place, value in notes.entries(data, where):
        before = len(notes.errors)
        fields = notes.fields(value, place, _OBJECTIVE)
        if fields is None:
            continue
        name = _new_id(fields, known.objectives, "objectives")
        title = fields.take("title", reading.text, missing="")
        cycle = fields.take("cycle", lambda each, path: _one_of(each, known.cycles, "cycle", path), missing=": the name of a cycle")
        team = fields.take("team", lambda each, path: _one_of(each, known.teams, "team", path))
        supports = fields.take("supports", reading.slug)
        pages = _pages(notes, *fields.raw("panels"), name or place, known)
        said = fields.said(stage=(_stage, "ready"), restricted=(reading.flag, False), readers=(known.persons, []))
        listed, path = fields.raw("key_results")
        key_results = [read for spot, each in notes.entries(listed, path) if (read := _key_result(notes, each, spot, known))]
        if len(key_results) > known.many:
            known.warnings.append(f"objective {name} has {len(key_results)} key results; more than {known.many} are hard to keep in view")
        known.warnings += _shared_epics(name or place, key_results)
        if name and title and cycle and len(notes.errors) == before:
            found.append(DeclaredObjective(name, title, cycle, team, supports, pages, tuple(key_results), said))
    return found


def _stage(value: Any, where: str) -> str:
    found = as_text(value, where)
    if found not in _STAGES:
        raise InputError(f"unknown stage {found[:80]!r}{near(found, _STAGES) or '; it is draft or ready'}", where=where)
    return found


def _new_id(fields: Fields, taken: set[str], what: str) -> str | None:
    found = fields.take("id", reading.slug, missing=": it never changes and becomes part of addresses")
    if found in taken:
        fields.notes.add(f"two {what} have the id {found}; ids are unique in the whole file", join(fields.where, "id"))
    if found:
        taken.add(found)
    return found


def _pages(notes: Notes, data: Any, where: str, objective: str, known: Known) -> tuple[tuple[str, str], ...]:
    pages: dict[tuple[str, str], None] = {}
    for place, value in notes.entries(data, where):
        fields = notes.fields(value, place, ("connection", "page"))
        if fields is None:
            continue
        connection = fields.take("connection", known.check_connection, missing=": the name of a Notion connection")
        page = fields.take(
            "page", lambda each, path: notion_id(as_text(each, path), path, row=True), missing=": the link or id of the page"
        )
        if connection and known.connections[connection] not in ("notion", ""):
            notes.add(f"{connection} is not a Notion connection; in Jira the panel stands at the mapped epics", join(place, "connection"))
        if not connection or not page:
            continue
        holder = known.pages.setdefault((connection, page), objective)
        if holder != objective:
            notes.add(f"this page shows objective {holder} already; a page shows one objective", join(place, "page"))
        pages[(connection, page)] = None
    return tuple(pages)


def check_supports(notes: Notes, objectives: Iterable[DeclaredObjective], known: Known) -> None:
    """Every supported objective exists, and no chain leads back to its beginning."""
    above: dict[str, str] = {}
    places = {each["id"]: f"objectives[{index}]" for index, each in _raw_objectives(notes)}
    for objective in objectives:
        if objective.supports is None:
            continue
        place = join(places.get(objective.id, "objectives"), "supports")
        if objective.supports not in known.objectives:
            hint = near(objective.supports, known.objectives)
            notes.add(f"no objective has the id {objective.supports!r}{hint}", place)
            continue
        above[objective.id] = objective.supports
    settled: set[str] = set()
    for start in above:
        chain: dict[str, None] = {}
        name = start
        while name in above and name not in chain and name not in settled:
            chain[name] = None
            name = above[name]
        if name in chain:
            circle = list(chain)[list(chain).index(name) :]
            notes.add(
                f"objectives support each other in a circle: {' → '.join([*circle, name])}",
                join(places.get(name, "objectives"), "supports"),
            )
        settled.update(chain)


def _raw_objectives(notes: Notes) -> list[tuple[int, Mapping[str, Any]]]:
    listed = notes.document.data.get("objectives") or ()
    return [(index, each) for index, each in enumerate(listed) if isinstance(each, Mapping) and isinstance(each.get("id"), str)]


def _shared_epics(objective: str, key_results: Iterable[DeclaredKeyResult]) -> list[str]:
    """Epics that are named by two key results of one objective: their work would move the objective twice."""
    holders: dict[tuple[str, str], list[str]] = {}
    for key_result in key_results:
        for each in key_result.mappings:
            if each.draft.mode is Mode.VALUE and each.draft.selector.kind is SelectorKind.EPICS:
                for epic in each.draft.selector.epics:
                    named = holders.setdefault((each.draft.connection, epic), [])
                    if key_result.id not in named:
                        named.append(key_result.id)
    return [
        f"objective {objective}: {epic} ({connection}) moves {' and '.join(named)}; its work counts twice in the objective"
        for (connection, epic), named in holders.items()
        if len(named) > 1
    ]


# --- key results ---------------------------------------------------------------------------------------------------------------


def _key_result(notes: Notes, data: Any, where: str, known: Known) -> DeclaredKeyResult | None:
    before = len(notes.errors)
    fields = notes.fields(data, where, _KEY_RESULT)
    if fields is None:
        return None
    name = _new_id(fields, known.key_results, "key results")
    title = fields.take("title", reading.text, missing=": what is to be reached")
    owner = fields.take("owner", known.owner, missing=": a key result has exactly one owner, a person")
    weight = fields.take("weight", reading.weight)
    cadence = fields.take("cadence", read_cadence)
    definition = read_definition(fields)
    said = fields.said(by_hand=(reading.flag, False))
    drafts = _mappings(notes, *fields.raw("mappings"), known)
    if len(notes.errors) > before or not (name and title and owner and definition):
        return None
    weight = 1.0 if weight is None else weight
    silent = silent_ticks(fields)
    return DeclaredKeyResult(name, title, owner, definition, weight, cadence or Cadence.WEEKLY, tuple(drafts), said, silent)


# --- mappings ------------------------------------------------------------------------------------------------------------------


def _mapping_owner(given: Mapping[str, Any], where: str, known: Known) -> dict[str, Any]:
    if "owner" not in given:
        return {}
    return {"owner": None if given["owner"] is None else known.person(given["owner"], join(where, "owner"))}


def _mappings(notes: Notes, data: Any, where: str, known: Known) -> list[DeclaredMapping]:
    found: list[DeclaredMapping] = []
    complete = True
    for place, value in notes.entries(data, where):
        before = len(notes.errors)
        with notes.noting():
            given = as_mapping(value, place)
            if given.get("connection") is None:
                raise InputError("connection is missing", where=place)
            host = known.connections[known.check_connection(given["connection"], join(place, "connection"))]
            said = _mapping_owner(given, place, known)
            if host:  # a connection whose host is wrong has its own error
                rule = {key: each for key, each in given.items() if key not in _BESIDE_THE_RULE}
                found.append(DeclaredMapping(parse_mapping(rule, where=place, host=host), place, said))
        complete = complete and len(notes.errors) == before
    if not complete:
        return found
    with notes.noting():
        check_family([each.draft for each in found], where)
    first: dict[str, str] = {}
    for each in found:
        earlier = first.setdefault(repr(dump_mapping(each.draft)), each.where)
        if earlier != each.where:
            notes.add(f"is the same as {earlier}; remove one of them", each.where)
    return found
