"""The commands `notion …` as a person runs them, against a stand-in over real HTTP: what they print, and their exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connector.domain.okr_columns import IN_ORDER, TITLES, DatabaseKind
from connector.store.tables import Connection, LeadsPage
from tests.services.okr_databases.bare import Bare, bare_world, database
from tests.support.commands import call_it_migrated, commands

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with bare_world(tmp_path) as scene:
        call_it_migrated(scene.runtime)
        scene.company.objective("onboarding", cycle="Q4")
        scene.company.key_result("kr-setup", title="Set up in a day")
        yield scene


@pytest.fixture
def run(bare: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    with commands(bare.runtime, tmp_path, monkeypatch, capsys) as found:

        def call(*arguments: str) -> tuple[int, str, str]:
            told = found("notion", *arguments)
            return told.code, told.out, told.err

        yield call


def _link(ident: str) -> str:
    return f"https://www.notion.so/acme/OKRs-{ident.replace('-', '')}"


def test_set_up_makes_databases_and_rows(run: Run, bare: Bare) -> None:
    code, out, _ = run("setup", "--connection", "acme-notion", "--page", _link(bare.page), "--dry-run")
    assert (code, out.splitlines()[0], out.splitlines()[-1]) == (0, "Objectives: to be made", "Dry run: nothing was made")
    assert not bare.titles()
    code, out, err = run("setup", "--connection", "acme-notion", "--page", _link(bare.page), "--panel", "callout", "--table")
    assert code == 0, err
    assert [line.partition("  ")[0] for line in out.splitlines()] == [f"{TITLES[kind]}: made" for kind in IN_ORDER]
    pages = [page for page in bare.sandbox.world.data["pages"].values() if page["source"]]
    assert len(pages) == 2
    code, out, _ = run("setup", "--connection", "acme-notion", "--page", _link(bare.page))
    assert [line.partition("  ")[0] for line in out.splitlines()] == [f"{TITLES[kind]}: there already" for kind in IN_ORDER]
    assert len([page for page in bare.sandbox.world.data["pages"].values() if page["source"]]) == 2
    assert bare.databases()[DatabaseKind.OBJECTIVES].options["table"] is True


def test_the_only_connection_need_not_be_named(run: Run, bare: Bare) -> None:
    code, out, err = run("setup", "--page", _link(bare.page), "--dry-run")
    assert (code, out.splitlines()[-1]) == (0, "Dry run: nothing was made"), err
    with bare.runtime.store.write() as session:
        first = session.get_one(Connection, bare.connection)
        columns = {name: getattr(first, name) for name in ("host", "url", "auth", "options", "created_at")}
        session.add(Connection(name="other-notion", **columns))
    code, _, err = run("leave")
    assert (code, err.strip()) == (2, "error: --connection: several connections lead to Notion; name one of acme-notion, other-notion")
    with bare.runtime.store.write() as session:
        session.execute(update(Connection).values(retired_at=bare.runtime.now()))
    code, _, err = run("leave")
    assert code == 2
    assert "there is no connection to Notion yet" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("setup", "--connection", "acme-notion", "--page", "our page"), 2, "error: page: 'our page' is not a Notion id"),
        (("setup", "--connection", "nobody", "--page", "0" * 32), 2, "error: --connection: no connection to Notion is called 'nobody'"),
        (("setup", "--connection", "acme-notion", "--page", "0" * 32), 2, "share it with this connection first"),
        (("setup", "--connection", "acme-notion", "--page", "0" * 32, "--cycle", "Q9"), 2, "error: cycles: no cycle is called 'Q9'"),
        (("leave", "--connection", "acme-notion"), 1, "error: acme-notion keeps no OKR databases"),
        (("adopt", "--connection", "acme-notion", "--key-results", "x"), 2, "error: links.key_results: 'x' is not a Notion id or link"),
        (("adopt", "--connection", "acme-notion", "--key-results", "x", "--column", "owner"), 2, "error: --column: write FIELD=NAME"),
        (("adopt", "--connection", "acme-notion", "--key-results", "x", "--column", "goals.a=b"), 2, "'goals' is no database"),
        (("make-again", "--connection", "acme-notion", "kr-x"), 1, "error: acme-notion keeps no row of 'kr-x'"),
        (("leads-page", "--connection", "acme-notion", "--page", "x", "--team", "Nobody"), 1, "--team: nothing is called 'Nobody'"),
    ],
)
def test_mistakes_are_one_line_with_the_mend(run: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    found, _, err = run(*arguments)
    assert (found, len(err.strip().splitlines())) == (code, 1), err
    assert words in err


def test_adopting_shows_tries_and_keeps(run: Run, bare: Bare) -> None:
    world = bare.sandbox.world
    objectives = database(bare, "Goals", {"Name": "title", "Quarter": {"type": "select", "options": ["Q4"]}})
    relation = {"type": "relation", "data_source_id": objectives, "database_id": world.data["sources"][objectives]["database"]}
    columns = {"Name": "title", "Objective": {**relation, "single_property": {}}, "Boss": "people", "Other": "people", "From": "number"}
    results = database(bare, "Measures", {**columns, "To": "number"})
    goal = world.add_row(objectives, {"Name": "Grow", "Quarter": "Q4"}, author=bare.accounts["Alice"])
    world.add_row(results, {"Name": "Revenue", "Objective": [goal], "From": 1, "To": 2, "Boss": [bare.accounts["Bob"]]})
    world.add_row(results, {"Name": "Half", "Objective": [goal]})
    link = _link(world.data["sources"][results]["database"])

    code, out, err = run("adopt", "--connection", "acme-notion", "--key-results", link, "--dry-run", "--column", "owner=Boss")
    assert code == 0, err
    assert "  owner = Boss (chosen)" in err.splitlines()
    assert "  from = From (has our name)" in err.splitlines()
    assert out.splitlines() == [
        "Half: draft: needs an owner; needs “From”; needs “To”",
        "Grow: make",
        "Revenue: make",
        "1 rows: 1 become objectives",
        "2 rows: 1 become key results, 1 need something",
        "Dry run: nothing was written",
    ]
    assert not bare.databases()

    code, _, err = run("adopt", "--connection", "acme-notion", "--key-results", link, "--column", "owner=Boss")
    assert code == 2
    assert "these columns have to be added, and that was not agreed to" in err

    code, out, err = run("adopt", "--connection", "acme-notion", "--key-results", link, "--column", "owner=Boss", "--add")
    assert code == 0, err
    assert out.splitlines()[0].startswith("Objectives: Goals is kept in step, added ")
    assert "Revenue" in {each.title for each in bare.key_results()}
    code, out, _ = run("status")
    assert code == 0
    assert "acme-notion  Measures: " in out
    assert "draft “Half”: needs an owner; needs “From”; needs “To”" in out
    code, out, _ = run("leave", "--connection", "acme-notion")
    assert out == "2 databases are not kept in step any more; their rows stay as they are\n"
    assert "no OKR databases are kept; make them with" in run("status")[1]


def test_the_leads_page(run: Run, bare: Bare) -> None:
    page = bare.sandbox.world.add_page("Leads")
    code, out, err = run("leads-page", "--connection", "acme-notion", "--page", _link(page), "--team", "Growth")
    assert (code, out) == (0, "the leads' page is kept up to date from now on\n"), err
    with bare.runtime.store.read() as session:
        kept = session.scalars(select(LeadsPage)).one()
    assert kept.ref == page
    assert kept.options["team"]
