"""The pre-read as a value: it survives being stored, is cut down to one reader, and says the same in every channel."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import orjson
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import pre_read
from connector.domain.buckets import Bucket
from connector.domain.model import State
from connector.domain.pre_read import Asked, Blocked, Entry, Noticed, Snapshot, Source, Undecided, Updated

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


def entry(name: str, bucket: Bucket = Bucket.AT_RISK, state: State = State.AT_RISK, **more: object) -> Entry:
    values = {"title": f"Title {name}", "objective": "o", "objective_title": "Goal", "state_word": "At risk", "moves": "flat", **more}
    return Entry(id=name, state=state, bucket=bucket, **values)  # type: ignore[arg-type]


def snapshot(*entries: Entry, **more: object) -> Snapshot:
    values = {
        "forum": "Product",
        "review_id": 1,
        "day": date(2026, 11, 19),
        "lock_text": "18 Nov 16:00",
        "starts_text": "Thu 19 Nov 10:00",
        "frozen_text": "18 Nov 16:00",
        "frozen_at": NOW,
        "lock_at": NOW,
        "key": "PR-2026-11-18-product-7f3a",
        **more,
    }
    return Snapshot(entries=entries, counts=pre_read.counted(entries), **values)  # type: ignore[arg-type]


FULL = snapshot(
    entry(
        "a",
        ask=Asked("budget", "Budget", "12 k€", NOW - timedelta(days=9), "since 9 Nov", 9),
        blocker=Blocked("Certificate", NOW - timedelta(days=3), "since 15 Nov", 3, "HARB-1", "https://acme.example/HARB-1"),
        update=Updated("missing", "last check-in 5 Nov", NOW - timedelta(days=13), NOW - timedelta(days=5)),
        trail=(7, 4),
        signals=(Noticed("idle", "Nothing moved for two weeks."),),
    ),
    entry("b", ask=Asked("scope", "Less scope"), owner="Hugo"),
    entry("c", Bucket.ON_TRACK, State.ON_TRACK, update=Updated("on time")),
    sources=(Source("acme-jira", "late", "silent", ("a", "b")), Source("acme-notion", "read", "read today", ("c",))),
    decisions=(Undecided(1, "a", "Title a", "Buy", "budget", "open", "Chloe", "overdue, due 13 Nov", date(2026, 11, 13), True),),
)


def test_it_survives_being_stored() -> None:
    stored = orjson.loads(orjson.dumps(pre_read.plain(FULL)))
    assert pre_read.read(stored) == FULL
    assert pre_read.digest_of(stored) == pre_read.digest_of(pre_read.plain(FULL))


def test_what_an_older_release_did_not_keep_has_its_default() -> None:
    stored = pre_read.plain(FULL)
    for name in ("sources", "decisions", "answers"):
        del stored[name]
    for each in stored["entries"]:
        del each["signals"], each["update"]
    found = pre_read.read(stored)
    assert found.sources == ()
    assert found.entries[0].update == Updated()


@given(st.text(max_size=60), st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.text(max_size=20))
def test_an_id_is_short_plain_and_the_same_for_the_same(forum: str, day: date, seed: str) -> None:
    key = pre_read.make_key(forum, day, seed)
    assert re.fullmatch(r"PR-\d{4}-\d\d-\d\d-[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{4}", key)
    assert len(key) <= 43
    assert key == pre_read.make_key(forum, day, seed)


def test_an_id_reads_as_people_would_write_it() -> None:
    assert pre_read.make_key("Zürich & Köln", date(2026, 11, 18), "x").startswith("PR-2026-11-18-zurich-koln-")
    assert pre_read.make_key("製品", date(2026, 11, 18), "x").startswith("PR-2026-11-18-forum-")


def test_one_reader_sees_and_counts_what_they_may_know_of() -> None:
    found = pre_read.seen(FULL, {"b", "c"})
    assert [each.id for each in found.entries] == ["b", "c"]
    assert found.counts == {"at_risk": 1, "stalled": 0, "cannot_tell": 0, "on_track": 1, "closed": 0}
    assert [(each.name, each.feeds) for each in found.sources] == [("acme-jira", ("b",)), ("acme-notion", ("c",))]
    assert found.decisions == ()
    assert found.overdue == 0
    assert FULL.overdue == 1
    assert found.key == FULL.key


def test_lists_are_in_the_order_in_which_people_ask() -> None:
    assert [each.id for each in pre_read.asking(FULL)] == ["a", "b"], "the oldest first, of unknown age last"
    assert [each.id for each in pre_read.blocked(FULL)] == ["a"]
    assert [each.id for each in pre_read.missing(FULL)] == ["a"]
    assert [each.id for each in pre_read.off_track(FULL)] == ["a", "b"]
    assert [(word, len(some)) for word, some in pre_read.by_movement(FULL)] == [("flat", 3)]


def test_the_message_is_plain_short_and_ends_with_the_id() -> None:
    told = replace(FULL, answers=pre_read.Answers(("1 of 3", " moving"), ("2 at risk", ""), ("2 asks", ", oldest since 9 Nov")))
    lines = pre_read.message_lines(told, most=1)
    assert lines == [
        "Are we moving? 1 of 3 moving",
        "Where are we off track? 2 at risk",
        "What decision is needed now? 2 asks, oldest since 9 Nov",
        "Budget: 12 k€ · Title a · ownerless · since 9 Nov",
        "and 1 more ask",
        "1 update is still to come",
        "1 open decision is past the due date",
        "Source acme-jira: silent",
        "PR-2026-11-18-product-7f3a, frozen 18 Nov 16:00",
    ]


def test_a_late_freeze_names_both_moments() -> None:
    assert pre_read.frozen_words(replace(FULL, frozen_at=NOW + timedelta(minutes=5))) == "frozen 18 Nov 16:00"
    late = replace(FULL, frozen_at=NOW + timedelta(hours=1), frozen_text="18 Nov 17:00")
    assert pre_read.frozen_words(late) == "frozen 18 Nov 17:00, later than its lock of 18 Nov 16:00"
    assert pre_read.frozen_words(replace(FULL, key="")) == "not frozen yet, locks 18 Nov 16:00"


def test_nothing_to_review_is_said() -> None:
    assert snapshot().nothing == "Nothing to review: no key result belongs to this forum now."
    assert snapshot(entry("a", Bucket.CLOSED, State.CLOSED)).nothing == "Nothing to review: every key result of this forum is closed."
    assert FULL.nothing == ""


def test_a_signal_that_says_what_the_question_asks_is_not_said_twice() -> None:
    seen = (Noticed("busy_not_moving", "Busy, is the mapping right?"), Noticed("idle", "Nothing was done."))
    assert entry("a", question="busy, is the mapping right", signals=seen).further == seen[1:]
    assert entry("a", signals=seen).further == seen
