"""The file's data → checked values: connections, people, teams and cycles here, objectives with what hangs on them in ``goals``.

Everything that is wrong is reported at once, each with line and path. Asks no database and no host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.domain.rights import DEFAULT_ROLE, ROLES
from connector.errors import Faults, InputError
from connector.hosts.registry import HOSTS
from connector.services.connecting.drafts import check_fields
from connector.services.declare import forum_fields, reading
from connector.services.declare.document import join, read_document
from connector.services.declare.goals import Known, check_supports, read_objectives
from connector.services.declare.reading import Notes
from connector.services.declare.values import Declaration, DeclaredConnection, DeclaredCycle, DeclaredForum, DeclaredPerson, DeclaredTeam
from mappings.reading import as_mapping, as_number, as_text, near
from mappings.rules import notion_id

_TOP = ("version", "connections", "people", "forums", "teams", "cycles", "objectives")
_OPTIONS = ("requests_per_minute", "property_only", "token_expires", "fields")


def read_declaration(text: str | bytes, environ: Mapping[str, str], *, many: int = 5) -> Declaration:
    """The file of ``apply`` as checked values. Raises ``Faults`` (an ``InputError``) that lists all errors."""
    document = read_document(text, environ)
    notes = Notes(document)
    top = notes.fields(document.data, "", _TOP)
    if top is None:
        raise Faults(notes.errors)
    version, where = top.raw("version")
    if isinstance(version, bool) or version != 1:
        notes.add("version is missing; write version: 1" if version is None else "only version: 1 is known", where)
    known = Known(many=many)
    connections = _connections(notes, *top.raw("connections"), known)
    people = _people(notes, *top.raw("people"), known)
    forums = _forums(notes, *top.raw("forums"), known) if "forums" in top.given else None
    teams = _teams(notes, *top.raw("teams"), known)
    cycles = _cycles(notes, *top.raw("cycles"), known)
    objectives = read_objectives(notes, *top.raw("objectives"), known)
    check_supports(notes, objectives, known)
    if notes.errors:
        raise Faults(notes.errors)
    return Declaration(
        document,
        tuple(connections),
        tuple(people),
        tuple(forums) if forums is not None else None,
        tuple(teams),
        tuple(cycles),
        tuple(objectives),
        tuple(known.warnings),
    )


# --- connections ---------------------------------------------------------------------------------------------------------------


def _connections(notes: Notes, data: Any, where: str, known: Known) -> list[DeclaredConnection]:
    found = []
    with notes.noting():
        for name, value in as_mapping(data if data is not None else {}, where).items():
            place = join(where, name)
            before = len(notes.errors)
            with notes.noting():
                reading.connection_name(name, place)
            known.connections[name] = ""  # known by name, even if something in it is wrong
            fields = notes.fields(value, place, ("host", "url", "auth", "webhook_secret", "options"))
            if fields is None:
                continue
            host = fields.take("host", _host, missing="; it is jira or notion")
            known.connections[name] = host or ""
            url = fields.take("url", reading.url, missing=", such as https://acme.atlassian.net")
            auth = fields.take("auth", lambda given, path: _auth(notes, given, path), missing=": the credentials")
            if host and auth is not None and len(notes.errors) == before:
                with notes.noting():
                    _check_auth(host, auth, place)
            secret = fields.take("webhook_secret", reading.secret)
            if secret:
                notes.document.add_secret(secret)
            options = _options(notes, *fields.raw("options"))
            if len(notes.errors) == before:
                assert host is not None
                assert url is not None
                found.append(DeclaredConnection(name, host, url, auth or {}, secret, options, place))
    return found


def _host(value: Any, where: str) -> str:
    found = as_text(value, where)
    if found not in HOSTS:
        raise InputError(f"unknown host {found[:80]!r}{near(found, HOSTS) or '; known are ' + ', '.join(HOSTS)}", where=where)
    return found


def _auth(notes: Notes, value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise InputError("must be a mapping, such as {email: …, api_token: …} or {token: …}", where=where)
    auth: dict[str, str] = {}
    for key, each in as_mapping(value, where).items():
        with notes.noting():
            auth[key] = reading.secret(each, join(where, key))
            if "token" in key or "secret" in key:
                notes.document.add_secret(auth[key])
    return auth


def _check_auth(host: str, auth: Mapping[str, str], where: str) -> None:
    try:
        HOSTS[host].check_auth(auth)
    except InputError as error:
        raise InputError(error.message, where=join(where, error.where or "auth")) from None


def _options(notes: Notes, data: Any, where: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    fields = notes.fields(data if data is not None else {}, where, _OPTIONS)
    if fields is None:
        return options
    rate = fields.take("requests_per_minute", as_number)
    if rate is not None and rate <= 0:
        notes.add("must be above 0", join(where, "requests_per_minute"))
    expires = fields.take("token_expires", reading.day)
    told = {
        "requests_per_minute": rate,
        "property_only": fields.take("property_only", reading.flag),
        "token_expires": expires.isoformat() if expires else None,
        "fields": _fields(notes, *fields.raw("fields")),
    }
    return {name: value for name, value in told.items() if value is not None}


def _fields(notes: Notes, data: Any, where: str) -> dict[str, str] | None:
    told, wrong = check_fields(data)
    for each in wrong:
        notes.add(each.message[:1].lower() + each.message[1:], join(where.rpartition(".")[0], each.where))
    return told or None


# --- people, forums, teams, cycles -----------------------------------------------------------------------------------------------------


def _people(notes: Notes, data: Any, where: str, known: Known) -> list[DeclaredPerson]:
    found = []
    holders: dict[tuple[str, str], str] = {}
    for place, value in notes.entries(data, where):
        before = len(notes.errors)
        fields = notes.fields(value, place, ("email", "name", "accounts", "active", "role", "zone", "away_until"))
        if fields is None:
            continue
        address = fields.take("email", reading.email, missing=": people are known by their e-mail address")
        name = fields.take("name", reading.text)
        active = fields.take("active", reading.flag)
        accounts = _accounts(notes, *fields.raw("accounts"), known)
        said = fields.said(role=(_role, DEFAULT_ROLE), zone=(forum_fields.zone, ""), away_until=(forum_fields.iso_day, None))
        if address is None:
            continue
        if address in known.people:
            notes.add(f"two people have the e-mail address {address}; keep one", join(place, "email"))
            continue
        known.people[address] = active is not False
        for pair in accounts.items():
            if pair in holders:
                notes.add(
                    f"the account {pair[1]!r} belongs to {holders[pair]} already; an account is one person's",
                    join(join(place, "accounts"), pair[0]),
                )
            holders.setdefault(pair, address)
        if len(notes.errors) == before:
            found.append(DeclaredPerson(address, name or address, accounts, active is not False, said))
    return found


def _role(value: Any, where: str) -> str:
    found = as_text(value, where)
    if found not in ROLES:
        raise InputError(f"unknown role {found[:80]!r}{near(found, ROLES) or '; known are ' + ', '.join(ROLES)}", where=where)
    return found


def _accounts(notes: Notes, data: Any, where: str, known: Known) -> dict[str, str]:
    accounts: dict[str, str] = {}
    with notes.noting():
        for connection, value in as_mapping(data if data is not None else {}, where).items():
            place = join(where, connection)
            with notes.noting():
                known.check_connection(connection, place)
                account = reading.text(value, place)
                accounts[connection] = _person_id(account) if known.connections.get(connection) == "notion" else account
    return accounts


def _person_id(account: str) -> str:
    """Notion tells ids with dashes; people copy them with or without."""
    try:
        return notion_id(account, "")
    except InputError:
        return account


def _forums(notes: Notes, data: Any, where: str, known: Known) -> list[DeclaredForum]:
    found = []
    for place, value in notes.entries(data, where):
        before = len(notes.errors)
        fields = notes.fields(value, place, forum_fields.KEYS)
        if fields is None:
            continue
        name = fields.take("name", reading.text, missing="")
        caller = fields.take("caller", known.person)
        said = forum_fields.read_said(fields, known.person, known.persons)
        if len(notes.errors) == before and "lock" in said:
            forum_fields.check_together(fields, {**forum_fields.DEFAULTS, **said})
        if name is None:
            continue
        if name in known.forums:
            notes.add(f"two forums are called {name!r}; keep one", join(place, "name"))
            continue
        known.forums.add(name)
        if len(notes.errors) == before:
            found.append(DeclaredForum(name, caller, said))
    return found


def _teams(notes: Notes, data: Any, where: str, known: Known) -> list[DeclaredTeam]:
    found = []
    for place, value in notes.entries(data, where):
        before = len(notes.errors)
        fields = notes.fields(value, place, ("name", "lead", "members", "forum"))
        if fields is None:
            continue
        name = fields.take("name", reading.text, missing="")
        lead = fields.take("lead", known.person)
        said = fields.said(members=(known.persons, []), forum=(known.forum, None))
        if name is None:
            continue
        if name in known.teams:
            notes.add(f"two teams are called {name!r}; keep one", join(place, "name"))
            continue
        known.teams.add(name)
        if len(notes.errors) == before:
            found.append(DeclaredTeam(name, lead, said))
    return found


def _cycles(notes: Notes, data: Any, where: str, known: Known) -> list[DeclaredCycle]:
    found = []
    with notes.noting():
        for name, value in as_mapping(data if data is not None else {}, where).items():
            place = join(where, name)
            before = len(notes.errors)
            known.cycles.add(name)
            with notes.noting():
                reading.text(name, place)
            fields = notes.fields(value, place, ("start", "end", "started"))
            if fields is None:
                continue
            start = fields.take("start", reading.day, missing="; enter the first day, such as 2026-10-01")
            end = fields.take("end", reading.day, missing="; enter the last day, such as 2026-12-31")
            said = fields.said(started=(reading.flag, True))
            if start and end and end < start:
                notes.add(f"the cycle ends ({end}) before it starts ({start})", join(place, "end"))
            if start and end and len(notes.errors) == before:
                found.append(DeclaredCycle(name, start, end, said))
    return found
