"""The login of our Forge app: its own token at api.atlassian.com, and the points that Atlassian counts for it.

The token comes with the app's calls and cannot be asked for. This module makes no request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connector.errors import Refused
from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Allowance

API_HOST = "api.atlassian.com"
APP_SILENT = "app_silent"  # code of a refusal that the app's next hourly call mends
# Atlassian gives an app 65,000 points an hour over all its sites; the rest is for what people's own panels ask.
# Reference: https://developer.atlassian.com/cloud/jira/platform/rate-limiting
POINTS = Allowance("points", "50000 per 1 hour", owner="forge", fixed=True)
MEND = "the app's token is of no use any more: its next hourly call brings another one; was the app removed from the site, install it again"


def is_app(auth: Mapping[str, Any]) -> bool:
    """Whether these credentials are those of the app."""
    return "forge" in auth


def login(settings: ConnectionSettings) -> Mapping[str, str]:
    """The app's credentials for a connection that logs in by others."""
    return {"cloud_id": settings.app.get("cloud_id", ""), "forge": settings.app.get("app_id", "") or "app"}


def address(settings: ConnectionSettings, *, allow_private: bool) -> str:
    """The base of the REST calls. Raises ``Refused`` for one that is not Atlassian's or another site's: no token may go there."""
    cloud_id = settings.auth.get("cloud_id", "")
    base = settings.app.get("api_base_url", "").rstrip("/") or f"https://{API_HOST}/ex/jira/{cloud_id}"
    parts = urlsplit(base)
    ours = parts.scheme == "https" and parts.netloc == API_HOST
    if not (ours or allow_private) or parts.path != f"/ex/jira/{cloud_id}" or parts.query or parts.fragment or parts.username:
        raise Refused(
            f"{settings.name}: the Forge app names {parts.scheme}://{parts.hostname}{parts.path} as Jira's address; "
            f"that is not this site at {API_HOST}",
            code="address_not_allowed",
        )
    return base


def token(settings: ConnectionSettings) -> str:
    """The app's token. Raises ``Refused`` (401) without one."""
    found = settings.app.get("token", "")
    if not found:
        raise Refused(
            f"{settings.name}: the Forge app has not called for some hours, so there is no token to read Jira with. "
            "It calls every hour while it is installed: check that it is, and that this address can be reached from Atlassian",
            status=401,
            code=APP_SILENT,
        )
    return found


def points(answer: Any) -> int:
    """What an answer costs beyond the request itself: one point for each issue in it, two for each person."""
    if isinstance(answer, Mapping):
        found = answer.get("issues") or answer.get("comments") or answer.get("values")
        return len(found) if isinstance(found, list) else 1
    if isinstance(answer, list):
        people = bool(answer) and isinstance(answer[0], Mapping) and "accountId" in answer[0]
        return 2 * len(answer) if people else 1
    return 0
