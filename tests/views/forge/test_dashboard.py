"""The dashboard panel through the door: every view, what a viewer must not know, settings that went stale, refreshes that cost little."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.services.forge.dashboard import VIEWS
from connector.store.tables import Cycle, Forum, KeyResult, Objective, Team
from tests.support.board import FORUMS, THIRTY, fill
from tests.support.counting import statements
from tests.support.forge import ALICE, CHARLIE, STRANGER, Forge, forge_site
from tests.support.fragments import words

WORDS = {"At risk": "at_risk", "Stalled": "stalled", "On track": "on_track", "Closed": "closed"}
MOST_STATEMENTS = 20


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """Thirty key results that no test of this module changes."""
    with forge_site(tmp_path_factory.mktemp("board")) as forge:
        fill(forge.company)
        yield forge


@pytest.fixture
def own(tmp_path: Path, database_kind: str, database_url: str) -> Iterator[Forge]:
    """A site of the test's own."""
    with forge_site(tmp_path, database_url=database_url) as forge:
        yield forge


def shown(forge: Forge, account: str = ALICE, **config: Any) -> str:
    answer = forge.call("POST", "/forge/v1/dashboard", {"config": config}, account=account)
    assert answer.status_code == 200, answer.text
    html: str = answer.json["html"]  # type: ignore[index]
    return html


def lists(html: str) -> dict[str, list[str]]:
    """Titles by the heading above them."""
    found: dict[str, list[str]] = {}
    heading = ""
    for bucket, closed, title in re.findall(
        r'<th scope="rowgroup"[^>]*>([A-Za-z ]+?) [\d,]+</th>|<summary>(Closed) [\d,]+</summary>|<a class="quiet" id="kr[^>]*>([^<]+)</a>',
        html,
    ):
        heading = bucket or closed or heading
        if title:
            found.setdefault(heading, []).append(title)
    return found


def test_triage_answers_three_questions_in_order_and_has_every_key_result_in_one_list(site: Forge) -> None:
    html = shown(site)
    text = words(html)
    order = [
        text.index(word)
        for word in ("Moving?", "Off track?", "Decide?", "At risk 7", "Stalled 4", "Cannot tell 5", "On track 13", "Closed 1")
    ]
    assert order == sorted(order)
    assert "17 of 30 moving, 4 flat, 1 slipping, 2 inside, 5 not known, 1 closed" in text
    assert "7 at risk, 4 stalled · 5 cannot be told · 1 risk raised early" in text
    assert "5 asks , oldest 9 days" in text
    found = lists(html)
    wanted: dict[str, set[str]] = {}
    for each in THIRTY:
        word = next((word for word, state in WORDS.items() if state == each.state), "Cannot tell")
        wanted.setdefault(word, set()).add(each.title)
    assert {word: set(titles) for word, titles in found.items()} == wanted
    assert sum(map(len, found.values())) == 30
    assert found["At risk"][0] == "Payout time, median"  # the furthest behind its plan
    assert "Read 2 min ago" in text
    assert "one source late: harbor-notion-mobile" in text


def test_every_view_has_a_heading_links_that_leave_the_frame_and_nothing_that_a_strict_policy_refuses(site: Forge) -> None:
    base = site.company.runtime.settings.base_url
    for view in VIEWS:
        html = shown(site, view=view)
        assert len(re.findall(r"<h1", html)) == 1, view
        assert not re.search(r"<script|\sstyle=|\son\w+=|javascript:", html), view
        for address, rest in re.findall(r'<a [^>]*href="([^"]*)"([^>]*)>', html):
            assert address.startswith(base + "/"), (view, address)
            assert "data-open" in rest, (view, address)
        assert "�" not in html
        assert "\ue000" not in html
        for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL):
            assert len(re.findall(r"<t[hd]\b", row)) <= 7, view
        for table in re.findall(r"<thead.*?</thead>", html, re.DOTALL):
            assert len(re.findall(r"<th\b", table)) <= 7, view
        ids = re.findall(r'\sid="([^"]+)"', html)
        assert len(ids) == len(set(ids)), view


def test_a_state_is_a_word_beside_its_mark_everywhere(site: Forge) -> None:
    for view in ("triage", "pre_read", "blockers", "tree"):
        html = shown(site, view=view)
        for after in re.findall(r'<svg class="mark is-[\w-]+" aria-hidden="true"><use href="#[\w-]+"/></svg>(.{0,40})', html, re.DOTALL):
            assert re.match(
                r'\s*(<span class="sr">(Level \d, )?(At risk|Stalled|Overdue|Data late|No data|On track|Closed): |<b>\d|\d)', after
            ), (view, after)


def test_decisions_and_blockers_are_shown_oldest_first(site: Forge) -> None:
    asks = words(shown(site, view="decisions"))
    order = [asks.index(text) for text in ("Escalate the certificate", "Two accountants", "Move the 90 archived")]
    assert order == sorted(order)
    assert "Payout time, median · Elena · 9 days" in asks
    blockers = words(shown(site, view="blockers"))
    assert blockers.index("12 days: No mailing tool") < blockers.index("9 days: The bank's certificate")


def test_the_pre_read_says_that_it_is_not_frozen(site: Forge) -> None:
    text = words(shown(site, view="pre_read"))
    assert "not frozen: updates still change it. It covers all forums" in text
    for part in (
        "Decisions asked for",
        "Off track",
        "Movement",
        "Blockers",
        "Updates that are due",
        "Invoices created on a phone last check-in",
    ):
        assert part in text, part


def test_update_discipline_names_teams_and_numbers_never_people(site: Forge) -> None:
    text = words(shown(site, view="discipline"))
    assert "Mobile 2 0 2 0 0" in text
    assert "Payments 11 0 1 0 0" in text
    assert not any(each.owner in text for each in THIRTY)


def test_the_card_shows_the_chosen_key_result_or_the_one_that_needs_a_look(site: Forge) -> None:
    assert "needs a look first" in words(shown(site, view="card"))
    text = words(shown(site, view="card", key_result="kr-1"))
    assert "Annual plans sold" in text
    assert "needs 2.8× the recent rate" in text
    assert "needs a look first" not in text
    assert len(re.findall(r"<tbody>.*?</tbody>", shown(site, view="card", key_result="kr-1"), re.DOTALL)[-1].split("<tr>")) == 6


def test_the_tree_hangs_objectives_under_their_goal_worst_first(site: Forge) -> None:
    text = words(shown(site, view="tree"))
    assert text.index("Small firms trust us") < text.index("Payments: what") < text.index("Mobile: what")
    assert "6 objectives, 30 key results" in text
    one = words(shown(site, view="tree", objective="o-mobile"))
    assert "1 objective, " in one
    assert "App store rating" in one
    assert "Payout" not in one


def test_a_forum_or_team_narrows_and_a_dashboard_groups_by_forum(site: Forge) -> None:
    with site.company.runtime.store.read() as session:
        forums = {row.name: str(row.id) for row in session.scalars(select(Forum))}
        teams = {row.name: str(row.id) for row in session.scalars(select(Team))}
    for name, members in FORUMS.items():
        wanted = {each.title for each in THIRTY if each.team in members}
        html = shown(site, forum=forums[name])
        assert {title for titles in lists(html).values() for title in titles} == wanted
        assert words(html).startswith(name)
    assert "4 of 4 updates" in words(shown(site, view="discipline", team=teams["Growth"]))
    grouped = shown(site, group="forum")
    assert re.findall(r"<h2>([^<]+?) <span", grouped) == sorted(FORUMS)
    assert sorted(title for titles in lists(grouped).values() for title in titles) == sorted(each.title for each in THIRTY)
    assert "By review forum" in words(shown(site))
    assert "By review forum" not in words(grouped)


@pytest.mark.databases("sqlite", "postgres")
def test_what_is_restricted_is_in_no_view_and_no_count_of_those_who_must_not_know(own: Forge) -> None:
    company = own.company
    for name in ("onboarding", "hush"):
        company.objective(name)
    company.key_result("kr-open", state="at_risk", decision_needed="budget")
    company.key_result("kr-hush", "hush", state="stalled", decision_needed="budget", blocker="A takeover", title="Hush hush", owner_id=None)
    with company.runtime.store.write() as session:
        session.execute(update(Objective).where(Objective.id == "hush").values(restricted=True, title="Secret goal"))
        team, forum = Team(name="Secret team"), Forum(name="Secret forum")
        session.add_all([team, forum])
        session.flush()
        team.forum_id = forum.id
        session.execute(update(Objective).where(Objective.id == "hush").values(team_id=team.id))
        ids = {"team": str(team.id), "forum": str(forum.id)}
    assert "1 stalled" in words(shown(own))
    for account in (CHARLIE, STRANGER):
        for view in VIEWS:
            html = shown(own, account, view=view) + shown(own, account, view=view, group="forum", sort="weight")
            for secret in ("Hush", "kr-hush", "Secret", "takeover", "1 stalled"):
                assert secret not in html, (account, view, secret)
            for chosen in ({"key_result": "kr-hush"}, {"objective": "hush"}, *({name: value} for name, value in ids.items())):
                html = shown(own, account, view=view, **chosen)
                assert not re.search("hush|secret", html, re.IGNORECASE), (account, view, chosen)
        assert "of 1 moving" in words(shown(own, account))
        for path in ("/forge/v1/dashboard/config", "/forge/v1/dashboard/config/check", "/forge/v1/dashboard/config/preview"):
            answer = own.call("POST", path, {"config": {"view": "card"}}, account=account)
            assert not re.search("hush|secret", answer.text, re.IGNORECASE), path
        for chosen in ({"key_result": "kr-hush"}, {"key_result": "Hush hush"}, {"objective": "Secret goal"}):
            answer = own.call("POST", "/forge/v1/dashboard/config/check", chosen, account=account)
            unknown = own.call("POST", "/forge/v1/dashboard/config/check", {next(iter(chosen)): "kr-none"}, account=account)
            assert answer.status_code == unknown.status_code == 422
            given = next(iter(chosen.values()))
            told = re.findall(r'class="error"[^>]*>.*?<span>(.*?)</span>', answer.json["html"])  # type: ignore[index]
            assert told == re.findall(r'class="error"[^>]*>.*?<span>(.*?)</span>', unknown.json["html"]), given  # type: ignore[index]


def test_an_account_that_nobody_knows_sees_what_everybody_may(site: Forge) -> None:
    assert "At risk 7" in words(shown(site, STRANGER))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"team": "999"}, "The team that this panel is set to is not here any more"),
        ({"forum": "999"}, "The forum that this panel is set to is not here any more"),
        ({"cycle": "999"}, "The cycle that this panel is set to is not here any more"),
        ({"view": "card", "key_result": "kr-999"}, "The key result that this panel is set to is not here any more"),
        ({"view": "tree", "objective": "o-none"}, "The objective that this panel is set to is not here any more"),
        ({"view": "spider"}, "The panel's setting “view” cannot be read"),
        ({"refresh": "soon"}, "The panel's setting “refresh” cannot be read"),
        ({"team": ["1"]}, "The panel's setting “team” cannot be read"),
        ("all", "The panel's setting “view” cannot be read"),
    ],
)
def test_settings_that_went_stale_say_so_and_how_to_mend_them(site: Forge, config: Any, says: str) -> None:
    answer = site.call("POST", "/forge/v1/dashboard", {"config": config})
    assert answer.status_code == 200
    text = words(answer.json["html"])  # type: ignore[index]
    assert says in text
    assert re.search("[Ee]dit the panel", text)


@pytest.mark.parametrize("body", [None, {}, {"config": None}, {"config": {}}, {"config": {"unknown": 1, "version": 2}}])
def test_nothing_chosen_is_a_whole_panel(site: Forge, body: Any) -> None:
    answer = site.call("POST", "/forge/v1/dashboard", body)
    assert "At risk 7" in words(answer.json["html"])  # type: ignore[index]
    assert answer.json["refresh"] == 900
    assert answer.json["title"] == "All teams"


@pytest.mark.parametrize("path", ["", "/config", "/config/check", "/config/preview"])
def test_a_body_that_is_no_object_is_refused_and_nobody_comes_in_without_a_token(site: Forge, path: str) -> None:
    assert site.call("POST", f"/forge/v1/dashboard{path}", ["x"]).status_code == 400
    assert site.client.post(f"/forge/v1/dashboard{path}", json={}).status_code == 401
    assert site.call("POST", f"/forge/v1/dashboard{path}", {}, account="").status_code == 403


def test_empty_states_say_what_is_missing(own: Forge) -> None:
    company = own.company
    for view in VIEWS:
        assert "No cycle has started yet" in words(shown(own, view=view))
    company.objective("onboarding")
    with company.runtime.store.write() as session:
        team = Team(name="Quiet")
        session.add(team)
        session.flush()
        ident, cycle = str(team.id), str(session.scalars(select(Cycle.id)).one())
    for view in set(VIEWS) - {"tree"}:
        assert "No key results yet that you may see" in words(shown(own, view=view)), view
        assert "The chosen team, forum or cycle has none" in words(shown(own, view=view, team=ident)), view
    assert "not measurable yet" in words(shown(own, view="tree"))
    with company.runtime.store.write() as session:
        session.execute(update(Cycle).values(started_at=None))
    assert "The chosen cycle has not started yet" in words(shown(own, cycle=cycle))
    with company.runtime.store.write() as session:
        session.execute(update(Cycle).values(started_at=company.runtime.now()))
    company.key_result("kr-1")
    for view, says in (
        ("decisions", "No decision is asked for"),
        ("blockers", "No blocker is named"),
        ("discipline", "No team"),
        ("busy", "No key result stands still"),
        ("card", "no reading yet"),
        ("triage", "None seen · 1 cannot be told · 0 risks raised early"),  # nothing known is never "nothing off track"
    ):
        assert says in words(shown(own, view=view)), view


def test_an_unchanged_panel_says_only_that(own: Forge) -> None:
    fill(own.company)
    moment = own.company.runtime.epoch()
    own.company.runtime.clock = lambda: moment
    first = own.call("POST", "/forge/v1/dashboard", {"config": {"refresh": 5}}).json
    assert first
    again = own.call("POST", "/forge/v1/dashboard", {"config": {"refresh": 5}, "digest": first["digest"]})
    assert again.json == {"unchanged": True, "age": "Read 2 min ago", "digest": first["digest"], "refresh": 300}
    assert len(again.data) < 200
    own.company.runtime.clock = lambda: moment + 120  # minutes that pass are no change
    later = own.call("POST", "/forge/v1/dashboard", {"config": {"refresh": 5}, "digest": first["digest"]}).json
    assert later
    assert later["unchanged"]
    assert later["age"] == "Read 4 min ago"
    with own.company.runtime.store.write() as session:
        session.execute(update(KeyResult).where(KeyResult.id == "kr-1").values(confidence=2, state="on_track", reasons=["fine"]))
    changed = own.call("POST", "/forge/v1/dashboard", {"config": {"refresh": 5}, "digest": first["digest"]}).json
    assert changed
    assert "At risk 6" in words(changed["html"])
    assert "refresh" not in own.call("POST", "/forge/v1/dashboard", {"config": {"refresh": 0}}).json  # type: ignore[operator]


@pytest.mark.databases("sqlite", "postgres")
def test_many_key_results_are_bounded_and_counted_with_a_fixed_number_of_statements(own: Forge) -> None:
    company = own.company
    for number in range(40):
        name = company.objective(f"o-{number}")
        for place in range(5):
            state = ("at_risk", "on_track", "stalled", "no_data", "on_track")[place]
            company.key_result(f"kr-{number}-{place}", name, state=state, position=place, expected=0.5, raw_progress=number / 100)
    html = shown(own)
    text = words(html)
    assert "of 200 moving" in text
    assert "At risk 40" in text
    assert "On track 80" in text
    found = lists(html)
    assert sum(map(len, found.values())) == 48
    assert all(len(titles) >= 6 for titles in found.values())
    more = [int(number) for number in re.findall(r"and (\d+) more", text)]
    assert sum(more) + 48 == 200
    tree = words(shown(own, view="tree"))
    assert "40 objectives" in tree
    assert "Key results are counted" in tree
    for view in VIEWS:
        with statements(own.company.runtime.store) as seen:
            shown(own, view=view)
        assert len(seen) <= MOST_STATEMENTS, (view, len(seen))
