"""Champions' words on wording, the list of verdicts, and what history says of targets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from connector.domain.rights import Viewer
from connector.errors import Conflict, Faults, Forbidden, NotFound
from connector.services.changes import Stale
from connector.services.plan import key_results, objectives, sign_offs
from connector.services.plan.quality import judge_stored, judge_typed
from connector.services.plan.quality_list import judged_page
from connector.services.rollup import roll_up_dirty
from connector.store.tables import Audit, KeyResult, Person, Reading
from tests.support.world import Company, company

ADMIN = Viewer("script", "admin")


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr")
        with found.runtime.store.write() as session:
            session.get_one(KeyResult, "kr").title = "Improve onboarding"
        yield found


def person(acme: Company, name: str, role: str) -> Viewer:
    with acme.runtime.store.read() as session:
        row = session.scalars(select(Person).where(Person.name == name)).one()
        return Viewer(row.email, role, row.id, row.email, row.name)


def judged(acme: Company, ident: str = "kr") -> Any:
    with acme.runtime.store.read() as session:
        return judge_stored(session, [ident], acme.runtime.now(), acme.runtime.settings.zone)[ident]


@pytest.mark.databases("sqlite", "postgres")
def test_a_returned_wording_is_taken_over_in_one_step_and_all_words_are_kept(acme: Company, database_kind: str) -> None:
    champion, owner = person(acme, "Charlie", "champion"), person(acme, "Alice", "member")
    suggestion = "Share of new customers with a first invoice in 7 days from 40 to 60"
    word = sign_offs.sign_off(acme.runtime, champion, "kr", "returned", suggestion=suggestion, comment="what changes?")
    saved = sign_offs.take_over(acme.runtime, owner, "kr", word.id)
    assert saved.view["title"] == suggestion == acme.row("kr").title
    sign_offs.sign_off(acme.runtime, champion, "kr", "signed", title=suggestion)
    with acme.runtime.store.read() as session:
        words = sign_offs.history(session, "kr")
        assert [(each.verdict, each.title, each.by) for each in words] == [
            ("signed", suggestion, "Charlie"),
            ("returned", "Improve onboarding", "Charlie"),
        ]
        assert sign_offs.state_of(words[0], acme.row("kr").title) == "signed"
        reworded = session.scalars(select(Audit).where(Audit.entity == "key_result", Audit.action == "update")).one()
    assert reworded.reason == "wording suggested by Charlie"
    assert reworded.actor == "alice@acme.example"


def test_a_suggestion_for_another_wording_is_not_taken_over(acme: Company) -> None:
    word = sign_offs.sign_off(acme.runtime, ADMIN, "kr", "returned", suggestion="Better words 3")
    key_results.update(acme.runtime, ADMIN, "kr", {"title": "Words of my own 4"}, reason="clearer")
    with pytest.raises(Conflict):
        sign_offs.take_over(acme.runtime, ADMIN, "kr", word.id)
    assert acme.row("kr").title == "Words of my own 4"


def test_an_older_suggestion_is_not_taken_over(acme: Company) -> None:
    first = sign_offs.sign_off(acme.runtime, ADMIN, "kr", "returned", suggestion="First words")
    second = sign_offs.sign_off(acme.runtime, ADMIN, "kr", "returned", suggestion="Second words")
    with pytest.raises(Conflict):
        sign_offs.take_over(acme.runtime, ADMIN, "kr", first.id)
    sign_offs.take_over(acme.runtime, ADMIN, "kr", second.id)
    with pytest.raises(NotFound):
        sign_offs.take_over(acme.runtime, ADMIN, "nowhere", second.id)


def test_a_wording_that_was_changed_meanwhile_is_not_signed(acme: Company) -> None:
    with pytest.raises(Stale):
        sign_offs.sign_off(acme.runtime, ADMIN, "kr", "signed", title="Former words")
    with acme.runtime.store.read() as session:
        assert sign_offs.history(session, "kr") == []


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"verdict": "returned"}, {"suggestion"}),
        ({"verdict": "returned", "suggestion": "Improve onboarding"}, {"suggestion"}),
        ({"verdict": "returned", "suggestion": "\u202eabc"}, {"suggestion"}),
        ({"verdict": "signed", "comment": "x" * 281}, {"comment"}),
        ({"verdict": ""}, {"verdict"}),
    ],
)
def test_what_is_wrong_with_a_word_is_told_at_its_field(acme: Company, given: dict[str, str], fields: set[str]) -> None:
    with pytest.raises(Faults) as caught:
        sign_offs.sign_off(acme.runtime, ADMIN, "kr", **given)
    assert {each.where for each in caught.value.errors} == fields


def test_who_may_sign_off_and_take_over(acme: Company) -> None:
    for role in ("lead", "member", "viewer"):
        with pytest.raises(Forbidden):
            sign_offs.sign_off(acme.runtime, person(acme, "Bob", role), "kr", "signed")
    word = sign_offs.sign_off(acme.runtime, person(acme, "Bob", "champion"), "kr", "returned", suggestion="Other words")
    for viewer in (person(acme, "Bob", "champion"), person(acme, "Charlie", "member")):
        with pytest.raises(Forbidden):
            sign_offs.take_over(acme.runtime, viewer, "kr", word.id)
    assert acme.row("kr").title == "Improve onboarding"


@pytest.mark.parametrize("role", ["viewer", "champion"])
def test_an_owner_who_may_only_read_or_judge_takes_nothing_over(acme: Company, role: str) -> None:
    word = sign_offs.sign_off(acme.runtime, person(acme, "Bob", "champion"), "kr", "returned", suggestion="Other words")
    with pytest.raises(Forbidden):
        sign_offs.take_over(acme.runtime, person(acme, "Alice", role), "kr", word.id)
    assert acme.row("kr").title == "Improve onboarding"


# --- verdicts --------------------------------------------------------------------------------------------------------------------


def history(acme: Company, *values: float) -> None:
    """One value a week, the last one today."""
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        for weeks, value in enumerate(reversed(values)):
            at = now - timedelta(weeks=weeks)
            session.add(
                Reading(key_result_id="kr", value=value, kind="import", as_of=at, day=at.date(), recorded_at=at, actor="x", source={})
            )
    with acme.runtime.store.write() as session:
        session.get_one(KeyResult, "kr").current = values[-1]


def test_a_target_far_beyond_history_is_too_far_until_somebody_says_why_it_is_kept(acme: Company) -> None:
    history(acme, 10, 11, 12)  # 1 a week; 88 in some seven weeks are needed
    found = judged(acme)
    assert found.stretch.verdict == "too far"
    assert found.quality.achievable.passed is False
    key_results.update(acme.runtime, ADMIN, "kr", {"stretch_reason": "a second team starts on Monday"})
    assert judged(acme).quality.achievable.passed is True


def test_a_target_within_reach_of_the_best_rate_fits_and_a_lower_one_is_too_easy(acme: Company) -> None:
    history(acme, 14, 22, 30)  # 8 a week; some 9.6 are needed
    assert judged(acme).stretch.verdict == "fits"
    key_results.update(acme.runtime, ADMIN, "kr", {"target": 35}, reason="less")
    assert judged(acme).stretch.verdict == "too easy"


def test_typing_is_judged_with_the_history_of_what_is_stored(acme: Company) -> None:
    history(acme, 10, 20, 30)
    typed = {"title": "Sign-ups from 0 to 31", "objective": "onboarding", "start": 0, "target": 31, "owner": "alice@acme.example"}
    assert judge_typed(acme.runtime, ADMIN, typed, "kr").stretch is not None
    assert judge_typed(acme.runtime, ADMIN, typed).stretch is None
    assert judge_typed(acme.runtime, person(acme, "Charlie", "lead"), {**typed, "owner": "a@b, c@d"}).quality.specific.passed is False


def test_many_key_results_are_remarked_on_above_the_setting(acme: Company) -> None:
    for number in range(4):
        acme.key_result(f"kr-{number}")
    typed = {"title": "One more", "objective": "onboarding", "start": 0, "target": 1}
    assert judge_typed(acme.runtime, ADMIN, typed).remarks[0].startswith("6 key results")
    assert judge_typed(acme.runtime, ADMIN, typed, "kr").remarks == ()
    saved = key_results.create(acme.runtime, ADMIN, {**typed, "owner": "alice@acme.example"})
    assert saved.remarks[0].startswith("6 key results")


def test_a_key_result_fed_by_done_issues_is_an_output_wherever_it_is_shown(acme: Company) -> None:
    connection = acme.connection("acme-jira", "jira", "http://127.0.0.1:1", {})
    assert judged(acme).quality.output.label == ""
    acme.mapping("kr", connection, select={"epics": ["ACME-1"]}, measure="done_share", mode="value")
    assert judged(acme).quality.output.label == "output"
    key_results.update(acme.runtime, ADMIN, "kr", {"decimals": 1})  # wants its status computed
    while roll_up_dirty(acme.runtime):
        pass
    assert "output" in acme.row("kr").flags


# --- the list --------------------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite", "postgres")
def test_the_list_filters_by_the_state_of_the_wording_and_costs_a_fixed_number_of_statements(acme: Company, database_kind: str) -> None:
    for number in range(60):
        acme.key_result(f"more-{number:02}", position=number + 1)
    champion = person(acme, "Charlie", "champion")
    sign_offs.sign_off(acme.runtime, champion, "kr", "signed")
    sign_offs.sign_off(acme.runtime, champion, "more-00", "returned", suggestion="Other words")
    sign_offs.sign_off(acme.runtime, champion, "more-01", "signed")
    key_results.update(acme.runtime, ADMIN, "more-01", {"title": "Reworded"}, reason="clearer")

    def ids(**filters: Any) -> tuple[list[str], int]:
        with acme.runtime.store.read() as session:
            found = judged_page(session, champion, acme.runtime.now(), acme.runtime.settings.zone, **filters)
        return [entry.id for entry in found.entries], found.total

    assert ids(state="signed") == (["kr"], 1)
    assert ids(state="returned") == (["more-00"], 1)
    assert ids(state="reworded") == (["more-01"], 1)
    first, total = ids(state="not judged")
    assert (len(first), total) == (50, 58)
    assert ids(state="not judged", page=2)[0] == [f"more-{number}" for number in range(52, 60)]
    assert ids(cycle="another") == ([], 0)
    assert ids(page=99)[0][-1] == "more-59"

    statements: list[str] = []
    event.listen(acme.runtime.store.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    ids()
    assert len(statements) <= 10, statements


def test_the_list_shows_drafts_to_champions_and_hidden_objectives_to_nobody_else(acme: Company) -> None:
    champion = person(acme, "Charlie", "champion")

    def total(viewer: Viewer) -> int:
        with acme.runtime.store.read() as session:
            return judged_page(session, viewer, acme.runtime.now(), acme.runtime.settings.zone).total

    objectives.update(acme.runtime, ADMIN, "onboarding", {"stage": "draft"})
    assert total(champion) == 1
    objectives.update(acme.runtime, ADMIN, "onboarding", {"restricted": True})
    assert total(champion) == 0
    assert total(ADMIN) == 1
    assert total(person(acme, "Alice", "champion")) == 1
