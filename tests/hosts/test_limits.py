"""Who may spend a connection's request budget when: people first, background work never starved, the host's limit never exceeded."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import BACKGROUND_BUDGET, OWN_BUDGET, Busy
from connector.hosts.http import Answer, Gateway, Policy
from connector.hosts.limits import BACKGROUND_ALONE, BACKGROUND_BESIDE, BACKGROUND_LEAST, LONGEST_PAUSE, STRIDE, Allowance, Budget
from tests.support.window_clock import WindowClock, window_clock

LIMIT = 180
MINUTE = Allowance("all", f"{LIMIT}/60 second", ranked=True)


@pytest.fixture
def clock() -> Iterator[WindowClock]:
    with window_clock() as found:
        yield found


def spend(budget: Budget, most: int) -> int:
    """Call until the budget says no, ``most`` times at most; how often it said yes."""
    for number in range(most):
        if budget.wait_for([MINUTE]):
            return number
    return most


def hunger(budget: Budget, clock: WindowClock, seconds: float) -> int:
    """Call whenever it is possible, for a while; how often."""
    ends, calls = clock.now + seconds, 0
    while clock.now < ends:
        wait = budget.wait_for([MINUTE])
        calls += not wait
        clock.sleep(min(wait, 1.0))
    return calls


def test_background_work_alone_runs_at_the_limits_pace(clock: WindowClock) -> None:
    night = Budget("acme", clock=clock).for_background()
    assert hunger(night, clock, 600.0) >= 0.91 * LIMIT * 10


def test_a_short_piece_of_background_work_does_not_wait(clock: WindowClock) -> None:
    assert spend(Budget("acme", clock=clock).for_background(), LIMIT) == LIMIT // STRIDE


def test_somebody_who_comes_during_the_night_finds_room_at_once_and_more_soon(clock: WindowClock) -> None:
    people = Budget("acme", clock=clock)
    night = people.for_background()
    hunger(night, clock, 300.0)
    assert spend(people, LIMIT) >= int(LIMIT * (1 - BACKGROUND_ALONE))
    waited = 0.0
    while wait := people.wait_for([MINUTE]):
        clock.sleep(wait)
        waited += wait
        spend(night, LIMIT)  # it is hungry too
    assert waited <= 60 / STRIDE


def test_beside_people_background_work_leaves_a_quarter_free(clock: WindowClock) -> None:
    people = Budget("acme", clock=clock)
    night = people.for_background()
    for _ in range(300):
        people.wait_for([MINUTE])
        hunger(night, clock, 1.0)
    left = people.left(MINUTE)
    assert left is not None
    assert left[1] >= int(LIMIT * (1 - BACKGROUND_BESIDE)) - 1
    clock.sleep(61.0)  # nobody is there any more
    assert hunger(night, clock, 300.0) >= 0.9 * LIMIT * 5


def test_however_busy_people_are_background_work_goes_on(clock: WindowClock) -> None:
    people = Budget("acme", clock=clock)
    night = people.for_background()
    done = 0
    for _ in range(600):
        spend(people, LIMIT)
        done += spend(night, LIMIT)
        clock.sleep(1.0)
    assert done >= int(LIMIT * BACKGROUND_LEAST) * 8


def test_people_alone_have_all_of_it(clock: WindowClock) -> None:
    people = Budget("acme", clock=clock)
    assert spend(people, 1000) == LIMIT
    clock.sleep(60.1)
    assert spend(people, 1000) == LIMIT


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["people", "night", "wait"]), st.integers(1, 90)), max_size=40), st.integers(1, 40))
def test_no_window_ever_holds_more_than_the_host_allows(steps: list[tuple[str, int]], limit: int) -> None:
    with window_clock() as clock:
        people = Budget("acme", clock=clock)
        night = people.for_background()
        allowance = Allowance("all", f"{limit}/60 second", ranked=True)
        made: list[float] = []
        for who, number in steps:
            if who == "wait":
                clock.sleep(number / 3)
                continue
            for _ in range(number):
                if not (people if who == "people" else night).wait_for([allowance]):
                    made.append(clock.now)
        assert all(sum(begun <= at < begun + 60 for at in made) <= limit for begun in made)
        clock.sleep(61.0)
        assert night.wait_for([allowance]) == 0.0  # nobody is locked out for good


def test_the_shares_hold_between_processes(redis_url: str, clock: WindowClock) -> None:
    """Each process has a budget object of its own; Redis counts for all."""
    people, night = Budget("shared", redis_url, clock=clock), Budget("shared", redis_url, clock=clock).for_background()
    other = Budget("shared", redis_url, clock=clock)
    hunger(night, clock, 120.0)
    taken = spend(people, 5) + spend(other, LIMIT)
    assert int(LIMIT * (1 - BACKGROUND_ALONE)) <= taken
    assert night.wait_for([MINUTE]) > 0.0
    left = night.left(MINUTE)
    assert left is not None
    assert left[1] == 0


def test_many_at_the_same_moment_do_not_take_more_than_there_is(redis_url: str) -> None:
    start, taken = threading.Barrier(8), []

    def work(number: int) -> None:
        budget = Budget("crowd", redis_url)
        start.wait()
        taken.extend(number for _ in range(40) if not budget.wait_for([MINUTE]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == LIMIT


def test_a_call_that_cannot_wait_says_whose_budget_is_used_up(clock: WindowClock) -> None:
    people = Budget("acme", clock=clock)
    policy = Policy(allowances=lambda method, path: [MINUTE], explain=lambda answer: ("", "", {}))
    origins = frozenset({"http://127.0.0.1:80"})
    for budget, code in ((people, OWN_BUDGET), (people.for_background(), BACKGROUND_BUDGET)):
        spend(people, LIMIT)
        gateway = Gateway("acme", origins, policy, budget, allow_private=True, patience=0.0)
        with pytest.raises(Busy) as caught:
            gateway.exchange("GET", "http://127.0.0.1/", lambda: Answer(200, {}, b""))
        assert caught.value.code == code
        assert caught.value.retry_after


def test_a_storm_of_edits_never_waits_for_a_whole_window(clock: WindowClock) -> None:
    people = Budget("acme", clock=clock)
    storm, night = people.for_storms(), people.for_background()
    assert spread(storm, clock, 0.0, most=LIMIT // 3) == LIMIT // 3  # what a few edits need is free at once
    longest, calls, ends = 0.0, 0, clock.now + 300.0
    while clock.now < ends:
        before = clock.now
        clock.sleep(storm.pause_for([MINUTE]))
        while wait := storm.wait_for([MINUTE]):
            clock.sleep(wait)
        longest, calls = max(longest, clock.now - before), calls + 1
        spend(night, LIMIT)
        clock.sleep(0.1)  # the call itself
    assert longest <= 3.0
    assert calls >= 0.7 * LIMIT * 5


def spread(budget: Budget, clock: WindowClock, pause: float, most: int) -> int:
    """Call as one who can be asked to pause, until a pause is longer than this; how often."""
    number = 0
    while number < most and budget.pause_for([MINUTE]) <= pause and not budget.wait_for([MINUTE]):
        number += 1
    return number


def test_nobody_else_is_asked_to_pause(clock: WindowClock) -> None:
    people = Budget("acme", clock=clock)
    spend(people, LIMIT // 2)
    assert people.pause_for([MINUTE]) == people.for_background().pause_for([MINUTE]) == 0.0
    assert 0.0 < people.for_storms().pause_for([MINUTE]) <= LONGEST_PAUSE
    assert people.for_storms().pause_for([Allowance("other", f"{LIMIT}/60 second")]) == 0.0  # a budget without ranks


def test_pauses_go_by_what_all_processes_used(redis_url: str, clock: WindowClock) -> None:
    spend(Budget("stormy", redis_url, clock=clock), LIMIT // 2)
    assert Budget("stormy", redis_url, clock=clock).for_storms().pause_for([MINUTE]) > 0.0
    away = Budget("stormy", "redis://127.0.0.1:1/0", clock=clock).for_storms()
    assert away.pause_for([MINUTE]) == 0.0  # nobody can tell
