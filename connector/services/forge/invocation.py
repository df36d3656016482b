"""Checks a Forge Invocation Token and says what it tells."""

from __future__ import annotations

from collections.abc import Mapping

from connector.errors import ConnectorError
from connector.runtime import Runtime
from connector.services.forge.caller import Invocation


class NotInvoked(ConnectorError):
    """The token is missing or refused. ``str()`` says why in words that tell an attacker nothing new."""


def verify(runtime: Runtime, headers: Mapping[str, str]) -> Invocation:
    """What the token of a request says, after every check. Raises ``NotInvoked``, and ``StoreUnavailable`` when keys cannot be had."""
    raise NotInvoked("Forge is not set up here: set OKR_FORGE_APP_ID.")
