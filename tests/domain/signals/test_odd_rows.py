"""Rows that no form lets through, as an import of years ago may hold them: nothing is told of them, and nothing breaks."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from connector.domain.forecast import forecast
from connector.domain.model import CheckInFact, Definition, Point
from connector.domain.signals.confidence import implied
from connector.domain.signals.finding import find, insight
from connector.domain.signals.known import Known
from tests.domain.signals.test_rules import SERIES, START, at, known

HUGE = 1e308


def test_start_and_target_that_are_one_number_imply_nothing() -> None:
    odd = known(definition=Definition(start=40, target=40), current=42, check_ins=SERIES)
    assert implied(odd) is None
    find(odd)
    insight(odd)


@pytest.mark.parametrize("definition", [Definition(start=-HUGE, target=HUGE), Definition(start=40, target=60)])
def test_numbers_too_large_to_compute_with_do_not_break(definition: Definition) -> None:
    odd: Known = known(definition=definition, current=HUGE, raw=None)
    values = ((0, -HUGE), (7, 0.0), (14, HUGE), (21, -HUGE), (28, HUGE))
    odd = replace(odd, raw=None, check_ins=tuple(CheckInFact(at(day), value, 8) for day, value in values))
    find(odd)
    assert all(math.isfinite(each) for each in insight(odd).values() if isinstance(each, float))


def test_a_forecast_beyond_all_numbers_is_none() -> None:
    points = [Point(START + timedelta(days=day), value) for day, value in ((0, 0.0), (7, HUGE / 2), (14, HUGE))]
    assert forecast(points, START + timedelta(days=400)) is None
