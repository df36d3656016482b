"""Which providers people can sign in with, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass, field

from connector.errors import NotFound
from connector.settings import Settings

OIDC, ATLASSIAN, NOTION = "oidc", "atlassian", "notion"


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. ``issuer`` is what identities are stored under."""

    name: str
    title: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)


def configured(settings: Settings) -> tuple[Provider, ...]:
    """The providers that are set up, in the order of the sign-in page."""
    found = []
    if settings.oidc_issuer:
        found.append(Provider(OIDC, settings.oidc_name, settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret))
    if settings.atlassian_client_id:
        found.append(
            Provider(ATLASSIAN, "Atlassian", "https://auth.atlassian.com", settings.atlassian_client_id, settings.atlassian_client_secret)
        )
    if settings.notion_client_id:
        found.append(Provider(NOTION, "Notion", "https://api.notion.com", settings.notion_client_id, settings.notion_client_secret))
    return tuple(found)


def find(settings: Settings, name: str) -> Provider:
    """The provider of this name. Raises ``NotFound``."""
    for provider in configured(settings):
        if provider.name == name:
            return provider
    raise NotFound("this way to sign in is not set up here")
