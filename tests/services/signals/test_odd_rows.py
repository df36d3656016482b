"""One key result that cannot be judged does not keep the night from the others."""

from __future__ import annotations

from sqlalchemy import update
from structlog.testing import capture_logs

from connector.services.signals.nightly import find_for
from connector.store.tables import KeyResult
from tests.services.signals.conftest import Past


def still(past: Past, name: str) -> None:
    """A key result that stands still with confidence 8."""
    past.acme.key_result(name, current=12.0, raw_progress=0.12, progress=0.12, state="on_track", effect_lag=0, created_at=past.day(39))
    past.values(name, (40, 12), (20, 12), (1, 12))
    for days in (21, 14, 7, 1):
        past.check_in(name, days, value=12.0, confidence=8)


def test_a_row_whose_start_is_its_target_stops_nobody(past: Past) -> None:
    for name in ("a", "b", "c"):
        still(past, name)
    with past.acme.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "b").values(start=12.0, target=12.0, raw_progress=0.1))
    past.look()
    assert "confidence_gap" in past.signals("a")
    assert "confidence_gap" in past.signals("c")
    assert "confidence_gap" not in past.signals("b")


def test_one_that_cannot_be_judged_is_named_and_left_as_it_stands(past: Past) -> None:
    for name in ("a", "b"):
        still(past, name)
    past.weeks(past.mapped("b"), (8, 9, 8, 10))
    past.look()
    before, kept = past.signals("b")["confidence_gap"], past.insight("b")
    with past.acme.runtime.store.write() as session:  # so many weeks are before all days
        session.execute(update(KeyResult).where(KeyResult.id == "b").values(effect_lag=200_000))
    for name in ("a", "b"):
        past.check_in(name, 0, value=12.0, confidence=2)
    with capture_logs() as told:
        past.look()
        find_for(past.acme.runtime, ["b"])
    assert [each["key_result"] for each in told if each["event"] == "signals_not_found"] == ["b", "b"]
    assert "confidence_gap" not in past.signals("a")
    assert past.signals("b")["confidence_gap"].changed_at == before.changed_at
    assert past.insight("b") == kept
