"""People, their host accounts and sessions, API tokens, notices, and who asks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from connector.api.models import Page, Shape
from connector.api.problems import ProblemError
from connector.api.requests import Given, PageQuery, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import ROLE_WORDS, Act
from connector.errors import InputError, NotFound
from connector.services import tokens
from connector.services.people import accounts, directory, editing, notices
from connector.services.sign_in import links, sessions
from connector.store.reads.paging import moment_text

Role = Literal["admin", "lead", "champion", "member", "viewer"]


class HostAccount(Shape):
    """A person's account at a connection; ``left_at``: since when the host says that it is deactivated or gone."""

    connection: str
    account: str
    left_at: datetime | None


class PersonShape(Shape):
    """A person. ``version`` goes back with a change, so that two admins do not overwrite each other.

    ``zone``: in which they are left in peace at night, "" for the installation's; ``away_until``: the last day of a leave.
    """

    email: str
    name: str
    role: Role
    active: bool
    teams: list[str]
    accounts: list[HostAccount]
    last_seen_at: datetime | None
    zone: str
    away_until: str | None
    version: str


class Me(Shape):
    """Who the token stands for: ``email`` is null for nobody's own; ``may`` are the acts of the role."""

    name: str
    email: str | None
    role: Role
    meaning: str
    may: list[str]


class FoundAccount(Shape):
    """An account at a host. ``held_by``: who has it here; ``suggested``: who has the same e-mail address and no account there."""

    account: str
    name: str
    email: str | None
    active: bool
    held_by: str | None
    suggested: str | None


class SessionShape(Shape):
    """A signed-in browser."""

    id: int
    how: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class TokenShape(Shape):
    """An API token, never the token itself."""

    name: str
    role: Role
    person: str | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewToken(Shape):
    """A fresh token, shown this once."""

    name: str
    role: Role
    person: str | None
    token: str


class LinkShape(Shape):
    """A link that signs a person in once, shown this once."""

    link: str


class NoticeShape(Shape):
    """Something that the token's person was told; ``link`` is a path on our pages."""

    id: int
    kind: str
    subject: str
    text: str
    link: str
    created_at: datetime
    read: bool


class Count(Shape):
    """How many were changed."""

    changed: int


class AddedShape(Shape):
    """What came of adding people from a host."""

    new: int
    linked: int


class PeopleQuery(PageQuery):
    """Filters of the people."""

    text: Annotated[Text | None, Field(description="part of a name or e-mail address")] = None
    role: Role | None = None
    active: Annotated[bool | None, Field(description="only those who are active, or are not")] = None


class AccountQuery(BaseModel):
    """Which accounts to look for, and where."""

    model_config = ConfigDict(extra="forbid")
    connection: Annotated[Text, Field(description="name of the connection")]
    text: Annotated[Text | None, Field(description="part of a name or e-mail address")] = None
    cursor: Annotated[Text | None, Field(description="`next` of the page before")] = None


class PersonBody(Given):
    """A new person."""

    email: Text
    name: Text
    role: Role = "member"
    accounts: Annotated[dict[str, Text], Field(description="connection → account id")] = Field(default_factory=dict)
    zone: Annotated[Text, Field(description="time zone such as Europe/Oslo; empty for the installation's")] = ""
    away_until: Annotated[Text | None, Field(description="last day of a leave; nobody is reminded while away")] = None


class PersonChange(Given):
    """What to change of a person; what is absent stays. ``accounts`` are all of them."""

    name: Text | None = None
    role: Role | None = None
    active: bool | None = None
    accounts: Annotated[dict[str, Text] | None, Field(description="connection → account id; those left out are taken away")] = None
    zone: Annotated[Text | None, Field(description="time zone such as Europe/Oslo; empty for the installation's")] = None
    away_until: Annotated[Text | None, Field(description="last day of a leave; empty ends it")] = None
    version: Annotated[Text | None, Field(description="as it was read; without it nothing is compared")] = None


class PickedPerson(Given):
    """Somebody picked from a host's list."""

    account: Text
    email: Text
    name: Text = ""


class PickedBody(Given):
    """Accounts of one connection to add as people, all or none."""

    connection: Text
    people: list[PickedPerson]


class TokenBody(Given):
    """A new token."""

    name: Text
    role: Role = "member"
    person: Annotated[Text | None, Field(description="e-mail address of whom it stands for")] = None


def who_asks(call: Call) -> Answer:
    """Who the token stands for and what it may do."""
    viewer = call.viewer
    may = [act.value for act in Act if viewer.may(act)]
    meaning = ROLE_WORDS[viewer.role]
    return Answer({"name": viewer.name, "email": viewer.email or None, "role": viewer.role, "meaning": meaning, "may": may})


def list_people(call: Call) -> Answer:
    """People by e-mail address."""
    query: PeopleQuery = call.query
    with call.runtime.store.read() as session:
        page = _paged(
            lambda: directory.people_page(session, query.cursor, query.limit, text=query.text, role=query.role, active=query.active)
        )
    return Answer({"items": page.items, "next": page.next})


def get_person(call: Call, email: str) -> Answer:
    """One person."""
    return Answer(_shape(call, email))


def add_person(call: Call) -> Answer:
    """Add a person. They can sign in with a provider that vouches for the address or the account, or with a link."""
    body: PersonBody = call.body
    fields = {"name": body.name, "role": body.role, "accounts": body.accounts, "zone": body.zone, "away_until": body.away_until}
    address = editing.add_person(call.runtime, call.viewer, body.email, fields)
    return Answer(_shape(call, address), 201)


def change_person(call: Call, email: str) -> Answer:
    """Change name, role, state, accounts, time zone or leave. The last active admin stays one."""
    fields = {name: value for name, value in call.body.model_dump(exclude={"version"}).items() if value is not None}
    editing.save_person(call.runtime, call.viewer, email, fields, call.body.version)
    return Answer(_shape(call, email))


def make_sign_in_link(call: Call, email: str) -> Answer:
    """A link that signs this person in once, within an hour."""
    return Answer({"link": links.make(call.runtime, call.viewer, email)}, 201)


def list_sessions(call: Call, email: str) -> Answer:
    """Where this person is signed in."""
    found = sessions.of_person(call.runtime, _number(call, email))
    moments = ("created_at", "seen_at", "expires_at")
    return Answer(
        {
            "items": [
                {"id": each.id, "how": each.how, "agent": each.agent, **{name: moment_text(getattr(each, name)) for name in moments}}
                for each in found
            ],
            "next": None,
        }
    )


def end_sessions(call: Call, email: str) -> Answer:
    """Sign this person out everywhere."""
    return Answer({"changed": sessions.revoke(call.runtime, call.viewer, _number(call, email))})


def forget_identities(call: Call, email: str) -> Answer:
    """Unbind this person from sign-in providers; the next sign-in matches them anew."""
    return Answer({"changed": editing.forget_identities(call.runtime, call.viewer, email)})


def find_accounts(call: Call) -> Answer:
    """People's accounts as the host lists them. Nothing is matched by name; an equal address is a suggestion."""
    page = accounts.host_accounts(call.runtime, call.viewer, call.query.connection, call.query.text or "", call.query.cursor)
    items = [
        {
            "account": each.account,
            "name": each.name,
            "email": each.email or None,
            "active": each.active,
            "held_by": each.held_by or None,
            "suggested": each.suggested or None,
        }
        for each in page.accounts
    ]
    return Answer({"items": items, "next": page.next})


def add_people(call: Call) -> Answer:
    """Add picked accounts as people; one whose address is known gets the account."""
    picked = [accounts.NewPerson(each.account, each.name, each.email) for each in call.body.people]
    try:
        added = accounts.add_people(call.runtime, call.viewer, call.body.connection, picked)
    except NotFound as error:  # named in the body, so it is the body that does not fit
        raise InputError(str(error), where="connection") from None
    return Answer({"new": added.new, "linked": added.linked})


def list_tokens(call: Call) -> Answer:
    """All API tokens, revoked ones too."""
    moments = ("created_at", "last_used_at", "revoked_at")
    items = [
        {
            "name": each.name,
            "role": each.role,
            "person": each.person or None,
            **{name: moment_text(getattr(each, name)) for name in moments},
        }
        for each in tokens.list_tokens(call.runtime)
    ]
    return Answer({"items": items, "next": None})


def make_token(call: Call) -> Answer:
    """Make an API token. The answer is the only place where it is shown."""
    body: TokenBody = call.body
    token = tokens.create(call.runtime, body.name, body.role, person=body.person or "", viewer=call.viewer)
    return Answer({"name": body.name, "role": body.role, "person": body.person, "token": token}, 201)


def revoke_token(call: Call, name: str) -> Answer:
    """End an API token at once."""
    tokens.revoke(call.runtime, name, viewer=call.viewer)
    return Answer({"changed": 1})


def list_notices(call: Call) -> Answer:
    """What the token's person was told, newest first; nothing for a token that is nobody's own."""
    with call.runtime.store.read() as session:
        page = _paged(lambda: notices.page(session, call.viewer, call.query.cursor, call.query.limit))
    return Answer({"items": page.items, "next": page.next})


def read_notices(call: Call) -> Answer:
    """Mark all notices of the token's person as read."""
    return Answer({"changed": notices.mark_read(call.runtime, call.viewer)})


def _paged(read: Any) -> Any:
    try:
        return read()
    except InputError as error:  # a cursor that is none
        raise ProblemError(400, str(error), errors=[{"field": error.where, "message": error.message}]) from None


def _shape(call: Call, email: str) -> dict[str, Any]:
    with call.runtime.store.read() as session:
        return directory.shapes(session, [directory.find(session, email)])[0]


def _number(call: Call, email: str) -> int:
    with call.runtime.store.read() as session:
        return directory.find(session, email).id


_ADMIN = Act.ADMINISTER
TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/me", who_asks, "Who asks", Me),
    Endpoint("GET", "/notices", list_notices, "Own notices", Page[NoticeShape], query=PageQuery),
    Endpoint("POST", "/notices/read", read_notices, "Mark own notices as read", Count),
    Endpoint("GET", "/people", list_people, "People", Page[PersonShape], act=_ADMIN, query=PeopleQuery),
    Endpoint("POST", "/people", add_person, "Add a person", PersonShape, act=_ADMIN, body=PersonBody, statuses=(201,), problems=(409,)),
    Endpoint("GET", "/people/<email>", get_person, "One person", PersonShape, act=_ADMIN, problems=(404,)),
    Endpoint("PATCH", "/people/<email>", change_person, "Change a person", PersonShape, act=_ADMIN, body=PersonChange, problems=(404, 409)),
    Endpoint(
        "POST",
        "/people/<email>/sign-in-link",
        make_sign_in_link,
        "Sign-in link",
        LinkShape,
        act=_ADMIN,
        statuses=(201,),
        problems=(404, 422),
    ),
    Endpoint("GET", "/people/<email>/sessions", list_sessions, "A person's sessions", Page[SessionShape], act=_ADMIN, problems=(404,)),
    Endpoint("DELETE", "/people/<email>/sessions", end_sessions, "End a person's sessions", Count, act=_ADMIN, problems=(404,)),
    Endpoint("DELETE", "/people/<email>/identities", forget_identities, "Forget sign-in accounts", Count, act=_ADMIN, problems=(404,)),
    Endpoint(
        "GET",
        "/host-accounts",
        find_accounts,
        "Accounts at a host",
        Page[FoundAccount],
        act=_ADMIN,
        query=AccountQuery,
        problems=(404, 422, 502),
    ),
    Endpoint("POST", "/host-accounts", add_people, "Add people from a host", AddedShape, act=_ADMIN, body=PickedBody),
    Endpoint("GET", "/tokens", list_tokens, "API tokens", Page[TokenShape], act=_ADMIN),
    Endpoint("POST", "/tokens", make_token, "Make a token", NewToken, act=_ADMIN, body=TokenBody, statuses=(201,)),
    Endpoint("DELETE", "/tokens/<name>", revoke_token, "Revoke a token", Count, act=_ADMIN, problems=(404,)),
)
