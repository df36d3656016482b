"""Notion as a host: one connection is one workspace, seen through an internal connection's token.

Reference: https://developers.notion.com/guides/get-started/authorization
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connector.errors import InputError
from connector.hosts import base
from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.notion.webhook import NotionDialect

NAME = "notion"
TITLE = "Notion"
dialect = NotionDialect()

__all__ = ["NAME", "TITLE", "AuthModel", "build", "check_auth", "dialect"]


class AuthModel(BaseModel):
    """What a connection's ``auth`` must hold: the token of an internal connection, and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    token: str = Field(min_length=1, repr=False)

    @field_validator("token")
    @classmethod
    def _one_word(cls, value: str) -> str:
        if value != value.strip() or any(sign.isspace() or not sign.isascii() or not sign.isprintable() for sign in value):
            raise ValueError("must not contain spaces, line breaks or signs outside ASCII")
        return value


def check_auth(auth: Mapping[str, Any]) -> None:
    """Raises ``InputError`` naming the key that is missing, unknown or unusable. Never repeats a value."""
    try:
        AuthModel.model_validate(dict(auth))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        key = str(first["loc"][0]) if first["loc"] else "auth"
        if first["type"] == "missing":
            message = (
                "is missing: Notion needs the token of an internal connection (Settings → Connections → Develop or manage connections)"
            )
        elif first["type"] == "extra_forbidden":
            message = "is not known here: a Notion connection has only the key token"
        else:
            message = str(first["msg"]).removeprefix("Value error, ")
        raise InputError(message, where=f"auth.{key}") from None


def build(settings: ConnectionSettings, *, budget: Budget, allow_private: bool, instance: str = "okr", patience: float = 2.0) -> base.Host:
    """A host for one connection. Raises ``InputError`` when its ``auth`` cannot be used. Sends nothing yet."""
    from connector.hosts.notion.host import NotionHost  # here: imports that the door does not need

    check_auth(settings.auth)
    return NotionHost(settings, budget=budget, allow_private=allow_private, instance=instance, patience=patience)
