"""The form as values: what is filled in becomes a mapping, a mapping fills the form, and both ways lose nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Definition
from connector.errors import Faults, InputError
from mappings.forms import fill_form, kinds_of, measure_words, measures_of, moved, option_of, place, read_form, usual_measure
from mappings.rules import FIELD_MEASURES, MeasureKind, Of, dump_mapping, parse_mapping
from tests.mappings.make import DATABASE, ROW, SOURCE

WAYS = {"jira": {"kind": "epics", "connection": "acme-jira"}, "notion": {"kind": "database", "connection": "acme-notion"}}


@dataclass
class Typed:
    """What a browser sent."""

    values: dict[str, str]
    lists: dict[str, list[str]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def many(self, name: str) -> list[str]:
        return self.lists.get(name, [])


def typed(host: str = "jira", lists: dict[str, list[str]] | None = None, **values: str) -> Typed:
    given = {"epic": ["ACME-1"]} if host == "jira" else {}
    told = {
        **WAYS[host],
        "measure": "done_share",
        "mode": "value",
        "wont_do": "1",
        **({} if host == "jira" else {"source": DATABASE}),
        **values,
    }
    return Typed(told, {**given, **(lists or {})})


def refused(form: Typed, host: str = "jira", **more: Any) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        read_form(form, host, **more)
    error = caught.value
    return {each.where: each.message for each in (error.errors if isinstance(error, Faults) else (error,))}


def test_the_plainest_form_is_the_plainest_mapping() -> None:
    assert read_form(typed(), "jira") == {
        "connection": "acme-jira",
        "select": {"epics": ["ACME-1"]},
        "measure": "done_share",
        "mode": "value",
    }


@pytest.mark.parametrize(
    ("kind", "values", "select"),
    [
        ("project", {"project": "ACME"}, {"project": "ACME"}),
        ("jql", {"jql": " project = ACME "}, {"jql": "project = ACME"}),
        ("issues", {"issues": "ACME-1, ACME-2\nACME-3"}, {"issues": ["ACME-1", "ACME-2", "ACME-3"]}),
        ("epics", {}, {"epics": ["ACME-1"]}),
        ("nonsense", {}, {"epics": ["ACME-1"]}),
    ],
)
def test_each_way_to_say_which_items(kind: str, values: dict[str, str], select: dict[str, Any]) -> None:
    assert read_form(typed(kind=kind, **values), "jira")["select"] == select


def test_fields_of_another_way_are_left_alone() -> None:
    form = typed(kind="jql", jql="project = ACME", project="OTHER", subtasks="1", empty="1")
    written = read_form(form, "jira")
    assert written["select"] == {"jql": "project = ACME"}
    assert "subtasks" not in written
    assert "empty" not in written


def test_whole_keys_that_were_only_typed_are_meant_but_words_are_not() -> None:
    assert read_form(typed(lists={"epic": []}, q="acme-7 https://acme.example/browse/ACME-8"), "jira")["select"] == {
        "epics": ["acme-7", "https://acme.example/browse/ACME-8"]
    }
    assert refused(typed(lists={"epic": []}, q="guided run")) == {"epics": "pick at least one epic"}
    assert read_form(typed(q="ACME-9"), "jira")["select"] == {"epics": ["ACME-1"]}


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"kind": "project"}, "project"),
        ({"kind": "jql", "jql": "  "}, "jql"),
        ({"kind": "issues"}, "issues"),
        ({"measure": "sum:done"}, "field"),
        ({"measure": "nothing"}, "measure"),
        ({"measure": ""}, "measure"),
    ],
)
def test_what_is_missing_is_asked_for_at_its_field(values: dict[str, str], where: str) -> None:
    assert list(refused(typed(**values))) == [where]


def test_several_faults_are_told_together() -> None:
    assert set(refused(typed(kind="jql", measure="sum:done"))) == {"jql", "field"}


@pytest.mark.parametrize(
    ("values", "measure"),
    [
        ({"measure": "count"}, "count"),
        ({"measure": "sum:done", "field": "Seats"}, {"sum": "Seats", "of": "done"}),
        ({"measure": "mean:all", "field": "Seats"}, {"mean": "Seats", "of": "all"}),
        ({"measure": "latest:open", "field": "Seats"}, {"latest": "Seats", "of": "open"}),
        ({"measure": "done_share", "field": "Seats"}, "done_share"),
    ],
)
def test_each_measure(values: dict[str, str], measure: Any) -> None:
    assert read_form(typed(**values), "jira")["measure"] == measure


def test_options_of_the_rules() -> None:
    form = typed(subtasks="1", empty="1", wont_do="", points="Estimate", measure="points_share")
    written = read_form(form, "jira")
    assert {name: written[name] for name in ("subtasks", "empty", "wont_do", "points")} == {
        "subtasks": True,
        "empty": "own_status",
        "wont_do": "exclude",
        "points": ["Estimate"],
    }
    assert "points" not in read_form(typed(points="Estimate"), "jira")


def test_a_filter_takes_values_by_the_type_of_their_property() -> None:
    lists = {
        "filter_name": ["Stage", "Stage", "Seats", "Paid", "Year", ""],
        "filter_value": ["Won", "Lost", "1 200,5", "Yes", "2024", "left over"],
    }
    types = {"Seats": "number", "Paid": "checkbox", "Year": "select"}
    form = typed("notion", lists, measure="sum:all", field="Seats")
    assert read_form(form, "notion", types=types)["select"] == {
        "database": DATABASE,
        "filter": {"Stage": ["Won", "Lost"], "Seats": 1200.5, "Paid": True, "Year": "2024"},
    }


@pytest.mark.parametrize(
    ("name", "value"), [("Seats", "many"), ("Seats", "1,200"), ("Seats", "inf"), ("Seats", "nan"), ("Paid", "perhaps"), ("Stage", " ")]
)
def test_a_value_that_its_property_cannot_have_is_refused(name: str, value: str) -> None:
    form = typed("notion", {"filter_name": [name], "filter_value": [value]})
    found = refused(form, "notion", types={"Seats": "number", "Paid": "checkbox"})
    assert list(found) == ["filter"]
    assert name in found["filter"]


def test_a_filter_without_a_value_field_at_all_is_asked_for() -> None:
    assert list(refused(typed("notion", {"filter_name": ["Stage"]}), "notion")) == ["filter"]


def test_a_database_names_its_data_source_and_what_decides_done() -> None:
    form = typed("notion", source=f"{DATABASE}/{SOURCE}", decides="checkbox:Paid", measure="checked_share", checkbox="Paid")
    written = read_form(form, "notion")
    assert written["select"] == {"database": DATABASE, "data_source": SOURCE}
    assert (written["checkbox"], written["measure"]) == ("Paid", {"checked_share": "Paid"})
    assert refused(typed("notion", source=""), "notion") == {"source": "choose a database"}


def test_what_the_form_has_no_field_for_is_kept() -> None:
    stored = {
        "connection": "acme-notion",
        "select": {"database": DATABASE},
        "measure": "credit_share",
        "mode": "value",
        "credit": {"new": 0.1, "started": 0.4, "done": 1.0},
        "wont_do_names": ["dropped"],
        "done": {"Stage": ["Won"]},
    }
    form = typed("notion", measure="credit_share", decides="kept")
    assert read_form(form, "notion", kept=stored) == stored
    other = read_form(typed("notion", measure="count", decides="status:Stage"), "notion", kept=stored)
    assert "credit" not in other
    assert "done" not in other
    assert other["status"] == "Stage"


def test_several_point_fields_stay_as_long_as_the_first_does() -> None:
    stored = {"points": ["Estimate", "Size"]}
    assert read_form(typed(measure="points_share", points="Estimate"), "jira", kept=stored)["points"] == ["Estimate", "Size"]
    assert read_form(typed(measure="points_share", points="Size"), "jira", kept=stored)["points"] == ["Size"]


# --- there and back ------------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["Seats", "Story Points", "Größe"])
JIRA_SELECT = st.one_of(
    st.fixed_dictionaries({"epics": st.lists(st.sampled_from(["ACME-1", "ACME-7", "B-2"]), min_size=1, unique=True)}),
    st.fixed_dictionaries({"issues": st.lists(st.sampled_from(["ACME-1", "ACME-7"]), min_size=1, unique=True)}),
    st.just({"project": "ACME"}),
    st.just({"jql": "project = ACME AND labels = onboarding"}),
)
WISH = st.one_of(st.sampled_from(["Won", "Lost", "yes"]), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))
NOTION_SELECT = st.one_of(
    st.fixed_dictionaries({"rows": st.just([ROW])}),
    st.fixed_dictionaries(
        {"database": st.just(DATABASE)},
        optional={
            "data_source": st.just(SOURCE),
            "filter": st.dictionaries(st.sampled_from(["Stage", "Seats", "Paid"]), WISH, min_size=1),
        },
    ),
)
FIELD_MEASURE = st.builds(
    lambda kind, name, of: {kind.value: name, "of": of.value}, st.sampled_from(sorted(FIELD_MEASURES)), NAMES, st.sampled_from(Of)
)
OPTIONS = {"wont_do": st.just("exclude"), "wont_do_names": st.just(["dropped"]), "mode": st.sampled_from(["value", "context"])}


@given(
    select=JIRA_SELECT,
    measure=st.one_of(st.sampled_from(["done_share", "done_count", "count", "points_share", "credit_share"]), FIELD_MEASURE),
    options=st.fixed_dictionaries({}, optional=OPTIONS),
    deep=st.booleans(),
)
def test_a_jira_mapping_survives_the_form(select: dict[str, Any], measure: Any, options: dict[str, Any], deep: bool) -> None:
    if deep and "epics" in select:
        options = {**options, "subtasks": True, "empty": "own_status"}
    _survives({"connection": "acme-jira", "select": select, "measure": measure, **options}, "jira")


@given(
    select=NOTION_SELECT,
    measure=st.one_of(st.sampled_from(["done_share", "count", "checked_share"]), st.just({"checked_share": "Paid"}), FIELD_MEASURE),
    options=st.fixed_dictionaries({}, optional=OPTIONS),
    decides=st.sampled_from([{}, {"status": "State"}, {"checkbox": "Paid"}, {"done": {"Stage": ["Won"]}}]),
)
def test_a_notion_mapping_survives_the_form(select: dict[str, Any], measure: Any, options: dict[str, Any], decides: dict[str, Any]) -> None:
    _survives({"connection": "acme-notion", "select": select, "measure": measure, **options, **decides}, "notion")


def _survives(data: dict[str, Any], host: str) -> None:
    stored = dump_mapping(parse_mapping(data, where="mapping", host=host))
    values = fill_form(stored)
    form = Typed(
        {name: value for name, value in values.items() if isinstance(value, str)},
        {name: value for name, value in values.items() if isinstance(value, list)},
    )
    kinds = {bool: "checkbox", float: "number"}
    filter_ = stored["select"].get("filter", {})
    types = {name: kinds.get(type(wished[0]), "select") for name, wished in filter_.items()}
    back = read_form(form, host, types=types, kept=stored)
    assert dump_mapping(parse_mapping(back, where="mapping", host=host)) == stored


# --- words and places ------------------------------------------------------------------------------------------------------------


def test_every_measure_can_be_chosen() -> None:
    for host in ("jira", "notion"):
        offered = {option.partition(":")[0] for _, options in measures_of(host) for option, _ in options}
        missing = {kind.value for kind in MeasureKind} - offered
        assert missing == ({"checked_share"} if host == "jira" else set())
    assert "min:open" in dict(measures_of("jira", "min:open")[2][1])
    assert [value for value, _ in kinds_of("notion")] == ["database", "rows"]


@pytest.mark.parametrize(
    ("measure", "option", "words"),
    [
        ("done_share", ("done_share", ""), "Share done"),
        ({"sum": "Seats", "of": "done"}, ("sum:done", "Seats"), "Sum of Seats, done items"),
        ({"mean": "Seats"}, ("mean:all", "Seats"), "Mean of Seats, all items"),
        ({"max": "Seats"}, ("max:all", "Seats"), "Largest number of Seats"),
        ({"checked_share": "Paid"}, ("checked_share", "Paid"), "Share with Paid ticked"),
    ],
)
def test_a_stored_measure_in_words(measure: Any, option: tuple[str, str], words: str) -> None:
    assert option_of(measure) == option
    assert measure_words(measure) == words


@pytest.mark.parametrize(
    ("definition", "others", "measure"),
    [
        (Definition(unit="%", start=0, target=100), (), "done_share"),
        (Definition(unit="seats", start=0, target=100), (), "done_count"),
        (Definition(unit="", start=0, target=1), (), "done_share"),
        (Definition(unit="seats", start=0, target=100), ("sum:done",), "sum:done"),
    ],
)
def test_the_usual_measure_fits_the_unit_and_what_is_there(definition: Definition, others: tuple[str, ...], measure: str) -> None:
    assert usual_measure(definition, others) == measure


@pytest.mark.parametrize(
    ("where", "kind", "name"),
    [
        ("mapping.select.epics[0]", "epics", "epics"),
        ("mapping.select", "jql", "jql"),
        ("select", "epics", "epics"),
        ("select.jql", "jql", "jql"),
        ("mapping.select.database", "database", "source"),
        ("select.data_source", "database", "source"),
        ("mapping.select.filter.Stage", "database", "filter"),
        ("mapping.measure", "epics", "measure"),
        ("mapping.measure.sum", "epics", "field"),
        ("mappings[1].measure", "epics", "measure"),
        ("mapping.points", "epics", "points"),
        ("mapping.checkbox", "database", "decides"),
        ("mapping.connection", "", "connection"),
        ("reason", "", "reason"),
        ("", "", ""),
    ],
)
def test_messages_stand_at_their_fields(where: str, kind: str, name: str) -> None:
    assert place(where, kind) == name
    several = moved(Faults([InputError("one", where=where), InputError("two", where="reason")]), kind)
    assert isinstance(several, Faults)
    assert {each.where for each in several.errors} == {name, "reason"}
