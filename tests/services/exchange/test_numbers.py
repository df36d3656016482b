"""Numbers and days as people of many countries write them: read, decided by their column, or refused."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InputError
from connector.services.exchange.cells import Cell, Percent, Trouble, number_text
from connector.services.exchange.days import DAY_FIRST, MONTH_FIRST, day_order, read_day
from connector.services.exchange.numbers import Decimal, decimal_sign, in_unit, read_number

UNTOLD = Decimal()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42.0),
        ("-5", -5.0),
        ("−5", -5.0),
        ("+4.1", 4.1),
        (".5", 0.5),
        ("1e+22", 1e22),
        ("1.5", 1.5),
        ("1,5", 1.5),
        ("0,125", 0.125),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("1 234,5", 1234.5),
        ("1\u00a0234,5", 1234.5),
        ("1\u202f234", 1234.0),
        ("1'234.50", 1234.5),
        ("1’234’567", 1234567.0),
        ("1,234,567", 1234567.0),
        ("1.234.567", 1234567.0),
        ("12345,678", 12345.678),
        ("1.234", 1.234),  # the sign of our own files
    ],
)
def test_a_number_that_can_be_only_one(text: str, number: float) -> None:
    assert read_number(text, UNTOLD) == number


@pytest.mark.parametrize(
    "text", ["12 h", "many", "1,2,3", "1.2.3", "12,34,567", "1 23", "--5", "1,234.5,6", "5-", "0x10", "1_000", "nan", "inf", "1e999", "½"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_number(text, UNTOLD)


def test_an_ambiguous_number_is_refused_with_both_readings() -> None:
    with pytest.raises(InputError, match=r"may mean 1\.234 or 1234"):
        read_number("1,234", UNTOLD)


@pytest.mark.parametrize(
    ("column", "text", "number"),
    [
        (["1,5", "1,234"], "1,234", 1.234),
        (["1,5", "1.234"], "1.234", 1234.0),
        (["2.5", "1,234"], "1,234", 1234.0),
        (["1,234,567", "1,234"], "1,234", 1234.0),
        (["12.345,6"], "7.000", 7000.0),
    ],
)
def test_the_other_cells_of_the_column_decide(column: list[Cell], text: str, number: float) -> None:
    assert read_number(text, decimal_sign(column)) == number


def test_a_column_with_both_signs_decides_nothing() -> None:
    decimal = decimal_sign(["1,5", "2.5", "1,234"])
    assert decimal.both
    assert read_number("1,5", decimal) == 1.5
    with pytest.raises(InputError, match="two ways"):
        read_number("1,234", decimal)


def test_cells_that_are_no_text_say_nothing_about_the_sign() -> None:
    assert decimal_sign([1.5, True, Percent(0.4), "1,234", ""]) == UNTOLD


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_our_export_writes_reads_back_as_the_same_number(number: float) -> None:
    assert read_number(number_text(number), UNTOLD) == number


@given(st.integers(-(10**12), 10**12), st.integers(1, 6), st.sampled_from(".,"), st.sampled_from(["", " ", "\u202f", "’"]))
def test_grouped_numbers_are_read_by_their_own_sign(whole: int, fraction: int, sign: str, group: str) -> None:
    digits = f"{abs(whole):,}".replace(",", group)
    text = f"{'-' if whole < 0 else ''}{digits}{sign}{fraction}"
    expected = float(f"{'-' if whole < 0 else ''}{abs(whole)}.{fraction}")
    assert read_number(text, Decimal(sign)) == expected


def test_percentages_count_in_the_unit_of_the_key_result() -> None:
    assert read_number("42 %", UNTOLD) == Percent(0.42)
    assert in_unit(Percent(0.42), "%") == 42.0
    assert in_unit(Percent(0.42), "") == 0.42
    assert in_unit(Percent(0.07), "%") == 7.0  # not 7.000000000000001
    with pytest.raises(InputError, match="measured in hours"):
        in_unit(Percent(0.42), "hours")


@pytest.mark.parametrize(("cell", "told"), [(datetime(2026, 5, 1), "is a date"), (Trouble("holds #N/A"), "#N/A"), (True, "yes or no")])  # noqa: DTZ001 - cells have no zone
def test_cells_of_another_kind_are_named(cell: Cell, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_number(cell, UNTOLD)


@pytest.mark.parametrize(
    ("cell", "order", "day"),
    [
        ("2026-11-05", "", date(2026, 11, 5)),
        ("2026/11/05", "", date(2026, 11, 5)),
        ("2026-11-05T10:00:00Z", "", date(2026, 11, 5)),
        ("5.11.2026", "", date(2026, 11, 5)),
        ("25/11/2026", "", date(2026, 11, 25)),
        ("05/11/2026", DAY_FIRST, date(2026, 11, 5)),
        ("05/11/2026", MONTH_FIRST, date(2026, 5, 11)),
        ("5 Nov 2026", "", date(2026, 11, 5)),
        ("November 5, 2026", "", date(2026, 11, 5)),
        (46331.0, "", date(2026, 11, 5)),
        (datetime(2026, 11, 5, 12), "", date(2026, 11, 5)),  # noqa: DTZ001 - cells have no zone
        ("", "", None),
    ],
)
def test_days(cell: Cell, order: str, day: date | None) -> None:
    assert read_day(cell, order) == day


@pytest.mark.parametrize("cell", ["05/11/2026", "31.02.2026", "soon", 3.5, 7.0])
def test_a_day_that_is_none_or_two_is_refused(cell: Cell) -> None:
    with pytest.raises(InputError):
        read_day(cell, "")


def test_the_order_of_days_follows_from_the_column() -> None:
    assert day_order(["05/11/2026", "25/11/2026"]) == DAY_FIRST
    assert day_order(["05/11/2026", "11/25/2026"]) == MONTH_FIRST
    assert day_order(["05/11/2026", "2026-11-25"]) == ""
