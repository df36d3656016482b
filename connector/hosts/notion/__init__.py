"""Notion as a host: one connection is one workspace, seen through an internal connection's token or a permission given by OAuth.

Reference: https://developers.notion.com/guides/get-started/authorization
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connector.errors import InputError
from connector.hosts import base
from connector.hosts.base import ConnectionSettings, Wanted
from connector.hosts.limits import Budget
from connector.hosts.makers import ItemMaker
from connector.hosts.notion.webhook import NotionDialect
from connector.hosts.okr_databases import OkrDatabases
from connector.hosts.permitted import read_end

NAME = "notion"
TITLE = "Notion"
ONE_ADDRESS = True  # all workspaces have the same one
dialect = NotionDialect()

__all__ = [
    "NAME",
    "ONE_ADDRESS",
    "TITLE",
    "AuthModel",
    "OAuthAuth",
    "TokenAuth",
    "build",
    "build_okr_databases",
    "check_auth",
    "complete_auth",
    "containers_of",
    "dialect",
    "is_renewed",
    "login_ends",
    "renew_auth",
    "webhook_secret",
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    @field_validator("*")
    @classmethod
    def _one_word(cls, value: str) -> str:
        if value != value.strip() or any(sign.isspace() or not sign.isascii() or not sign.isprintable() for sign in value):
            raise ValueError("must not contain spaces, line breaks or signs outside ASCII")
        return value


class TokenAuth(_Strict):
    """The token of an internal connection."""

    token: str = Field(min_length=1, repr=False)


class OAuthAuth(_Strict):
    """What a public connection was given when somebody allowed it in, and what identifies the connection itself."""

    access_token: str = Field(min_length=1, repr=False)
    refresh_token: str = Field(min_length=1, repr=False)
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1, repr=False)
    expires_at: str = ""  # of the access token, ISO time with its offset; "" while Notion does not tell it


AuthModel = TokenAuth | OAuthAuth


def check_auth(auth: Mapping[str, Any]) -> None:
    """Raises ``InputError`` naming the key that is missing, unknown or unusable. Never repeats a value."""
    model: type[_Strict] = TokenAuth if "token" in auth or not set(auth) & set(OAuthAuth.model_fields) else OAuthAuth
    try:
        model.model_validate(dict(auth))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        key = str(first["loc"][0]) if first["loc"] else "auth"
        if first["type"] == "missing" and model is TokenAuth:
            message = (
                "is missing: Notion needs the token of an internal connection (Settings → Connections → Develop or manage connections)"
            )
        elif first["type"] == "missing":
            needed = ", ".join(name for name, known in OAuthAuth.model_fields.items() if known.is_required())
            message = f"is missing: a login by OAuth needs {needed}; connect the workspace again"
        elif first["type"] == "extra_forbidden":
            message = f"is not known here: this login has only {', '.join(model.model_fields)}"
        else:
            message = str(first["msg"]).removeprefix("Value error, ")
        raise InputError(message, where=f"auth.{key}") from None


def is_renewed(auth: Mapping[str, object]) -> bool:
    """Whether this login came from a permission: its access token counts until Notion refuses it, and is replaced by us then."""
    return "refresh_token" in auth


def login_ends(auth: Mapping[str, str]) -> datetime | None:
    """When the access token of a permission ends; None while Notion does not tell it."""
    return read_end(auth)


def renew_auth(settings: ConnectionSettings, *, budget: Budget, allow_private: bool) -> Mapping[str, str]:
    """The login with new tokens, which end those in ``settings``: to be stored before they are used. See ``consent.renew``."""
    from connector.hosts.notion.consent import renew

    return renew(settings, budget=budget, allow_private=allow_private)


def webhook_secret(auth: Mapping[str, str]) -> str:
    """None: Notion makes a secret for each subscription and tells it once."""
    return ""


def containers_of(wanted: Sequence[Wanted]) -> frozenset[str] | None:
    """None: a subscription has no bounds beside the pages that are shared."""
    return None


def complete_auth(settings: ConnectionSettings, *, budget: Budget, allow_private: bool) -> Mapping[str, str]:
    """The credentials as they are: Notion's need nothing beside themselves. Raises ``InputError`` for the wrong shape."""
    check_auth(settings.auth)
    return settings.auth


def build(settings: ConnectionSettings, *, budget: Budget, allow_private: bool, instance: str = "okr", patience: float = 2.0) -> base.Host:
    """A host for one connection. Raises ``InputError`` when its ``auth`` cannot be used. Sends nothing yet."""
    from connector.hosts.notion.host import NotionHost  # here: imports that the door does not need

    check_auth(settings.auth)
    return NotionHost(settings, budget=budget, allow_private=allow_private, instance=instance, patience=patience)


def build_item_maker(settings: ConnectionSettings, *, budget: Budget, allow_private: bool, patience: float = 2.0) -> ItemMaker:
    """Makes rows in databases of the workspace. Raises ``InputError`` when its ``auth`` cannot be used. Sends nothing yet."""
    from connector.hosts.notion.making import NotionItemMaker
    from connector.hosts.notion.okr_databases import NotionOkrDatabases

    check_auth(settings.auth)
    return NotionItemMaker(NotionOkrDatabases(settings, budget=budget, allow_private=allow_private, patience=patience))


def build_okr_databases(
    settings: ConnectionSettings, *, budget: Budget, allow_private: bool, instance: str = "okr", patience: float = 2.0
) -> OkrDatabases:
    """The OKR databases of one connection. Raises ``InputError`` when its ``auth`` cannot be used. Sends nothing yet."""
    from connector.hosts.notion.okr_databases import NotionOkrDatabases  # here: imports that the door does not need

    check_auth(settings.auth)
    return NotionOkrDatabases(settings, budget=budget, allow_private=allow_private, instance=instance, patience=patience)
