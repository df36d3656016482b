"""Whether a person may see an issue, or administers Jira, as Jira itself says. Cached for a short time."""

from __future__ import annotations

from connector.errors import Forbidden
from connector.runtime import Runtime
from connector.services.forge.caller import Caller


def require_issue(runtime: Runtime, caller: Caller) -> str:
    """The id of the issue that the caller looks at, when Jira lets them see it; at most one request to Jira, none while remembered.

    Raises ``Forbidden`` when they may not, ``InputError`` when they look at none, ``HostError`` for outages.
    """
    raise Forbidden("Jira does not let you see this issue")


def require_jira_admin(runtime: Runtime, caller: Caller) -> None:
    """Raises ``Forbidden`` for people who do not administer the Jira site."""
    raise Forbidden("this takes an administrator of the Jira site")
