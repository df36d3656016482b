"""What is known of a rate limit: from headers of any shape, and from our own budget when the host tells nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.hosts.limits import Allowance, Budget
from connector.hosts.quota import read_quota

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HEADERS = (
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit-reason",
    "retry-after",
    "ratelimit",
    "beta-ratelimit",
    "ratelimit-policy",
    "beta-ratelimit-policy",
)


@pytest.mark.parametrize(
    ("headers", "status", "used", "remaining", "resets_at", "reason"),
    [
        (
            {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "25", "x-ratelimit-reset": "2026-11-20T12:00:30Z"},
            200,
            0.75,
            25,
            "2026-11-20T12:00:30+00:00",
            "",
        ),
        (
            {"beta-ratelimit-policy": '"global-app-quota";q=65000;w=3600', "beta-ratelimit": '"global-app-quota";r=6500;t=600'},
            200,
            0.9,
            6500,
            "2026-11-20T12:10:00+00:00",
            "global-app-quota",
        ),
        ({"retry-after": "7", "ratelimit-reason": "jira-burst-based"}, 429, 1.0, 0, "2026-11-20T12:00:07+00:00", "jira-burst-based"),
        ({"x-ratelimit-limit": "100"}, 200, None, None, None, ""),
        ({"x-ratelimit-limit": "100", "x-ratelimit-remaining": "400"}, 200, 0.0, 400, None, ""),
        ({"x-ratelimit-remaining": "10", "x-ratelimit-reset": "1795176060"}, 200, None, 10, "2026-11-20T12:01:00+00:00", ""),
    ],
)
def test_headers_are_read_in_their_shapes(headers, status, used, remaining, resets_at, reason):
    found = read_quota(headers, status, NOW)
    assert found is not None
    assert (found["used"], found["remaining"], found["resets_at"], found["reason"]) == (used, remaining, resets_at, reason)
    assert (found["source"], found["at"]) == ("host", NOW.isoformat())


def test_no_headers_say_nothing():
    assert read_quota({}, 200, NOW) is None
    assert read_quota({"retry-after": "3"}, 503, NOW) is None


@given(st.dictionaries(st.sampled_from(HEADERS), st.text() | st.integers().map(str) | st.floats().map(str)), st.sampled_from([200, 429]))
def test_any_header_gives_a_sound_answer(headers, status):
    found = read_quota(headers, status, NOW)
    if found is not None:
        assert found["used"] is None or 0.0 <= found["used"] <= 1.0
        json.dumps(found)


def test_the_budget_tells_what_is_left_of_its_tightest_rate():
    budget = Budget("acme", clock=lambda: NOW.timestamp())
    allowance = Allowance("all", "10 per 60 second; 1000 per 1 hour")
    assert budget.left(allowance)[:2] == (10, 10)
    for _ in range(4):
        assert budget.wait_for([allowance]) == 0.0
    assert budget.left(allowance)[:2] == (10, 6)
