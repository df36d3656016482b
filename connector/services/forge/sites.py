"""The address of a site, proven: a call's own word for it comes from the browser and could be another's.

Asked for its cloud id is only a place that nobody can choose who calls: the address of a Jira connection as an admin stored it, or a
site below atlassian.net, always at its root. Everything else is what Jira says of itself when it is asked through the app. Each answer is
kept, and a question that failed is not put again for some minutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy import select

from connector.errors import ConnectorError
from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.runtime import Runtime
from connector.services.connecting.kinds import JIRA
from connector.services.forge.asking import ask
from connector.services.forge.caller import Invocation
from connector.services.remembered import Shelf, shelf
from connector.store.tables import Connection

log = structlog.get_logger(__name__)

REFUSED_SECONDS = 300.0
READ_TIMEOUT = 4.0  # seconds; an event has 5 for everything

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORIGIN = re.compile(rf"(https?)://({_LABEL}(?:\.{_LABEL})*)(:[1-9][0-9]{{0,4}})?/?")
_ATLASSIAN = re.compile(rf"https://{_LABEL}\.atlassian\.net")


def host_of(address: str) -> str:
    """``acme.atlassian.net`` of an address or host as a person or the platform writes it; with the port where there is one."""
    text = address.strip().lower()
    try:
        return urlsplit(text if "//" in text else f"//{text}").netloc.rpartition("@")[2].removesuffix(":443")
    except ValueError:
        return ""


def same_place(one: str, other: str) -> bool:
    """Whether two addresses are the same, path and all; capitals, the usual port and a slash at the end do not count."""
    first, second = _written_plainly(one), _written_plainly(other)
    return bool(first) and first == second


def _written_plainly(address: str) -> str:
    try:
        parts = urlsplit(address.strip())
        parts.port  # noqa: B018  # raises ValueError for one that is no number
    except ValueError:
        return ""
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower().removesuffix(":443") + parts.path.rstrip("/")


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses lie at the same scheme, host and port."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, host_of(one)) == (second.scheme, host_of(other))


def origin_in(address: str, *, allow_private: bool) -> str:
    """``https://host`` of an address that holds nothing else, "" for every other; stand-ins may have http and a port."""
    found = _ORIGIN.fullmatch(address.lower()) if address.isascii() else None
    if found is None:
        return ""
    scheme, host, port = found[1], found[2], "" if (found[1], found[3]) == ("https", ":443") else found[3] or ""
    return f"{scheme}://{host}{port}" if allow_private or (scheme == "https" and not port) else ""


def site_of(runtime: Runtime, invocation: Invocation) -> str:
    """The address of the site that a call comes from, "" when it cannot be proven now."""
    for address in places(runtime, invocation):
        if _unless_in_vain(runtime, invocation, address, partial(_proven, runtime, invocation, address)):
            return address
    return _unless_in_vain(runtime, invocation, "", partial(_from_jira, runtime, invocation)) if invocation.system_token else ""


def places(runtime: Runtime, invocation: Invocation) -> list[str]:
    """Where a cloud id may be asked for: addresses of our own connections at the host that the call names, then a site of Atlassian's."""
    host = host_of(invocation.site_url)
    if not host:
        return []
    with runtime.store.read() as session:
        own = session.scalars(
            select(Connection.url).where(Connection.host == JIRA, Connection.retired_at.is_(None)).order_by(Connection.id)
        ).all()
    found = [address.rstrip("/") for address in own if host_of(address) == host]
    allow_private = runtime.settings.allow_private_hosts
    told = origin_in(invocation.site_url, allow_private=allow_private)
    # A stand-in plays site and API at one address, which the token's signed part names
    if _ATLASSIAN.fullmatch(told) or (allow_private and told and same_origin(told, invocation.api_base_url)):
        found.append(told)
    return list(dict.fromkeys(found))


def _unless_in_vain(runtime: Runtime, invocation: Invocation, address: str, look: Callable[[], str]) -> str:
    """The address that ``look`` finds; "" when it finds none, and without a look while it found none lately."""
    failed: Shelf[bool] = shelf(runtime, "forge-sites-unproven", 500)
    key = (invocation.cloud_id, address)
    if failed.get(key, runtime.epoch()):
        return ""
    try:
        found = look()
    except (ConnectorError, ValueError) as error:
        log.warning("forge_site_unproven", site=address, error=str(error)[:300], trace=invocation.trace)
        found = ""
    if not found:
        failed.put(key, True, runtime.epoch() + REFUSED_SECONDS)
    return found


def _proven(runtime: Runtime, invocation: Invocation, address: str) -> str:
    """The address, when the site there has the cloud id of the call; "" when it has another."""
    if _cloud_id_at(runtime, address) == invocation.cloud_id:
        return address
    log.warning("forge_site_unproven", site=address, error="it tells another cloud id", trace=invocation.trace)
    return ""


def _cloud_id_at(runtime: Runtime, address: str) -> str:
    """The cloud id that the site at this address tells. Raises ``HostError`` when it is no such site, or does not answer."""
    from connector.hosts.jira.cloud_id import find_cloud_id  # here: the door of webhooks needs nothing of Jira's client

    budget: Budget = runtime.remembered.setdefault("forge-sites-budget", Budget("forge-sites", runtime.redis_url))
    settings = ConnectionSettings("Jira", "jira", address, {})
    allow_private = runtime.settings.allow_private_hosts
    return find_cloud_id(settings, budget=budget, allow_private=allow_private, read_timeout=READ_TIMEOUT)


def _from_jira(runtime: Runtime, invocation: Invocation) -> str:
    """The address that Jira gives itself; asked through the cloud id, so it is that site's."""
    told: Any = ask(runtime, invocation.api_base_url, invocation.system_token, "GET", "serverInfo")
    address = told.get("baseUrl") if isinstance(told, dict) else None
    return origin_in(address, allow_private=runtime.settings.allow_private_hosts) if isinstance(address, str) else ""
