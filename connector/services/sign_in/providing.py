"""One sign-in through a provider, from the first redirect to the session, whatever kind of provider it is."""

from __future__ import annotations

import hmac
import importlib
from collections.abc import Mapping
from types import ModuleType

import structlog

from connector.errors import HostError
from connector.log import visible_text
from connector.runtime import Runtime
from connector.services.sign_in import matching, providers
from connector.services.sign_in.claims import Claim, Flow, SignInRefused

log = structlog.get_logger(__name__)

LONGEST_FLOW = 600.0  # seconds between leaving for the provider and coming back


def redirect_uri(runtime: Runtime, provider: str) -> str:
    """Where the provider sends people back to; what an admin enters there."""
    return f"{runtime.settings.base_url}/sign-in/{provider}/callback"


def start(runtime: Runtime, name: str, next_path: str) -> tuple[str, Flow]:
    """The address to send the browser to, and what to keep until it comes back. Raises ``NotFound``, ``SignInRefused``."""
    provider = providers.find(runtime.settings, name)
    flow = Flow.begin(name, next_path, runtime.epoch())
    try:
        return str(_kind(name).start(runtime, provider, flow, redirect_uri(runtime, name))), flow
    except HostError as error:
        raise _refusal(provider.title, error) from error


def finish(runtime: Runtime, name: str, flow: Flow | None, answer: Mapping[str, str], agent: str = "") -> str:
    """The key of the new session of whoever came back with ``answer``. Raises ``NotFound``, ``SignInRefused``."""
    provider = providers.find(runtime.settings, name)
    if flow is None or flow.provider != name or not hmac.compare_digest(flow.state.encode(), answer.get("state", "").encode()):
        raise SignInRefused(
            f"this answer belongs to no sign-in that was started in this browser at {runtime.settings.base_url}; start again there"
        )
    if runtime.epoch() - flow.begun_at > LONGEST_FLOW:
        raise SignInRefused("this sign-in took too long; start again")
    if answer.get("error") or not answer.get("code"):
        reason = visible_text(answer.get("error_description") or answer.get("error") or "no reason was given")[:200]
        raise SignInRefused(f"{provider.title} did not let you in: {reason}")
    try:
        claim: Claim = _kind(name).finish(runtime, provider, flow, answer, redirect_uri(runtime, name))
    except HostError as error:
        raise _refusal(provider.title, error) from error
    return matching.sign_in(runtime, claim, agent)


def _kind(name: str) -> ModuleType:
    """How this provider is talked to. Imported when first needed: Authlib takes a while, and a start must not wait for it."""
    return importlib.import_module(f"connector.services.sign_in.{'oidc' if name == providers.OIDC else 'oauth'}")


def _refusal(title: str, error: HostError) -> SignInRefused:
    log.warning("sign_in_failed", provider=title, error=error.message)
    if error.code == "address_not_allowed":
        return SignInRefused(f"{title} is at an address that may not be called; an admin must look at the settings of the sign-in")
    if error.status is None:
        return SignInRefused(f"{title} does not answer now; try again shortly")
    return SignInRefused(f"{title} refused this sign-in; start again. The log names the reason")
