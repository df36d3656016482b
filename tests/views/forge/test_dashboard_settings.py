"""The settings of the dashboard panel: what the form offers, what is kept, what comes back with its fault."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from connector.store.tables import Cycle, Forum, Team
from tests.support.board import fill
from tests.support.forge import BOB, Forge, forge_site
from tests.support.fragments import words


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """Thirty key results that no test of this module changes."""
    with forge_site(tmp_path_factory.mktemp("board")) as forge:
        fill(forge.company)
        yield forge


def test_the_form_offers_what_there_is_and_says_how_much_it_shows(site: Forge) -> None:
    answer = site.call("POST", "/forge/v1/dashboard/config", {"config": {}}).json
    assert answer
    html = answer["html"]
    assert 'data-post="/forge/v1/dashboard/config/check"' in html
    for label in ("View", "Review forum", "Team", "Cycle", "Key result", "Objective", "Order", "Lists", "Load anew"):
        assert re.search(rf"<label[^>]*>{label}", html), label
    for name in ("Growth", "Product review", "2026-Q4", "App store rating"):
        assert f">{name}</option>" in html
    assert "30 key results: 7 at risk, 4 stalled, 5 cannot tell, 13 on track, 1 closed." in words(html)


def test_settings_are_kept_as_ids_with_defaults_filled_in(site: Forge) -> None:
    form = {
        "view": "card",
        "team": "",
        "forum": "",
        "cycle": "",
        "key_result": "annual plans",
        "objective": "",
        "refresh": "60",
        "sort": "gap",
    }
    for body in (form, {"config": form}):
        kept = site.call("POST", "/forge/v1/dashboard/config/check", body).json
        assert kept
        assert kept["config"] == {
            "view": "card", "team": "", "cycle": "", "forum": "", "objective": "", "key_result": "kr-1", "sort": "gap", "group": "state",
            "refresh": 60,
        }  # fmt: skip
        assert "Annual plans sold" in site.call("POST", "/forge/v1/dashboard", {"config": kept["config"]}).json["html"]


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"view": "x"}, "view", "choose one of the list: Triage, Pre-read"),
        ({"sort": "x"}, "sort", "choose one of the list"),
        ({"team": "999"}, "team", "this team is not here any more"),
        ({"forum": "x"}, "forum", "this forum is not here any more"),
        ({"cycle": "999"}, "cycle", "this cycle is not here any more"),
        ({"key_result": "rate"}, "key_result", "3 key results match"),
        ({"key_result": "nothing of the kind"}, "key_result", "no key result has this title"),
        ({"objective": "what customers feel"}, "objective", "5 objectives match"),
        ({"refresh": "1441"}, "refresh", "enter whole minutes from 0"),
        ({"refresh": "-1"}, "refresh", "enter whole minutes from 0"),
        ({"refresh": True}, "refresh", "enter whole minutes from 0"),
        ({"view": "x" * 300}, "view", "choose one of the list"),
    ],
)
def test_settings_that_cannot_be_kept_come_back_with_what_is_wrong_at_its_field(
    site: Forge, given: dict[str, Any], field: str, says: str
) -> None:
    answer = site.call("POST", "/forge/v1/dashboard/config/check", given)
    assert answer.status_code == 422
    html = answer.json["html"]  # type: ignore[index]
    assert f'id="e-{field}"' in html
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', html)
    assert says in words(html)


def test_every_fault_is_said_at_once_and_what_was_chosen_stays(site: Forge) -> None:
    answer = site.call("POST", "/forge/v1/dashboard/config/check", {"view": "x", "team": "999", "refresh": "60"})
    html = answer.json["html"]  # type: ignore[index]
    assert 'id="e-view"' in html
    assert 'id="e-team"' in html
    assert "999 (not here any more)" in html
    assert re.search(r'<option value="60" selected>', html)


def test_a_form_that_is_opened_again_shows_what_went_stale(site: Forge) -> None:
    html = site.call("POST", "/forge/v1/dashboard/config", {"config": {"team": "999", "view": "tree"}}).json["html"]  # type: ignore[index]
    assert "this team is not here any more" in words(html)
    assert re.search(r'<option value="tree" selected>', html)


def test_the_preview_is_a_sentence(site: Forge) -> None:
    with site.company.runtime.store.read() as session:
        team = str(session.scalars(select(Team.id).where(Team.name == "Growth")).one())
    told = site.call("POST", "/forge/v1/dashboard/config/preview", {"team": team, "view": "tree"}).json
    assert told == {"html": "4 key results: 2 at risk, 1 stalled, 1 on track."}
    assert site.call("POST", "/forge/v1/dashboard/config/preview", {"team": "999"}).json == {"html": "Something above needs a look."}


def test_numbers_of_hidden_teams_forums_and_cycles_answer_like_those_of_none(site: Forge) -> None:
    with site.company.runtime.store.write() as session:
        forum = Forum(name="Hidden forum")
        session.add(forum)
        session.flush()
        team = Team(name="Hidden team", forum_id=forum.id)
        day = site.company.runtime.now().date()
        cycle = Cycle(name="Hidden cycle", start=day, end=day)
        session.add_all((team, cycle))
        session.flush()
        hidden = {"team": team.id, "forum": forum.id, "cycle": cycle.id}
    for what, ident in hidden.items():
        for path in ("/config/check", "/config/preview", ""):
            told = []
            for number in (ident, 98_765):
                given = {what: str(number)}
                answer = site.call("POST", f"/forge/v1/dashboard{path}", {"config": given}, account=BOB)
                told.append((answer.status_code, re.sub(rf"\b{number}\b|digest.*", "", words((answer.json or {}).get("html", "")))))
            assert told[0] == told[1], (what, path)
        assert site.call("POST", "/forge/v1/dashboard/config/check", {what: str(ident)}).status_code == 200  # who writes knows all
