"""What ``apply`` says of how forums meet and of people's leave: read, planned, kept when a file does not say it, refused with a line."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from connector.store.tables import Forum, ForumMember, Person, Review
from tests.services.conftest import Scene

PEOPLE = (
    'people:\n  - {email: alice@acme.example, name: Alice, accounts: {acme-jira: "5b10a2844c20165700ede21g", acme-notion: "6a2f…"}}\n',
    "people:\n"
    "  - {email: alice@acme.example, name: Alice}\n"
    "  - {email: bob@acme.example, name: Bob, zone: america/new_york, away_until: 2027-01-03}\n"
    "  - {email: cleo@acme.example, name: Cleo}\n",
)
WHOLE = (
    "{name: Growth review, caller: bob@acme.example, sponsor: cleo@acme.example, leaders: [bob@acme.example, alice@acme.example],"
    " members: [cleo@acme.example, bob@acme.example], weekday: thursday, time: 9:30, cadence: fortnightly, first_on: 2026-11-17,"
    " zone: Europe/Berlin, country: de-by, lock: {time: '15:00', days_before: 2}, minutes: 45, pack: true}"
)


def forums(text: str) -> tuple[tuple[str, str], ...]:
    return (PEOPLE, ("teams: [", f"forums: [{text}]\nteams: ["))


def columns(row: Any, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def test_a_forum_with_all_it_may_have(scene: Scene) -> None:
    scene.apply(*forums(WHOLE))
    [row] = scene.rows(Forum)
    assert columns(row, "weekday", "time", "cadence", "first_on", "zone", "country", "lock_time", "lock_days", "minutes", "pack") == (
        3, "09:30", "fortnightly", date(2026, 11, 17), "Europe/Berlin", "DE-BY", "15:00", 2, 45, True,
    )  # fmt: skip
    people = {each.id: each for each in scene.rows(Person)}
    assert (people[row.caller_id].name, people[row.sponsor_id].name) == ("Bob", "Cleo")
    seats = sorted((people[each.person_id].name, each.leader) for each in scene.rows(ForumMember))
    assert seats == [("Alice", True), ("Bob", True), ("Cleo", False)]
    [bob] = [each for each in people.values() if each.name == "Bob"]
    assert columns(bob, "zone", "away_until") == ("America/New_York", date(2027, 1, 3))
    assert {each.state for each in scene.rows(Review)} == {"planned"}  # at once, not with the next turn of the clock
    assert scene.apply(*forums(WHOLE)).changes == ()


def test_what_a_file_does_not_say_of_a_forum_stays_and_a_key_without_value_means_its_default(scene: Scene) -> None:
    scene.apply(*forums(WHOLE))
    plain = "{name: Growth review, caller: bob@acme.example}"
    assert scene.apply(*forums(plain)).changes == ()
    emptied = plain[:-1] + ", weekday: null, lock: null, zone: null, country: '', leaders: null, sponsor: null, minutes: null}"
    outcome = scene.apply(*forums(emptied))
    assert [str(each) for each in outcome.changes] == [
        "update forum Growth review: sponsor cleo@acme.example → none, leaders changed, weekday thursday → none, "
        "zone Europe/Berlin → none, country DE-BY → none, minutes 45 → 30, lock changed"
    ]
    [row] = scene.rows(Forum)
    assert columns(row, "weekday", "time", "lock_time", "lock_days", "zone", "country") == (None, "09:30", "16:00", 1, "", "")
    assert [each.leader for each in scene.rows(ForumMember)] == [False]
    assert scene.rows(Review) == []
    assert scene.apply(*forums(emptied)).changes == ()


def test_a_dry_run_tells_and_writes_nothing(scene: Scene) -> None:
    scene.apply(*forums("{name: Growth review, caller: bob@acme.example, weekday: monday}"))
    before = scene.dump()
    moved = scene.apply(*forums("{name: Growth review, caller: bob@acme.example, weekday: tue}"), dry_run=True)
    assert [str(each) for each in moved.changes] == ["update forum Growth review: weekday monday → tuesday"]
    assert scene.dump() == before


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("cadence: monthly", "cadence", "too slow"),
        ("cadence: 28 days", "cadence", "too slow"),
        ("weekday: someday", "weekday", "is not a weekday"),
        ("weekday: T", "weekday", "is not a weekday"),
        ("time: '25:00'", "time", "must be a time of day"),
        ("time: 10", "time", "must be a time of day"),
        ("zone: Mars/Olympus", "zone", "'Mars/Olympus' is not a time zone"),
        ("zone: europe/berln", "zone", 'did you mean "Europe/Berlin"'),
        ("country: XX", "country", "no country 'XX' is known"),
        ("country: DE-XX", "country", "no part 'XX' of DE is known; DE has BB"),
        ("minutes: 500", "minutes", "5 to 240 minutes"),
        ("first_on: soon", "first_on", "must be a day"),
        ("lock: {time: noon}", "lock.time", "must be a time of day"),
        ("lock: {days_before: 9}", "lock.days_before", "0 to 4 working days"),
        ("lock: {when: 3}", "lock.when", "unknown key 'when'"),
        ("lock: {days_before: 0}", "lock.time", "is not before the review"),
        ("sponsor: nobody@acme.example", "sponsor", "add them under people"),
        ("leaders: [nobody@acme.example]", "leaders[0]", "add them under people"),
        ("pack: often", "pack", "true or false"),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(scene: Scene, text: str, where: str, words: str) -> None:
    changes = forums(f"{{name: A, caller: bob@acme.example, {text}}}")
    [(line, field, message)] = scene.refused(*changes)
    assert (line, field) == (scene.line("forums:", *changes), f"forums[0].{where}")
    assert words in message


def test_a_person_with_a_zone_or_leave_that_cannot_be_is_refused(scene: Scene) -> None:
    broken = (PEOPLE[0], PEOPLE[1].replace("america/new_york", "nowhere").replace("2027-01-03", "later"))
    assert [(where, message[:30]) for _, where, message in scene.refused(broken)] == [
        ("people[1].zone", "'nowhere' is not a time zone; "),
        ("people[1].away_until", "must be a day such as 2026-10-"),
    ]
