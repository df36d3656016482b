"""Links that sign in once, sessions that end, and the doors in front of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from connector.domain.rights import Viewer
from connector.errors import Conflict, Faults, Forbidden, InputError, NotFound
from connector.services.people import editing
from connector.services.sign_in import links, sessions
from connector.store.tables import Audit, BrowserSession, Person, SignInLink
from tests.services.sign_in.conftest import Door

ADMIN = Viewer("admin@acme.example", "admin")


def path_of(link: str) -> str:
    assert link.startswith("http://localhost/sign-in/once/")
    return link.removeprefix("http://localhost")


def key_of(link: str) -> str:
    return link.rpartition("/")[2]


def press(client: FlaskClient, path: str, **fields: str) -> Any:
    """Open the page of a link and press its button."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    return client.post(path, data={"csrf_token": token[1] if token else "", **fields})


def made(door: Door) -> str:
    link = links.make_at_start(door.company.runtime)
    assert link
    return link


def roles(door: Door) -> dict[str, str]:
    return {row.email: row.role for row in door.rows(Person)}


@pytest.mark.databases("sqlite", "postgres")
def test_the_first_admin_says_who_they_are(door: Door) -> None:
    path = path_of(made(door))
    wrong = press(door.client, path, email="not an address", name="")
    assert wrong.status_code == 422
    assert 'value="not an address"' in wrong.text
    assert wrong.text.count('class="error"') == 2
    assert press(door.client, path, email=" Dora@Acme.example ", name="Dora").status_code == 303
    assert door.signed_in_as() == "dora@acme.example"
    assert roles(door)["dora@acme.example"] == "admin"
    assert [(row.action, row.reason) for row in door.rows(Audit)] == [("create", "first admin"), ("sign_in", "")]


def test_a_known_person_becomes_the_first_admin(door: Door) -> None:
    press(door.client, path_of(made(door)), email="bob@acme.example", name="Robert")
    assert roles(door) == {"alice@acme.example": "member", "bob@acme.example": "admin", "charlie@acme.example": "member"}


def test_a_link_is_made_until_an_admin_has_signed_in(door: Door) -> None:
    first, second = made(door), made(door)
    assert links.look(door.company.runtime, key_of(first)) is None  # only the one that was printed last counts
    with door.company.runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == "alice@acme.example").values(role="admin"))
    assert links.make_at_start(door.company.runtime) is not None  # an admin who never came in cannot let others in
    press(door.client, path_of(made(door)), email="alice@acme.example", name="Alice")
    assert links.make_at_start(door.company.runtime) is None
    assert links.look(door.company.runtime, key_of(second)) is None


def test_a_link_works_once_also_when_two_press_at_a_time(door: Door) -> None:
    runtime = door.company.runtime
    link = links.make(runtime, ADMIN, "bob@acme.example")
    assert door.client.get(path_of(link)).status_code == 200
    links.use(runtime, key_of(link))
    with pytest.raises(Conflict):
        links.use(runtime, key_of(link))
    assert press(door.client, path_of(link)).status_code in (400, 410)
    assert door.client.get(path_of(link)).status_code == 410
    assert len(door.rows(BrowserSession)) == 1


@pytest.mark.parametrize(("ahead", "good"), [(3599.0, True), (3601.0, False)])
def test_a_link_is_over_after_an_hour(door: Door, ahead: float, good: bool) -> None:
    link = links.make(door.company.runtime, ADMIN, "bob@acme.example")
    door.company.clock.ahead = ahead
    assert (door.client.get(path_of(link)).status_code == 200) is good
    if not good:
        with pytest.raises(Conflict):
            links.use(door.company.runtime, key_of(link))


def test_only_the_digest_of_a_link_is_kept_and_nothing_tells_it_again(door: Door) -> None:
    link = links.make(door.company.runtime, ADMIN, "bob@acme.example")
    [row] = door.rows(SignInLink)
    assert key_of(link) not in str(vars(row))
    assert all(key_of(link) not in str(vars(each)) for each in door.rows(Audit))


def test_who_may_make_links_for_whom(door: Door) -> None:
    runtime = door.company.runtime
    with pytest.raises(Forbidden):
        links.make(runtime, Viewer("lead", "lead"), "bob@acme.example")
    with pytest.raises(NotFound):
        links.make(runtime, ADMIN, "nobody@acme.example")
    with runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == "bob@acme.example").values(active=False))
    with pytest.raises(InputError, match="not active"):
        links.make(runtime, ADMIN, "bob@acme.example")


def test_a_person_who_is_made_inactive_cannot_use_their_link(door: Door) -> None:
    link = links.make(door.company.runtime, ADMIN, "bob@acme.example")
    with door.company.runtime.store.write() as session:
        session.execute(update(Person).values(active=False))
    with pytest.raises(Conflict):
        links.use(door.company.runtime, key_of(link))


def test_only_the_newest_link_of_a_person_is_good(door: Door) -> None:
    runtime = door.company.runtime
    first, others = links.make(runtime, ADMIN, "bob@acme.example"), links.make(runtime, ADMIN, "alice@acme.example")
    second = links.make(runtime, ADMIN, "bob@acme.example")
    assert [links.look(runtime, key_of(each)) is not None for each in (first, others, second)] == [False, True, True]
    third = links.make_on_machine(runtime, "bob@acme.example")
    assert [links.look(runtime, key_of(each)) is not None for each in (second, others, third)] == [False, True, True]


@pytest.mark.parametrize(
    ("fields", "good"), [({"role": "lead"}, False), ({"active": False}, False), ({"name": "Robert"}, True), ({"role": "member"}, True)]
)
def test_a_link_does_not_outlive_what_its_person_was(door: Door, fields: dict[str, Any], good: bool) -> None:
    runtime = door.company.runtime
    link, others = links.make(runtime, ADMIN, "bob@acme.example"), links.make(runtime, ADMIN, "alice@acme.example")
    editing.save_person(runtime, ADMIN, "bob@acme.example", fields)
    editing.save_person(runtime, ADMIN, "bob@acme.example", {"active": True})
    assert (links.look(runtime, key_of(link)) is not None) is good
    assert links.look(runtime, key_of(others)) is not None


def test_a_role_given_on_the_machine_ends_the_links_made_for_the_former_one(door: Door) -> None:
    runtime = door.company.runtime
    link = links.make(runtime, ADMIN, "bob@acme.example")
    links.use(runtime, key_of(links.make_on_machine(runtime)), email="bob@acme.example", name="Bob")
    assert roles(door)["bob@acme.example"] == "admin"
    assert links.look(runtime, key_of(link)) is None


@pytest.mark.databases("sqlite", "postgres")
def test_signing_out_everywhere_ends_links_too_and_ending_one_session_does_not(door: Door) -> None:
    runtime, key = door.company.runtime, begin(door)
    viewer = sessions.find(runtime, key)
    assert viewer is not None
    assert viewer.person_id is not None
    link = links.make(runtime, ADMIN, "bob@acme.example")
    [one] = sessions.of_person(runtime, viewer.person_id)
    sessions.revoke(runtime, ADMIN, viewer.person_id, one.id)
    assert links.look(runtime, key_of(link)) is not None
    key = begin(door)
    sessions.revoke(runtime, viewer, viewer.person_id, keep=key)
    assert links.look(runtime, key_of(link)) is None
    link = links.make(runtime, ADMIN, "bob@acme.example")
    assert sessions.revoke(runtime, ADMIN, viewer.person_id) == 1
    assert links.look(runtime, key_of(link)) is None


def test_the_command_lets_back_in(door: Door) -> None:
    runtime = door.company.runtime
    with runtime.store.write() as session:
        session.execute(update(Person).where(Person.email == "bob@acme.example").values(active=False))
    with pytest.raises(InputError, match="--role"):
        links.make_on_machine(runtime, "bob@acme.example")
    links.use(runtime, key_of(links.make_on_machine(runtime, "bob@acme.example", "admin")))
    links.use(runtime, key_of(links.make_on_machine(runtime, "dora@acme.example")))
    assert (roles(door)["bob@acme.example"], roles(door)["dora@acme.example"]) == ("admin", "admin")
    links.make_on_machine(runtime, "charlie@acme.example")
    assert roles(door)["charlie@acme.example"] == "member"
    with pytest.raises(InputError):
        links.make_on_machine(runtime, "no address")
    with pytest.raises(InputError):
        links.make_on_machine(runtime, "", "lead")
    with pytest.raises(Faults):
        links.use(runtime, key_of(links.make_on_machine(runtime)))


# --- sessions ------------------------------------------------------------------------------------------------------------------


def begin(door: Door, email: str = "bob@acme.example") -> str:
    with door.company.runtime.store.read() as session:
        return sessions.begin(door.company.runtime, session.scalars(select(Person.id).where(Person.email == email)).one(), "link")


@pytest.mark.parametrize(
    ("waits", "good"),
    [([35 * 3600.0], True), ([37 * 3600.0], False), ([30 * 3600.0] * 11, True), ([30 * 3600.0] * 12, False)],
    ids=["idle for a day", "idle for too long", "used for two weeks", "used for longer"],
)
def test_a_session_ends_when_idle_and_after_two_weeks(door: Door, waits: list[float], good: bool) -> None:
    key = begin(door)
    for wait in waits:
        door.company.clock.ahead += wait
        found = sessions.find(door.company.runtime, key)
    assert (found is not None) is good


def test_a_session_follows_the_person_at_once(door: Door) -> None:
    runtime, key = door.company.runtime, begin(door)

    def role() -> str | None:
        found = sessions.find(runtime, key)
        return found.role if found else None

    assert role() == "member"
    with runtime.store.write() as session:
        session.execute(update(Person).values(role="lead"))
    assert role() == "lead"
    with runtime.store.write() as session:
        session.execute(update(Person).values(active=False))
    assert role() is None


def test_own_sessions_are_ended_one_by_one_or_all_others(door: Door) -> None:
    runtime = door.company.runtime
    keys = [begin(door) for _ in range(3)]
    viewer = sessions.find(runtime, keys[0])
    assert viewer is not None
    assert viewer.person_id is not None
    [third, second, _] = sessions.of_person(runtime, viewer.person_id, keys[0])
    assert sessions.revoke(runtime, viewer, viewer.person_id, second.id) == 1
    with pytest.raises(NotFound):
        sessions.revoke(runtime, viewer, viewer.person_id, second.id)
    assert sessions.revoke(runtime, viewer, viewer.person_id, keep=keys[0]) == 1
    assert third.mine is False
    assert [sessions.find(runtime, key) is not None for key in keys] == [True, False, False]


def test_nobody_but_an_admin_ends_the_sessions_of_others(door: Door) -> None:
    runtime = door.company.runtime
    mine, other = begin(door, "charlie@acme.example"), begin(door)
    charlie, bob = sessions.find(runtime, mine), sessions.find(runtime, other)
    assert charlie is not None
    assert bob is not None
    assert bob.person_id is not None
    with pytest.raises(Forbidden):
        sessions.revoke(runtime, charlie, bob.person_id)
    number = sessions.of_person(runtime, bob.person_id)[0].id
    with pytest.raises(NotFound):
        sessions.revoke(runtime, charlie, charlie.person_id or 0, number)  # a number of somebody else's
    assert sessions.revoke(runtime, ADMIN, bob.person_id) == 1
    assert sessions.find(runtime, other) is None


@pytest.mark.parametrize("key", ["", "guessed", "ü\ud800", "x" * 5000])
def test_a_key_that_nobody_has_is_nobody(door: Door, key: str) -> None:
    assert sessions.find(door.company.runtime, key) is None


# --- the doors -----------------------------------------------------------------------------------------------------------------


def test_guessing_links_is_stopped(door: Door) -> None:
    answers = [door.client.get(f"/sign-in/once/guess-{number}").status_code for number in range(25)]
    assert answers[:20] == [410] * 20
    assert set(answers[20:]) == {429}
    assert door.client.get("/sign-in").status_code == 200  # only guessing is stopped


def test_starting_sign_ins_is_limited_too(door: Door) -> None:
    assert {door.leave("atlassian").status_code for _ in range(25)} == {303, 429}


@pytest.mark.parametrize("path", ["/sign-out", "/sign-in/once/x", "/account/sessions/end", "/account/notices/read"])
def test_no_form_is_taken_from_another_site(door: Door, path: str) -> None:
    press(door.client, path_of(made(door)), email="bob@acme.example", name="Bob")
    assert door.client.post(path).status_code == 400
    assert door.signed_in_as() == "bob@acme.example"


def test_signing_out_ends_the_session_on_the_server(door: Door) -> None:
    press(door.client, path_of(made(door)), email="bob@acme.example", name="Bob")
    with door.client.session_transaction() as cookie:
        key = cookie["key"]
    token = re.search(r'name="csrf_token" value="([^"]+)"', door.client.get("/account").text)
    assert token
    assert door.client.post("/sign-out", data={"csrf_token": token[1]}).location == "/sign-in"
    assert sessions.find(door.company.runtime, key) is None
    assert door.signed_in_as() is None


def test_the_cookie_is_for_the_server_alone_and_secure_behind_https(door: Door) -> None:
    from connector.app import create_app

    door.company.runtime.settings.public_url = "https://okr.acme.example"
    client = create_app(door.company.runtime).test_client()
    cookie = client.get("/sign-in", base_url="https://okr.acme.example").headers["Set-Cookie"]
    assert {"HttpOnly", "Secure", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}


def test_a_session_lasts_in_the_cookie_as_long_as_on_the_server(door: Door) -> None:
    press(door.client, path_of(made(door)), email="bob@acme.example", name="Bob")
    assert door.app.permanent_session_lifetime == sessions.LASTS == timedelta(days=14)
