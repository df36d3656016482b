"""The mapping form as plain values, into a mapping as ``parse_mapping`` reads it, and back. Pure: asks no host and stores nothing.

Fields that may stand several times: ``epic``, and ``filter_name``, ``filter_test``, ``filter_value`` (which go together by place).
What the form has no field for (other names of "won't do", credits, values that mean done) is kept from the mapping that is edited.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from connector.domain.model import Definition
from connector.errors import Faults, InputError
from mappings.filter_form import fill_filter, read_filter
from mappings.terms import FIELD_MEASURES, POINTS, MeasureKind, Of

JIRA_KINDS = (("epics", "Epics"), ("project", "Project"), ("jql", "JQL"), ("issues", "Single issues"))
NOTION_KINDS = (("database", "Database"), ("rows", "Single rows"))
MODES = (("value", "Moves the value"), ("context", "Context only"))

# Option → words, by group. A colon parts the measure from the items that it looks at.
_COUNTING = (
    ("done_share", "Share done"),
    ("done_count", "Number done"),
    ("credit_share", "Share done, started items count half"),
    ("count", "Number of items"),
)
_POINTS = (("points_share", "Share of points done"), ("points_done", "Points done"))
_FIELD = (
    ("sum:done", "Sum of a number field, done items"),
    ("sum:all", "Sum of a number field, all items"),
    ("sum:open", "Sum of a number field, open items"),
    ("mean:done", "Mean of a number field, done items"),
    ("mean:all", "Mean of a number field, all items"),
    ("min:all", "Smallest number of a field"),
    ("max:all", "Largest number of a field"),
    ("latest:all", "Latest number of a field"),
)
_CHECKED = (("checked_share", "Share with a checkbox ticked"),)
_RARE = {
    "mean:open": "Mean of a number field, open items",
    "min:done": "Smallest number of a field, done items",
    "min:open": "Smallest number of a field, open items",
    "max:done": "Largest number of a field, done items",
    "max:open": "Largest number of a field, open items",
    "latest:done": "Latest number of a field, done items",
    "latest:open": "Latest number of a field, open items",
}

_KEPT_OPTIONS = ("wont_do_names", "credit", "done")
_WHOLE_KEY = re.compile(r"(?:https?://\S+/browse/)?[A-Za-z][A-Za-z0-9_]*-[1-9][0-9]*\S*")
_APART = re.compile(r"[\s,;]+")


class Fields(Protocol):
    """What was typed: one text by name ("" when missing), all texts of a field that may stand several times."""

    def __getitem__(self, name: str) -> str:
        """The text of a field."""
        ...

    def many(self, name: str) -> list[str]:
        """All texts of a field."""
        ...


def kinds_of(host: str) -> tuple[tuple[str, str], ...]:
    """The ways to say which items, for one host: (value, words)."""
    return JIRA_KINDS if host == "jira" else NOTION_KINDS


def measures_of(host: str, chosen: str = "") -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """The measures of a host by group: (group, ((option, words), …)); a rare one only when it is ``chosen``."""
    counting = _COUNTING if host == "jira" else (*_COUNTING, *_CHECKED)
    field = (*_FIELD, (chosen, _RARE[chosen])) if chosen in _RARE else _FIELD
    return ("Counting items", counting), ("Points", _POINTS), ("A number field", field)


def measure_words(measure: str | Mapping[str, Any]) -> str:
    """A measure as stored, in the words of the form: "Share done", "Sum of Seats, done items"."""
    option, field = option_of(measure)
    every = dict((*_COUNTING, *_POINTS, *_FIELD, *_CHECKED)) | _RARE
    words = every.get(option, option)
    return words if not field else words.replace("a number field", field).replace("of a field", f"of {field}").replace("a checkbox", field)


def option_of(measure: str | Mapping[str, Any]) -> tuple[str, str]:
    """A measure as stored → (option of the form, its field or "")."""
    if isinstance(measure, str):
        return measure, ""
    kind, field = next((name, value) for name, value in measure.items() if name not in ("of", "by"))
    return (kind if kind == MeasureKind.CHECKED_SHARE else f"{kind}:{measure.get('of', Of.ALL.value)}"), str(field)


def usual_measure(definition: Definition, others: Sequence[str] = ()) -> str:
    """What a new mapping of this key result most likely measures; ``others``: options of its mappings that move the value already."""
    if others:
        return others[0]
    bounds = [abs(bound) for bound in (definition.start, definition.target, definition.low, definition.high) if bound is not None]
    return "done_share" if definition.unit.strip() == "%" or not any(bound > 1 for bound in bounds) else "done_count"


# --- form → mapping ----------------------------------------------------------------------------------------------------------


def read_form(form: Fields, host: str, *, types: Mapping[str, str] | None = None, kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The mapping that was filled in, in the shape of the file of ``apply``.

    ``types``: property → its type at the host, for filter values. ``kept``: the stored mapping that is edited. Raises ``InputError``
    (``Faults`` for several) whose ``where`` is the form's field. What only the rules know is left to ``parse_mapping``.
    """
    errors: list[InputError] = []
    written: dict[str, Any] = {"connection": form["connection"]}
    kind = form["kind"] if form["kind"] in dict(kinds_of(host)) else kinds_of(host)[0][0]
    for name, read in (("select", lambda: _select(form, kind, types or {})), ("measure", lambda: _measure(form))):
        try:
            written[name] = read()
        except InputError as error:
            errors += error.errors if isinstance(error, Faults) else [error]
    written["mode"] = form["mode"] or "value"
    if kind in ("epics", "project") and form["subtasks"]:
        written["subtasks"] = True
    if not form["wont_do"]:
        written["wont_do"] = "exclude"
    if kind == "epics" and form["empty"]:
        written["empty"] = "own_status"
    option = form["measure"].partition(":")[0]
    if option in POINTS and (points := form["points"].strip()):
        several = (kept or {}).get("points", [])  # the form shows the first of them
        written["points"] = list(several) if several[:1] == [points] else [points]
    how, _, name = form["decides"].partition(":")
    if host == "notion" and how in ("status", "checkbox") and name:
        written[how] = name
    if errors:
        raise errors[0] if len(errors) == 1 else Faults(errors)
    written.update(_kept(kept or {}, option, decided=how != "kept"))
    before = (kept or {}).get("measure")
    if (
        option == MeasureKind.LATEST
        and isinstance(before, Mapping)
        and before.get("latest") == written["measure"]["latest"]
        and "by" in before
    ):
        written["measure"]["by"] = before["by"]  # the form has no field for it
    return written


def _kept(stored: Mapping[str, Any], option: str, *, decided: bool) -> dict[str, Any]:
    found = {name: stored[name] for name in _KEPT_OPTIONS if name in stored}
    if option != MeasureKind.CREDIT_SHARE:
        found.pop("credit", None)
    if decided:
        found.pop("done", None)
    return found


def _select(form: Fields, kind: str, types: Mapping[str, str]) -> dict[str, Any]:
    match kind:
        case "epics":
            epics = list(dict.fromkeys(each for each in form.many("epic") if each))
            # Without a script nothing can be picked from a search: then the whole keys that were typed are meant
            typed = [each for each in _APART.split(form["q"].strip()) if each] if not epics else []
            if typed and all(_WHOLE_KEY.fullmatch(each) for each in typed):
                epics = typed
            if not epics:
                raise InputError("pick at least one epic", where="epics")
            return {"epics": epics}
        case "project":
            return {"project": _needed(form, "project", "choose a project")}
        case "jql":
            return {"jql": _needed(form, "jql", "enter a JQL query, such as: project = ACME AND labels = growth")}
        case "issues":
            return {
                "issues": [each for each in _APART.split(_needed(form, "issues", "enter the keys of the issues, such as ACME-12")) if each]
            }
        case "rows":
            return {"rows": [each for each in _APART.split(_needed(form, "rows", "enter the links of the rows")) if each]}
        case _:
            return _database(form, types)


def _database(form: Fields, types: Mapping[str, str]) -> dict[str, Any]:
    database, _, source = _needed(form, "source", "choose a database").partition("/")
    select: dict[str, Any] = {"database": database}
    if source:
        select["data_source"] = source
    wished = read_filter(form.many("filter_name"), form.many("filter_test"), form.many("filter_value"), types)
    return {**select, "filter": wished} if wished else select


def _measure(form: Fields) -> str | dict[str, str]:
    kind, _, of = form["measure"].partition(":")
    field = form["field"].strip()
    if kind not in {each.value for each in MeasureKind}:
        raise InputError("choose what is measured", where="measure")
    if kind in FIELD_MEASURES:
        if not field:
            raise InputError("choose the number field", where="field")
        return {kind: field, "of": of or Of.ALL.value}
    checkbox = form["checkbox"].strip()
    return {kind: checkbox} if kind == MeasureKind.CHECKED_SHARE and checkbox else kind


def _needed(form: Fields, name: str, otherwise: str) -> str:
    text = form[name].strip()
    if not text:
        raise InputError(otherwise, where=name)
    return text


# --- mapping → form ----------------------------------------------------------------------------------------------------------


def fill_form(written: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """The form that shows a mapping (its canonical form, see ``dump_mapping``)."""
    select = written["select"]
    kind = next(name for name in select if name not in ("data_source", "filter"))
    option, field = option_of(written["measure"])
    values: dict[str, str | list[str]] = {
        "connection": written["connection"],
        "kind": kind,
        "measure": option,
        "checkbox" if option == MeasureKind.CHECKED_SHARE else "field": field,
        "mode": written.get("mode", "value"),
        "subtasks": "1" if written.get("subtasks") else "",
        "wont_do": "" if written.get("wont_do") == "exclude" else "1",
        "empty": "1" if written.get("empty") == "own_status" else "",
        "points": (written.get("points") or [""])[0],
        "decides": _decides(written),
    }
    if kind == "epics":
        values["epic"] = list(select["epics"])
    elif kind in ("issues", "rows"):
        values[kind] = "\n".join(select[kind])
    elif kind == "database":
        values["source"] = "/".join(part for part in (select["database"], select.get("data_source", "")) if part)
        values.update(fill_filter(select.get("filter", {})))
    else:
        values[kind] = select[kind]
    return values


def _decides(written: Mapping[str, Any]) -> str:
    if written.get("done"):
        return "kept"
    return next((f"{how}:{written[how]}" for how in ("status", "checkbox") if written.get(how)), "")


# --- where a message belongs ---------------------------------------------------------------------------------------------------


def place(where: str, kind: str = "") -> str:
    """The form's field for the path of a faulty value in a mapping: "mapping.select.epics[0]" → "epics"; "" for the whole form."""
    parts = [part.partition("[")[0] for part in where.removeprefix("mapping").strip(".").split(".")]
    if where.startswith("mappings["):
        return "measure" if parts[-1] == "measure" else "mode"
    if parts[0] == "select":
        name = parts[1] if len(parts) > 1 else kind
        return {"database": "source", "data_source": "source"}.get(name, name)
    if parts[0] == "measure":
        return "field" if len(parts) > 1 else "measure"
    return {"status": "decides", "checkbox": "decides", "done": "decides", "credit": "measure"}.get(parts[0], parts[0])


def moved(error: InputError, kind: str = "") -> InputError:
    """The same error at the form's fields."""
    if isinstance(error, Faults):
        return Faults([moved(each, kind) for each in error.errors])
    return InputError(error.message, where=place(error.where, kind))
