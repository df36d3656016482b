"""Rows that are observations and not work: their number is no scope, and without a status nobody knows what is done."""

from __future__ import annotations

from datetime import timedelta

from connector.domain.activity import Counted, Night
from connector.domain.signals.delivery import reached_early, scope_grew
from connector.domain.signals.effort import effort_seen
from connector.domain.signals.known import Values
from tests.domain.signals.test_rules import SHARE, at, known


def test_rows_that_are_the_value_are_no_scope() -> None:
    nights = {at(1).date(): Night(1, 0), at(28).date(): Night(30, 0)}
    assert scope_grew(known(28, counted=Counted(nights))) is not None
    assert scope_grew(known(28, counted=Counted(nights), scoped=Counted())) is None
    work = Counted({at(1).date(): Night(10, 2, 0), at(28).date(): Night(14, 4, 0)})
    seen = scope_grew(known(28, counted=Counted(nights), scoped=work))
    assert seen is not None
    assert seen.sentence.startswith("4 of 14 items (+4 added)")


def test_rows_without_a_status_are_neither_idle_nor_left_undone() -> None:
    def seen(night: Night) -> tuple[str, bool]:
        nights = {(at(63) - timedelta(weeks=back)).date(): night for back in range(7)}
        still = effort_seen(known(63, SHARE, 12, values=Values((at(40).date(),), (12.0,)), counted=Counted(nights), lag=0))
        there = reached_early(known(63, SHARE, 100, counted=Counted(nights)))
        return (still.kind if still else ""), there is not None

    assert seen(Night(40, 0, None)) == ("", False)
    assert seen(Night(40, 0, 0)) == ("idle", True)  # there a status says that nothing was begun
    assert seen(Night(40, 3, None)) == ("idle", True)  # counted before what is started was
