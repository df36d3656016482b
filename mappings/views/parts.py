"""The part of the form that depends on the host: what can be picked, which fields and properties there are. No markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.errors import HostError, InputError
from connector.hosts.base import Choice, Container, Description, FieldInfo
from connector.runtime import Runtime
from connector.services.mapping import catalog
from connector.services.mapping.candidates import mapped_keys
from connector.store.tables import Connection
from connector.web.forms import Form
from mappings.filter_form import AS_WRITTEN, asked_of, control_of, usual_test
from mappings.forms import kinds_of, measures_of

PICKED = {"epics": ("epic",), "database": ("database", "data_source")}  # kinds of choices that the two searches show
_NUMBERS = ("number", "formula", "rollup")


@dataclass(frozen=True, slots=True)
class Pick:
    """One line of a search: what is sent, what people read."""

    value: str
    title: str
    status: str = ""
    url: str = ""

    @property
    def known(self) -> str:
        """What the form sends along, so that a picked line keeps its title in the next search."""
        return "\t".join((self.value, self.title, self.status))


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the property filter; ``options`` are the values to choose from, ``control`` says how a value is entered."""

    name: str
    value: str
    options: tuple[str, ...] = ()
    test: str = ""
    tests: tuple[tuple[str, str], ...] = ()
    control: str = "text"


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything of the form that the host told. ``loaded`` False: it was not asked yet. ``trouble``: why it could not be asked."""

    host: str
    kinds: tuple[tuple[str, str], ...]
    measures: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    picked: tuple[Pick, ...] = ()
    found: tuple[Pick, ...] = ()
    projects: tuple[tuple[str, str], ...] = ()
    numbers: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    checkboxes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    loaded: bool = False
    trouble: str = ""


def build_parts(runtime: Runtime, connection: Connection | None, host: str, form: Form, *, ask: bool) -> Parts:
    """The parts for the form as it is filled in. ``ask`` False: only what is known without calling the host."""
    if form["kind"] not in dict(kinds_of(host)):
        form.values["kind"] = kinds_of(host)[0][0]
    kind = form["kind"]
    description: Description | None = None
    choices: Sequence[Choice] | None = None
    trouble = ""
    if connection is not None:
        description = catalog.described(runtime, connection)
        place = within(form, host)
        choices = catalog.found_lately(runtime, connection, form["q"], container=place)
        if ask:
            try:
                description = description or catalog.describe(runtime, connection)
                if kind in PICKED:
                    choices = catalog.find(runtime, connection, form["q"], container=place)
            except InputError as error:
                trouble = error.message
            except HostError as error:
                trouble = f"{connection.name} could not be asked what there is to map: {error.message}. Keys and names can be typed"
    source, _, data_source = form["source"].partition("/")
    container = catalog.source_of(description, source, data_source)
    fields = (container.fields if container else ()) if host == "notion" else (description.fields if description else ())
    shown = {each.name: each for each in fields}
    names = {role: tuple(each.name for each in shown.values() if each.role == role) for role in ("number", "points", "checkbox", "status")}
    numbers = (
        tuple(each.name for each in shown.values() if each.type in _NUMBERS) if host == "notion" else (*names["points"], *names["number"])
    )
    return Parts(
        host,
        kinds_of(host),
        measures_of(host, form["measure"]),
        picked=picked(form, kind, choices or ()),
        found=_unmapped_first(runtime, connection, offered(form, kind, choices or ())),
        projects=tuple((each.key, each.name) for each in description.containers) if description and host == "jira" else (),
        numbers=numbers,
        points=numbers,
        checkboxes=names["checkbox"],
        statuses=names["status"],
        properties=tuple(shown) if host == "notion" else (),
        conditions=_conditions(form, container),
        loaded=ask or (description is not None and (kind not in PICKED or choices is not None)),
        trouble=trouble,
    )


def property_types(runtime: Runtime, connection: Connection | None, form: Form) -> dict[str, str]:
    """Property → type of the data source that the form names, as far as it is known without calling the host."""
    if connection is None:
        return {}
    source, _, data_source = form["source"].partition("/")
    container = catalog.source_of(catalog.described(runtime, connection), source, data_source)
    return {each.name: each.type for each in container.fields} if container else {}


def picked(form: Form, kind: str, choices: Sequence[Choice] = ()) -> tuple[Pick, ...]:
    """What is chosen already, with the titles that the form remembers or ``choices`` tell."""
    known = {_value(each): (each.title, each.status) for each in choices}
    known |= {value: (title, status) for value, title, status in (_known(line) for line in form.many("known")) if title != value}
    values = form.many("epic") if kind == "epics" else [form["source"]] if kind == "database" else []
    return tuple(Pick(value, *known.get(value, (value, ""))) for value in dict.fromkeys(values) if value)


def _known(line: str) -> tuple[str, str, str]:
    value, title, status = (*line.split("\t"), "", "")[:3]
    return value, title or value, status


def offered(form: Form, kind: str, choices: Sequence[Choice]) -> tuple[Pick, ...]:
    """What a search found, without what is chosen already."""
    chosen = {each.value for each in picked(form, kind)}
    lines = [Pick(_value(each), each.title, each.status, each.url) for each in choices if each.kind in PICKED.get(kind, ())]
    if kind == "epics":  # a whole key may name an issue that some site uses like an epic
        lines += [Pick(each.key, each.title, each.status, each.url) for each in choices if each.kind == "issue"]
    return tuple(each for each in lines if each.value not in chosen)


def _value(choice: Choice) -> str:
    """What the form sends: a key, or the database and in it the data source, so that no other can be meant."""
    if choice.kind == "data_source" and choice.container:
        return f"{choice.container}/{choice.ref}"
    return choice.key or choice.ref


def search(runtime: Runtime, connection: Connection, form: Form) -> tuple[tuple[Pick, ...], str]:
    """(what the words of the form find, why nothing could be found)."""
    kind = form["kind"] or "epics"
    try:
        found = catalog.find(runtime, connection, form["q"], container=within(form, connection.host))
        return _unmapped_first(runtime, connection, offered(form, kind, found)), ""
    except InputError as error:
        return (), error.message
    except HostError as error:
        return (), f"{connection.name} does not answer: {error.message}"


def within(form: Form, host: str) -> str:
    """The project in which epics are looked for; "" for all."""
    return form["within"].strip() if host == "jira" and form["kind"] in ("", "epics") else ""


def _unmapped_first(runtime: Runtime, connection: Connection | None, lines: tuple[Pick, ...]) -> tuple[Pick, ...]:
    """What no mapping names yet comes first; the order within stays."""
    if connection is None or connection.host != "jira" or len(lines) < 2:
        return lines
    with runtime.store.read() as session:
        named = mapped_keys(session, connection.id, [each.value for each in lines])
    return tuple(sorted(lines, key=lambda each: each.value in named))


def _conditions(form: Form, container: Container | None) -> tuple[Condition, ...]:
    fields = {each.name: each for each in container.fields} if container else {}
    tests, values = form.many("filter_test"), form.many("filter_value")
    rows = [
        _condition(name, fields.get(name), tests[at] if at < len(tests) else "", values[at] if at < len(values) else "")
        for at, name in enumerate(form.many("filter_name"))
        if name
    ]
    return (*rows, Condition("", ""))


def _condition(name: str, info: FieldInfo | None, test: str, value: str) -> Condition:
    kind = info.type if info is not None else ""
    known = asked_of(kind, test if info is None or test == AS_WRITTEN else "")
    chosen = test if test in dict(known) else usual_test(kind)
    control = control_of(kind, chosen)
    options: tuple[str, ...] = ()
    if info is not None and control == "options":
        options = ("yes", "no") if kind == "checkbox" else info.options
    elif info is not None and control == "groups":
        options = info.groups
    return Condition(name, "" if control == "none" else value, options, chosen, known, control)
