"""Connecting by a person's permission (OAuth 2.0): where to send them, and what they bring back, as credentials to be tested.

One entry for each kind of login that is given this way. Nothing is stored here; the browser keeps what must come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, InputError, Refused
from connector.hosts.limits import Budget
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.connecting import testing
from connector.services.connecting.kinds import JIRA_OAUTH, NOTION_OAUTH

NOTION_PATH = "/connect/notion/callback"
# The way back from signing in with Atlassian: an app there may have one address only, and the same app serves both.
JIRA_PATH = "/sign-in/atlassian/callback"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to give a permission: the host's name for people, our app there, and where people come back to."""

    title: str
    app: str  # what our side of it is called at the host
    setting: str  # what the settings of its client begin with
    path: str


WAYS: Mapping[str, Way] = {
    NOTION_OAUTH: Way("Notion", "public connection of Notion", "notion", NOTION_PATH),
    JIRA_OAUTH: Way("Atlassian", "app at Atlassian", "atlassian", JIRA_PATH),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A site that a permission covers; ``auth`` completes the credentials for it."""

    id: str
    url: str
    name: str


@dataclass(frozen=True, slots=True)
class Permission:
    """What a person brought back. ``places``: the sites to choose from, () where the permission itself says which workspace it is for."""

    auth: Mapping[str, str] = field(repr=False)
    places: tuple[Place, ...] = ()

    def place_at(self, url: str) -> Place | None:
        """The place with this address."""
        wanted = urlsplit(url.strip().rstrip("/").casefold())
        return next((each for each in self.places if urlsplit(each.url.casefold())[1:3] == wanted[1:3]), None)

    def auth_for(self, place: Place) -> Mapping[str, str]:
        """The credentials for one of the places."""
        return {**self.auth, "cloud_id": place.id}


def is_set_up(runtime: Runtime, kind: str) -> bool:
    """Whether this installation has an app of its own at the host of this kind of login."""
    return all(_client(runtime, kind))


def redirect_address(runtime: Runtime, kind: str) -> str:
    """Where the host sends the person back to; it must be registered there."""
    return f"{runtime.settings.base_url}{WAYS[kind].path}"


def address(runtime: Runtime, viewer: Viewer, kind: str, url: str, state: str) -> str:
    """Where to send the person. Raises ``Conflict`` when no app is set up, ``InputError`` for an address that is no site of the host."""
    require(viewer, Act.ADMINISTER)
    client, _ = _checked(runtime, kind, url)
    if kind == NOTION_OAUTH:
        from connector.hosts.notion import consent

        return consent.consent_address(url, client, redirect_address(runtime, kind), state)
    from connector.hosts.jira import oauth

    return oauth.consent_address(url, client, redirect_address(runtime, kind), state)


def permission(runtime: Runtime, viewer: Viewer, kind: str, url: str, code: str) -> Permission:
    """The permission for the code that the host sent the person back with.

    Raises ``InputError`` when the host refuses it, ``HostError`` when it does not answer.
    """
    require(viewer, Act.ADMINISTER)
    client, secret = _checked(runtime, kind, url)
    redirect, budget, private = redirect_address(runtime, kind), Budget("consent", runtime.redis_url), testing.allows_private(runtime)
    try:
        if kind == NOTION_OAUTH:
            from connector.hosts.notion import consent

            return Permission(consent.exchange_code(url, client, secret, redirect, code, budget=budget, allow_private=private))
        from connector.hosts.jira import oauth

        auth = oauth.exchange_code(url, client, secret, redirect, code, budget=budget, allow_private=private)
        sites = oauth.sites(url, auth["access_token"], budget=budget, allow_private=private)
    except Refused as error:
        words = error.message.partition(": ")[2] or error.message
        raise InputError(f"{WAYS[kind].title} did not give its permission: {words}. Start again") from error
    if not sites:
        raise InputError("The permission covers no Jira site. Start again and choose the site")
    return Permission(auth, tuple(Place(site.cloud_id, site.url, site.name or site.url) for site in sites))


def _client(runtime: Runtime, kind: str) -> tuple[str, str]:
    settings, name = runtime.settings, WAYS[kind].setting
    return str(getattr(settings, f"{name}_client_id")), str(getattr(settings, f"{name}_client_secret"))


def _checked(runtime: Runtime, kind: str, url: str) -> tuple[str, str]:
    """The app's id and secret. The secret goes to the host alone, whatever address somebody typed."""
    way = WAYS[kind]
    if not is_set_up(runtime, kind):
        name = way.setting.upper()
        raise Conflict(f"no {way.app} is set up here: set OKR_{name}_CLIENT_ID and OKR_{name}_CLIENT_SECRET")
    if kind == JIRA_OAUTH and not testing.allows_private(runtime) and not (urlsplit(url).hostname or "").endswith(".atlassian.net"):
        raise InputError("This way is for sites of Jira Cloud, such as https://acme.atlassian.net", where="url")
    return _client(runtime, kind)
