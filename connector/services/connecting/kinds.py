"""The kinds of logins as data: which host, what to do there first, which fields to fill in. Wizard, API and docs read this table.

It holds words for people and must not call a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

JIRA, NOTION = "jira", "notion"
HOST_TITLES: Mapping[str, str] = {JIRA: "Jira", NOTION: "Notion"}
NOTION_URL = "https://api.notion.com"
NOTION_OAUTH, JIRA_OAUTH = "notion-oauth", "jira-oauth"
BY_PERMISSION = frozenset({NOTION_OAUTH, JIRA_OAUTH})  # given by a person at the host, nothing to type


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a login; ``name`` is its key in ``auth``. A secret is never shown again."""

    name: str
    label: str
    hint: str = ""
    secret: bool = False
    example: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to log in. ``steps`` are what a person does at the host before, one sentence each; "{name}" in them is the product's."""

    id: str
    host: str
    title: str
    summary: str
    steps: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    keys: frozenset[str] = frozenset()  # by which a stored login is recognised

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of its secret fields."""
        return tuple(field.name for field in self.fields if field.secret)


_RIGHTS = "Give the account the project permissions Browse projects, Link issues and Edit issues where work is to be measured."
_EMAIL = Field("email", "E-mail of the account", "The account that owns the token.", example="okr-bot@acme.example")
_TOKEN = Field("api_token", "API token", "Stored encrypted and never shown again.", secret=True)

KINDS: tuple[Kind, ...] = (
    Kind(
        "jira-token",
        JIRA,
        "API token",
        "A bot user's e-mail and API token. The quickest way; the token ends after a year at most.",
        (
            "Make a user of its own for the connector, so that people see who wrote, or choose an existing one.",
            _RIGHTS,
            "Signed in as that user, open id.atlassian.com → Security → API tokens and choose Create API token.",
            "Copy the token and note the day on which it ends.",
        ),
        (_EMAIL, _TOKEN),
        frozenset({"email", "api_token"}),
    ),
    Kind(
        "jira-scoped",
        JIRA,
        "API token with scopes",
        "A bot user's API token that may do only what its scopes say.",
        (
            "Make a user of its own for the connector, or choose an existing one.",
            _RIGHTS,
            "Signed in as that user, open id.atlassian.com → Security → API tokens and choose Create API token with scopes, app Jira.",
            "Choose the scopes read:jira-work, write:jira-work and read:jira-user.",
            "Copy the token and note the day on which it ends. The site's cloud id is found by itself.",
        ),
        (_EMAIL, _TOKEN),
        frozenset({"email", "api_token", "cloud_id"}),
    ),
    Kind(
        "jira-service",
        JIRA,
        "Service account",
        "OAuth 2.0 client credentials that belong to no person. The best choice where an organisation admin can make one.",
        (
            "Open admin.atlassian.com → Directory → Service accounts and choose Create a service account, with access to Jira.",
            _RIGHTS,
            "Open the account, choose Create credentials → OAuth 2.0 and the scopes read:jira-work, write:jira-work and read:jira-user.",
            "Copy the client id and the client secret. The site's cloud id is found by itself.",
        ),
        (
            Field("client_id", "Client id"),
            Field("client_secret", "Client secret", "Stored encrypted and never shown again.", secret=True),
        ),
        frozenset({"client_id", "client_secret", "cloud_id"}),
    ),
    Kind(
        JIRA_OAUTH,
        JIRA,
        "Permission at Atlassian",
        "Somebody signs in at Atlassian and allows it. Brings webhooks of its own, without a Jira administrator; needs an app of yours.",
        (
            "An operator has made an OAuth 2.0 (3LO) app at developer.atlassian.com, and set OKR_ATLASSIAN_CLIENT_ID and "
            "OKR_ATLASSIAN_CLIENT_SECRET.",
            "Its callback address must be the one that is shown here.",
            "Its Jira API has the scopes read:jira-work, write:jira-work, read:jira-user and manage:jira-webhook.",
            "Under Distribution it is shared, or the person who allows it owns it: else Jira sends no webhooks.",
            "Choose Go on to Atlassian, sign in there as the connector's user, in whose name everything is written, and choose the site.",
        ),
        (),
        frozenset({"client_id", "client_secret", "cloud_id", "access_token", "refresh_token", "expires_at"}),
    ),
    Kind(
        "jira-data-center",
        JIRA,
        "Data Center, personal access token",
        "For Jira Data Center. Changes arrive with the syncs, not within seconds.",
        (
            "Signed in to Jira as the connector's user, open Profile → Personal Access Tokens and choose Create token.",
            _RIGHTS,
            "Copy the token and note the day on which it ends.",
        ),
        (Field("bearer_token", "Personal access token", "Stored encrypted and never shown again.", secret=True),),
        frozenset({"bearer_token"}),
    ),
    Kind(
        "notion-token",
        NOTION,
        "Internal connection",
        "One workspace, one token, shared page by page. The usual choice.",
        (
            "In Notion, as an owner of the workspace: Settings → Connections → Develop or manage connections → New connection, internal.",
            "Capabilities: read, update and insert content; read and insert comments; user information with e-mail.",
            "Copy the token, which begins with ntn_.",
            "Open each database and page that is to be read or written, ••• → Connections, and add the connection. Children inherit it.",
        ),
        (Field("token", "Token of the connection", "Stored encrypted and never shown again.", secret=True, example="ntn_…"),),
        frozenset({"token"}),
    ),
    Kind(
        NOTION_OAUTH,
        NOTION,
        "Permission by OAuth",
        "Somebody signs in at Notion and picks the pages; needs a public connection of yours.",
        (
            "An operator has made a public connection at Notion, and set OKR_NOTION_CLIENT_ID and OKR_NOTION_CLIENT_SECRET.",
            "Its redirect address must be the one that is shown here.",
            "Choose Go on to Notion, sign in there, and pick the databases and pages to share.",
        ),
        (),
        frozenset({"access_token", "refresh_token", "client_id", "client_secret"}),
    ),
)
# Made by the installed app itself; nobody enters it, so no wizard offers it.
FORGE = Kind(
    "jira-forge",
    JIRA,
    "Forge app",
    "The connector's app, installed on the site, brings its own token every hour.",
    ("Nothing is entered here: install the app on the site, and accept the site on the page Connections when it waits there.",),
    (),
    frozenset({"cloud_id", "forge"}),
)
BY_ID: Mapping[str, Kind] = {kind.id: kind for kind in KINDS}


def kind_of(host: str, auth: Mapping[str, object]) -> Kind | None:
    """The kind of a login by its keys; None for one that no kind describes."""
    return next((kind for kind in (*KINDS, FORGE) if kind.host == host and kind.keys == set(auth)), None)


def of_host(host: str) -> tuple[Kind, ...]:
    """The kinds of one host, the easiest first."""
    return tuple(kind for kind in KINDS if kind.host == host)


def is_forge_login(auth: Mapping[str, object]) -> bool:
    """True for the login of a connection that works through the Forge app alone."""
    return "forge" in auth
