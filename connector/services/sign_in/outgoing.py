"""The way out to a sign-in provider: Authlib's client behind the same gateway that guards calls to hosts.

So a provider's address is refused when it is private (unless allowed), no redirect is followed, answers are bounded, and secrets
stay out of errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from authlib.integrations.requests_client import OAuth2Session

from connector.hosts.http import Answer, Gateway, Policy, RequestsAdapter, origin_of
from connector.hosts.limits import Budget
from connector.runtime import Runtime
from connector.services.sign_in.claims import SignInRefused, text_of
from connector.services.sign_in.providers import Provider


class Client:
    """One conversation with a provider. ``oauth`` is Authlib's session; only addresses that were ``allow``-ed can be called."""

    def __init__(self, runtime: Runtime, provider: Provider, redirect_uri: str, *, auth_method: str = "client_secret_basic") -> None:
        self.gateway = Gateway(
            provider.title,
            frozenset(),
            Policy(allowances=lambda _method, _path: (), explain=_explain),
            Budget(f"sign-in-{provider.name}"),
            allow_private=runtime.settings.allow_private_hosts,
            secrets=frozenset({provider.client_secret}) if provider.client_secret else frozenset(),
        )
        made: Any = OAuth2Session  # it has no types
        self.oauth = made(
            provider.client_id,
            provider.client_secret or None,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method=auth_method if provider.client_secret else "none",
        )
        self.oauth.trust_env = False
        adapter = RequestsAdapter(self.gateway)
        self.oauth.mount("https://", adapter)
        self.oauth.mount("http://", adapter)

    def allow(self, *urls: str) -> None:
        """Let these addresses be called; each is still checked when it is."""
        self.gateway.origins |= {origin_of(url) for url in urls if url}

    def get(self, url: str, *, bearer: str = "") -> dict[str, Any]:
        """A JSON object. Raises ``HostError``, or ``SignInRefused`` when it is none."""
        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        return self._object(self.oauth.get(url, headers=headers, withhold_token=True))

    def post_json(self, url: str, body: dict[str, str], headers: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
        """Post JSON and get a JSON object, for token endpoints that take no forms."""
        every = {"Accept": "application/json", **(headers or {})}
        return self._object(self.oauth.post(url, json=body, headers=every, withhold_token=True, **options))

    def _object(self, response: Any) -> dict[str, Any]:
        try:
            found = response.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise SignInRefused(f"{self.gateway.connection} gave an answer that cannot be read; try again, or ask an admin")
        return found


@contextmanager
def talking(runtime: Runtime, provider: Provider, redirect_uri: str, **options: Any) -> Iterator[Client]:
    """A client that is closed at the end."""
    client = Client(runtime, provider, redirect_uri, **options)
    try:
        yield client
    finally:
        client.oauth.close()


def _explain(answer: Answer) -> tuple[str, str, dict[str, Any]]:
    data = answer.json()
    code = text_of(data, "error")
    return (text_of(data, "error_description") or code or "no reason was given")[:300], code, {}
