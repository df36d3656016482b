from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.changes import LATE_TARGET_EDIT, late_target_edit, needs_reason, reason_text, stated_reason
from connector.domain.model import Cycle, Kind
from connector.errors import InputError

HUNDRED = Cycle("hundred", date(2026, 1, 5), date(2026, 5, 22))  # 100 working days
DAY_80, DAY_81 = date(2026, 4, 24), date(2026, 4, 27)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"title": "A"}, {"title": "B"}, ("wording",)),
        ({"title": "A  b "}, {"title": "A b"}, ()),
        ({"target": 100}, {"target": 100.0}, ()),
        ({"target": 100, "start": 0}, {"target": 90, "start": 5}, ("start", "target")),
        ({"low": None}, {"low": 0}, ("lower bound",)),
        ({"high": 3.0}, {"high": 4}, ("upper bound",)),
        ({"kind": Kind.METRIC}, {"kind": "metric"}, ()),
        ({"kind": "metric"}, {"kind": "yes_no"}, ("kind",)),
        ({"owner_id": 1}, {"owner_id": 2}, ("owner",)),
        ({"owner": "a@x.example"}, {"owner": "b@x.example"}, ("owner",)),
        ({"weight": 1}, {"weight": 2}, ("weight",)),
        ({"strict": False}, {"strict": True}, ("bound counts as outside",)),
        ({"phased_targets": []}, {"phased_targets": [{"day": "2026-11-01", "value": 3}]}, ("phased targets",)),
        ({"phased_targets": ()}, {"phased_targets": []}, ()),
        ({"position": 1, "decimals": 0, "cadence": "weekly"}, {"position": 2, "decimals": 2, "cadence": "fortnightly"}, ()),
        ({"supports": None}, {"supports": "growth"}, ("supported goal",)),
        ({"cycle_id": 1}, {"cycle_id": 2}, ("cycle",)),
        ({"target": 5}, {}, ()),
    ],
)
def test_which_changes_need_a_reason(before: dict[str, object], after: dict[str, object], words: tuple[str, ...]) -> None:
    assert needs_reason(before, after) == words


def test_a_ticked_milestone_is_progress_and_no_change() -> None:
    before = {"milestones": [{"title": "Pilot", "weight": 1, "done": False}]}
    assert needs_reason(before, {"milestones": [{"title": "Pilot", "weight": 1.0, "done": True}]}) == ()
    assert needs_reason(before, {"milestones": [{"title": "Pilot", "weight": 2, "done": False}]}) == ("milestones",)


def test_the_scope_of_a_mapping() -> None:
    before = {"select": {"epics": ["ACME-1", "ACME-7"]}, "measure": "done_share", "mode": "value"}
    assert needs_reason(before, {"select": {"epics": ["ACME-7", "ACME-1"]}}) == ()
    assert needs_reason(before, {"select": {"epics": ["ACME-1"]}}) == ("scope",)
    assert needs_reason(before, {"select": {"jql": "project = ACME"}, "wont_do": "exclude", "mode": "context"}) == ("scope", "mode")
    assert needs_reason({"mappings": [1, 2]}, {"mappings": [2, 1]}) == ()
    assert needs_reason({"mappings": [before]}, {"mappings": []}) == ("scope",)


@given(
    st.dictionaries(st.sampled_from(["title", "start", "target", "weight", "owner", "mappings"]), st.floats(allow_nan=False) | st.text())
)
def test_nothing_changed_needs_nothing(values: dict[str, object]) -> None:
    assert needs_reason(values, dict(values)) == ()


def test_a_reason_is_asked_for_by_the_name_of_the_change() -> None:
    with pytest.raises(InputError, match="a change of start and target needs a reason") as caught:
        reason_text("  ", ("start", "target"))
    assert caught.value.where == "reason"
    with pytest.raises(InputError, match="needs a reason"):
        reason_text("...", ("owner",))
    with pytest.raises(InputError, match="300 characters"):
        reason_text("x" * 300, ())
    with pytest.raises(InputError, match="as text"):
        reason_text(7, ("owner",))
    assert reason_text("  Market   shrank ", ("target",)) == "Market shrank"
    assert reason_text(None, ()) == ""


@pytest.mark.parametrize(
    ("given_text", "ask", "said"),
    [
        ("  ", "say why", "say why"),
        ("...", "say why", "say why"),
        (None, "say why", "say why"),
        ("x" * 281, "say why", "the reason has 281 characters; 280 are the most"),
        ("x" * 281, "", "the reason has 281 characters; 280 are the most"),
        ("so\u202eny", "", "control sign"),
    ],
)
def test_a_stated_reason_is_short_and_says_something(given_text: object, ask: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        stated_reason(given_text, ask)
    assert caught.value.where == "reason"


def test_a_stated_reason_is_one_line_and_may_be_left_out_where_nobody_asks() -> None:
    assert stated_reason("  the\nmarket \u200dshrank ", "say why") == "the market \u200dshrank"
    assert stated_reason("", "") == stated_reason(None, "") == ""


def test_late_begins_after_eighty_per_cent_of_the_cycle() -> None:
    assert late_target_edit(("target",), HUNDRED, DAY_80, 0.1) is None
    late = late_target_edit(("target",), HUNDRED, DAY_81, None)
    assert late is not None
    assert late.mark == LATE_TARGET_EDIT
    assert late.sentence == "target changed with 81\u00a0% of the cycle over"


def test_late_begins_above_sixty_per_cent_done() -> None:
    early = date(2026, 1, 20)
    assert late_target_edit(("target",), HUNDRED, early, 0.60) is None
    late = late_target_edit(("start", "target", "owner"), HUNDRED, early, 0.61)
    assert late is not None
    assert late.sentence == "start and target changed at 61\u00a0% done"


def test_an_edit_of_something_else_is_never_a_late_target_edit() -> None:
    assert late_target_edit(("owner", "wording"), HUNDRED, HUNDRED.end, 0.9) is None
    assert late_target_edit((), HUNDRED, HUNDRED.end, 0.9) is None
