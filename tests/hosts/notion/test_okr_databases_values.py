"""Values of rows: what is written is what is read, for each type that can be written; whatever else comes is named, never an error."""

from __future__ import annotations

import math
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import COLUMNS
from connector.hosts.notion.fields import moment, properties_of
from connector.hosts.notion.okr_databases.values import columns_now, encode_values, incomplete, number_in, read_values, unit_of
from connector.hosts.notion.sandbox_values import accepted, new_property, shown_value
from connector.hosts.okr_databases import FoundColumn
from tests.hosts.notion.conftest import check

WRITABLE = (
    "title", "rich_text", "number", "select", "multi_select", "status", "people", "relation", "date", "checkbox", "url", "email",
    "phone_number",
)  # fmt: skip
FIELDS = sorted({column.field for columns in COLUMNS.values() for column in columns})
text = some.text(some.characters(codec="utf-8", exclude_characters="\r"), max_size=3000)
numbers = some.floats(allow_nan=False, allow_infinity=False)
ids = some.uuids().map(str)
entries = some.lists(ids, unique=True, min_size=1, max_size=24).map(tuple)
options = some.text(some.characters(codec="utf-8", exclude_characters=","), min_size=1, max_size=100).filter(str.strip)
offsets = some.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = some.datetimes(timezones=offsets).map(lambda at: at.replace(microsecond=0))
anything: Any = some.one_of(
    some.none(),
    text,
    numbers,
    some.booleans(),
    entries,
    some.just(Unknown("unread")),
    some.floats(),
    some.lists(text, max_size=3).map(tuple),
)


def column(kind: str, *names: str) -> tuple[FoundColumn, dict[str, Any]]:
    prop = new_property("Column", {"type": kind, "options": list(names), "groups": {"To-do": list(names)}})
    return FoundColumn(prop["id"], "Column", kind, names), prop


def round_trip(field: str, kind: str, value: FieldValue, *names: str) -> FieldValue:
    """The value after it went to a page through the API's checks and came back in a page object."""
    found, prop = column(kind, *names)
    encoded = encode_values({field: found}, {field: value})
    assert encoded.left_out == {}
    check("UpdatePageBodyParameters", {"properties": encoded.properties})
    inner = accepted(prop, encoded.properties[found.id])
    page = {"properties": {"Column": shown_value(prop, inner)}}
    return read_values(properties_of(page), {field: found}, {})[field]


@given(text)
def test_text_comes_back_as_it_was(words: str) -> None:
    assert round_trip("note", "rich_text", words) == (words or None)
    assert round_trip("title", "title", words) == (words or None)


@given(numbers)
def test_numbers_come_back_as_they_were(number: float) -> None:
    assert round_trip("value", "number", number) == number
    assert round_trip("progress", "number", number) == number


@given(some.floats(-1e12, 1e12).map(lambda number: round(number, 6)))
def test_a_number_in_a_text_column_is_a_number_for_us(number: float) -> None:
    assert round_trip("value", "rich_text", number) == number


@given(options, some.lists(options, max_size=8, unique=True))
def test_options_come_back_as_they_were(option: str, others: list[str]) -> None:
    assert round_trip("team", "select", option) == option
    assert round_trip("team", "status", option, option) == option
    assert round_trip("team", "multi_select", option) == option
    names = tuple(others)
    assert round_trip("source", "multi_select", names) == (names if len(names) > 1 else names[0] if names else None)


@given(entries)
def test_people_and_relations_come_back_in_their_order(refs: tuple[str, ...]) -> None:
    assert round_trip("owner", "people", refs) == refs
    assert round_trip("objective", "relation", refs) == refs


@given(some.dates().map(lambda day: day.isoformat()), moments)
def test_days_stay_days_and_moments_are_utc(day: str, at: Any) -> None:
    assert round_trip("due", "date", day) == day
    if moment(at.isoformat()) is not None:  # the first and last hours of time have no UTC
        assert round_trip("updated", "date", at.isoformat()) == at.astimezone(UTC).isoformat()


@given(some.booleans())
def test_a_checkbox_comes_back(ticked: bool) -> None:
    assert round_trip("private", "checkbox", ticked) is ticked


@given(some.sampled_from(FIELDS), some.sampled_from((*WRITABLE, "formula", "rollup", "unique_id", "button", "next_year")), anything)
def test_whatever_comes_is_written_or_named_and_never_an_error(field: str, kind: str, value: Any) -> None:
    found = FoundColumn("abc", "Column", kind)
    encoded = encode_values({field: found}, {field: value, "elsewhere": 1.0})
    if isinstance(value, Unknown):
        assert (encoded.properties, encoded.left_out) == ({}, {})
    elif kind not in WRITABLE:
        assert set(encoded.left_out) == {field}
    elif encoded.properties and kind != "status":
        check("UpdatePageBodyParameters", {"properties": encoded.properties})
        accepted({**new_property("Column", kind), "id": "abc"}, encoded.properties["abc"])


@pytest.mark.parametrize(
    ("words", "number"),
    [("640", 640.0), ("-3.5", -3.5), ("1 200", 1200.0), ("48 %", 0.48), ("−4", -4.0), ("1,200", None), ("1,5", 1.5), ("", None),
     ("ten", None), ("1e3", None), ("inf", None), ("nan", None), ("0x10", None), ("12 eggs", None), ("9" * 400, None)],
)  # fmt: skip
def test_text_is_a_number_only_where_it_can_be_read_one_way(words: str, number: float | None) -> None:
    assert number_in(words) == number


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "ten", ("a",)])
def test_what_is_no_number_is_not_written_as_one(value: Any) -> None:
    found, _ = column("number")
    assert set(encode_values({"value": found}, {"value": value}).left_out) == {"value"}


def test_progress_in_a_text_column_is_a_share_that_is_read_back() -> None:
    assert round_trip("progress", "rich_text", 0.48) == 0.48
    found, _ = column("rich_text")
    assert encode_values({"progress": found}, {"progress": 0.48}).properties[found.id]["rich_text"][0]["text"]["content"] == "48 %"


@pytest.mark.parametrize(("kept", "ours"), [(0.1, 10.0), (0.07, 7.0), (0.333, 33.3), (-0.5, -50.0), (1, 100.0)])
def test_a_measure_in_a_column_of_percent_counts_to_100_and_is_kept_as_a_share(kept: float, ours: float) -> None:
    columns = {name: FoundColumn(name, name.title(), "number", format="percent") for name in ("from", "to", "value", "progress")}
    present = {name: (name, {"type": "number", "number": kept}) for name in columns}
    read = read_values(properties_of({"properties": {name: {"id": name, **each} for name, (_, each) in present.items()}}), columns, {})
    assert read == {"from": ours, "to": ours, "value": ours, "progress": kept}
    written = encode_values(columns, read).properties
    assert written == {name: {"number": kept} for name in columns}


@pytest.mark.parametrize(
    ("start", "target", "unit"),
    [("10 %", "50 %", "%"), ("10 %", "50", ""), ("", "50%", "%"), ("10", "50", ""), ("", "", ""), ("low", "50 %", "%")],
)
def test_texts_in_percent_have_the_unit_percent(start: str, target: str, unit: str) -> None:
    columns = {name: FoundColumn(name, name.title(), "rich_text") for name in ("from", "to")}
    texts = {"from": start, "to": target}
    page = {"properties": {name: {"id": name, "type": "rich_text", "rich_text": [{"plain_text": texts[name]}]} for name in columns}}
    assert unit_of(properties_of(page), columns) == unit
    assert read_values(properties_of(page), columns, {})["to"] in (50.0, None)


def test_a_format_that_is_changed_later_changes_no_number() -> None:
    kept = {"from": FoundColumn("a", "From", "number")}
    now = columns_now(kept, [FoundColumn("a", "Start", "number", format="percent")])
    assert now == {"from": FoundColumn("a", "Start", "number")}


def test_types_of_tomorrow_and_missing_columns_are_unknown() -> None:
    columns = {"value": FoundColumn("a", "A", "number"), "note": FoundColumn("b", "B", "rich_text")}
    page = {"properties": {"A": {"id": "a", "type": "hologram", "hologram": {"depth": 3}}}}
    values = read_values(properties_of(page), columns, {})
    assert all(isinstance(each, Unknown) for each in values.values())
    assert incomplete(properties_of(page), columns) == []
    assert all(isinstance(each, Unknown) for each in read_values(properties_of({"properties": None}), columns, {}).values())


def test_a_unit_that_looks_like_a_number_stays_text() -> None:
    assert round_trip("unit", "rich_text", "100") == "100"
    assert round_trip("team", "rich_text", "2026") == "2026"
