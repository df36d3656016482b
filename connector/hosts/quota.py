"""How much of a rate limit is in use: out of a host's own headers, or of our own budget. Pure; it must not know any host.

Headers of rate limits are many and none is certain: each is read with tolerance, and what was not told stays None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_QUOTA = re.compile(r"\bq=(\d+)")  # of a RateLimit-Policy header: how many
_REMAINING = re.compile(r"\br=(\d+)")
_SECONDS = re.compile(r"\bt=(\d+)")
_NAME = re.compile(r'\s*"([^"]{1,80})"')


def read_quota(headers: Mapping[str, str], status: int, now: datetime) -> dict[str, Any] | None:
    """What an answer's headers (lower-case names) say, in the shape of ``Host.quota``; None when they say nothing."""
    policy = headers.get("ratelimit-policy") or headers.get("beta-ratelimit-policy") or ""
    state = headers.get("ratelimit") or headers.get("beta-ratelimit") or ""
    limit = _whole(headers.get("x-ratelimit-limit")) or _found(_QUOTA, policy)
    remaining = _whole(headers.get("x-ratelimit-remaining"))
    remaining = _found(_REMAINING, state) if remaining is None else remaining
    resets_at = _moment(headers.get("x-ratelimit-reset"), now) or _later(_found(_SECONDS, state), now)
    if status == 429:
        remaining = 0 if remaining is None else remaining
        resets_at = resets_at or _later(_whole(headers.get("retry-after")), now)
    if limit is None and remaining is None:
        return None
    name = _NAME.match(state) or _NAME.match(policy)
    reason = headers.get("ratelimit-reason") or (name.group(1) if name else "")
    return describe_quota(limit, remaining, resets_at, reason=reason, source="host", now=now)


def describe_quota(
    limit: int | None, remaining: int | None, resets_at: datetime | None, *, reason: str, source: str, now: datetime
) -> dict[str, Any]:
    """A quota as JSON. ``used`` is 0 to 1, None when it cannot be said."""
    used = None
    if remaining == 0:
        used = 1.0
    elif limit and remaining is not None:
        used = round(min(max(1 - remaining / limit, 0.0), 1.0), 3)
    return {
        "used": used,
        "limit": limit,
        "remaining": remaining,
        "resets_at": resets_at.isoformat() if resets_at else None,
        "reason": reason[:80],
        "source": source,
        "at": now.isoformat(),
    }


def _whole(text: str | None) -> int | None:
    word = (text or "").strip()
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 12 else None


def _found(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return _whole(match.group(1)) if match else None


def _later(seconds: int | None, now: datetime) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=min(seconds, 86_400))


def _moment(text: str | None, now: datetime) -> datetime | None:
    """A reset time: ISO at Jira; elsewhere often seconds since 1970 or seconds from now."""
    if not text:
        return None
    number = _whole(text)
    if number is not None:
        return datetime.fromtimestamp(number, UTC) if 1_000_000_000 < number < 10_000_000_000 else _later(number, now)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
