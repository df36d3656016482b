"""From an invocation to a person of ours: by account id at the site's connection, never by name."""

from __future__ import annotations

from connector.errors import Forbidden
from connector.runtime import Runtime
from connector.services.forge.caller import Caller, Invocation


def caller_of(runtime: Runtime, invocation: Invocation) -> Caller:
    """Who calls. Raises ``Forbidden`` for an installation that is not accepted, or an invocation without a person."""
    raise Forbidden("this site's installation is not accepted")
