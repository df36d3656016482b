"""What an update costs, from openings of forms alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.form_diet import Opened, Usage, cost, minutes_text, proposals, quantile, untouched

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)


def saved(number: int, seconds: int, **more: int) -> Opened:
    at = NOON - timedelta(hours=number)
    return Opened(f"page kr-{number}", at, at + timedelta(seconds=seconds), **more)


def left(number: int) -> Opened:
    return Opened(f"page kr-{number}", NOON - timedelta(hours=number))


def test_times_clicks_and_what_was_kept() -> None:
    found = cost([saved(1, 30, clicks=3, offered=3, kept=3), saved(2, 90, clicks=5, offered=3, kept=0), left(3)], LATER)
    assert (found.tries, found.saved, found.p50, found.clicks, found.kept) == (3, 2, 60, 4, 0.5)
    assert found.p90 == pytest.approx(84)
    assert found.abandoned == pytest.approx(1 / 3)


def test_nothing_is_not_known() -> None:
    found = cost([], LATER)
    assert (found.tries, found.p50, found.abandoned, found.kept, found.clicks) == (0, None, None, None, None)


def test_a_form_that_is_open_now_is_not_left() -> None:
    found = cost([Opened("page kr", NOON)], NOON + timedelta(minutes=10))
    assert (found.tries, found.waiting, found.abandoned) == (0, 1, None)


def test_a_page_that_is_loaded_twice_is_one_try() -> None:
    again = Opened("page kr", NOON + timedelta(minutes=2), NOON + timedelta(minutes=3))
    found = cost([Opened("page kr", NOON), again], LATER)
    assert (found.tries, found.saved, found.p50) == (1, 1, 60)
    apart = cost([Opened("page kr", NOON), Opened("page other", NOON + timedelta(minutes=2))], LATER)
    assert apart.tries == 2


def test_a_form_over_lunch_tells_no_time() -> None:
    assert cost([saved(1, 5 * 3600)], LATER).p50 is None


def test_slow_and_left_forms_ask_for_a_shorter_one() -> None:
    usage = Usage(40, {"Comment": 30, "Doubt": 0})
    slow = cost([saved(number, 130) for number in range(12)], LATER)
    assert proposals(slow, usage) == [
        "Half of the updates take 2 min 10 s or longer; two minutes are the aim. Take “Doubt” off first: 0 of 40 updates used it."
    ]
    many_left = cost([*(saved(number, 20) for number in range(8)), left(20), left(21)], LATER)
    assert proposals(many_left, usage)[0].startswith("2 of 10 forms were left unsaved.")
    assert proposals(cost([saved(number, 120) for number in range(12)], LATER), usage) == []  # 120 s is not above
    assert proposals(cost([saved(1, 900), left(2)], LATER), usage) == []  # too few to tell


def test_fields_that_nobody_used() -> None:
    assert untouched(Usage(30, {"Comment": 3, "Doubt": 0})) == ["Doubt"]
    assert untouched(Usage(5, {"Comment": 0})) == []  # too few updates to tell


def test_quantiles_and_words() -> None:
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0
    assert quantile([], 0.5) is None
    assert [minutes_text(each) for each in (47.6, 60, 125)] == ["48 s", "1 min", "2 min 5 s"]
