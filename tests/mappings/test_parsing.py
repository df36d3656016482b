"""How people write mappings: what is accepted, what is refused and where, and that writing back loses nothing."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Category
from connector.errors import InputError
from mappings.rules import (
    DEFAULT_WONT_DO_NAMES,
    Empty,
    Measure,
    MeasureKind,
    Mode,
    Of,
    SelectorKind,
    WontDo,
    dump_mapping,
    notion_id,
    parse_mapping,
    parse_mappings,
    without_order,
)
from tests.mappings.make import DATABASE, ROW, SOURCE, jira, notion

EPICS = {"connection": "j", "select": {"epics": ["ACME-1"]}, "measure": "done_share"}
DEALS = {"connection": "n", "select": {"database": DATABASE}, "measure": "done_share"}


def test_the_three_mappings_of_the_product_file_are_read() -> None:
    text = """
    - {connection: acme-jira, select: {epics: [ACME-1, ACME-7]}, measure: done_share, mode: value}
    - {connection: acme-jira, select: {jql: 'project = ACME AND labels = onboarding'},
       measure: {sum: "Story Points", of: done}, mode: context}
    - {connection: acme-notion, select: {database: "0123abcd0123456789ab0123456789ab", data_source: null, filter: {Stage: Won}},
       measure: {sum: Seats}, mode: value}
    """
    epics, jql, deals = parse_mappings(yaml.safe_load(text), where="mappings", hosts={"acme-jira": "jira", "acme-notion": "notion"})
    assert epics.selector.epics == ("ACME-1", "ACME-7")
    assert epics.measure == Measure(MeasureKind.DONE_SHARE)
    assert (epics.mode, epics.wont_do, epics.empty, epics.selector.subtasks) == (Mode.VALUE, WontDo.COUNT, Empty.UNKNOWN, False)
    assert jql.selector.kind is SelectorKind.JQL
    assert jql.measure == Measure(MeasureKind.SUM, "Story Points", Of.DONE)
    assert jql.mode is Mode.CONTEXT
    assert deals.selector.database == DATABASE
    assert deals.selector.data_source == ""
    assert deals.selector.filter == {"Stage": ("Won",)}
    assert deals.measure == Measure(MeasureKind.SUM, "Seats", Of.ALL)


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"mesure": "done_share"}, "m", 'did you mean "measure"'),
        ({"measure": None}, "m.measure", "name of a measure"),
        ({"measure": "done_shar"}, "m.measure", 'did you mean "done_share"'),
        ({"measure": "sum"}, "m.measure", "needs a field"),
        ({"measure": {"sum": "Seats", "off": "done"}}, "m.measure", "unknown key 'off'"),
        ({"measure": {"sum": "Seats", "mean": "Seats"}}, "m.measure", "exactly one"),
        ({"measure": {"of": "done"}}, "m.measure", "names no measure"),
        ({"measure": {"sum": "Seats", "of": "closed"}}, "m.measure.of", "done, open, all"),
        ({"measure": {"done_share": "Seats"}}, "m.measure", "takes no field"),
        ({"measure": {"sum": ""}}, "m.measure.sum", "must not be empty"),
        ({"measure": {"sum": 7}}, "m.measure.sum", "put it into quotes"),
        ({"measure": "checked_share"}, "m.measure", "no checkbox"),
        ({"select": {}}, "m.select", "exactly one of epics, jql, project, issues"),
        ({"select": []}, "m.select", "must be a mapping"),
        ({"select": {"epic": ["ACME-1"]}}, "m.select", 'did you mean "epics"'),
        ({"select": {"epics": ["ACME-1"], "jql": "project = A"}}, "m.select", "has epics and jql"),
        ({"select": {"epics": []}}, "m.select.epics", "empty"),
        ({"select": {"epics": ["ACME-1", "ACME"]}}, "m.select.epics[1]", "issue key"),
        ({"select": {"epics": ["ACME-0"]}}, "m.select.epics[0]", "issue key"),
        ({"select": {"epics": {"ACME-1": 1}}}, "m.select.epics", "must be a list"),
        ({"select": {"epics": [None]}}, "m.select.epics[0]", "must be text"),
        ({"select": {"jql": "  "}}, "m.select.jql", "must not be empty"),
        ({"select": {"jql": "ORDER BY rank"}}, "m.select.jql", "no restriction"),
        ({"select": {"project": "two words"}}, "m.select.project", "project key"),
        ({"select": {"database": DATABASE}}, "m.select", "cannot be selected in a Jira connection"),
        ({"select": {"epics": ["ACME-1"], "filter": {"a": 1}}}, "m.select.filter", "only for Notion"),
        ({"select": {"jql": "project = A"}, "subtasks": True}, "m.subtasks", "epics and project"),
        ({"subtasks": "yes"}, "m.subtasks", "true or false"),
        ({"select": {"epics": ["ACME-1"], "subtasks": True}, "subtasks": False}, "m.subtasks", "both true and false"),
        ({"mode": "values"}, "m.mode", 'did you mean "value"'),
        ({"wont_do": "skip"}, "m.wont_do", "count, exclude"),
        ({"wont_do_names": "Declined"}, "m.wont_do_names", "must be a list"),
        ({"empty": "zero"}, "m.empty", "unknown, own_status"),
        ({"select": {"jql": "project = A"}, "empty": "own_status"}, "m.empty", "epics"),
        ({"points": ["Story Points"]}, "m.points", "points_share and points_done"),
        ({"measure": "points_done", "points": []}, "m.points", "empty"),
        ({"credit": {"started": 0.3}}, "m.credit", "credit_share"),
        ({"measure": "credit_share", "credit": {"strated": 0.3}}, "m.credit", 'did you mean "started"'),
        ({"measure": "credit_share", "credit": {"started": 1.5}}, "m.credit.started", "between 0 and 1"),
        ({"measure": "credit_share", "credit": {"started": True}}, "m.credit.started", "must be a number"),
        ({"measure": "credit_share", "credit": {"started": float("nan")}}, "m.credit.started", "finite"),
        ({"measure": "credit_share", "credit": {"started": 0.1, "in_progress": 0.2}}, "m.credit", "same status category"),
        ({"measure": "credit_share", "credit": {"undefined": 0}}, "m.credit", "earns no credit"),
        ({"done": {"Stage": "Won"}}, "m.done", "only for Notion"),
        ({"connection": ""}, "m.connection", "must not be empty"),
        ({1: 2}, "m", "must be text"),
    ],
)
def test_a_bad_jira_mapping_is_refused_with_its_place(change: dict[Any, Any], where: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_mapping({**EPICS, **change}, where="m", host="jira")
    assert caught.value.where == where
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"select": {"epics": ["ACME-1"]}}, "m.select", "cannot be selected in a Notion connection"),
        ({"select": {"database": "Deals"}}, "m.select.database", "not a Notion id"),
        ({"select": {"database": "http://[" + "0" * 32}}, "m.select.database", "not a Notion id"),
        ({"select": {"rows": []}}, "m.select.rows", "empty"),
        ({"select": {"rows": [ROW], "filter": {"Stage": "Won"}}}, "m.select.filter", "belongs to database"),
        ({"select": {"database": DATABASE, "filter": {"Stage": None}}}, "m.select.filter.Stage", "no value"),
        ({"select": {"database": DATABASE, "filter": {"Stage": []}}}, "m.select.filter.Stage", "empty"),
        ({"select": {"database": DATABASE, "filter": {"Stage": {"is": "Won"}}}}, "m.select.filter.Stage", "unknown test"),
        ({"select": {"database": DATABASE, "filter": {"Seats": float("inf")}}}, "m.select.filter.Seats", "finite"),
        ({"select": {"database": DATABASE, "filter": {True: "x"}}}, "m.select.filter", "quotes"),
        ({"select": {"database": DATABASE, "data_source": 7}}, "m.select.data_source", "must be text"),
        ({"select": {"database": DATABASE, "subtasks": True}}, "m.select.subtasks", "only for Jira"),
        ({"subtasks": True}, "m.subtasks", "epics and project"),
        ({"empty": "own_status"}, "m.empty", "epics"),
        ({"measure": "points_share"}, "m.measure", "no story points"),
        ({"measure": {"checked_share": "Shipped", "of": "all"}}, "m.measure.of", "leave out of"),
        ({"done": {"Stage": "Won"}, "checkbox": "Shipped"}, "m.checkbox", "keep one"),
    ],
)
def test_a_bad_notion_mapping_is_refused_with_its_place(change: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_mapping({**DEALS, **change}, where="m", host="notion")
    assert caught.value.where == where
    assert words in caught.value.message


@pytest.mark.parametrize("missing", ["connection", "select", "measure"])
def test_what_is_needed_is_asked_for(missing: str) -> None:
    with pytest.raises(InputError, match=f"m: {missing} is missing"):
        parse_mapping({key: value for key, value in EPICS.items() if key != missing}, where="m", host="jira")


def test_an_unknown_connection_or_host_is_named() -> None:
    with pytest.raises(InputError, match=r"krs\[0\].connection: no connection is called 'acme'; did you mean \"acme-j\""):
        parse_mappings([{**EPICS, "connection": "acme"}], where="krs", hosts={"acme-j": "jira"})
    with pytest.raises(InputError, match="not for 'asana'"):
        parse_mapping(EPICS, where="m", host="asana")
    with pytest.raises(InputError, match="must be a list"):
        parse_mappings({"a": 1}, where="krs", hosts={})  # type: ignore[arg-type]


def test_keys_are_cleaned_and_named_once() -> None:
    draft = jira(select={"epics": ["acme-1", "ACME-1", " ACME-7 ", "https://acme.atlassian.net/browse/ACME-9?focused=1"]})
    assert draft.selector.epics == ("ACME-1", "ACME-7", "ACME-9")
    assert jira(select={"project": "acme"}).selector.project == "ACME"


@pytest.mark.parametrize(
    "text",
    [
        "0123ABCD0123456789AB0123456789AB",
        "0123abcd-0123-4567-89ab-0123456789ab",
        "https://www.notion.so/acme/0123abcd0123456789ab0123456789ab?v=ffffffffffffffffffffffffffffffff",
        "https://app.notion.com/p/acme/Deals-of-2026-0123abcd0123456789ab0123456789ab",
        "https://acme.notion.site/Deals-0123abcd-0123-4567-89ab-0123456789ab/",
        "notion.so/0123abcd0123456789ab0123456789ab",
    ],
)
def test_a_notion_id_is_found_in_what_people_paste(text: str) -> None:
    assert notion_id(text, "m") == DATABASE


def test_a_link_to_an_open_row_means_the_row_only_for_rows() -> None:
    link = f"https://www.notion.so/acme/{DATABASE.replace('-', '')}?v=1&p={ROW.replace('-', '')}&pm=s"
    assert notion(select={"rows": [link]}).selector.rows == (ROW,)
    assert notion(select={"database": link}).selector.database == DATABASE


def test_a_data_source_is_an_id_or_a_name() -> None:
    assert notion(select={"database": DATABASE, "data_source": SOURCE.replace("-", "").upper()}).selector.data_source == SOURCE
    assert notion(select={"database": DATABASE, "data_source": "Deals 2026"}).selector.data_source == "Deals 2026"


def test_filter_values_keep_their_type() -> None:
    draft = notion(select={"database": DATABASE, "filter": {"Stage": ["Won", "Won", "Paid"], "Ok": [True, 1], "Day": date(2026, 11, 18)}})
    assert draft.selector.filter == {"Stage": ("Won", "Paid"), "Ok": (True, 1.0), "Day": ("2026-11-18",)}
    assert [type(each) for each in draft.selector.filter["Ok"]] == [bool, float]


@pytest.mark.parametrize(
    ("jql", "rest"),
    [
        ("project = A ORDER BY rank", "project = A"),
        ('summary ~ "order by" order   by key', 'summary ~ "order by"'),
        ("summary ~ 'an \\' order by' AND a = 1", "summary ~ 'an \\' order by' AND a = 1"),
        ("order by rank", ""),
        ("reorder = 1", "reorder = 1"),
    ],
)
def test_order_by_is_found_outside_quotes_only(jql: str, rest: str) -> None:
    assert without_order(jql) == rest


def test_names_of_wont_do_are_compared_plainly() -> None:
    draft = jira(wont_do="exclude", wont_do_names=["Won’t  Do", "DECLINED"])
    assert draft.wont_do_names == {"won't do", "declined"}
    assert jira(wont_do_names=[]).wont_do_names == frozenset()
    assert "won't do" in DEFAULT_WONT_DO_NAMES


def test_credit_is_filled_up_from_the_defaults() -> None:
    draft = jira("credit_share", credit={"in_progress": 0.25})
    assert draft.credit == {Category.NEW: 0.0, Category.STARTED: 0.25, Category.DONE: 1.0}


def test_a_draft_becomes_a_rule_with_everything_kept() -> None:
    draft = jira({"sum": "Seats", "of": "done"}, wont_do="exclude", subtasks=True)
    rule = draft.rule(id=7, key_result="kr-setup")
    assert (rule.id, rule.key_result) == (7, "kr-setup")
    assert dump_mapping(rule) == dump_mapping(draft)
    assert draft.rule(id=7, key_result="kr", connection="renamed").connection == "renamed"


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)
KEYS = st.builds(lambda project, number: f"{project}-{number}", st.sampled_from(["ACME", "OPS2"]), st.integers(1, 99))
IDS = st.uuids().map(str)
WISHES = st.one_of(NAMES, st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**6), 10**6))
CONDITIONS = st.dictionaries(NAMES, st.lists(WISHES, min_size=1, max_size=3), max_size=2)
FIELD = st.builds(
    lambda kind, name, of: {kind: name, "of": of},
    st.sampled_from(["sum", "mean", "min", "max", "latest"]),
    NAMES,
    st.sampled_from(list(Of)),
)
MODES = {"mode": st.sampled_from(["value", "context"]), "wont_do": st.sampled_from(["count", "exclude"])}
JIRA = st.one_of(
    st.fixed_dictionaries(
        {"connection": NAMES, "select": st.fixed_dictionaries({"epics": st.lists(KEYS, min_size=1)}), "measure": FIELD},
        optional={
            **MODES,
            "subtasks": st.booleans(),
            "empty": st.sampled_from(["unknown", "own_status"]),
            "wont_do_names": st.lists(NAMES),
        },
    ),
    st.fixed_dictionaries(
        {
            "connection": NAMES,
            "select": st.sampled_from([{"project": "ACME"}, {"jql": "a = 1 ORDER BY b"}, {"issues": ["A-1"]}]),
            "measure": st.sampled_from(["points_share", "points_done"]),
        },
        optional={**MODES, "points": st.lists(NAMES, min_size=1, max_size=3)},
    ),
    st.fixed_dictionaries(
        {"connection": NAMES, "select": st.just({"epics": ["A-1"]}), "measure": st.just("credit_share")},
        optional={"credit": st.dictionaries(st.sampled_from(["new", "started", "done"]), st.floats(0, 1))},
    ),
)
NOTION = st.fixed_dictionaries(
    {
        "connection": NAMES,
        "select": st.one_of(
            st.fixed_dictionaries({"database": IDS}, optional={"data_source": st.one_of(NAMES, IDS), "filter": CONDITIONS}),
            st.fixed_dictionaries({"rows": st.lists(IDS, min_size=1)}),
        ),
        "measure": st.one_of(
            FIELD, st.sampled_from(["done_count", "checked_share"]), st.builds(lambda name: {"checked_share": name}, NAMES)
        ),
    },
    optional=MODES,
)
DECIDERS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"done": CONDITIONS}),
    st.fixed_dictionaries({"status": NAMES}),
    st.fixed_dictionaries({"checkbox": NAMES}),
)


@given(JIRA)
def test_writing_a_jira_mapping_back_loses_nothing(data: dict[str, Any]) -> None:
    check_round_trip(data, "jira")


@given(NOTION, DECIDERS)
def test_writing_a_notion_mapping_back_loses_nothing(data: dict[str, Any], decider: dict[str, Any]) -> None:
    check_round_trip({**data, **decider}, "notion")


def check_round_trip(data: dict[str, Any], host: str) -> None:
    draft = parse_mapping(data, where="m", host=host)
    written = dump_mapping(draft)
    again = parse_mapping(yaml.safe_load(yaml.safe_dump(written, allow_unicode=True)), where="m", host=host)
    assert again == draft
    assert dump_mapping(again) == written


RUBBISH_KEYS = st.sampled_from(["connection", "select", "measure", "epics", "filter", "database", "sum", "of", "done", "rows", "credit"])
RUBBISH = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(RUBBISH_KEYS, inner, max_size=4)),
)


@given(RUBBISH, st.sampled_from(["jira", "notion"]))
def test_nothing_but_an_input_error_comes_out_of_rubbish(data: Any, host: str) -> None:
    with contextlib.suppress(InputError):
        parse_mapping(data, where="m", host=host)


@given(RUBBISH, RUBBISH)
def test_rubbish_in_select_or_measure_is_refused_at_its_place(select: Any, how: Any) -> None:
    with pytest.raises(InputError) as caught:
        parse_mapping({"connection": "j", "select": select, "measure": how}, where="m", host="jira")
    assert caught.value.where.startswith(("m.select", "m.measure"))
    assert caught.value.message
