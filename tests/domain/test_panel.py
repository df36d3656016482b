from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.domain.model import DecisionKind, Definition, Movement, State
from connector.domain.panel import KeyResultPanel, Panel, canonical, digest, key_result_panel, objective_panel
from connector.domain.rhythm import Expected
from connector.domain.rollup import Rollup
from connector.domain.scoring import raw_progress
from connector.domain.triage import Triage
from connector.domain.wording import SourceFacts

OSLO = ZoneInfo("Europe/Oslo")
INVOICE = Definition(start=41, target=60, unit="%")
SOURCE = SourceFacts(
    "Ben", datetime(2026, 11, 17, 9, tzinfo=UTC), 'Notion "Activation cohorts"', 7, as_of=datetime(2026, 11, 18, 13, 12, tzinfo=UTC)
)


def build(current: float | None = 42, state: State = State.STALLED, **more: Any) -> KeyResultPanel:
    arguments: dict[str, Any] = {
        "id": "kr-invoice",
        "title": "First invoice sent in 7 days",
        "url": "https://okr.example/key-results/kr-invoice",
        "definition": INVOICE,
        "current": current,
        "raw": raw_progress(INVOICE, current),
        "expected": Expected(0.53, False, 35, 66),
        "triage": Triage(state, ("same value for 5 check-ins",), flags=("flat but confident",)),
        "movement": Movement.FLAT,
        "previous": 42,
        "movement_since": datetime(2026, 11, 11, 9, tzinfo=UTC),
        "confidence_trail": (8, 8, 7, 7, 7, 7, 7),
        "decision": DecisionKind.NONE,
        "owner": "Ben",
        "source": SOURCE,
        "zone": OSLO,
    }
    return key_result_panel(**(arguments | more))


def test_a_stalled_and_confident_key_result() -> None:
    panel = build()
    assert (panel.state_word, panel.reason) == ("Stalled", "same value for 5 check-ins")
    assert panel.sentence.replace("\u00a0", " ") == "from 41 % to 60 %, now 42 %"
    assert panel.movement_text == "Flat, 0 points since 11 Nov"
    assert (panel.confidence, panel.confidence_trail) == (7, (7, 7, 7, 7, 7))
    assert panel.question == "flat but confident, what makes this safe?"
    assert panel.source_text == 'Ben, 17 Nov · value from Notion "Activation cohorts", 7 rows, as of 18 Nov 14:12'
    assert panel.progress == pytest.approx(1 / 19)
    assert panel.expected == 0.53


def test_late_data_is_last_known_and_its_movement_not_known() -> None:
    panel = build(state=State.DATA_LATE, mend="an admin pastes a new token")
    assert panel.sentence.replace("\u00a0", " ") == "from 41 % to 60 %, last known 42 %"
    assert (panel.movement, panel.movement_text, panel.question) == (None, "Movement not known", "")
    assert panel.mend == "an admin pastes a new token"


def test_no_data_is_never_zero() -> None:
    panel = build(None, State.NO_DATA, source=None, confidence_trail=())
    assert (panel.current, panel.progress, panel.confidence) == (None, None, None)
    assert panel.current_text == "no reading yet"
    assert panel.source_text == "Ben, no check-in yet · no source"


def test_too_early_shows_no_expectation() -> None:
    assert build(expected=Expected(0.05, True, 3, 66)).expected is None


def test_a_number_without_the_owner_says_so() -> None:
    panel = build(triage=Triage(State.ON_TRACK, ("59 % done",), flags=("number only, no owner comment",)))
    assert "number only, no owner comment" in panel.source_text


def test_objective_panel() -> None:
    panel = objective_panel(id="o", title="t", url="u", rollup=Rollup(1.2, 2, 3), state=State.AT_RISK)
    assert (panel.progress, panel.coverage, panel.state_word) == (1.0, "2 of 3 reporting", "At risk")


def test_equal_content_has_an_equal_digest() -> None:
    assert digest(build()) == digest(build())
    assert len(digest(build())) == 64
    same = replace(build(), current=42.0, progress=1 / 19 + 1e-16)
    assert digest(replace(build(), current=42, progress=1 / 19)) == digest(same)
    in_utc = Panel("i", (build(),), as_of=datetime(2026, 11, 18, 13, 12, tzinfo=UTC))
    in_oslo = Panel("i", (build(),), as_of=datetime(2026, 11, 18, 14, 12, tzinfo=OSLO))
    assert digest(in_utc) == digest(in_oslo)


@pytest.mark.parametrize("change", [{"title": "x"}, {"current": 43.0}, {"confidence": 6}, {"state": State.AT_RISK}, {"progress": None}])
def test_any_change_of_content_changes_the_digest(change: dict[str, Any]) -> None:
    assert digest(replace(build(), **change)) != digest(build())


def test_canonical_is_json_and_refuses_what_is_no_number() -> None:
    objective = objective_panel(id="o", title="t", url="u", rollup=Rollup(None, 0, 0), state=State.NO_DATA)
    text = json.dumps(canonical(Panel("i", (build(),), objective)))
    assert json.loads(text)["key_results"][0]["state"] == "stalled"
    with pytest.raises(ValueError, match="finite"):
        canonical(replace(build(), current=math.nan))
