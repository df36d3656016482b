"""Sign-in with the hosts' own accounts: Atlassian (OAuth 2.0, 3LO) and Notion (public connection). Only who somebody is is read.

Neither gives an ID token, so the person is read with the fresh access token, which is thrown away then. Neither says that an
e-mail address is verified, so theirs is never trusted: these people are found by their account id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector.runtime import Runtime
from connector.services.sign_in.claims import Claim, Flow, SignInRefused, address_told, text_of
from connector.services.sign_in.outgoing import Client, talking
from connector.services.sign_in.providers import ATLASSIAN, NOTION, Provider


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a provider answers."""

    authorize: str
    token: str
    person: str = ""


# References: https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/
# https://developers.notion.com/guides/get-started/authorization
ADDRESSES = {
    ATLASSIAN: Addresses("https://auth.atlassian.com/authorize", "https://auth.atlassian.com/oauth/token", "https://api.atlassian.com/me"),
    NOTION: Addresses("https://api.notion.com/v1/oauth/authorize", "https://api.notion.com/v1/oauth/token"),
}
VERSION = "2026-03-11"  # of Notion's API


def start(runtime: Runtime, provider: Provider, flow: Flow, redirect_uri: str) -> str:
    """The address at the provider to send the browser to."""
    more = {"audience": "api.atlassian.com", "scope": "read:me", "prompt": "consent"} if provider.name == ATLASSIAN else {"owner": "user"}
    with talking(runtime, provider, redirect_uri) as client:
        url, _ = client.oauth.create_authorization_url(
            ADDRESSES[provider.name].authorize, state=flow.state, redirect_uri=redirect_uri, **more
        )
    return str(url)


def finish(runtime: Runtime, provider: Provider, flow: Flow, answer: Mapping[str, str], redirect_uri: str) -> Claim:
    """Who came back, from the code in ``answer``. The state was compared before. Raises ``HostError`` or ``SignInRefused``."""
    addresses = ADDRESSES[provider.name]
    with talking(runtime, provider, redirect_uri) as client:
        client.allow(addresses.token, addresses.person)
        body = {"grant_type": "authorization_code", "code": answer.get("code", ""), "redirect_uri": redirect_uri}
        claim = _atlassian(client, provider, addresses, body) if provider.name == ATLASSIAN else _notion(client, provider, addresses, body)
    if not claim.subject:
        raise SignInRefused(f"{provider.title} did not say who you are; start again")
    return claim


def _atlassian(client: Client, provider: Provider, addresses: Addresses, body: dict[str, str]) -> Claim:
    own = {"client_id": provider.client_id, "client_secret": provider.client_secret}
    token = client.post_json(addresses.token, body | own)
    me = client.get(addresses.person, bearer=text_of(token, "access_token"))
    if me.get("account_status", "active") != "active":
        raise SignInRefused("this Atlassian account is not active")
    account = text_of(me, "account_id")
    email, verified = address_told(text_of(me, "email"), me.get("email_verified") is True)
    return Claim(provider.name, provider.issuer, account, text_of(me, "name"), email, verified, "jira", account)


def _notion(client: Client, provider: Provider, addresses: Addresses, body: dict[str, str]) -> Claim:
    versioned = {"Notion-Version": VERSION}
    token = client.post_json(addresses.token, body, versioned, auth=(provider.client_id, provider.client_secret))
    user = token.get("owner", {}).get("user") if isinstance(token.get("owner"), Mapping) else None
    account = text_of(user, "id")
    email, _ = address_told(text_of(user, "person", "email"), False)
    return Claim(provider.name, provider.issuer, account, text_of(user, "name"), email, False, "notion", account)
