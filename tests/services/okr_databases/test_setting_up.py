"""Setting the four databases up under a shared page, over real HTTP: nothing twice, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.domain.okr_columns import COLUMNS, IN_ORDER, KEY, TITLES, DatabaseKind
from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Conflict, Faults, Forbidden, HostError, InputError, NotFound
from connector.hosts.okr_databases import FoundDatabase, OkrDatabases
from connector.services.okr_databases import nightly, setting_up
from connector.services.okr_databases.one_at_a_time import LEASE, one_at_a_time
from connector.services.okr_databases.overview import overview
from connector.services.okr_databases.showing import want_changed
from connector.store.tables import Connection, Objective, OkrDatabase, OkrRow, Team
from tests.services.okr_databases.bare import Bare, bare_world

ALL = [TITLES[kind] for kind in IN_ORDER]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with bare_world(tmp_path) as scene:
        yield scene


def _set_up(bare: Bare, **options: object) -> setting_up.SetUp:
    return setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page, options=options)


def test_the_four_databases_stand_on_the_page(bare: Bare) -> None:
    made = _set_up(bare, definitions="leads")
    assert [(each.title, each.how) for each in made.databases] == [(title, "made") for title in ALL]
    assert bare.titles() == sorted(ALL)
    for kind, row in bare.databases().items():
        assert set(row.columns) == {each.field for each in COLUMNS[kind]}
        assert row.page == bare.page
        assert row.options == {"definitions": "leads"}
        assert not row.adopted
    assert [audit.entity_id for audit in bare.audits("set_up")] == ["acme-notion"]


def test_teams_and_cycles_are_options(bare: Bare) -> None:
    bare.company.objective(cycle="Q4, 2026")
    _set_up(bare)
    source = bare.sandbox.world.data["sources"][bare.databases()[DatabaseKind.OBJECTIVES].source]
    options = {each["name"]: [option["name"] for option in each[each["type"]].get("options", [])] for each in source["properties"].values()}
    assert options["Cycle"] == ["Q4 · 2026", "long ago"]
    assert options["Team"] == ["Growth"]


def test_a_second_run_makes_nothing(bare: Bare) -> None:
    _set_up(bare)
    writes, log = bare.sandbox.writes, len(bare.audits("set_up"))
    again = _set_up(bare)
    assert {each.how for each in again.databases} == {"kept"}
    assert bare.sandbox.writes == writes
    assert len(bare.audits("set_up")) == log
    assert bare.titles() == sorted(ALL)


def test_a_column_that_was_deleted_is_added_again_and_a_renamed_one_followed(bare: Bare) -> None:
    _set_up(bare)
    source = bare.databases()[DatabaseKind.KEY_RESULTS].source
    bare.sandbox.world.remove_property(source, "Blocker")
    bare.sandbox.world.rename_property(source, "Owner", "Responsible")
    again = _set_up(bare)
    assert [each.added for each in again.databases if each.kind is DatabaseKind.KEY_RESULTS] == [("Blocker",)]
    names = {each["name"] for each in bare.sandbox.world.data["sources"][source]["properties"].values()}
    assert {"Blocker", "Responsible"} <= names
    assert "Owner" not in names
    assert bare.databases()[DatabaseKind.KEY_RESULTS].columns["owner"]["name"] == "Responsible"


def test_a_new_team_becomes_an_option(bare: Bare) -> None:
    _set_up(bare)
    with bare.runtime.store.write() as session:
        session.add(Team(name="Sales"))
    _set_up(bare)
    source = bare.sandbox.world.data["sources"][bare.databases()[DatabaseKind.OBJECTIVES].source]
    team = next(each for each in source["properties"].values() if each["name"] == "Team")
    assert {each["name"] for each in team["select"]["options"]} == {"Growth", "Sales"}


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_set_up_that_was_stopped_goes_on(bare: Bare, after: int) -> None:
    """Before the n-th database nobody answers any more; those before it are not made again."""
    stood = 0

    def stop(_: str) -> None:
        nonlocal stood
        if stood == after:
            bare.sandbox.fail(method="POST", path="/v1/databases$", status=500, times=1)
        stood += 1

    with pytest.raises(HostError):
        setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page, on_progress=stop)
    again = _set_up(bare)
    assert [each.how for each in again.databases] == ["kept"] * after + ["made"] * (4 - after)
    assert bare.titles() == sorted(ALL)


@pytest.mark.parametrize("tell", [True, False])
def test_a_database_whose_answer_was_lost_is_found_again(bare: Bare, tell: bool) -> None:
    bare.sandbox.fail(method="POST", path="/v1/databases$", status=503, times=2, commit=True, tell=tell)
    try:
        _set_up(bare)
    except HostError:
        _set_up(bare)
    assert bare.titles() == sorted(ALL)
    assert len(bare.databases()) == 4


@pytest.mark.parametrize("first", ["job", "change", "command"])
def test_what_was_noted_nowhere_is_found_by_its_title_and_key(bare: Bare, first: str) -> None:
    bare.company.objective()
    bare.company.key_result("kr-setup")
    _set_up(bare)
    bare.company.work(bare.connection)
    with bare.runtime.store.write() as session:
        for row in session.scalars(select(OkrDatabase)):
            session.delete(row)
    assert not bare.rows()
    bare.sandbox.log.clear()
    if first == "command":
        again = setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", bare.page, reading=True)
    else:
        again = _set_up(bare)
        assert not [path for _, path, _, _ in bare.sandbox.log if path.endswith("/query")], "no rows are read while somebody waits"
        assert not bare.rows()
        if first == "change":  # a row is wanted before the job came to it
            with bare.runtime.store.write() as session:
                want_changed(session, ["kr-setup"], bare.runtime.epoch())
            bare.company.work(bare.connection)
        nightly.read_rows(bare.runtime, bare.connection)
    bare.company.work(bare.connection)
    assert {each.how for each in again.databases} == {"found"}
    assert [each.record for each in bare.rows()] == ["kr-setup"]
    assert bare.titles() == sorted(ALL)
    assert len([each for each in bare.sandbox.world.data["pages"].values() if each["source"]]) == len(
        [each for each in bare.rows() + bare.rows(DatabaseKind.OBJECTIVES) if each.ref]
    )


def test_rows_are_wanted_for_what_hosts_may_show(bare: Bare) -> None:
    bare.company.objective("public")
    bare.company.objective("secret")
    bare.company.objective("over", cycle="long ago")
    for name in ("public", "secret", "over"):
        bare.company.key_result(f"kr-{name}", name)
    with bare.runtime.store.write() as session:
        session.get_one(Objective, "secret").restricted = True
    assert _set_up(bare).rows == 2
    assert [(each.record, each.ref, each.wanted) for each in bare.rows()] == [("kr-public", None, 1)]
    assert [each.record for each in bare.rows(DatabaseKind.OBJECTIVES)] == ["public"]
    assert _set_up(bare).rows == 0


def test_chosen_cycles_alone(bare: Bare) -> None:
    bare.company.objective("one", cycle="A")
    bare.company.objective("two", cycle="B")
    assert _set_up(bare, cycles=["B"]).rows == 1
    assert [each.record for each in bare.rows(DatabaseKind.OBJECTIVES)] == ["two"]
    setting_up.change_options(bare.runtime, SYSTEM, "acme-notion", {"cycles": ["A", "B"]})
    assert [each.record for each in bare.rows(DatabaseKind.OBJECTIVES)] == ["two", "one"]


def test_a_look_writes_nothing(bare: Bare) -> None:
    bare.sandbox.world.add_database("Key Results", {"Owner": "people"}, page=bare.page)
    writes = bare.sandbox.writes
    seen = setting_up.look(bare.runtime, SYSTEM, "acme-notion", bare.page)
    assert [each.how for each in seen.databases] == ["to make"] * 4
    assert bare.sandbox.writes == writes
    assert not bare.databases()
    assert len(seen.notes) == 1
    assert "a database called Key Results stands on the page already" in seen.notes[0]


def test_a_page_that_is_not_shared(bare: Bare) -> None:
    bare.sandbox.world.unshare(bare.page)
    with pytest.raises(InputError, match="share it with this connection first") as caught:
        _set_up(bare)
    assert caught.value.where == "page"


def test_words_that_are_no_page(bare: Bare) -> None:
    with pytest.raises(InputError, match="not a Notion id") as caught:
        setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", "our OKR page")
    assert caught.value.where == "page"


def test_who_may_and_which_connections(bare: Bare) -> None:
    with pytest.raises(Forbidden):
        setting_up.set_up(bare.runtime, Viewer("lead@acme.example", "lead"), "acme-notion", bare.page)
    with pytest.raises(NotFound):
        setting_up.set_up(bare.runtime, SYSTEM, "elsewhere", bare.page)
    bare.company.connection("acme-jira", "jira", "http://127.0.0.1:9", {"email": "a@b.example", "token": "x"})
    with pytest.raises(InputError, match="is of Jira, which keeps no OKR databases"):
        setting_up.set_up(bare.runtime, SYSTEM, "acme-jira", bare.page)
    with bare.runtime.store.write() as session:
        row = session.get_one(Connection, bare.connection)
        row.parked_at, row.parked_reason = bare.runtime.now(), "the token was revoked"
    with pytest.raises(Conflict, match="is parked: the token was revoked; mend its credentials"):
        _set_up(bare)


def test_a_second_connection_to_the_workspace_is_told_which_has_it(bare: Bare) -> None:
    _set_up(bare)
    bare.company.connection("acme-notion-2", "notion", bare.url, {"token": bare.sandbox.token})
    with pytest.raises(Conflict, match="the connection acme-notion keeps the OKR databases of this page already"):
        setting_up.set_up(bare.runtime, SYSTEM, "acme-notion-2", bare.page)
    setting_up.leave(bare.runtime, SYSTEM, "acme-notion")
    made = setting_up.set_up(bare.runtime, SYSTEM, "acme-notion-2", bare.page)
    assert {each.how for each in made.databases} == {"found"}
    with pytest.raises(Conflict, match="acme-notion-2 keeps the"):
        _set_up(bare)


def test_another_page_is_refused_until_the_first_is_left(bare: Bare) -> None:
    _set_up(bare)
    other = bare.sandbox.world.add_page("Another")
    with pytest.raises(Conflict, match="notion leave --connection acme-notion"):
        setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", other)
    assert setting_up.leave(bare.runtime, SYSTEM, "acme-notion") == 4
    assert not bare.databases()
    with pytest.raises(Conflict, match="keeps no OKR databases"):
        setting_up.leave(bare.runtime, SYSTEM, "acme-notion")
    made = setting_up.set_up(bare.runtime, SYSTEM, "acme-notion", other)
    assert {each.how for each in made.databases} == {"made"}
    assert len(bare.titles()) == 8


def test_leaving_and_coming_back_keeps_the_rows(bare: Bare) -> None:
    bare.company.objective()
    _set_up(bare)
    before = [each.id for each in bare.rows(DatabaseKind.OBJECTIVES)]
    setting_up.leave(bare.runtime, SYSTEM, "acme-notion")
    again = _set_up(bare)
    assert {each.how for each in again.databases} == {"found"}
    assert [each.id for each in bare.rows(DatabaseKind.OBJECTIVES)] == before


@pytest.mark.parametrize(
    ("options", "where", "words"),
    [
        ({"definitions": "nobody"}, "definitions", "must be everybody or leads"),
        ({"panel": 1}, "panel", "must be callout or properties"),
        ({"table": "yes"}, "table", "must be true or false"),
        ({"settle_seconds": 1}, "settle_seconds", "whole number from 5 to 40"),
        ({"cycles": ["Q9"]}, "cycles", "no cycle is called 'Q9'; there are long ago"),
        ({"colour": "red"}, "colour", "there is no such option"),
    ],
)
def test_options_that_cannot_be(bare: Bare, options: dict[str, object], where: str, words: str) -> None:
    with pytest.raises(Faults) as caught:
        _set_up(bare, **options)
    assert [(each.where, words in each.message) for each in caught.value.errors] == [(where, True)]
    assert not bare.titles()


def test_the_overview(bare: Bare) -> None:
    bare.company.objective()
    bare.company.key_result("kr-setup")
    with bare.runtime.store.read() as session:
        assert not overview(session, SYSTEM, bare.row(), bare.runtime.epoch()).is_set_up
    _set_up(bare, panel="properties")
    with bare.runtime.store.read() as session:
        seen = overview(session, SYSTEM, bare.row(), bare.runtime.epoch())
        with pytest.raises(Forbidden):
            overview(session, Viewer("member@acme.example", "member"), bare.row(), bare.runtime.epoch())
    assert seen.page == bare.page
    assert seen.options["panel"] == "properties"
    assert seen.options["settle_seconds"] == 15
    assert [each.title for each in seen.databases] == ALL
    assert all(not each.lacking and each.url for each in seen.databases)
    assert [(each.rows, each.waiting) for each in seen.databases] == [(1, 1), (1, 1), (0, 0), (0, 0)]
    assert KEY in {each.field for each in seen.databases[0].columns}
    with bare.runtime.store.write() as session:
        session.add(
            OkrRow(
                connection_id=bare.connection,
                database_id=bare.databases()[DatabaseKind.KEY_RESULTS].id,
                ref="1",
                title="half",
                missing=["needs an owner"],
                created_at=bare.runtime.now(),
            )
        )
    with bare.runtime.store.read() as session:
        seen = overview(session, SYSTEM, bare.row(), bare.runtime.epoch())
    assert [(each.title, each.missing) for each in seen.drafts] == [("half", ("needs an owner",))]
    assert seen.drafts_total == 1


def test_our_page_is_embedded_from_https_alone(bare: Bare) -> None:
    with pytest.raises(InputError, match="set OKR_PUBLIC_URL") as caught:
        _set_up(bare, embed=True)
    assert caught.value.where == "embed"
    _set_up(bare, embed=False)
    with pytest.raises(InputError):
        setting_up.change_options(bare.runtime, SYSTEM, "acme-notion", {"embed": True})


def test_a_database_that_was_unshared_is_named_with_the_mend(bare: Bare) -> None:
    _set_up(bare)
    bare.sandbox.world.unshare(bare.databases()[DatabaseKind.DECISIONS].database)
    with pytest.raises(InputError, match=r"Decisions: .*share it with the connection again or take it out of the trash"):
        _set_up(bare)


def test_no_views_are_no_trouble(bare: Bare) -> None:
    bare.sandbox.fail(path="/v1/views", status=403, code="restricted_resource", times=99)
    made = _set_up(bare)
    assert {each.how for each in made.databases} == {"made"}
    assert all(not row.views for row in bare.databases().values())


def test_a_second_click_makes_no_second_set(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    standing, said = setting_up.standing_on, []

    def slow(host: OkrDatabases, page: str) -> Sequence[FoundDatabase]:
        found = standing(host, page)
        if not said:  # somebody clicks while the first one looks
            said.append("clicked")
            with pytest.raises(Conflict, match="somebody sets up"):
                _set_up(bare)
            said.append("refused")
        return found

    monkeypatch.setattr(setting_up, "standing_on", slow)
    assert {each.how for each in _set_up(bare).databases} == {"made"}
    assert said == ["clicked", "refused"]
    assert bare.titles() == sorted(ALL)
    assert {each.how for each in _set_up(bare).databases} == {"kept"}, "the turn was given back"


def test_a_set_up_that_died_keeps_nobody_out_for_long(bare: Bare) -> None:
    turn = one_at_a_time(bare.runtime, bare.row())
    renew = turn.__enter__()
    with pytest.raises(Conflict, match="right now"):
        _set_up(bare)
    bare.company.clock.ahead += LEASE + 1
    assert _set_up(bare).databases
    with pytest.raises(Conflict):
        renew()
    turn.__exit__(None, None, None)
