"""Vitality of a forum: four shares, what is not known is left out, and falls of 20 points."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from connector.domain.vitality import Share, Use, on_time_fell, vitality_fell

START = date(2026, 10, 8)


def use(
    week: int,
    on_time: tuple[int, int],
    verdicts: tuple[int, int] = (0, 0),
    follow: tuple[int, int] = (0, 0),
    opened: tuple[int, int] = (0, 0),
) -> Use:
    parts = {"on_time": Share(*on_time), "verdicts": Share(*verdicts), "follow_through": Share(*follow), "opened": Share(*opened)}
    return Use(START + timedelta(weeks=week), parts)


def test_the_four_parts_weigh_as_said() -> None:
    assert use(0, (9, 10), (3, 4), (1, 2), (1, 2)).vitality == pytest.approx(0.3 * 0.9 + 0.3 * 0.75 + 0.2 * 0.5 + 0.2 * 0.5)


def test_what_has_no_basis_is_left_out_and_little_is_not_told() -> None:
    assert use(0, (5, 10), (4, 4)).vitality == pytest.approx(0.75)  # half each of the 0.6 that is known
    assert use(0, (10, 10)).vitality is None  # 0.3 of the weight
    assert use(0, (0, 0)).vitality is None


def test_a_fall_of_20_points_over_two_reviews_is_said() -> None:
    before = [use(0, (10, 10), (4, 4)), use(1, (9, 10), (4, 4))]
    assert vitality_fell([*before, use(2, (7, 10), (4, 4))]) is None
    fell = vitality_fell([*before, use(2, (6, 10), (4, 4))])
    assert fell is not None
    assert (fell.points, fell.most, fell.since) == (20, "on_time", START)
    assert vitality_fell(before) is None


def test_two_reviews_are_compared_over_what_both_know() -> None:
    before, after = use(0, (10, 10), (4, 4), (0, 4)), use(2, (10, 10), (4, 4))
    assert vitality_fell([before, use(1, (10, 10)), after]) is None
    fell = vitality_fell([before, use(1, (10, 10)), use(2, (4, 10), (4, 4))])
    assert fell is not None
    assert (fell.points, fell.most) == (30, "on_time")


def test_the_on_time_rate_may_not_fall_by_20_points_by_week_three() -> None:
    assert on_time_fell([use(0, (10, 10)), use(1, (9, 10)), use(2, (9, 10))]) is None
    fell = on_time_fell([use(0, (10, 10)), use(1, (9, 10)), use(2, (8, 10))])
    assert fell is not None
    assert fell.points == 20
    recovered = [use(0, (10, 10)), use(2, (5, 10)), use(3, (10, 10))]
    assert on_time_fell(recovered) is None
    late_fall = [use(0, (10, 10)), use(1, (10, 10)), use(2, (10, 10)), use(5, (4, 10))]
    assert on_time_fell(late_fall) is None  # the fall of week 3 is meant


def test_small_samples_say_nothing() -> None:
    assert on_time_fell([use(0, (2, 2)), use(2, (0, 2))]) is None
    assert vitality_fell([use(0, (1, 1)), use(1, (0, 1))]) is None
