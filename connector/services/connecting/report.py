"""How a connection is, in words: one state, and a table of checks with finding and mend. Pure: facts in, sentences out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from statistics import median
from typing import Any

from connector.domain.wording import days_text, moment_text

FINE, BROKEN, LATE, UNKNOWN = "on_track", "at_risk", "data_late", "no_data"  # the marks of the pages
QUIET = timedelta(days=7)  # without a webhook: nothing happens there, or the webhook is gone
SILENT = timedelta(hours=24)  # without a webhook where many come every hour
BUSY = timedelta(minutes=30)  # the usual gap below which many come every hour
SYNC_LATE = timedelta(hours=26)  # a night and a margin
ENDS_SOON = timedelta(days=14)
PROLONGED_LATE = timedelta(days=14)  # of a webhook's life left: it should have been prolonged long ago
MOST_SKEW = 30.0  # seconds
NEARLY_USED = 0.8  # of a quota
_ANSWERED = re.compile(r"answered (\d{3}): (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LastRun:
    """A sync run."""

    kind: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    repaired: int
    seen: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a connection. Moments are aware UTC; ``hours``: deliveries of each of the last hours, oldest first.

    ``webhook``: "set", "armed" or "missing" · ``polling``: it has no webhooks by nature (Data Center) ·
    ``by_app``: the Forge app is its login and brings its events.
    """

    name: str
    host: str  # title, "Jira"
    url: str
    account: str
    created_at: datetime
    webhook: str = "missing"
    polling: bool = False
    by_app: bool = False
    renews: bool = False  # its tokens are renewed by us, for as long as the permission lasts
    kept: Mapping[str, Any] | None = None  # of a webhook that ends and is prolonged by us: created, why, ends_at, containers
    armed_until: datetime | None = None
    previous_until: datetime | None = None
    parked_at: datetime | None = None
    parked_reason: str = ""
    paused_at: datetime | None = None
    waits_until: datetime | None = None
    retired_at: datetime | None = None
    last_event_at: datetime | None = None
    last_success_at: datetime | None = None
    last_sync_at: datetime | None = None
    checks: Mapping[str, Any] | None = None
    quota: Mapping[str, Any] | None = None
    ends_on: date | None = None  # of the credentials: told by the host, or entered
    run: LastRun | None = None  # the latest
    done: LastRun | None = None  # the latest that came to its end
    hours: Sequence[int] = field(default=())
    mapped: bool = False
    panel_errors: Sequence[tuple[str, int]] = ()  # why panels could not be written, and how many; the most first


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table. ``mark`` is one of the four above."""

    name: str
    mark: str
    finding: str
    mend: str = "none"


@dataclass(frozen=True, slots=True)
class State:
    """The one state of a connection: its code, mark, word, and why or since when."""

    code: str  # "retired" | "paused" | "parked" | "waiting" | "unread" | "working"
    mark: str
    word: str
    why: str


def state_of(facts: Facts, now: datetime, zone: tzinfo) -> State:
    """First match: retired, paused, parked, waiting for the host, never read, working."""
    if facts.retired_at is not None:
        return State("retired", "closed", "Retired", f"on {moment_text(facts.retired_at, zone)}; its history stays")
    if facts.paused_at is not None:
        return State("paused", UNKNOWN, "Paused", f"since {moment_text(facts.paused_at, zone)}; webhooks are kept, the host is not called")
    if facts.parked_at is not None:
        return State("parked", LATE, "Parked", f"since {moment_text(facts.parked_at, zone)}: {refusal_text(facts.parked_reason)}")
    if facts.waits_until is not None and facts.waits_until > now:
        return State(
            "waiting", LATE, "Waiting", f"{facts.host} asked us to wait, or did not answer; next try {moment_text(facts.waits_until, zone)}"
        )
    if facts.last_sync_at is None and not facts.mapped:
        return State("unread", UNKNOWN, "Not mapped yet", "the login works; nothing of it feeds a key result")
    if facts.last_success_at is None:
        return State("unread", UNKNOWN, "Never read", "the first sync has not come to its end")
    return State("working", FINE, "Working", f"read {ago_text(facts.last_success_at, now)}")


def refusal_text(reason: str) -> str:
    """What the host answered, without the name and path before it: "401, API token is invalid"."""
    found = _ANSWERED.search(reason)
    return f"{found[1]}, {found[2]}" if found else reason


def checks_of(facts: Facts, now: datetime, zone: tzinfo) -> list[Check]:
    """The table, in the order in which an admin looks."""
    found = [_token(facts, zone), _rights(facts), _end(facts, now, zone)]
    found += [_secret(facts, now, zone), _age(facts, now, zone), *_webhook_end(facts, now, zone)]
    return [*found, *_panels(facts), _sync(facts, now, zone), _clock(facts), _quota(facts, now)]


def _panels(facts: Facts) -> list[Check]:
    """A warning where places could not be written; nothing is said while all are."""
    if not facts.panel_errors:
        return []
    count = sum(number for _, number in facts.panel_errors)
    words = "; ".join(f"{number} × {error}" if len(facts.panel_errors) > 1 else error for error, number in facts.panel_errors[:3])
    more = f"; and {len(facts.panel_errors) - 3} other causes" if len(facts.panel_errors) > 3 else ""
    finding = f"{count} {'place' if count == 1 else 'places'} could not be written: {words}{more}"
    return [Check("Panels", BROKEN, finding, "mend what is named; they are written again then")]


def usual_gap(hours: Sequence[int]) -> timedelta | None:
    """The usual time between two deliveries, by the hours in which any came; None when too few did to tell."""
    busy = [count for count in hours if count]
    return timedelta(hours=1 / median(busy)) if len(busy) >= 3 else None


def span_text(span: timedelta) -> str:
    """ "40 s", "8 min", "32 h", "9 days"."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    if seconds < 48 * 3600:
        return f"{round(seconds / 3600)} h"
    return days_text(seconds // 86_400)


def ago_text(moment: datetime, now: datetime) -> str:
    """ "just now", "8 min ago", "9 days ago"."""
    return "just now" if (now - moment).total_seconds() < 90 else f"{span_text(now - moment)} ago"


def _token(facts: Facts, zone: tzinfo) -> Check:
    checks = facts.checks
    accepted = f", last accepted {moment_text(facts.last_success_at, zone)}" if facts.last_success_at else ""
    if facts.parked_at is not None:
        return Check(
            "Token",
            BROKEN,
            f"refused, {refusal_text(facts.parked_reason)}{accepted}",
            "let the app call again: see Forge app" if facts.by_app else "enter new credentials, or give the account its rights back",
        )
    if not checks:
        if facts.last_success_at is not None:
            return Check("Token", FINE, f"accepted {moment_text(facts.last_success_at, zone)}")
        return Check("Token", UNKNOWN, "not tested yet", "run the checks")
    if checks.get("ok"):
        visible = checks.get("visible")
        what = {"Jira": "project", "Notion": "database"}.get(facts.host, "place")
        seen = f"; sees {visible} {what}{'' if visible == 1 else 's'}" if visible is not None else ""
        return Check("Token", FINE, f"accepted as {checks.get('account') or facts.account}{seen}")
    mend = "enter new credentials" if checks.get("refused") or checks.get("status") is None else f"check that {facts.url} is right"
    return Check("Token", BROKEN, refusal_text(str(checks.get("error") or "the last test failed")), mend)


def _rights(facts: Facts) -> Check:
    checks = facts.checks
    name = "Rights" if facts.host == "Jira" else "Sharing"
    if facts.parked_at is not None or (checks and not checks.get("ok")):
        return Check(
            name, UNKNOWN, "not known while the token is refused", f"checked with the {'next token' if facts.by_app else 'new credentials'}"
        )
    if not checks:
        return Check(name, UNKNOWN, "not looked at yet", "run the checks")
    warnings = [str(each) for each in checks.get("warnings") or ()]
    if warnings:
        parts = [warning.partition("; ") for warning in warnings]
        findings, mends = "; ".join(part[0] for part in parts), "; ".join(dict.fromkeys(part[2] for part in parts if part[2]))
        return Check(name, BROKEN, findings, mends or "see the steps of the guide")
    scopes = ", ".join(checks.get("scopes") or ())
    notes = [str(each) for each in checks.get("notes") or ()]
    finding = "nothing is missing" + (f"; scopes {scopes}" if scopes else "") + "".join(f"; {note.partition('; ')[0]}" for note in notes)
    return Check(name, FINE, finding)


def _end(facts: Facts, now: datetime, zone: tzinfo) -> Check:
    if facts.by_app:
        return Check("Token's end", FINE, "the app brings a new one every hour")
    if facts.renews:
        return Check("Token's end", FINE, "renewed every hour while the permission lasts; it ends after 90 days without any use")
    if facts.ends_on is None:
        return Check(
            "Token's end", UNKNOWN, f"not known: {facts.host} does not tell it", "enter the day under Settings to be warned in time"
        )
    left = (facts.ends_on - now.astimezone(zone).date()).days
    mend = f"make a new one at {facts.host} and enter it here"
    if left < 0:
        return Check("Token's end", BROKEN, f"ended on {facts.ends_on}", mend)
    if left <= ENDS_SOON.days:
        return Check("Token's end", LATE, f"{days_text(left)} left, until {facts.ends_on}", mend)
    return Check("Token's end", FINE, f"{days_text(left)} left, until {facts.ends_on}")


def _secret(facts: Facts, now: datetime, zone: tzinfo) -> Check:
    if facts.by_app and facts.webhook != "set":
        return Check("Webhook secret", FINE, "none is needed: events come through the Forge app")
    if facts.polling:
        return Check("Webhook secret", UNKNOWN, "Jira Data Center is read by the syncs only")
    if facts.webhook == "armed" and facts.armed_until is not None:
        until = moment_text(facts.armed_until, zone)
        return Check("Webhook secret", LATE, f"waits for the verification token until {until}", "create the subscription: see Webhook")
    if facts.webhook != "set":
        return Check("Webhook secret", BROKEN, "there is none, so webhooks are refused", "set it up: see Webhook")
    former = ""
    if facts.previous_until is not None and facts.previous_until > now:
        former = f"; the former one counts until {moment_text(facts.previous_until, zone)}"
    if facts.last_event_at is None:
        return Check("Webhook secret", FINE, f"set{former}")
    return Check("Webhook secret", FINE, f"last signature valid, {moment_text(facts.last_event_at, zone)}{former}")


def _age(facts: Facts, now: datetime, zone: tzinfo) -> Check:
    if facts.by_app and facts.webhook != "set":
        last = f"last event {ago_text(facts.last_event_at, now)}" if facts.last_event_at else "no event has come yet"
        return Check("Webhook age", FINE if facts.last_event_at else UNKNOWN, last)
    if facts.polling or facts.webhook != "set":
        return Check("Webhook age", UNKNOWN, "no webhook is set up" if not facts.polling else "there are none")
    gap = usual_gap(facts.hours)
    usual = f"; usual gap is {span_text(gap)}" if gap else ""
    mend = f"see at {facts.host} whether the webhook is still active"
    if facts.last_event_at is None and facts.kept and facts.kept.get("created"):
        return Check("Webhook age", LATE, "none has come yet", "share the app under Distribution, or let its owner give the permission")
    if facts.last_event_at is None:
        return Check("Webhook age", LATE, "none has ever come", f"create it at {facts.host}: see Webhook")
    age = now - facts.last_event_at
    finding = f"last delivery {ago_text(facts.last_event_at, now)}{usual}"
    if age > QUIET or (gap is not None and age > SILENT and gap < BUSY):
        return Check("Webhook age", LATE, f"no delivery for {span_text(age)}{usual}", mend)
    return Check("Webhook age", FINE, finding)


def _webhook_end(facts: Facts, now: datetime, zone: tzinfo) -> list[Check]:
    """For webhooks that end unless they are prolonged: the days left."""
    if not facts.kept:
        return []
    name, mend = "Webhook's end", "bring it up to date: see Webhook"
    ends = _moment(facts.kept.get("ends_at"))
    if not facts.kept.get("created"):
        return [Check(name, BROKEN, f"it could not be kept: {facts.kept.get('why') or 'not known why'}", mend)]
    if ends is None:
        return [Check(name, UNKNOWN, f"not known: {facts.host} has not told it", mend)]
    places = facts.kept.get("containers") or ()
    covers = (
        f"; for {', '.join(places[:8])}{f' and {len(places) - 8} more' if len(places) > 8 else ''}" if places else "; for the whole site"
    )
    day = ends.astimezone(zone).date()
    left = (day - now.astimezone(zone).date()).days
    if ends <= now:
        return [Check(name, BROKEN, f"ended on {day}: no event came since", mend)]
    if ends - now <= PROLONGED_LATE:
        return [Check(name, LATE, f"{days_text(left)} left, until {day}: it was not prolonged as it is every week{covers}", mend)]
    return [Check(name, FINE, f"{days_text(left)} left, until {day}, prolonged every week{covers}")]


def _sync(facts: Facts, now: datetime, zone: tzinfo) -> Check:
    run, done = facts.run, facts.done
    if run is not None and run.status == "running" and not run.error:
        return Check("Nightly sync", FINE, f"running since {moment_text(run.started_at, zone)}, {run.seen} items seen")
    if facts.parked_at is not None or facts.paused_at is not None:
        word = "parked" if facts.parked_at is not None else "paused"
        return Check("Nightly sync", LATE, f"skipped while the connection is {word}", "a sync starts when it goes on")
    if run is not None and run.error:
        return Check(
            "Nightly sync", BROKEN, f"stopped {moment_text(run.started_at, zone)}: {run.error}", "the next sync goes on from there"
        )
    if done is None or facts.last_sync_at is None:
        late = facts.mapped and now - facts.created_at > SYNC_LATE
        return Check("Nightly sync", BROKEN if late else UNKNOWN, "has never run", "see that clock and worker run" if late else "none")
    repaired = f"repaired {done.repaired} of {done.seen} items" if done.repaired else f"{done.seen} items, nothing to repair"
    if now - facts.last_sync_at > SYNC_LATE:
        return Check(
            "Nightly sync", BROKEN, f"last one {moment_text(facts.last_sync_at, zone)}, {repaired}", "see that clock and worker run"
        )
    return Check("Nightly sync", FINE, f"{moment_text(facts.last_sync_at, zone)}, {repaired}")


def _clock(facts: Facts) -> Check:
    if not facts.checks:
        return Check("Clock", UNKNOWN, "not looked at yet", "run the checks")
    skew = facts.checks.get("skew")
    if not isinstance(skew, (int, float)):
        return Check("Clock", UNKNOWN, "not known: the host's last answer named no time")
    if abs(skew) > MOST_SKEW:
        words = "ahead of" if skew > 0 else "behind"
        return Check("Clock", BROKEN, f"{abs(skew):.0f} s {words} {facts.host}", "let this machine set its clock by NTP")
    return Check("Clock", FINE, f"within {max(1, round(abs(skew)))} s of {facts.host}")


def _quota(facts: Facts, now: datetime) -> Check:
    quota = facts.quota or {}
    used = quota.get("used")
    if not isinstance(used, (int, float)):
        return Check("Quota used", UNKNOWN, f"not known: {facts.host} has told nothing of its limits")
    at = _moment(quota.get("at"))
    age = f", {ago_text(at, now)}" if at else ""
    whose = "of our own budget" if quota.get("source") == "budget" else f"of {facts.host}'s limit"
    reason = f" ({quota['reason']})" if quota.get("reason") else ""
    finding = f"{round(100 * used)} % {whose}{reason}{age}"
    if used >= NEARLY_USED:
        return Check("Quota used", LATE, finding, "nothing: calls wait when it is used up")
    return Check("Quota used", FINE, finding)


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
    except ValueError:
        return None
