"""The stand-in's part for admins: people's accounts, issue types, admin webhooks, scopes. No HTTP, no login: those come before.

It refuses what the real site refuses: listing people without the right, webhooks without Administer Jira or with a scoped login.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from connector.hosts.jira.sandbox_rest import Answered, Params, RefusalError, Rest
from connector.hosts.jira.sandbox_views import kind_json
from connector.hosts.jira.sandbox_world import LEVELS, IssueWorld

SCOPES = "read:jira-user read:jira-work write:jira-work"
WEBHOOK_KEYS = {"name", "description", "url", "events", "filters", "excludeBody", "secret", "enabled"}
KNOWN_EVENTS = (
    "jira:issue_",
    "issuelink_",
    "comment_",
    "project_",
    "issuetype_",
    "option_",
    "worklog_",
    "sprint_",
    "jira:version_",
    "user_",
)
READING_POSTS = ("search/jql", "search/approximate-count", "issue/bulkfetch", "jql/parse", "jql/match", "permissions/check")
_REST = ["rest", "api", "3"]


def scope_refusal() -> RefusalError:
    """What the gateway of tokens with scopes answers when one is missing; its shape is not that of Jira's own errors."""
    refusal = RefusalError(401, "Unauthorized; scope does not match")
    refusal.body = {"code": 401, "message": "Unauthorized; scope does not match"}
    return refusal


def check_scope(scopes: str, method: str, parts: Sequence[str]) -> None:
    """Raises ``RefusalError`` when a login with ``scopes`` may not call this path."""
    name = "/".join(parts[3:])
    if list(parts[:2]) == ["rest", "webhooks"]:
        raise scope_refusal()  # admin webhooks are not among what scopes open
    if parts[3:4] == ["webhook"]:
        needed = "manage:jira-webhook"
    elif parts[3:4] in (["myself"], ["user"], ["users"]):
        needed = "read:jira-user"
    else:
        needed = "read:jira-work" if method == "GET" or name in READING_POSTS else "write:jira-work"
    if needed not in scopes.split():
        raise scope_refusal()


class Admin:
    """People, issue types and admin webhooks of one world. ``takes_secrets`` off: webhooks made over REST stay unsigned.

    ``world.settings["users"]`` lists accounts as ``{accountId, displayName, emailAddress, active, accountType}``; a world
    without that list knows every account it is asked for.
    """

    def __init__(self, world: IssueWorld, rest: Rest) -> None:
        self.world = world
        self.takes_secrets = True
        self.known_events = KNOWN_EVENTS
        self._rest = rest  # it holds which permissions are taken away
        self._numbers = itertools.count(10)

    def route(self, method: str, parts: Sequence[str], query: Params, body: Any) -> Answered | None:
        """Answer a request, None when it is none of ours. Raises ``RefusalError``."""
        with self.world.lock:
            if list(parts[:4]) == ["rest", "webhooks", "1.0", "webhook"]:
                return self._webhooks(method, "".join(parts[4:5]), body)
            if list(parts[:3]) != _REST or method != "GET":
                return None
            name = "/".join(parts[3:])
            if name == "issuetype":
                names = {str(issue["fields"]["type"]) for issue in self.world.issues.values()} | {"Epic", "Story", "Sub-task", *LEVELS}
                return Answered(200, [kind_json(kind) for kind in sorted(names)])
            if name == "user/bulk":
                return self._bulk(query)
            if name in ("users/search", "user/search"):
                return self._people(name, query)
            return None

    # --- people ------------------------------------------------------------------------------------------------------------

    def _users(self) -> list[dict[str, Any]]:
        settings = self.world.settings
        listed = settings.get("users")
        found = [settings["account"], *([settings["actor"]] if settings.get("actor") else [])] if listed is None else listed
        return [_shown(user) for user in found]

    def _bulk(self, query: Params) -> Answered:
        asked = [account for account in query.get("accountId", "").split(",") if account]
        if not asked:
            raise RefusalError(400, "At least one accountId must be given.")
        users = {user["accountId"]: user for user in self._users()}
        if self.world.settings.get("users") is None:
            users = {account: _shown({"accountId": account}) for account in asked} | users
        found = [users[account] for account in dict.fromkeys(asked) if account in users]
        start, size = int(query.get("startAt", 0)), int(query.get("maxResults", 10))
        page = found[start : start + size]
        last = start + size >= len(found)
        return Answered(200, {"startAt": start, "maxResults": size, "total": len(found), "isLast": last, "values": page})

    def _people(self, name: str, query: Params) -> Answered:
        if "USER_PICKER" in self._rest.denied:
            raise RefusalError(403, "You do not have permission to browse users.")
        start, size = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), 1000)
        found = self._users()
        if name == "user/search":
            wish = query.get("query", "").casefold()
            found = [
                user for user in found if user["active"] and wish in f"{user['displayName']} {user.get('emailAddress', '')}".casefold()
            ]
        return Answered(200, found[start : start + size])

    # --- webhooks ----------------------------------------------------------------------------------------------------------

    @property
    def webhooks(self) -> dict[str, dict[str, Any]]:
        """The admin webhooks by id, as they were sent (with their secrets)."""
        found: dict[str, dict[str, Any]] = self.world.settings.setdefault("webhooks", {})
        return found

    def targets(self, event: str) -> list[tuple[str, str]]:
        """(URL, secret) of each webhook that wants an event."""
        return [
            (hook["url"], hook.get("secret", ""))
            for hook in self.webhooks.values()
            if hook.get("enabled", True) and event in hook["events"]
        ]

    def _webhooks(self, method: str, ident: str, body: Any) -> Answered:
        if "ADMINISTER" in self._rest.denied:
            raise RefusalError(403, "You do not have permission to administer webhooks.")
        if method == "GET" and not ident:
            return Answered(200, [self._hook(each) for each in self.webhooks])
        if ident and ident not in self.webhooks:
            raise RefusalError(404, "The webhook does not exist.")
        if method == "GET":
            return Answered(200, self._hook(ident))
        if method == "DELETE":
            del self.webhooks[ident]
            return Answered(204, wrote=True)
        if method != ("PUT" if ident else "POST"):
            raise RefusalError(405, "")
        new = ident or str(next(number for number in self._numbers if str(number) not in self.webhooks))
        self.webhooks[new] = self._checked(body, self.webhooks.get(new, {}))
        return Answered(200 if ident else 201, self._hook(new), wrote=True)

    def _checked(self, body: Any, old: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(body, dict) or set(body) - WEBHOOK_KEYS or not body.get("name") or not body.get("url"):
            raise RefusalError(400, "The webhook needs a name and a url, and knows no other keys.")
        if not str(body["url"]).startswith(("http://", "https://")):
            raise RefusalError(400, "The url must begin with http or https.")
        events = body.get("events") or []
        if wrong := [event for event in events if not str(event).startswith(tuple(self.known_events))]:
            raise RefusalError(400, f"Unknown event {wrong[0]}")
        secret = body.get("secret", old.get("secret", "")) if self.takes_secrets else ""
        return {"filters": {}, "excludeBody": False, "enabled": True, **old, **body, "secret": secret}

    def _hook(self, ident: str) -> dict[str, Any]:
        hook = self.webhooks[ident]
        shown = {name: value for name, value in hook.items() if name != "secret"}
        return {**shown, "self": f"https://stand-in.example/rest/webhooks/1.0/webhook/{ident}", "isSigned": bool(hook.get("secret"))}


def _shown(user: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: user[name] for name in ("accountId", "displayName", "emailAddress", "active", "accountType") if name in user}
    return {"accountType": "atlassian", "active": True, "displayName": str(user["accountId"]), **kept}
