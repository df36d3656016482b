"""Jira as a host: Jira Cloud with an API token, a service account, a person's permission or our Forge app; Data Center by polling.

This module names the parts; it makes no request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connector.errors import InputError, Refused
from connector.hosts import base
from connector.hosts.base import ConnectionSettings, Wanted
from connector.hosts.goals import Goals
from connector.hosts.jira.fields import read_moment
from connector.hosts.jira.jql import is_issue_key, named_projects
from connector.hosts.jira.webhook import JiraDialect
from connector.hosts.limits import Budget
from connector.hosts.makers import ItemMaker

NAME = "jira"
TITLE = "Jira"
ONE_ADDRESS = False

dialect: base.Dialect = JiraDialect()

_CLOUD_ID = r"^[A-Za-z0-9-]{1,64}$"  # becomes part of a path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class ApiTokenAuth(_Strict):
    """A person's or bot's API token, used at the site's own address."""

    email: str = Field(min_length=3, pattern=r"^[^@\s:]+@[^@\s]+$")
    api_token: str = Field(min_length=1)


class ScopedTokenAuth(ApiTokenAuth):
    """An API token with scopes: only accepted at api.atlassian.com, so the site's cloud id is needed."""

    cloud_id: str = Field(pattern=_CLOUD_ID)


class ServiceAccountAuth(_Strict):
    """OAuth 2.0 client credentials of a service account."""

    cloud_id: str = Field(pattern=_CLOUD_ID)
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1)


class PermissionAuth(ServiceAccountAuth):
    """What a person's permission gave an app of ours (OAuth 2.0, 3LO). The tokens are replaced together, every hour."""

    access_token: str = Field(min_length=1)
    refresh_token: str = Field(min_length=1)
    expires_at: str = Field(min_length=1)  # of the access token, ISO time with its offset


class AppAuth(_Strict):
    """Our Forge app's own login: its token comes with its calls and is kept with the installation."""

    cloud_id: str = Field(pattern=_CLOUD_ID)
    forge: str = Field(min_length=1)  # the installation's id


class DataCenterAuth(_Strict):
    """A personal access token of Jira Data Center."""

    bearer_token: str = Field(min_length=1)


AuthModel = ApiTokenAuth | ScopedTokenAuth | ServiceAccountAuth | PermissionAuth | AppAuth | DataCenterAuth


def check_auth(auth: Mapping[str, object]) -> None:
    """Check the credentials' shape. Raises ``InputError`` that names the missing or wrong key and never its value."""
    if not isinstance(auth, Mapping):
        raise InputError("must be a set of keys such as email and api_token", where="auth")
    model: type[_Strict]
    if "bearer_token" in auth:
        model = DataCenterAuth
    elif "forge" in auth:
        model = AppAuth
    elif is_renewed(auth):
        model = PermissionAuth
    elif "client_id" in auth or "client_secret" in auth:
        model = ServiceAccountAuth
    elif "cloud_id" in auth:
        model = ScopedTokenAuth
    else:
        model = ApiTokenAuth
    try:
        model.model_validate(dict(auth))
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        keys = ", ".join(model.model_fields)
        if first["type"] == "missing":
            raise InputError(f"is missing; Jira needs {keys}", where=f"auth.{name}") from None
        if first["type"] == "extra_forbidden":
            raise InputError(f"is not a key of this login; Jira needs {keys}", where=f"auth.{name}") from None
        raise InputError(f"is not usable: {first['msg'][0].lower()}{first['msg'][1:]}", where=f"auth.{name}") from None


def is_renewed(auth: Mapping[str, object]) -> bool:
    """Whether this login's tokens end within hours and are replaced by ``renew_auth``."""
    return "refresh_token" in auth or "access_token" in auth


def login_ends(auth: Mapping[str, str]) -> datetime | None:
    """When the access token of a renewed login ends, None when that is not known."""
    return read_moment(auth.get("expires_at"))


def renew_auth(settings: ConnectionSettings, *, budget: Budget, allow_private: bool) -> Mapping[str, str]:
    """The login with new tokens, which end those in ``settings``: to be stored before they are used. See ``oauth.renew``."""
    from connector.hosts.jira.oauth import renew

    return renew(settings, budget=budget, allow_private=allow_private)


def webhook_secret(auth: Mapping[str, str]) -> str:
    """The secret that the host itself signs its deliveries with for this login, "" where one is agreed upon."""
    return str(auth.get("client_secret", "")) if is_renewed(auth) else ""


def containers_of(wanted: Sequence[Wanted]) -> frozenset[str] | None:
    """The projects from which the items of some mappings come as far as these say, None where they may come from anywhere."""
    found: set[str] = set()
    for mapping in wanted:
        selector, resolution = mapping.selector, mapping.resolution
        projects = {*resolution.containers, *named_projects(selector.jql)}
        projects |= {name.rpartition("-")[0].upper() for name in (*selector.epics, *selector.issues) if is_issue_key(name)}
        if not projects:
            return None
        found |= projects
    return frozenset(found)


def build_goals(settings: ConnectionSettings, *, budget: Budget, allow_private: bool, patience: float = 2.0) -> Goals:
    """The goals of the site. Raises ``InputError`` for a login that they do not take."""
    from connector.hosts.jira.goals import JiraGoals

    return JiraGoals(settings, budget=budget, allow_private=allow_private, patience=patience)


def build_item_maker(settings: ConnectionSettings, *, budget: Budget, allow_private: bool, patience: float = 2.0) -> ItemMaker:
    """Makes issues on the site. Raises ``InputError`` for credentials of the wrong shape; makes no request."""
    from connector.hosts.jira.client import JiraClient
    from connector.hosts.jira.making import JiraItemMaker

    check_auth(settings.auth)
    return JiraItemMaker(JiraClient(settings, budget=budget, allow_private=allow_private, patience=patience))


def complete_auth(settings: ConnectionSettings, *, budget: Budget, allow_private: bool) -> Mapping[str, str]:
    """The credentials with the cloud id where the login needs one, so that nobody has to look it up or to know the token's kind.

    A token with scopes shows by being refused at the site's own address. Credentials that nothing helps come back unchanged: the
    connection test says what is wrong. At most 3 requests. Raises ``InputError`` for the wrong shape, ``HostError`` for outages.
    """
    auth = settings.auth
    if auth.get("cloud_id") or auth.get("bearer_token") or is_renewed(auth):
        check_auth(auth)
        return auth
    from connector.hosts.jira.cloud_id import find_cloud_id

    if "client_id" not in auth:
        check_auth(auth)
        if _accepts(settings, budget, allow_private):
            return auth
    found = {**auth, "cloud_id": find_cloud_id(settings, budget=budget, allow_private=allow_private)}
    if "client_id" in auth:
        check_auth(found)
        return found
    return found if _accepts(replace(settings, auth=found), budget, allow_private) else auth


def _accepts(settings: ConnectionSettings, budget: Budget, allow_private: bool) -> bool:
    """Whether the site knows these credentials, also when they lack a scope."""
    from connector.hosts.jira.client import MISSING_SCOPE

    host = build(settings, budget=budget, allow_private=allow_private)
    try:
        host.identify()
    except Refused as error:
        return error.status != 401 or error.code == MISSING_SCOPE
    finally:
        host.close()
    return True


def build(settings: ConnectionSettings, *, budget: Budget, allow_private: bool, instance: str = "okr", patience: float = 2.0) -> base.Host:
    """A host for one connection. Raises ``InputError`` for credentials of the wrong shape; makes no request.

    ``instance`` names this installation in the links that are written; ``patience`` is how many seconds a call may wait for budget.
    """
    from connector.hosts.jira.client import JiraClient  # here: a second of imports that the door does not need
    from connector.hosts.jira.host import JiraHost

    check_auth(settings.auth)
    client = JiraClient(settings, budget=budget, allow_private=allow_private, patience=patience)
    return JiraHost(settings, client, instance=instance)


__all__ = [
    "NAME",
    "ONE_ADDRESS",
    "TITLE",
    "ApiTokenAuth",
    "AppAuth",
    "AuthModel",
    "DataCenterAuth",
    "JiraDialect",
    "PermissionAuth",
    "ScopedTokenAuth",
    "ServiceAccountAuth",
    "build",
    "check_auth",
    "complete_auth",
    "containers_of",
    "dialect",
    "is_renewed",
    "login_ends",
    "renew_auth",
    "webhook_secret",
]
