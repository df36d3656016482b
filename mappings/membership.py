"""Does this item belong to this mapping, is it done, and which fields must the host read for it? Pure questions.

Nothing here counts or adds; that is ``mappings.measures``.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain.model import Category, FieldValue, Item, Unknown
from mappings.conditions import GROUP_MARK, day_of, holds, is_day
from mappings.terms import POINTS, Condition, Draft, Op, Plain, Resolves, SelectorKind, Wishes, plain_name


def field_names(rule: Draft) -> tuple[str, ...]:
    """The field names that the host must resolve and read for this mapping, in a fixed order, each once.

    The empty name stands for "all point fields that the host recognises" and is here exactly when a points measure on Jira
    names none. What decides done in Notion is resolved by the host without being asked (also under the empty name).
    """
    names: list[str] = []
    if rule.measure.field:
        names.append(rule.measure.field)
    if rule.measure.by:
        names.append(rule.measure.by)
    if rule.measure.kind in POINTS:
        names.extend(rule.points or (("",) if rule.on_jira else ()))
    names.extend(rule.selector.filter)
    names.extend(rule.done)
    names.extend(name for name in (rule.status, rule.checkbox) if name)
    for wishes in (rule.selector.filter, rule.done):
        names.extend(f"{name}{GROUP_MARK}" for name, wished in wishes.items() if any(_asks_group(each) for each in wished))
    return tuple(dict.fromkeys(names))


def belongs(rule: Draft, resolved: Resolves, item: Item, *, told: bool | None = None, ancestors: Sequence[str] = ()) -> bool:
    """Does ``item`` feed ``rule``?

    ``told`` is the host's own answer, needed for JQL (None counts as no). ``ancestors`` are refs further up than
    ``item.parents``; they matter only with ``subtasks``. The named epics never count as children, also not below one
    another. A project's epics do not count either: they hold the other issues, so both would count the same work twice.
    A row whose filter property cannot be read is no member; ``unknown_filter`` tells it apart from a row that does not match.
    """
    selector = rule.selector
    match selector.kind:
        case SelectorKind.JQL:
            return told is True
        case SelectorKind.ISSUES:
            return item.ref in _refs(resolved, selector.issues)
        case SelectorKind.ROWS:
            return item.ref in _refs(resolved, selector.rows)
        case SelectorKind.DATABASE:
            return item.container in resolved.containers and matches(resolved, item, selector.filter) is True
        case SelectorKind.PROJECT:
            projects = resolved.containers or (selector.project,)
            return item.container in projects and item.kind != "epic" and (selector.subtasks or item.kind != "subtask")
        case SelectorKind.EPICS:
            epics = _refs(resolved, selector.epics)
            if item.ref in epics:
                return False
            if selector.subtasks:
                return not epics.isdisjoint(item.parents) or not epics.isdisjoint(ancestors)
            return item.kind != "subtask" and not epics.isdisjoint(item.parents)


def unknown_filter(rule: Draft, resolved: Resolves, item: Item) -> bool:
    """True for a row of the mapping's data source of which nobody can say whether the filter matches."""
    selector = rule.selector
    if selector.kind is not SelectorKind.DATABASE or item.container not in resolved.containers:
        return False
    return matches(resolved, item, selector.filter) is None


def matches(resolved: Resolves, item: Item, wishes: Wishes) -> bool | None:
    """Does the item fulfil, for every property, one of the wishes? None: one cannot be told and none says no.

    A property that was not read at all is unknown; a property that is there and empty is a no.
    """
    unknown = False
    for name, wished in wishes.items():
        value = _value(resolved, item, name)
        answers = {_fulfils(resolved, item, name, value, wish) for wish in wished}
        if True not in answers and None not in answers:
            return False
        unknown = unknown or True not in answers
    return None if unknown else True


def _fulfils(resolved: Resolves, item: Item, name: str, value: FieldValue, wish: Plain | Condition) -> bool | None:
    if isinstance(wish, Condition):
        group = _value(resolved, item, name + GROUP_MARK)
        return holds(_as_called_now(resolved, name, wish), value, group, resolved.refs, resolved.clock)
    if isinstance(value, Unknown):
        return None
    if isinstance(wish, str):
        wish = resolved.options.get(name, {}).get(wish) or resolved.refs.get(wish, wish)
        if is_day(wish) and isinstance(value, str) and len(value) > len(wish):  # a time on that day
            day = day_of(value, resolved.clock.get("zone", ""))
            return day is not None and day.isoformat() == wish
    return _equal(value, wish)


def _as_called_now(resolved: Resolves, name: str, condition: Condition) -> Condition:
    """The condition with its options by the names that they have now."""
    known = resolved.options.get(name)
    if not known:
        return condition
    tests = ((op, tuple(known.get(each, each) for each in value) if isinstance(value, tuple) else value) for op, value in condition.tests)
    return Condition(tuple(tests))


def _asks_group(wish: Plain | Condition) -> bool:
    return isinstance(wish, Condition) and any(op is Op.GROUP for op, _ in wish.tests)


def doneness(rule: Draft, resolved: Resolves, item: Item) -> bool | None:
    """Is the item done by this mapping's own definition, else by its status category? None: nobody can say.

    Never by the name of a status, unless the mapping names a property and its values itself (Notion).
    """
    if rule.done:
        return matches(resolved, item, rule.done)
    if rule.checkbox:
        return matches(resolved, item, {rule.checkbox: (True,)})
    if rule.status and set(resolved.fields.get(rule.status, ())).isdisjoint(resolved.fields.get("", ())):
        return None  # the category that we have was taken from another status property
    if item.category is Category.UNDEFINED:
        return None
    return item.category is Category.DONE


def is_wont_do(rule: Draft, resolved: Resolves, item: Item) -> bool:
    """Closed without being done: the category (or the mapping's own rule) says done, resolution or status say won't do."""
    if item.category is not Category.DONE and doneness(rule, resolved, item) is not True:
        return False
    return any(name is not None and plain_name(name) in rule.wont_do_names for name in (item.resolution, item.status))


def _refs(resolved: Resolves, names: Sequence[str]) -> frozenset[str]:
    return frozenset(resolved.refs[name] for name in names if name in resolved.refs)


def _value(resolved: Resolves, item: Item, name: str) -> FieldValue:
    """First value that is not empty among the ids behind a name; ``Unknown`` when none of them was read."""
    ids = resolved.fields.get(name, ())
    read = [item.fields[each] for each in ids if each in item.fields]
    if not read:
        return Unknown("not read")
    return next((value for value in read if value is not None), None)


def _equal(value: FieldValue, wish: Plain) -> bool:
    """Texts by case, numbers by size, yes/no only with yes/no; a list property matches by any of its entries.

    A number meets a text half-way: YAML reads the option ``2024`` as a number, and a form sends the number 3 as text.
    """
    if isinstance(value, tuple):
        return any(_equal(each, wish) for each in value)
    if isinstance(value, bool) or isinstance(wish, bool):
        return value is wish
    if isinstance(value, (int, float)) or isinstance(wish, (int, float)):
        return _number(value) is not None and _number(value) == _number(wish)
    return isinstance(value, str) and value == wish


def _number(value: FieldValue) -> float | None:
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
