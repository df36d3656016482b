from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.forecast import forecast, rate_ratio, required_rate, theil_sen, thinned
from connector.domain.model import Definition, Kind, Point
from connector.domain.scoring import raw_progress

START = datetime(2026, 10, 1, tzinfo=UTC)
ACTIVATION = Definition(start=40, target=60, unit="%")


def series(*pairs: tuple[float, float]) -> tuple[Point, ...]:
    return tuple(Point(START + timedelta(days=day), value) for day, value in pairs)


FLAT_SERIES = series((0, 40), (7, 41), (14, 41), (21, 42), (28, 42))


def test_median_slope_extended_to_the_end_of_the_cycle() -> None:
    ahead = forecast(FLAT_SERIES, START + timedelta(days=91))
    assert ahead is not None
    assert ahead.slope == pytest.approx(0.0714, abs=5e-5)
    assert ahead.value == pytest.approx(46.5, abs=1e-9)
    assert raw_progress(ACTIVATION, ahead.value) == pytest.approx(0.325, abs=1e-9)


def test_required_and_recent_rate() -> None:
    required = required_rate(ACTIVATION, 42, 63)
    assert required == pytest.approx(0.286, abs=5e-4)
    assert rate_ratio(required, theil_sen(FLAT_SERIES)) == pytest.approx(4.0)


def test_only_the_last_five_values_count() -> None:
    assert theil_sen((*series((-14, 500), (-7, 0)), *FLAT_SERIES)) == theil_sen(FLAT_SERIES)


def test_one_outlier_does_not_turn_the_slope() -> None:
    assert theil_sen(series((0, 0), (7, 7), (14, 900), (21, 21), (28, 28))) == pytest.approx(1.0)


def test_unknown_below_two_distinct_moments() -> None:
    assert theil_sen(()) is None
    assert theil_sen(series((0, 40))) is None
    assert theil_sen(series((0, 40), (0, 41))) is None
    assert forecast(series((0, 40)), START) is None


def test_ratio_of_rates() -> None:
    assert rate_ratio(0.3, 0.0) == math.inf
    assert rate_ratio(0.3, -0.1) == math.inf
    assert rate_ratio(-0.3, -0.1) == pytest.approx(3.0)
    assert rate_ratio(-0.3, 0.1) == math.inf
    assert rate_ratio(0.0, 0.1) == 0.0
    assert rate_ratio(None, 0.1) is None
    assert rate_ratio(0.1, None) is None


def test_required_rate_where_there_is_none() -> None:
    assert required_rate(ACTIVATION, None, 10) is None
    assert required_rate(ACTIVATION, 42, 0) is None
    assert required_rate(ACTIVATION, 61, 10) == 0.0
    assert required_rate(Definition(kind=Kind.AT_MOST, target=1), 2, 10) is None
    assert required_rate(Definition(start=52, target=24), 45, 3) == -7


def test_readings_of_one_hour_are_thinned_to_the_newest() -> None:
    points = series((0, 1), (6.9, 2), (7, 3), (7.01, 4), (7.02, 5))
    assert [point.value for point in thinned(points, timedelta(days=3.5))] == [1, 5]
    assert thinned(FLAT_SERIES, timedelta(days=3.5)) == FLAT_SERIES


values = st.lists(st.tuples(st.integers(0, 200), st.floats(-1e6, 1e6)), min_size=2, max_size=8, unique_by=lambda pair: pair[0])


@given(values)
def test_mirrored_values_mirror_the_slope_and_order_does_not_matter(pairs: list[tuple[float, float]]) -> None:
    points = series(*pairs)
    slope = theil_sen(points)
    assert slope is not None
    assert theil_sen(tuple(Point(point.at, -point.value) for point in points)) == pytest.approx(-slope, rel=1e-9, abs=1e-9)
    assert theil_sen(tuple(reversed(points))) == slope


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_a_straight_line_goes_on(slope: float, first: float) -> None:
    points = series(*((day, first + slope * day) for day in (0, 7, 14, 21, 28)))
    ahead = forecast(points, START + timedelta(days=91))
    assert ahead is not None
    assert ahead.value == pytest.approx(first + slope * 91, rel=1e-6, abs=1e-6)
