from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Cycle, Definition, Kind, PhasedTarget
from connector.domain.quality import KeyResultText, is_output, judge, output
from connector.domain.targets import stretch

QUARTER = Cycle("2026-Q4", date(2026, 10, 1), date(2026, 12, 31))
YEAR = Cycle("2026", date(2026, 1, 1), date(2026, 12, 31))
METRIC = Definition(start=400, target=900)
GOOD = KeyResultText(
    title="Weekly active sign-ups from 400 to 900",
    definition=METRIC,
    owner_count=1,
    cycle=QUARTER,
    has_source=True,
    objective_title="New customers succeed in their first week",
    objective_aligned=True,
    stretch=stretch(5, [3]),
)


def test_a_good_key_result_passes_everything() -> None:
    found = judge(GOOD)
    assert [(verdict.name, verdict.passed, verdict.advice) for verdict in found.verdicts] == [
        ("specific", True, ""),
        ("measurable", True, ""),
        ("achievable", True, ""),
        ("relevant", True, ""),
        ("time-bound", True, ""),
    ]
    assert found.output.label == ""
    assert found.output.known


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Improve customer service", ["Improve"]),
        ("Better onboarding for various customers, etc.", ["Better", "various", "etc"]),
        ("World-class support", ["World-class"]),
        ("Support tickets below 40, as needed", ["as needed"]),
        ("Significantly reduce churn from 5 to 3 %", ["Significantly"]),
        ("Optimise the process for users", ["Optimise"]),
    ],
)
def test_failing_words_are_named_where_they_stand(title: str, words: list[str]) -> None:
    verdict = judge(KeyResultText(title)).specific
    assert verdict.passed is False
    assert [span.text for span in verdict.words] == words
    assert all(title[span.start : span.end] == span.text for span in verdict.words)
    assert all(f"“{word}”" in verdict.advice for word in words)


@pytest.mark.parametrize(
    "title",
    [
        "Improve activation rate from 41 to 60 %",
        "More sign-ups: 400 → 900",
        "Customers who say support is “good” from 60 to 80 %",
        "Uptime at least 99.9 %",
    ],
)
def test_a_number_makes_a_direction_specific(title: str) -> None:
    assert judge(KeyResultText(title)).specific.passed is True


def test_a_named_number_with_its_definition_is_specific() -> None:
    assert judge(KeyResultText("Improve activation rate")).specific.passed is False
    assert judge(KeyResultText("Improve activation rate", METRIC)).specific.passed is True
    assert judge(KeyResultText("Improve customer service", METRIC)).specific.passed is False


@pytest.mark.parametrize("title", ["", "  ", "20 → 40 %", "Increase by 10 %", "Launch"])
def test_a_title_that_names_nothing(title: str) -> None:
    verdict = judge(KeyResultText(title)).specific
    assert verdict.passed is False
    assert verdict.advice


def test_exactly_one_owner() -> None:
    assert judge(replace(GOOD, owner_count=0)).specific.passed is False
    assert judge(replace(GOOD, owner_count=2)).specific.passed is False
    assert judge(replace(GOOD, owner_count=None)).specific.passed is True


@pytest.mark.parametrize(
    ("title", "definition", "passed"),
    [
        ("Sign-ups", METRIC, True),
        ("Sign-ups", Definition(start=400), False),
        ("Sign-ups from 400 to 900", None, True),
        ("Incidents at most 3", None, True),
        ("Sign 20 partners", None, True),
        ("Increase the sign-ups", None, False),
        ("Launch phase 2 in Q4 2026", None, False),
        ("Latency", Definition(kind=Kind.AT_MOST, target=300), True),
        ("Latency", Definition(kind=Kind.AT_MOST), False),
        ("The contract with Acme is signed", Definition(kind=Kind.YES_NO), True),
        ("New billing is live for all customers", Definition(kind=Kind.YES_NO), True),
        ("The security of the product", Definition(kind=Kind.YES_NO), False),
        ("Improved security for customers", Definition(kind=Kind.YES_NO), False),
    ],
)
def test_measurable(title: str, definition: Definition | None, passed: bool) -> None:
    assert judge(KeyResultText(title, definition)).measurable.passed is passed


def test_a_relative_target_needs_a_baseline() -> None:
    title = "Increase customer survey scores by 10%"
    for definition in (None, Definition(target=10)):
        verdict = judge(KeyResultText(title, definition)).measurable
        assert verdict.passed is False
        assert [span.text for span in verdict.words] == ["by 10%"]
        assert "baseline" in verdict.advice
    assert judge(KeyResultText(title, METRIC)).measurable.passed is True


def test_a_number_without_source_is_measurable_and_says_so() -> None:
    verdict = judge(replace(GOOD, has_source=False)).measurable
    assert verdict.passed is True
    assert "no source" in verdict.advice


def test_achievable_rests_on_history_and_can_be_kept_with_a_reason() -> None:
    assert judge(replace(GOOD, stretch=None)).achievable.passed is None
    far = replace(GOOD, stretch=stretch(10, [1]))
    assert judge(far).achievable.passed is False
    assert "10× the best rate" in judge(far).achievable.advice
    kept = judge(replace(far, stretch_reason="New campaign")).achievable
    assert kept.passed is True
    assert "New campaign" in kept.advice
    assert judge(replace(GOOD, stretch=stretch(1, [2]))).achievable.passed is False


def test_relevant_needs_an_objective_that_serves_something() -> None:
    assert judge(replace(GOOD, objective_title=None)).relevant.passed is None
    assert judge(replace(GOOD, objective_title="")).relevant.passed is False
    assert judge(replace(GOOD, objective_aligned=False)).relevant.passed is False
    assert judge(replace(GOOD, objective_aligned=None)).relevant.passed is True


def test_time_bound_needs_an_end_and_in_a_long_cycle_a_phased_target() -> None:
    assert judge(replace(GOOD, cycle=None)).time_bound.passed is False
    assert judge(replace(GOOD, cycle=replace(QUARTER, end=date(2026, 9, 1)))).time_bound.passed is False
    assert judge(replace(GOOD, cycle=YEAR)).time_bound.passed is False
    phased = replace(METRIC, phased_targets=(PhasedTarget(date(2026, 6, 30), 600),))
    assert judge(replace(GOOD, cycle=YEAR, definition=phased)).time_bound.passed is True
    assert judge(replace(GOOD, cycle=YEAR, definition=Definition(kind=Kind.AT_LEAST, target=1))).time_bound.passed is True
    assert judge(replace(GOOD, cycle=YEAR, definition=None)).time_bound.passed is None


def test_another_language_is_unknown_and_not_wrong() -> None:
    found = judge(KeyResultText("Forbedre kundeservice og bygge ny portal"))
    assert (found.specific.passed, found.measurable.passed, found.output.known) == (None, None, False)
    assert judge(KeyResultText("Øke konvertering fra 2 til 5 %", Definition(start=2, target=5))).measurable.passed is True


# --- output --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "measure", ["done_count", "done_share", "points_done", "points_share", "credit_share", "checked_share", "count of done"]
)
def test_a_source_that_counts_done_work_makes_an_output(measure: str) -> None:
    assert is_output("Weekly sign-ups", [measure]) is True
    assert is_output("Øke konvertering", [measure]) is True


@pytest.mark.parametrize("measure", ["count", "sum", "mean", "sum of done", "latest"])
def test_other_sources_do_not(measure: str) -> None:
    assert is_output("Weekly sign-ups", [measure]) is False


def test_a_yes_no_that_ends_with_an_activity_is_an_output() -> None:
    assert is_output("Marketing campaign launched", (), Definition(kind=Kind.YES_NO)) is True
    assert is_output("Orders shipped", (), METRIC) is False


def test_the_label_rests_on_words_and_does_not_accuse() -> None:
    found = output("Launch the new portal")
    assert [span.text for span in found.words] == ["Launch"]
    assert found.why == "begins with “Launch”: it says what will be done; what should change through it?"
    assert "done share of work" in output("Sign-ups", ["done_share"]).why


@given(st.text(max_size=60), st.sampled_from(list(Kind)), st.none() | st.floats(allow_nan=False), st.none() | st.integers(0, 3))
def test_every_text_gets_five_verdicts_with_advice_for_what_did_not_pass(
    title: str, kind: Kind, start: float | None, owners: int | None
) -> None:
    found = judge(KeyResultText(title, Definition(kind=kind, start=start, target=3), owners))
    assert [verdict.name for verdict in found.verdicts] == ["specific", "measurable", "achievable", "relevant", "time-bound"]
    for verdict in found.verdicts:
        assert verdict.passed is True or verdict.advice
        assert "!" not in verdict.advice or "!" in title
