"""The address of a site, proven: a call's own word for it comes from the browser and could be another's.

Where the call names an address, that site itself is asked for its cloud id; where it names none, Jira is asked through the app. Each
answer is kept, and a question that failed is not put again for some minutes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import structlog

from connector.errors import HostError
from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.runtime import Runtime
from connector.services.forge.asking import ask
from connector.services.forge.caller import Invocation
from connector.services.remembered import Shelf, shelf

log = structlog.get_logger(__name__)

REFUSED_SECONDS = 300.0
READ_TIMEOUT = 4.0  # seconds; an event has 5 for everything


def host_of(address: str) -> str:
    """``acme.atlassian.net`` of an address or host as a person or the platform writes it; with the port where there is one."""
    text = address.strip().lower()
    try:
        return urlsplit(text if "//" in text else f"//{text}").netloc.rpartition("@")[2].removesuffix(":443")
    except ValueError:
        return ""


def site_of(runtime: Runtime, invocation: Invocation) -> str:
    """The address of the site that a call comes from, "" when it cannot be proven now."""
    told = invocation.site_url.rstrip("/")
    if not told and not invocation.system_token:
        return ""
    failed: Shelf[bool] = shelf(runtime, "forge-sites-unproven", 500)
    key = (invocation.cloud_id, told)
    if failed.get(key, runtime.epoch()):
        return ""
    try:
        if told:
            found = told if _cloud_id_at(runtime, told) == invocation.cloud_id else ""
        else:
            found = _from_jira(runtime, invocation)
    except HostError as error:
        log.warning("forge_site_unproven", site=told, error=str(error)[:300], trace=invocation.trace)
        found = ""
    if not found:
        failed.put(key, True, runtime.epoch() + REFUSED_SECONDS)
    return found


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
    return address.rstrip("/") if isinstance(address, str) and host_of(address) else ""
