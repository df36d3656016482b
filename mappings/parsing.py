"""A mapping as people write it (YAML, JSON, a form's values) → ``Draft``, strictly, and back. Pure.

Nothing is guessed: an unknown key, a measure that the host cannot give or a selector without limits is refused with the
place, the reason and the mend. What only the host knows (does the epic exist?) is checked by the host, not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.domain.model import Category
from connector.errors import InputError
from mappings.reading import as_list, as_mapping, as_number, as_text, choose, near, only_keys, texts
from mappings.selecting import check_subtasks, dump_selector, parse_selector
from mappings.terms import (
    DEFAULT_CREDIT,
    DEFAULT_WONT_DO_NAMES,
    FIELD_MEASURES,
    POINTS,
    Draft,
    Empty,
    Measure,
    MeasureKind,
    Mode,
    Of,
    SelectorKind,
    WontDo,
    plain_name,
)
from mappings.wishes import dump_wishes, values_by_name

_KEYS = (
    "connection",
    "select",
    "measure",
    "mode",
    "subtasks",
    "wont_do",
    "wont_do_names",
    "empty",
    "points",
    "credit",
    "done",
    "status",
    "checkbox",
)
_HOSTS = ("jira", "notion")
_CREDIT_NAMES = {
    "new": Category.NEW,
    "started": Category.STARTED,
    "indeterminate": Category.STARTED,
    "in_progress": Category.STARTED,
    "done": Category.DONE,
}


def parse_mapping(data: Any, *, where: str, host: str) -> Draft:
    """One mapping of the file of ``apply`` (or of the API, or a stored one) as a ``Draft``.

    ``where`` is the path of the mapping, such as "mappings[0]"; ``host`` is "jira" or "notion", the host of its connection.
    Raises ``InputError`` whose ``where`` is the path of the faulty value.
    """
    if host not in _HOSTS:
        raise InputError(f"mappings are known for {' and '.join(_HOSTS)}, not for {host!r}", where=where)
    given = as_mapping(data, where)
    only_keys(given, _KEYS, where)
    for needed in ("connection", "select", "measure"):
        if needed not in given:
            raise InputError(f"{needed} is missing", where=where)
    kind_where = f"{where}.measure"
    selector = parse_selector(given["select"], where=f"{where}.select", host=host)
    selector = check_subtasks(selector, given.get("subtasks"), where=f"{where}.subtasks")
    measure = parse_measure(given["measure"], where=kind_where)
    draft = Draft(
        connection=as_text(given["connection"], f"{where}.connection"),
        selector=selector,
        measure=measure,
        mode=choose(Mode, given.get("mode", Mode.VALUE), f"{where}.mode"),
        wont_do=choose(WontDo, given.get("wont_do", WontDo.COUNT), f"{where}.wont_do"),
        empty=choose(Empty, given.get("empty", Empty.UNKNOWN), f"{where}.empty"),
        points=texts(given["points"], f"{where}.points") if given.get("points") is not None else (),
        credit=_credit(given.get("credit"), f"{where}.credit"),
        wont_do_names=_names(given.get("wont_do_names"), f"{where}.wont_do_names"),
        done=values_by_name(given.get("done"), f"{where}.done"),
        status=as_text(given["status"], f"{where}.status") if given.get("status") is not None else "",
        checkbox=as_text(given["checkbox"], f"{where}.checkbox") if given.get("checkbox") is not None else "",
    )
    _check_fit(draft, host, where)
    return draft


def parse_measure(data: Any, *, where: str) -> Measure:
    """Both shapes: "done_share", or {"sum": "Story Points", "of": "done"}. Raises ``InputError``."""
    if isinstance(data, str):
        kind = choose(MeasureKind, data, where)
        if kind in FIELD_MEASURES:
            raise InputError(f"{kind.value} needs a field: {{{kind.value}: FIELD, of: done|open|all}}", where=where)
        return Measure(kind)
    if not isinstance(data, Mapping):
        raise InputError("must be the name of a measure, such as done_share, or {sum: FIELD, of: done}", where=where)
    kinds = [kind.value for kind in MeasureKind]
    only_keys(data, (*kinds, "of", "by"), where)
    named = [key for key in data if key in kinds]
    if len(named) != 1:
        what = f"names {' and '.join(named)}" if named else "names no measure"
        raise InputError(f"{what}; exactly one is needed, such as {{sum: FIELD, of: done}}", where=where)
    kind = MeasureKind(named[0])
    if kind not in FIELD_MEASURES and kind is not MeasureKind.CHECKED_SHARE:
        raise InputError(f"{kind.value} takes no field; write measure: {kind.value}", where=where)
    field = as_text(data[named[0]], f"{where}.{named[0]}")
    if "of" in data and kind is MeasureKind.CHECKED_SHARE:
        raise InputError("checked_share looks at all items; leave out of", where=f"{where}.of")
    by = as_text(data["by"], f"{where}.by") if data.get("by") is not None else ""
    if by and kind is not MeasureKind.LATEST:
        raise InputError(f"only latest asks which row is the latest, {kind.value} does not; leave out by", where=f"{where}.by")
    return Measure(kind, field, choose(Of, data.get("of", Of.ALL), f"{where}.of"), by)


def dump_mapping(rule: Draft) -> dict[str, Any]:
    """The canonical form of a mapping: JSON- and YAML-ready, defaults left out, ``parse_mapping`` gives the same draft."""
    kind = rule.measure.kind
    measure: Any = kind.value
    if rule.measure.field:
        measure = {kind.value: rule.measure.field}
        if rule.measure.of is not Of.ALL:
            measure["of"] = rule.measure.of.value
        if rule.measure.by:
            measure["by"] = rule.measure.by
    written: dict[str, Any] = {
        "connection": rule.connection,
        "select": dump_selector(rule.selector),
        "measure": measure,
        "mode": rule.mode.value,
    }
    if rule.selector.subtasks:
        written["subtasks"] = True
    if rule.wont_do is not WontDo.COUNT:
        written["wont_do"] = rule.wont_do.value
    if rule.wont_do_names != DEFAULT_WONT_DO_NAMES:
        written["wont_do_names"] = sorted(rule.wont_do_names)
    if rule.empty is not Empty.UNKNOWN:
        written["empty"] = rule.empty.value
    if rule.points:
        written["points"] = list(rule.points)
    if dict(rule.credit) != dict(DEFAULT_CREDIT):
        names = {Category.NEW: "new", Category.STARTED: "started", Category.DONE: "done"}
        written["credit"] = {names[category]: value for category, value in rule.credit.items() if category in names}
    if rule.done:
        written["done"] = dump_wishes(rule.done)
    if rule.status:
        written["status"] = rule.status
    if rule.checkbox:
        written["checkbox"] = rule.checkbox
    return written


def _credit(data: Any, where: str) -> dict[Category, float]:
    credit = dict(DEFAULT_CREDIT)
    if data is None:
        return credit
    given = as_mapping(data, where)
    seen: dict[Category, str] = {}
    for key, value in given.items():
        if key == "undefined":
            raise InputError("an unknown status earns no credit: such items are left out of both sides and counted apart", where=where)
        if key not in _CREDIT_NAMES:
            raise InputError(f"unknown status category {key!r}{near(key, _CREDIT_NAMES)}; use new, started, done", where=where)
        category = _CREDIT_NAMES[key]
        if category in seen:
            raise InputError(f"{seen[category]} and {key} are the same status category", where=where)
        seen[category] = key
        credit[category] = as_number(value, f"{where}.{key}")
        if not 0 <= credit[category] <= 1:
            raise InputError("a credit must lie between 0 and 1", where=f"{where}.{key}")
    return credit


def _names(data: Any, where: str) -> frozenset[str]:
    if data is None:
        return DEFAULT_WONT_DO_NAMES
    # an empty list is meant here: no name means won't do
    return frozenset(plain_name(as_text(each, f"{where}[{index}]")) for index, each in enumerate(as_list(data, where)))


def _check_fit(draft: Draft, host: str, where: str) -> None:
    """Options that mean nothing for this measure or host are refused: they would be believed and not obeyed."""
    kind = draft.measure.kind
    if host == "jira":
        if kind is MeasureKind.CHECKED_SHARE:
            raise InputError("Jira issues have no checkbox to measure; use done_share or done_count", where=f"{where}.measure")
        if draft.measure.by:
            raise InputError("only for Notion: in Jira, the latest number is the one that changed last", where=f"{where}.measure.by")
        for name in ("done", "status", "checkbox"):
            if getattr(draft, name):
                raise InputError("only for Notion: in Jira, done is the status category done, never a name", where=f"{where}.{name}")
    else:
        if kind in POINTS and not draft.points:
            raise InputError(
                f"Notion has no story points of its own, so {kind.value} needs the number property: points: PROPERTY",
                where=f"{where}.measure",
            )
        deciders = [name for name in ("done", "status", "checkbox") if getattr(draft, name)]
        if len(deciders) > 1:
            raise InputError(f"{' and '.join(deciders)} both say what is done; keep one", where=f"{where}.{deciders[-1]}")
    if draft.points and kind not in POINTS:
        raise InputError(f"points matters only to points_share and points_done, not to {kind.value}", where=f"{where}.points")
    if dict(draft.credit) != dict(DEFAULT_CREDIT) and kind is not MeasureKind.CREDIT_SHARE:
        raise InputError(f"credit matters only to credit_share, not to {kind.value}", where=f"{where}.credit")
    if draft.empty is Empty.OWN_STATUS and draft.selector.kind is not SelectorKind.EPICS:
        raise InputError("own_status is about epics without children; only select: {epics: [...]} has those", where=f"{where}.empty")


def parse_mappings(data: Sequence[Any], *, where: str, hosts: Mapping[str, str]) -> tuple[Draft, ...]:
    """All mappings of one key result. ``hosts``: connection → host. Raises ``InputError``; does not check the family."""
    drafts = []
    for index, each in enumerate(as_list(data, where)):
        place = f"{where}[{index}]"
        connection = as_text(as_mapping(each, place).get("connection"), f"{place}.connection")
        if connection not in hosts:
            raise InputError(f"no connection is called {connection!r}{near(connection, hosts)}", where=f"{place}.connection")
        drafts.append(parse_mapping(each, where=place, host=hosts[connection]))
    return tuple(drafts)
