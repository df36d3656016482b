from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.suggesting import Epic, KeyResultName, Rule, suggest
from connector.errors import InputError

KEY_RESULTS = [
    KeyResultName("kr-setup", "Guided set-up shipped", "New customers succeed in their first week"),
    KeyResultName("kr-signups", "Weekly active sign-ups from 400 to 900", "New customers succeed in their first week"),
    KeyResultName("kr-invoice", "Invoice disputes from 40 to 10 a month", "Finance closes on time"),
    KeyResultName("kr-latency", "Checkout latency below 300 ms", "The shop answers at once"),
]
LABEL = Rule("label", "okr:{id}")


def pairs(epic: Epic, *rules: Rule, by_text: bool = False) -> list[tuple[str, str]]:
    return [(found.key_result, found.confidence) for found in suggest([epic], KEY_RESULTS, rules, by_text=by_text).pairs]


@pytest.mark.parametrize(
    ("rule", "epic"),
    [
        (LABEL, Epic("A-1", "x", ("ux", "okr:kr-setup"))),
        (LABEL, Epic("A-1", "x", ("OKR:KR-Setup",))),
        (Rule("label", "okr:"), Epic("A-1", "x", ("okr:kr-setup",))),
        (Rule("label", ""), Epic("A-1", "x", ("ux", "kr-setup"))),
        (Rule("label", "*:{id}"), Epic("A-1", "x", ("2026:kr-setup",))),
        (Rule("title", "[{id}]*"), Epic("A-1", "[kr-setup] Wizard [kr-signups]")),
        (Rule("title", "{id}: *"), Epic("A-1", " kr-setup: wizard")),
        (Rule("title", "*({id})"), Epic("A-1", "Wizard (kr-setup)")),
        (Rule("label", "onboarding*", "kr-setup"), Epic("A-1", "x", ("onboarding-2026",))),
        (Rule("title", "Onboarding*", "KR-SETUP"), Epic("A-1", "onboarding wizard")),
    ],
)
def test_rules(rule: Rule, epic: Epic) -> None:
    assert pairs(epic, rule) == [("kr-setup", "by rule")]


@pytest.mark.parametrize(
    "epic",
    [Epic("A-1", "x", ("okr:kr-setup-2",)), Epic("A-1", "x", ("xokr:kr-setup",)), Epic("A-1", "okr:kr-setup"), Epic("A-1", "x")],
)
def test_a_label_matches_as_a_whole(epic: Epic) -> None:
    assert pairs(epic, LABEL) == []


def test_signs_of_regular_expressions_mean_themselves() -> None:
    assert pairs(Epic("A-1", "okr.kr-setup"), Rule("title", "okr.{id}")) == [("kr-setup", "by rule")]
    assert pairs(Epic("A-1", "okrXkr-setup"), Rule("title", "okr.{id}")) == []


def test_an_id_that_no_key_result_has_is_told() -> None:
    found = suggest([Epic("A-1", "x", ("okr:kr-setpu", "okr:kr-setup"))], KEY_RESULTS, [LABEL])
    assert [pair.key_result for pair in found.pairs] == ["kr-setup"]
    assert found.unknown == (("A-1", "kr-setpu"),)
    assert suggest([Epic("A-1", "x", ("ux",))], KEY_RESULTS, [Rule("label", "")]).unknown == ()


def test_two_labels_are_two_pairs_and_two_rules_one() -> None:
    epic = Epic("A-1", "[kr-setup] Wizard", ("okr:kr-signups", "okr:kr-setup"))
    assert pairs(epic, LABEL, Rule("title", "[{id}]*")) == [("kr-setup", "by rule"), ("kr-signups", "by rule")]


def test_what_is_mapped_is_not_suggested_again() -> None:
    epic = Epic("A-1", "Reduce invoice disputes", ("okr:kr-setup", "okr:kr-signups"), mapped_to=frozenset({"kr-setup"}))
    assert pairs(epic, LABEL, by_text=True) == [("kr-signups", "by rule")]
    assert pairs(Epic("A-2", "Reduce invoice disputes", mapped_to=frozenset({"kr-setup"})), by_text=True) == []


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        (Rule("title", "OKR*"), "pattern"),
        (Rule("label", "okr*"), "pattern"),
        (Rule("label", "{id}{id}"), "pattern"),
        (Rule("label", "*" * 4 + "{id}"), "pattern"),
        (Rule("label", "x" * 101), "pattern"),
        (Rule("label", "*", "kr-setup"), "pattern"),
        (Rule("label", "okr:{id}", "kr-setup"), "pattern"),
        (Rule("label", "onboarding", "kr-nope"), "key_result"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(rule: Rule, where: str) -> None:
    with pytest.raises(InputError) as caught:
        suggest([], KEY_RESULTS, [rule])
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("title", "key_result"),
    [
        ("Clearer invoices to avoid disputes", "kr-invoice"),
        ("Checkout latency on mobile", "kr-latency"),
        ("Guided set-up for partners", "kr-setup"),
        ("Invoice layout", None),  # one shared word is chance
        ("New customers", None),  # two key results serve that objective
        ("Upgrade the database", None),
        ("Invoice archive, ledger export, payment reminders and tax disputes register", None),  # shares a small part only
        ("", None),
    ],
)
def test_shared_words_are_read_with_caution(title: str, key_result: str | None) -> None:
    assert [found for found, _ in pairs(Epic("A-1", title), by_text=True)] == ([key_result] if key_result else [])


def test_the_reason_names_what_is_shared() -> None:
    found = suggest([Epic("A-1", "Clearer invoices to avoid disputes")], KEY_RESULTS).pairs[0]
    assert found.reason == "both speak of “invoices”, “disputes”"
    ruled = suggest([Epic("A-1", "x", ("okr:kr-setup",))], KEY_RESULTS, [LABEL]).pairs[0]
    assert ruled.reason == "the label “okr:kr-setup” matches “okr:{id}”"


words = st.sampled_from(["checkout", "latency", "invoice", "disputes", "guided", "customers", "active", "shop", "partners", "week"])
epics = st.builds(
    Epic,
    key=st.uuids().map(str),
    title=st.lists(words, max_size=6).map(" ".join),
    labels=st.lists(st.sampled_from(["okr:kr-setup", "okr:kr-latency", "ux", "okr:nope"]), max_size=3).map(tuple),
    mapped_to=st.frozensets(st.sampled_from([one.id for one in KEY_RESULTS]), max_size=2),
)


@given(st.lists(epics, max_size=8), st.randoms(use_true_random=False))
def test_pairs_are_new_once_and_the_same_in_any_order(given_epics: list[Epic], shuffle: random.Random) -> None:
    found = suggest(given_epics, KEY_RESULTS, [LABEL]).pairs
    mapped = {epic.key: epic.mapped_to for epic in given_epics}
    assert all(pair.key_result not in mapped[pair.epic] for pair in found)
    assert len({(pair.epic, pair.key_result) for pair in found}) == len(found)
    mixed = shuffle.sample(given_epics, len(given_epics))
    assert set(suggest(mixed, KEY_RESULTS[::-1], [LABEL]).pairs) == set(found)
