"""The addresses of channels: which are taken, what of them may be shown, how they are written. Calls nobody but to resolve a name.

Addresses are those of apprise, and the web addresses that Slack, Teams, Discord and Google Chat show. Of both only what is listed here:
apprise knows many more, some of which read files or start programs.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from connector.errors import InputError
from connector.hosts.http import is_public
from connector.services.messages.senders import Apprise, AppriseAsset, NotifyBase, NotifyEmail

LONGEST = 2000  # characters of an address
LIFTED = "OKR_ALLOW_PRIVATE_HOSTS=1 allows it"
_MAIL_OPTIONS = frozenset({"from", "name", "mode", "smtp", "user", "pass", "reply"})
_FLOW_OPTIONS = frozenset({"api-version", "sp", "sv", "sig", "id", "signature", "ver", "route", "pa"})
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of channel. ``schemes``: what its addresses may begin with → options that may follow; ``sites``: web addresses to copy."""

    title: str
    schemes: dict[str, frozenset[str]]
    sites: re.Pattern[str]
    example: str
    help: str


KINDS = {
    "mail": Kind(
        "Mail server",
        {"mailto": _MAIL_OPTIONS, "mailtos": _MAIL_OPTIONS},
        re.compile(r"(?!)"),
        "mailtos://user:password@acme.example:587?smtp=mail.acme.example&from=okr@acme.example",
        "mailtos:// with user, password and server; “from” is whom mails come from, “smtp” the server where it is not the domain. "
        "It writes to people under their own addresses.",
    ),
    "slack": Kind(
        "Slack room",
        {"slack": frozenset({"footer", "image", "blocks"})},
        re.compile(r"https://hooks\.slack(-gov)?\.com/(services|workflows|triggers)/[\w/-]+"),
        "https://hooks.slack.com/services/T…/B…/…",
        "In Slack: Apps → Incoming Webhooks → Add to Slack, choose the room, copy the webhook URL.",
    ),
    "teams": Kind(
        "Teams room",
        {"workflows": _FLOW_OPTIONS, "workflow": _FLOW_OPTIONS, "msteams": _NONE},
        re.compile(r"https://[\w.-]+\.(logic\.azure\.com|api\.powerplatform\.com|webhook\.office\.com)(:443)?/\S+"),
        "https://….api.powerplatform.com/…/workflows/…/triggers/manual/paths/invoke?…",
        "In Teams: the room's … menu → Workflows → “Send webhook alerts to a channel”, copy the URL.",
    ),
    "other": Kind(
        "Another place",
        {
            "mmost": frozenset({"channel"}), "mmosts": frozenset({"channel"}), "discord": _NONE, "gchat": frozenset({"key", "token"}),
            "ntfy": _NONE, "ntfys": _NONE, "json": _NONE, "jsons": _NONE,
        },
        re.compile(r"https://(discord(app)?\.com/api/webhooks/[\w/-]+|chat\.googleapis\.com/v1/spaces/\S+)"),
        "mmosts://mattermost.acme.example/…",
        "mmosts:// (Mattermost), ntfys://, jsons:// (a POST with title and message), or the webhook URL of Discord or Google Chat.",
    ),
}  # fmt: skip

_ASSET = AppriseAsset(
    app_id="okr-connector", app_desc="okr-connector", secure_logging=True, http_redirects=False, image_url_mask=None, image_url_logo=None
)


@dataclass(frozen=True, slots=True)
class Place:
    """An address that was understood. ``host``: where it is called, "" where its kind has one place only; ``encrypted``: on the way."""

    kind: str
    scheme: str
    plugin: NotifyBase
    host: str
    port: int | None
    encrypted: bool

    @property
    def shown(self) -> str:
        """What people see of it: never more than the server."""
        return f"{self.host}:{self.port}" if self.host and self.port else self.host or self.scheme


def read_address(kind: str, text: str, *, allow_private: bool) -> Place:
    """An address as an admin wrote it. Raises ``InputError`` that says how to write it, and never repeats it."""
    if kind not in KINDS:
        raise InputError(f"choose one of {', '.join(KINDS)}", where="kind")
    address, known = text.strip(), KINDS[kind]
    if not address:
        raise InputError(f"enter the address, such as {known.example}", where="address")
    if len(address) > LONGEST or any(sign.isspace() or not sign.isprintable() for sign in address):
        raise InputError(f"enter one address of at most {LONGEST} characters, without spaces", where="address")
    if not unquote(unquote(address)).isprintable():  # some parts are unquoted twice
        raise InputError("the address holds an encoded control character; remove it", where="address")
    scheme = address.partition("://")[0].casefold() if "://" in address else ""
    site = known.sites.fullmatch(address) is not None
    if not site and scheme not in known.schemes:
        raise InputError(f"this is not the address of a {known.title.lower()}. {known.help}", where="address")
    if not site and (unknown := _options(address) - known.schemes[scheme]):
        allowed = ", ".join(sorted(known.schemes[scheme])) or "none"
        raise InputError(f"the option {min(unknown)} is not taken here; possible: {allowed}", where="address")
    plugin = Apprise.instantiate(address, asset=_ASSET, suppress_exceptions=True)
    if not isinstance(plugin, NotifyBase) or not _is_of(plugin, known):
        raise InputError(f"the address cannot be read; write it as {known.example}", where="address")
    place = _place(kind, site, scheme, plugin)
    if not allow_private:
        _check_openly(place)
    return place


def check_resolved(place: Place, *, allow_private: bool) -> str:
    """Why this place must not be called now, "" when it may: what its name resolves to is judged each time."""
    if allow_private or not place.host:
        return ""
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(place.host, place.port or 443, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return f"the name {place.host} cannot be resolved"
    private = next((each for each in sorted(addresses) if not is_public(each)), "")
    return f"{place.host} resolves to the private address {private}; {LIFTED}" if private else ""


def _options(address: str) -> set[str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return {"?"}
    return {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}


def _is_of(plugin: NotifyBase, known: Kind) -> bool:
    return bool(set(_protocols(plugin)) & set(known.schemes))


def _protocols(plugin: NotifyBase) -> list[str]:
    named: list[Any] = [plugin.secure_protocol, plugin.protocol]
    return [each for name in named if name for each in ([name] if isinstance(name, str) else name)]


def _place(kind: str, site: bool, scheme: str, plugin: NotifyBase) -> Place:
    if isinstance(plugin, NotifyEmail):
        return Place(kind, scheme, plugin, str(plugin.smtp_host).strip("[]"), plugin.port, plugin.secure_mode != "insecure")
    if site or scheme in ("slack", "msteams", "discord", "gchat"):
        return Place(kind, _protocols(plugin)[0], plugin, "", None, True)
    host = str(plugin.host or "").strip("[]")
    if scheme in ("ntfy", "ntfys") and getattr(plugin, "mode", "") != "private":
        return Place(kind, scheme, plugin, "", None, True)  # a topic at the public server
    return Place(kind, scheme, plugin, host, plugin.port, bool(plugin.secure) or scheme.startswith("workflow"))


def _check_openly(place: Place) -> None:
    if not place.encrypted:
        raise InputError(f"the messages must travel encrypted: write {place.scheme}s:// or another mode; {LIFTED}", where="address")
    if not place.host:
        return
    try:
        private = not is_public(place.host)
    except ValueError:  # a name
        private = place.host.casefold() == "localhost" or place.host.casefold().endswith((".localhost", ".local", ".internal"))
    if private:
        raise InputError(f"{place.host} is not an address of the public internet; {LIFTED}", where="address")


__all__ = ["KINDS", "Kind", "Place", "check_resolved", "read_address"]
