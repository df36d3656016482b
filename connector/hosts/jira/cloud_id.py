"""The cloud id of a Jira site, which the site itself tells without a login. Needed for logins with scopes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import requests

from connector.errors import Gone, Offline, Refused
from connector.hosts.base import ConnectionSettings
from connector.hosts.http import READ_TIMEOUT, Answer, Gateway, Policy, RequestsAdapter, origin_of
from connector.hosts.limits import Allowance, Budget

PATH = "/_edge/tenant_info"
_BUDGET = Allowance("tenant", "5 per 1 second")


def find_cloud_id(
    settings: ConnectionSettings, *, budget: Budget, allow_private: bool, patience: float = 2.0, read_timeout: float = READ_TIMEOUT
) -> str:
    """The cloud id of the site at ``settings.url``, by one request without credentials.

    Raises ``Refused`` when the address is no Jira Cloud site, other ``HostError`` when it does not answer.
    Reference: https://support.atlassian.com/jira/kb/retrieve-my-atlassian-sites-cloud-id
    """
    site = settings.url.rstrip("/")
    policy = Policy(allowances=lambda method, path: (_BUDGET,), explain=_explain)
    gateway = Gateway(settings.name, frozenset({origin_of(site)}), policy, budget, allow_private=allow_private, patience=patience)
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", RequestsAdapter(gateway, read_timeout=read_timeout))
        session.mount("http://", RequestsAdapter(gateway, read_timeout=read_timeout))
        try:
            content = session.get(f"{site}{PATH}", allow_redirects=False).content
        except Gone as error:
            raise Refused(f"{settings.name}: {site} is no Jira Cloud site; check the address", status=404, code="wrong_address") from error
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Offline(f"{settings.name}: {site}{PATH} answered without JSON (a proxy's or login page?)", code="not_json") from error
    found = told.get("cloudId") if isinstance(told, dict) else None
    if not isinstance(found, str) or not found:
        raise Refused(f"{settings.name}: {site} does not tell a cloud id; check the address", code="wrong_address")
    return found


def _explain(answer: Answer) -> tuple[str, str, Mapping[str, Any]]:
    return "no cloud id", "", {}
