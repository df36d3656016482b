"""Which cadence fits how often a number really changes (S13)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.cadence_fit import fit, sentence
from connector.domain.model import Cadence, Definition, Kind, Point

METRIC = Definition(Kind.METRIC, "", 0.0, 100.0)
MONDAY = datetime(2026, 8, 3, 9, tzinfo=UTC)


def points(days: Sequence[int], step: float = 5.0) -> list[Point]:
    return [Point(MONDAY + timedelta(days=day), place * step) for place, day in enumerate(days)]


@pytest.mark.parametrize(
    ("gap", "cadence", "leading"),
    [
        (1, "weekly", False),
        (9, "weekly", False),
        (10, "fortnightly", False),
        (18, "fortnightly", False),
        (19, "fortnightly", True),
        (30, "fortnightly", True),
    ],
)
def test_the_edges(gap: int, cadence: str, leading: bool) -> None:
    found = fit(METRIC, points([0, *(gap * number + 1 for number in range(1, 6))]), UTC)
    assert (found.gap, found.cadence, found.leading) == (float(gap), Cadence(cadence), leading)


def test_repeats_and_noise_are_no_changes() -> None:
    repeated = [Point(MONDAY + timedelta(days=day), 10.0 * (day // 12)) for day in range(60)]
    assert fit(METRIC, repeated, UTC).gap == 12
    noise = [Point(MONDAY + timedelta(days=day), 10 + 0.1 * (day % 2)) for day in range(60)]
    assert fit(METRIC, noise, UTC).cadence is None


def test_too_few_changes_and_steps_say_nothing() -> None:
    assert fit(METRIC, points([0, 7, 14]), UTC).cadence is None
    assert fit(METRIC, [], UTC).gap is None
    assert fit(Definition(Kind.YES_NO), points([0, 7, 14, 21, 28], 1.0), UTC).cadence is None


def test_a_bound_changes_with_its_number() -> None:
    bound = Definition(Kind.AT_MOST, "%", None, 3.0)
    assert fit(bound, points([0, 7, 14, 21, 28], 0.1), UTC).cadence is Cadence.WEEKLY


def test_what_is_said() -> None:
    slow = fit(METRIC, points([0, 30, 60, 90, 120]), UTC)
    assert sentence(slow, Cadence.WEEKLY) == (
        "It changes about every 30 days (4 changes seen) and is asked for weekly. "
        "Ask fortnightly, and add a leading measure: this number cannot warn you in time."
    )
    assert sentence(slow, Cadence.FORTNIGHTLY).endswith("Keep fortnightly, and add a leading measure: this number cannot warn you in time.")
    assert sentence(fit(METRIC, points([0, 7, 14, 21]), UTC), Cadence.WEEKLY) == ""
    assert "Would weekly fit better?" in sentence(fit(METRIC, points([0, 7, 14, 21]), UTC), Cadence.FORTNIGHTLY)


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(-1e6, 1e6)), max_size=60))
def test_monthly_is_never_offered(history: list[tuple[int, float]]) -> None:
    found = fit(METRIC, [Point(MONDAY + timedelta(days=day), value) for day, value in sorted(history)], UTC)
    assert found.cadence in (None, Cadence.WEEKLY, Cadence.FORTNIGHTLY)
    assert "month" not in sentence(found, Cadence.WEEKLY)
