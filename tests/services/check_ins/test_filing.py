"""One update, stored once: drafts and their completion, repeats, conflicts, movement, doubts, blockers. On SQLite and Postgres."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.rights import Viewer
from connector.errors import Conflict, Forbidden, InputError
from connector.services.changes import Stale
from connector.services.check_ins import Filed, file_check_in, readable_doubts
from connector.services.check_ins.form_key import make_key, read_key
from connector.services.check_ins.opening import seen_text
from connector.services.facts import load_facts
from connector.services.panels import describe_key_result
from connector.store.tables import Audit, CheckIn, Cycle, Item, KeyResult, MappingItem, Objective, Person, Reading, Team
from tests.support.signed_in import add_person
from tests.support.world import Company, company

ALICE, BOB = "alice@acme.example", "bob@acme.example"
WHOLE = {"value": 42, "confidence": 7, "blocker": "", "decision": "none"}


@pytest.fixture
def acme(tmp_path: Path, database_url: str) -> Iterator[Company]:
    with company(tmp_path, database_url) as found:
        found.objective("onboarding")
        found.key_result("kr-setup", start=41.0, target=60.0)
        yield found


def file(acme: Company, data: dict[str, Any], author: str = ALICE, **more: Any) -> Filed:
    return file_check_in(acme.runtime, "kr-setup", data, author=author, **{"source": "page", **more})


def stored(acme: Company) -> list[CheckIn]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(CheckIn).order_by(CheckIn.id)))


def seen(acme: Company) -> str:
    rows = [row for row in stored(acme) if not row.draft]
    return seen_text(rows[-1].id if rows else 0, acme.row("kr-setup").current)


def viewer(acme: Company, email: str, role: str = "member") -> Viewer:
    return Viewer(email, role, add_person(acme.runtime, email, role), email, email.partition("@")[0].capitalize())


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in WHOLE.items() if key != name}


@pytest.mark.parametrize("missing", ["value", "confidence", "decision"])
def test_an_incomplete_update_is_a_draft_and_completing_it_leaves_one_row(acme: Company, missing: str) -> None:
    filed = file(acme, without(missing), source_id="one", seen=seen(acme))
    assert (filed.draft, filed.missing) == (True, (missing,))
    acme.work()
    assert acme.row("kr-setup").state == "no_data"  # it counts for nothing
    assert acme.readings("kr-setup") == []
    whole = file(acme, WHOLE, source_id="one", seen=seen(acme))
    assert not whole.draft
    assert [(row.draft, row.value) for row in stored(acme)] == [(False, 42.0)]
    assert [row.value for row in acme.readings("kr-setup")] == [42.0]


def test_a_draft_is_changed_in_place(acme: Company) -> None:
    file(acme, without("decision"), source_id="one", seen=seen(acme))
    file(acme, {**without("decision"), "value": 44}, source_id="one", seen=seen(acme))
    assert [(row.draft, row.value) for row in stored(acme)] == [(True, 44.0)]


@pytest.mark.databases("sqlite", "postgres")
def test_a_draft_begun_elsewhere_is_completed_by_the_next_update(acme: Company) -> None:
    file(acme, without("decision"), source="jira", source_id="panel", seen=seen(acme))
    file(acme, without("decision"), author=BOB, source="jira", source_id="bobs", seen=seen(acme))
    file(acme, WHOLE, source="comment", source_id="comment-1")
    rows = stored(acme)
    assert [(row.source, row.draft) for row in rows] == [("jira", True), ("comment", False)]  # Bob's draft is Bob's
    again = file(acme, without("decision"), source="jira", source_id="panel")  # the draft's request comes once more, late
    assert (again.repeated, again.draft) == (True, False)
    assert [row.id for row in stored(acme)] == [row.id for row in rows]


@pytest.mark.databases("sqlite", "postgres")
def test_a_completed_draft_is_as_new_as_its_completion(acme: Company) -> None:
    file(acme, without("decision"), source_id="one", seen=seen(acme))
    file(acme, {**WHOLE, "value": 50}, author=BOB)
    acme.clock.ahead = 3600
    file(acme, WHOLE, source_id="one", seen=seen(acme))
    assert [(row.value, row.draft) for row in stored(acme)] == [(50.0, False), (42.0, False)]
    assert acme.row("kr-setup").current == 42.0


@pytest.mark.parametrize("data", [WHOLE, without("decision")])
def test_the_same_request_again_files_nothing(acme: Company, data: dict[str, Any]) -> None:
    first = file(acme, data, source_id="one", seen=seen(acme))
    before = seen_text(0, None)
    for _ in range(3):
        again = file(acme, data, source_id="one", seen=before)
        assert (again.id, again.repeated, again.draft, again.missing) == (first.id, True, first.draft, first.missing)
    assert len(stored(acme)) == 1
    assert len([entry for entry in audit(acme) if entry.action == "check_in"]) == 1


def test_the_same_form_with_other_entries_is_a_conflict_not_a_silent_success(acme: Company) -> None:
    opened = seen(acme)
    file(acme, WHOLE, source_id="one", seen=opened)
    with pytest.raises(Stale) as caught:
        file(acme, {**WHOLE, "value": 55}, source_id="one", seen=opened)
    assert caught.value.theirs["value"] == 42.0
    with pytest.raises(Stale):
        file(acme, without("decision"), source_id="one", seen=opened)
    assert [row.value for row in stored(acme)] == [42.0]


@pytest.mark.databases("sqlite", "postgres")
def test_twenty_at_once_file_one(acme: Company) -> None:
    opened, found, errors = seen(acme), [], []

    def go() -> None:
        try:
            found.append(file(acme, WHOLE, source_id="one", seen=opened))
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=go) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(not each.repeated for each in found) == 1
    assert len(stored(acme)) == 1


def test_somebody_else_in_between_is_noticed_and_saving_again_files(acme: Company) -> None:
    opened = seen(acme)
    file(acme, {**WHOLE, "value": 50, "confidence": 3, "decision": "budget"}, author=BOB)
    with pytest.raises(Stale) as caught:
        file(acme, WHOLE, source_id="one", seen=opened)
    assert caught.value.by == "Bob"
    assert {name: caught.value.theirs[name] for name in WHOLE} == {"value": 50.0, "confidence": 3, "blocker": "", "decision": "budget"}
    assert len(stored(acme)) == 1
    file(acme, WHOLE, source_id="one", seen=caught.value.version)
    assert [row.value for row in stored(acme)] == [50.0, 42.0]


def test_a_number_that_changed_under_the_form_is_not_overwritten_unseen(acme: Company) -> None:
    file(acme, WHOLE)
    opened = seen(acme)
    with acme.runtime.store.write() as session:
        session.get_one(type(acme.row("kr-setup")), "kr-setup").current = 47.0
    with pytest.raises(Stale) as caught:
        file(acme, WHOLE, source_id="one", seen=opened)
    assert dict(caught.value.theirs) == {"value": 47.0}
    file(acme, {**WHOLE, "value": 45}, source_id="two", seen=opened)  # somebody typed a number of their own
    assert [row.value for row in stored(acme)] == [42.0, 45.0]


@pytest.mark.parametrize("bad", ["", "x", "1", "one:42", "0:forty", "99999999999999999999:"])
def test_a_mangled_mark_counts_as_outdated(acme: Company, bad: str) -> None:
    file(acme, WHOLE)
    with pytest.raises(Stale):
        file(acme, {**WHOLE, "value": 43}, source_id="one", seen=bad)


def test_movement_is_that_of_the_told_number(acme: Company) -> None:
    for value in (42, 42, 48, 44):
        file(acme, {**WHOLE, "value": value})
    assert [row.movement for row in stored(acme)] == [None, "flat", "up", "down"]


def test_the_first_number_is_measured_against_the_first_reading(acme: Company) -> None:
    now = acme.runtime.now()
    with acme.runtime.store.write() as session:
        session.add(Reading(key_result_id="kr-setup", value=41.0, kind="mapping", as_of=now, day=now.date(), recorded_at=now))
    file(acme, WHOLE)
    assert stored(acme)[-1].movement == "up"


def test_who_may_not_files_nothing(acme: Company) -> None:
    with pytest.raises(Forbidden):
        file(acme, WHOLE, author="charlie@acme.example", viewer=viewer(acme, "charlie@acme.example"))
    with pytest.raises(Forbidden):
        file(acme, WHOLE, viewer=viewer(acme, ALICE, "champion"))
    assert stored(acme) == []


def test_a_closed_objective_takes_nothing_but_repeats(acme: Company) -> None:
    first = file(acme, WHOLE, source_id="one")
    with acme.runtime.store.write() as session:
        session.get_one(Objective, "onboarding").closed_at = acme.runtime.now()
    assert file(acme, WHOLE, source_id="one").id == first.id
    with pytest.raises(Conflict, match="is over"):
        file(acme, WHOLE, source_id="two")


def test_a_day_that_has_not_come_is_refused(acme: Company) -> None:
    day = acme.runtime.now().date()
    with pytest.raises(InputError) as caught:
        file(acme, {**WHOLE, "as_of": (day + timedelta(3)).isoformat()})
    assert caught.value.where == "as_of"
    file(acme, {**WHOLE, "as_of": (day - timedelta(6)).isoformat(), "delayed": True})
    assert stored(acme)[0].as_of.date() == day - timedelta(6)


def test_a_doubt_is_sealed_and_read_by_lead_champion_and_author_alone(acme: Company) -> None:
    secret = "the vendor will not deliver"
    filed = file(acme, {**WHOLE, "doubt": secret})
    assert secret not in (stored(acme)[0].doubt or "")
    assert not [entry for entry in audit(acme) if secret in str(entry.after)]
    readers = {
        viewer(acme, ALICE): True,
        viewer(acme, BOB, "lead"): True,
        viewer(acme, "cara@acme.example", "champion"): True,
        viewer(acme, "max@acme.example"): False,
        viewer(acme, "vera@acme.example", "viewer"): False,
        viewer(acme, "ada@acme.example", "admin"): False,
        Viewer("script", "admin"): False,
        Viewer("script", "member"): False,
        Viewer("script", "lead"): True,
    }
    with acme.runtime.store.read() as session:
        for who, reads in readers.items():
            assert readable_doubts(acme.runtime, session, who, [filed.id]) == ({filed.id: secret} if reads else {}), who
    tess = viewer(acme, "tess@acme.example")
    with acme.runtime.store.write() as session:  # the team's lead, whatever the role
        team = session.scalars(select(Team)).one()
        team.lead_id, session.get_one(Objective, "onboarding").team_id = tess.person_id, team.id
    with acme.runtime.store.read() as session:
        assert readable_doubts(acme.runtime, session, tess, [filed.id]) == {filed.id: secret}


def test_a_doubt_in_a_draft_is_its_authors_alone(acme: Company) -> None:
    filed = file(acme, {**without("decision"), "doubt": "too late already"})
    lead, alice, alice_leads = viewer(acme, BOB, "lead"), viewer(acme, ALICE), viewer(acme, ALICE, "lead")
    with acme.runtime.store.read() as session:
        assert readable_doubts(acme.runtime, session, lead, [filed.id]) == {}
        assert readable_doubts(acme.runtime, session, alice, [filed.id]) != {}
        assert readable_doubts(acme.runtime, session, alice_leads, [filed.id]) != {}


@pytest.mark.parametrize(
    ("blocker", "key"),
    [
        ("HARB-151 Template picker hides Send", "HARB-151"),
        ("HARB-151: waits", "HARB-151"),
        ("harbour closed", ""),
        ("HARB-9", ""),
        ("", ""),
    ],
)
def test_a_named_issue_of_the_key_result_becomes_a_link(acme: Company, blocker: str, key: str) -> None:
    connection = acme.connection("harbor-jira", "jira", "http://127.0.0.1:9", {"email": "b@acme.example", "api_token": "x" * 12})
    mapping = acme.mapping("kr-setup", connection, select={"jql": "project = HARB"}, measure="done_share", mode="context")
    with acme.runtime.store.write() as session:
        for number, place in ((151, mapping), (9, None)):  # HARB-9 is mirrored, but feeds something else
            item = Item(connection_id=connection, ref=str(number), key=f"HARB-{number}", title="Template picker hides Send", kind="issue")
            session.add(item)
            session.flush()
            if place:
                session.add(MappingItem(mapping_id=place, item_id=item.id))
    file(acme, {**WHOLE, "blocker": blocker})
    link = stored(acme)[0].blocker_link
    assert (link or {}).get("key", "") == key


def test_an_update_by_somebody_else_is_marked_where_hosts_show_it(acme: Company) -> None:
    file(acme, WHOLE, author=BOB)
    with acme.runtime.store.read() as session:
        facts = load_facts(session, ["kr-setup"], computing=False)["kr-setup"]
    assert describe_key_result(facts, "http://okr", acme.runtime.now(), acme.runtime.settings.zone).source_text.startswith(
        "Bob for Alice, "
    )
    file(acme, WHOLE, author=ALICE)
    with acme.runtime.store.read() as session:
        facts = load_facts(session, ["kr-setup"], computing=False)["kr-setup"]
    assert describe_key_result(facts, "http://okr", acme.runtime.now(), acme.runtime.settings.zone).source_text.startswith("Alice, ")


def test_seconds_run_from_opening_to_saving_over_a_draft_too(acme: Company) -> None:
    opened = acme.runtime.now()
    acme.clock.ahead += 20
    file(acme, without("decision"), source_id="one", seen=seen(acme), opened_at=opened)
    acme.clock.ahead += 3600
    opened = acme.runtime.now()
    acme.clock.ahead += 10
    file(acme, WHOLE, source_id="one", seen=seen(acme), opened_at=opened)
    assert [row.seconds for row in stored(acme)] == [pytest.approx(30, abs=2)]
    acme.clock.ahead += 30 * 24 * 3600
    file(acme, {**WHOLE, "value": 43}, opened_at=opened)
    assert stored(acme)[-1].seconds is None  # left open for a month: nobody filled in a form for so long


def test_a_form_key_is_of_one_person_key_result_and_place(acme: Company) -> None:
    alice, bob = viewer(acme, ALICE), viewer(acme, BOB)
    key = make_key(acme.runtime, alice, "kr-setup", "jira")
    assert read_key(acme.runtime, alice, "kr-setup", "jira", key).identity in key
    for who, ident, place, text in (
        (bob, "kr-setup", "jira", key),
        (alice, "kr-other", "jira", key),
        (alice, "kr-setup", "page", key),
        (alice, "kr-setup", "jira", key[:-1] + ("0" if key[-1] != "0" else "1")),
        (alice, "kr-setup", "jira", "f" + key),
        (alice, "kr-setup", "jira", ""),
        (alice, "kr-setup", "jira", "ä" * 80),
    ):
        with pytest.raises(InputError) as caught:
            read_key(acme.runtime, who, ident, place, text)
        assert caught.value.where == "key"


def audit(acme: Company) -> list[Audit]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(Audit)))


def test_the_author_must_be_active(acme: Company) -> None:
    with acme.runtime.store.write() as session:
        session.scalars(select(Person).where(Person.email == ALICE)).one().active = False
    with pytest.raises(Exception, match="no active person"):
        file(acme, WHOLE)


@pytest.mark.parametrize("data", [WHOLE, without("decision")])
def test_an_identity_is_of_one_author(acme: Company, data: dict[str, Any]) -> None:
    file(acme, data, source_id="one")
    for given in ({}, {"seen": seen(acme)}):
        with pytest.raises(Conflict, match="somebody else"):
            file(acme, WHOLE, author=BOB, source_id="one", **given)
    assert [row.comment for row in stored(acme)] == [data.get("comment")]


def test_a_completed_drafts_identity_comes_back_with_its_own_words_only(acme: Company) -> None:
    file(acme, without("decision"), source="api", source_id="one")
    file(acme, WHOLE)
    assert file(acme, without("decision"), source="api", source_id="one").repeated
    with pytest.raises(Conflict, match="something else"):
        file(acme, {**without("decision"), "value": 44}, source="api", source_id="one")
    with pytest.raises(Conflict, match="somebody else"):
        file(acme, without("decision"), author=BOB, source="api", source_id="one")
    assert len(stored(acme)) == 1


def test_a_draft_whose_day_alone_changed_is_stored(acme: Company) -> None:
    day = acme.runtime.now().date() - timedelta(6)
    file(acme, without("decision"), source_id="one")
    assert not file(acme, {**without("decision"), "as_of": day.isoformat()}, source_id="one").repeated
    assert [row.as_of.date() for row in stored(acme)] == [day]
    assert file(acme, {**without("decision"), "as_of": day.isoformat()}, source_id="one").repeated


def test_what_is_carried_along_may_differ_where_the_words_are_the_identity(acme: Company) -> None:
    first = file(acme, WHOLE, source="comment", source_id="words", worded=True)
    assert file(acme, {**WHOLE, "value": 50}, source="comment", source_id="words", worded=True).id == first.id


def test_a_day_is_at_most_a_year_before_the_cycle_or_as_old_as_the_key_result(acme: Company) -> None:
    with acme.runtime.store.read() as session:
        start = session.scalars(select(Cycle.start)).one()
    for day in ("0001-01-01", (start - timedelta(366)).isoformat()):
        with pytest.raises(InputError, match=f"a day from {start - timedelta(365)} on") as caught:
            file(acme, {**WHOLE, "as_of": day})
        assert caught.value.where == "as_of"
    file(acme, {**WHOLE, "as_of": (start - timedelta(365)).isoformat()})
    with acme.runtime.store.write() as session:
        session.get_one(KeyResult, "kr-setup").created_at -= timedelta(800)
    file(acme, {**WHOLE, "as_of": (acme.runtime.now().date() - timedelta(800)).isoformat()})
