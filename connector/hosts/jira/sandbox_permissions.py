"""The stand-in's part for apps with people's permissions (OAuth 2.0, 3LO): consent, rotating tokens, sites, and the app's own webhooks.

It is as strict as Atlassian: a refresh token counts once (and ``leeway`` seconds more), one address per app, five webhooks, 30 days.
"""

from __future__ import annotations

import itertools
import re
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import OctKey

from connector.hosts.jira.sandbox_answers import Answered, Params, RefusalError
from connector.hosts.jira.sandbox_world import IssueWorld

MOST = 5
DAYS = 30
OFFERED = (
    *("jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated", "comment_deleted"),
    *("issue_property_set", "issue_property_deleted", "sprint_created", "sprint_updated", "sprint_closed", "sprint_deleted"),
    *("sprint_started", "jira:version_released", "jira:version_unreleased", "jira:version_created", "jira:version_moved"),
    *("jira:version_updated", "jira:version_merged", "jira:version_deleted"),
)
_FILTER = re.compile(r"\s*project\s*(=|!=|not\s+in|in)\s*(.+)", re.IGNORECASE)


@dataclass
class Grant:
    """One person's permission for the app. ``spent``: refresh tokens that were used, and when."""

    scopes: str
    refresh: str = ""
    spent: dict[str, float] = field(default_factory=dict)
    access: set[str] = field(default_factory=set)
    withdrawn: bool = False


class Permissions:
    """``leeway``: seconds for which a spent refresh token counts; ``sites``: what the permission covers, as Atlassian lists it."""

    def __init__(self, world: IssueWorld, tokens: dict[str, float]) -> None:
        self.world = world
        self.tokens = tokens  # access token → end, shared with the other logins
        self.seconds = 3600.0
        self.leeway = 600.0
        self.clock = time.time
        self.sites: list[dict[str, Any]] | None = None
        self.grants: list[Grant] = []
        self.codes: dict[str, tuple[Grant, str]] = {}  # code → permission, redirect address
        self.renewals = 0  # how often a refresh token was taken
        self.webhooks: dict[int, dict[str, Any]] = {}  # with their address and "expirationDate"
        self._numbers = itertools.count(10_000)
        self._lock = threading.Lock()

    # --- the permission ----------------------------------------------------------------------------------------------------

    @property
    def client(self) -> tuple[str, str]:
        """The app's id and secret."""
        return self.world.settings["client_id"], self.world.settings["client_secret"]

    def give(self, redirect: str, scopes: str) -> str:
        """What the person's click does: a code for the way back."""
        code = uuid.uuid4().hex
        self.grants.append(Grant(scopes))
        self.codes[code] = self.grants[-1], redirect
        return code

    def authorize(self, query: Params) -> Answered:
        """The consent page, with a person who agrees at once."""
        if query.get("client_id") != self.client[0] or query.get("response_type") != "code" or query.get("audience") != "api.atlassian.com":
            raise RefusalError(400, "unauthorized_client")
        code = self.give(query.get("redirect_uri", ""), query.get("scope", ""))
        back = urlencode({"code": code, "state": query.get("state", "")})
        return Answered(302, headers={"Location": f"{query.get('redirect_uri', '')}?{back}"})

    def token(self, given: Mapping[str, Any]) -> Answered:
        """The token address, for a code or a refresh token."""
        with self._lock:
            if (given.get("client_id"), given.get("client_secret")) != self.client:
                return Answered(401, {"error": "access_denied", "error_description": "Unauthorized"})
            if given.get("grant_type") == "authorization_code":
                grant, redirect = self.codes.pop(str(given.get("code")), (None, ""))
                if grant is None or given.get("redirect_uri") != redirect:
                    return Answered(403, {"error": "invalid_grant", "error_description": "Invalid authorization code"})
                return self._new(grant)
            return self._renewed(str(given.get("refresh_token")))

    def _renewed(self, refresh: str) -> Answered:
        now = self.clock()
        for grant in self.grants:
            spent = grant.spent.get(refresh)
            if not grant.withdrawn and (refresh == grant.refresh or (spent is not None and now - spent <= self.leeway)):
                self.renewals += 1
                grant.spent.setdefault(refresh, now)
                return self._new(grant)
        return Answered(403, {"error": "unauthorized_client", "error_description": "refresh_token is invalid"})

    def _new(self, grant: Grant) -> Answered:
        if grant.refresh:
            grant.spent.setdefault(grant.refresh, self.clock())
        access, lasts = f"access-{uuid.uuid4().hex}", self.seconds
        grant.refresh = f"refresh-{uuid.uuid4().hex}" if "offline_access" in grant.scopes.split() else ""
        grant.access.add(access)
        self.tokens[access] = self.clock() + lasts
        kept = " ".join(scope for scope in grant.scopes.split() if scope != "offline_access")
        body = {"access_token": access, "expires_in": int(lasts), "scope": kept, "token_type": "Bearer"}
        return Answered(200, {**body, **({"refresh_token": grant.refresh} if grant.refresh else {})})

    def scopes_of(self, token: str) -> str | None:
        """The scopes of a permission's access token, None for other logins."""
        return next((grant.scopes for grant in self.grants if token in grant.access), None)

    def list_sites(self, token: str, origin: str) -> Answered:
        """Which sites a token opens."""
        if self.scopes_of(token) is None or self.tokens.get(token, 0.0) <= self.clock():
            raise RefusalError(401, "Unauthorized")
        scopes = (self.scopes_of(token) or "").split()
        here = {"id": self.world.settings["cloud_id"], "name": "acme", "url": origin, "scopes": scopes, "avatarUrl": f"{origin}/avatar.png"}
        return Answered(200, [here] if self.sites is None else self.sites)

    # --- the app's webhooks ------------------------------------------------------------------------------------------------

    def route(self, method: str, parts: Sequence[str], query: Params, body: Any, token: str) -> Answered | None:
        """Answer a request about the app's webhooks, None when it is none of these."""
        if list(parts[:4]) != ["rest", "api", "3", "webhook"]:
            return None
        if self.scopes_of(token) is None:
            raise RefusalError(403, "The caller isn't a Connect or OAuth 2.0 app.")
        with self._lock:
            self._end()
            if method == "GET" and len(parts) == 4:
                return self._listed(query)
            if method == "POST" and len(parts) == 4:
                return self._registered(body)
            if method == "DELETE" and len(parts) == 4:
                for ident in _ids(body):
                    self.webhooks.pop(ident, None)
                return Answered(202, wrote=True)
            if method == "PUT" and list(parts[4:]) == ["refresh"]:
                ends = int((self.clock() + DAYS * 86_400) * 1000)
                for ident in _ids(body):
                    if ident in self.webhooks:
                        self.webhooks[ident]["expirationDate"] = ends
                return Answered(200, {"expirationDate": ends}, wrote=True)
        raise RefusalError(405, "")

    def _end(self) -> None:
        now = self.clock() * 1000
        self.webhooks = {ident: hook for ident, hook in self.webhooks.items() if hook["expirationDate"] > now}

    def _listed(self, query: Params) -> Answered:
        start, size = int(query.get("startAt", 0)), int(query.get("maxResults", 100))
        every = [{"id": ident, **hook} for ident, hook in sorted(self.webhooks.items())]
        page = every[start : start + size]
        last = start + size >= len(every)
        return Answered(200, {"startAt": start, "maxResults": size, "total": len(every), "isLast": last, "values": page})

    def _registered(self, body: Any) -> Answered:
        if not isinstance(body, dict) or not body.get("webhooks") or not body.get("url"):
            raise RefusalError(400, "The request needs a url and webhooks.")
        if any(hook["url"] != body["url"] for hook in self.webhooks.values()):
            raise RefusalError(400, "Only a single URL per app is allowed to be registered")
        results: list[dict[str, Any]] = []
        for wanted in body["webhooks"]:
            if faults := self._faults(wanted):
                results.append({"errors": faults})
                continue
            ident = next(self._numbers)
            ends = int((self.clock() + DAYS * 86_400) * 1000)
            self.webhooks[ident] = {**wanted, "url": body["url"], "expirationDate": ends}
            results.append({"createdWebhookId": ident})
        return Answered(200, {"webhookRegistrationResult": results}, wrote=True)

    def _faults(self, wanted: Mapping[str, Any]) -> list[str]:
        if len(self.webhooks) >= MOST:
            return [f"Only {MOST} webhooks per app and user are allowed on a tenant"]
        if not wanted.get("events") or set(wanted["events"]) - set(OFFERED):
            return ["The events are unknown or missing"]
        found = _FILTER.fullmatch(str(wanted.get("jqlFilter", "")))
        if found is None:
            return ["The clause is unsupported"]
        unknown = [key for key in _keys(found[2]) if key not in self.world.projects]
        return [f"The value '{key}' does not exist for the field 'project'." for key in unknown]

    def deliveries(self, event: str, body: Mapping[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
        """(URL, body, token) of what the app is told of an event: once for each address, with the ids of what matched."""
        project = str((body.get("issue") or {}).get("key", "")).rpartition("-")[0]
        matched: dict[str, list[int]] = {}
        with self._lock:
            self._end()
            for ident, hook in self.webhooks.items():
                if event in hook["events"] and _matches(hook["jqlFilter"], project):
                    matched.setdefault(hook["url"], []).append(ident)
        return [(url, {**body, "matchedWebhookIds": ids}, self.signed()) for url, ids in matched.items()]

    def signed(self, algorithm: str = "HS256", **claims: Any) -> str:
        """A token as the deliveries carry it."""
        now = int(self.clock())
        told = {"iss": self.client[0], "iat": now, "exp": now + 180, **claims}
        return jwt.encode({"alg": algorithm, "typ": "JWT"}, told, OctKey.import_key(self.client[1]), algorithms=[algorithm])


def _ids(body: Any) -> list[int]:
    ids = body.get("webhookIds") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not ids or any(not isinstance(each, int) for each in ids):
        raise RefusalError(400, "The list of webhook IDs is missing.")
    return ids


def _keys(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _matches(jql: str, project: str) -> bool:
    found = _FILTER.fullmatch(jql)
    if found is None:
        return False
    inside = project in _keys(found[2])
    return inside if found[1].lower() in ("=", "in") else not inside
