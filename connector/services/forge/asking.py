"""A question to Jira through the app: one request with the token of the person or of the app itself, behind the guarded gateway.

For what must be asked while somebody waits at a panel. It imports no client library: those take a second to load.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import requests

from connector.errors import Offline
from connector.hosts.http import Answer, Gateway, Policy, RequestsAdapter, origin_of
from connector.hosts.limits import Allowance, Budget
from connector.runtime import Runtime

RATE = "25 per 1 second"  # a quarter of what a site allows all apps together
READ_TIMEOUT = 10.0  # seconds; the panel's call ends after 25


def ask(
    runtime: Runtime, base: str, token: str, method: str, path: str, *, body: Any = None, params: Mapping[str, str] | None = None
) -> Any:
    """The JSON answer of ``<base>/rest/api/3/<path>``. Raises ``HostError`` for all but success."""
    gateway = Gateway(
        "Jira",
        frozenset({origin_of(base)}),
        Policy(allowances=lambda _method, _path: (Allowance("forge", RATE),), explain=_explain, idempotent=lambda _method, _path: True),
        _budget(runtime, base),
        allow_private=runtime.settings.allow_private_hosts,
        secrets=frozenset({token}),
    )
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, RequestsAdapter(gateway, read_timeout=READ_TIMEOUT))
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        content = session.request(
            method, f"{base}/rest/api/3/{path}", params=params, json=body, headers=headers, allow_redirects=False
        ).content
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Offline(f"Jira answered {method} {path} without JSON (a proxy's or login page?)", code="not_json") from error


def _budget(runtime: Runtime, base: str) -> Budget:
    found: Budget | None = runtime.remembered.get(f"forge-budget {base}")
    if found is None:
        found = runtime.remembered.setdefault(f"forge-budget {base}", Budget(f"forge {base}", runtime.redis_url))
    return found


def _explain(answer: Answer) -> tuple[str, str, Mapping[str, Any]]:
    data = answer.json()
    words = data.get("errorMessages") if isinstance(data, dict) else None
    return "; ".join(map(str, words))[:300] if isinstance(words, list) and words else "no reason given", "", {}
