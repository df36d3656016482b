"""The lists of a lead: every state in exactly one, the word for a value's way, and how far behind."""

from __future__ import annotations

import pytest

from connector.domain.buckets import EXCEPTIONS, WORDS, Bucket, bucket_of, gap, moves
from connector.domain.model import Kind, Movement, State


def test_every_state_is_in_one_list_and_every_list_has_a_word() -> None:
    found = {bucket: [state for state in State if bucket_of(state) is bucket] for bucket in Bucket}
    assert sorted(state for states in found.values() for state in states) == sorted(State)
    assert all(found.values())
    assert set(WORDS) == set(Bucket)
    assert found[Bucket.CANNOT_TELL] == [State.OVERDUE, State.NO_DATA, State.DATA_LATE]
    assert EXCEPTIONS == (Bucket.AT_RISK, Bucket.STALLED, Bucket.CANNOT_TELL)


@pytest.mark.parametrize(
    ("kind", "state", "movement", "progress", "word"),
    [
        (Kind.METRIC, State.AT_RISK, Movement.UP, 0.2, "moving"),
        (Kind.METRIC, State.STALLED, Movement.FLAT, 0.2, "flat"),
        (Kind.MILESTONES, State.ON_TRACK, Movement.DOWN, 0.9, "slipping"),
        (Kind.METRIC, State.ON_TRACK, None, 0.2, "not known"),
        (Kind.METRIC, State.OVERDUE, Movement.UP, 0.2, "not known"),
        (Kind.METRIC, State.DATA_LATE, Movement.UP, 0.2, "not known"),
        (Kind.AT_MOST, State.ON_TRACK, Movement.FLAT, 1.0, "inside"),
        (Kind.BETWEEN, State.AT_RISK, Movement.UP, 0.0, "outside"),
        (Kind.AT_LEAST, State.NO_DATA, None, None, "not known"),
        (Kind.YES_NO, State.ON_TRACK, Movement.FLAT, 0.0, "flat"),
    ],
)
def test_the_word_for_a_values_way(kind: Kind, state: State, movement: Movement | None, progress: float | None, word: str) -> None:
    assert moves(kind, state, movement, progress) == word


def test_a_gap_is_known_only_where_both_ends_are() -> None:
    assert gap(0.2, 0.5) == pytest.approx(0.3)
    assert gap(0.7, 0.5) == pytest.approx(-0.2)
    assert gap(None, 0.5) is None
    assert gap(0.2, None) is None
