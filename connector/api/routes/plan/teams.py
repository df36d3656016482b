"""Teams and forums. Bodies use the words of the file of ``apply``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from connector.api.models import Page, Shape
from connector.api.requests import Given, Text
from connector.api.routes.plan import saving
from connector.api.routes.plan.cycles import Retired
from connector.api.routes.plan.objectives import RetireQuery
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.services.plan import forums, teams
from connector.services.plan.saving import Saved
from connector.store.reads.paging import moment_text


class TeamFields(Given):
    """A team. ``lead`` and ``members`` are e-mail addresses, ``forum`` the name of the forum that reviews it."""

    name: Text | None = None
    lead: Text | None = None
    members: list[Text] | None = None
    forum: Text | None = None


class ChangedTeam(TeamFields):
    """What is left out stays. Who leads and who is on it is changed by its lead or an admin."""

    version: Text | None = None
    reason: Text | None = None


class TeamPlan(Shape):
    """A team as it is."""

    version: str
    name: str
    lead: str | None
    members: list[str]
    forum: str | None


class TeamShape(Shape):
    """A team in a list: names of people, how many are on it, how many of its objectives the caller may know of."""

    name: str
    lead: str
    forum: str
    members: int
    objectives: int


class LockFields(Given):
    """Until when updates count; what is left out stays."""

    time: Annotated[Text | None, Field(description="such as 16:00")] = None
    days_before: Annotated[int | None, Field(description="working days before the review: 0 to 4")] = None


class ForumFields(Given):
    """A forum, in the words of the file of ``apply``. ``caller`` is the e-mail address of the person who can call decisions."""

    name: Text | None = None
    caller: Text | None = None
    sponsor: Text | None = None
    leaders: list[Text] | None = None
    members: list[Text] | None = None
    weekday: Annotated[Text | None, Field(description="monday to sunday; null: no review is planned")] = None
    time: Annotated[Text | None, Field(description="such as 10:00, on the clock of its zone")] = None
    cadence: Annotated[Text | None, Field(description="weekly or fortnightly")] = None
    first_on: Annotated[Text | None, Field(description="a day in the week of the first review; fortnights count from it")] = None
    zone: Annotated[Text | None, Field(description="time zone such as Europe/Oslo; null for the installation's")] = None
    country: Annotated[Text | None, Field(description="whose holidays move reviews: DE, DE-BY; null for none")] = None
    lock: LockFields | None = None
    minutes: Annotated[int | None, Field(description="5 to 240")] = None
    pack: Annotated[bool | None, Field(description="offer the review pack at the lock")] = None


class ChangedForum(ForumFields):
    """What is left out stays."""

    version: Text | None = None
    reason: Text | None = None


class LockPlan(Shape):
    """Until when updates count."""

    time: str
    days_before: int


class ForumPlan(Shape):
    """A forum as it is; ``remarks`` are sentences for people."""

    version: str
    name: str
    caller: str | None
    sponsor: str | None
    leaders: list[str]
    members: list[str]
    weekday: str | None
    time: str
    cadence: str
    first_on: date | None
    zone: str
    country: str
    lock: LockPlan
    minutes: int
    pack: bool
    remarks: list[str]


class ForumShape(Shape):
    """A forum in a list; ``active``: somebody active can call decisions there; ``meets``: when, in words."""

    name: str
    caller: str
    active: bool
    teams: list[str]
    meets: str
    next_review_at: datetime | None


def list_teams(call: Call) -> Answer:
    """All teams by name."""
    with call.runtime.store.read() as session:
        found = teams.teams(session, call.viewer)
    names = ("name", "lead", "forum", "members", "objectives")
    return Answer({"items": [{name: getattr(each, name) for name in names} for each in found], "next": None})


def get_team(call: Call, name: str) -> Answer:
    """One team, with the version that a change names."""
    return Answer(_team(teams.load(call.runtime, call.viewer, name)))


def create_team(call: Call) -> Answer:
    """Make a team."""
    return saving.create(call, teams, _team)


def change_team(call: Call, name: str) -> Answer:
    """Change a team."""
    return saving.change(call, teams, _team, name)


def retire_team(call: Call, name: str) -> Answer:
    """Retire a team that has no objective."""
    return saving.retire(call, teams, name)


def list_forums(call: Call) -> Answer:
    """All forums by name, with the teams they review."""
    with call.runtime.store.read() as session:
        found = forums.forums(session, call.runtime.now())
    items = [
        {
            "name": each.name,
            "caller": each.caller,
            "active": each.active,
            "teams": list(each.teams),
            "meets": each.meets,
            "next_review_at": moment_text(each.next_review),
        }
        for each in found
    ]
    return Answer({"items": items, "next": None})


def get_forum(call: Call, name: str) -> Answer:
    """One forum, with the version that a change names."""
    return Answer(_forum(forums.load(call.runtime, call.viewer, name)))


def create_forum(call: Call) -> Answer:
    """Make a forum."""
    return saving.create(call, forums, _forum)


def change_forum(call: Call, name: str) -> Answer:
    """Change a forum."""
    return saving.change(call, forums, _forum, name)


def retire_forum(call: Call, name: str) -> Answer:
    """Retire a forum; its teams have none then."""
    return saving.retire(call, forums, name)


def _team(saved: Saved) -> dict[str, Any]:
    return {"version": saved.version, **saved.view}


def _forum(saved: Saved) -> dict[str, Any]:
    return {"version": saved.version, **saved.view, "remarks": list(saved.remarks)}


_WRITE: dict[str, Any] = {"act": Act.WRITE}

TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/teams", list_teams, "Teams", Page[TeamShape]),
    Endpoint("POST", "/teams", create_team, "Make a team", TeamPlan, body=TeamFields, statuses=(201,), **_WRITE),
    Endpoint("GET", "/teams/<name>", get_team, "One team", TeamPlan, problems=(404,)),
    Endpoint("PATCH", "/teams/<name>", change_team, "Change a team", TeamPlan, body=ChangedTeam, problems=(404, 409), **_WRITE),
    Endpoint("DELETE", "/teams/<name>", retire_team, "Retire a team", Retired, query=RetireQuery, problems=(404, 409, 422), **_WRITE),
    Endpoint("GET", "/forums", list_forums, "Forums", Page[ForumShape]),
    Endpoint("POST", "/forums", create_forum, "Make a forum", ForumPlan, body=ForumFields, statuses=(201,), **_WRITE),
    Endpoint("GET", "/forums/<name>", get_forum, "One forum", ForumPlan, problems=(404,)),
    Endpoint("PATCH", "/forums/<name>", change_forum, "Change a forum", ForumPlan, body=ChangedForum, problems=(404, 409), **_WRITE),
    Endpoint("DELETE", "/forums/<name>", retire_forum, "Retire a forum", Retired, query=RetireQuery, problems=(404, 409, 422), **_WRITE),
)
