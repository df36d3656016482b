"""Who asks the stand-in, and what they may see: the bot, people by bearer tokens of their own, and the site's Forge app.

``world.settings`` holds it, so that it goes out and in with the state: ``logins`` (bearer token → account id), ``hidden`` (account id →
keys of projects and issues that it may not see), ``admins`` (account ids; without the list only the bot is one), ``app``
(``{"token", "account", "fields"}``: the app's bearer token, its own user, and module key → field id).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from connector.hosts.jira.sandbox_answers import Answered, Params, RefusalError, object_of
from connector.hosts.jira.sandbox_world import IssueWorld

_UPDATE_KEYS = {"issueIds", "value"}


class Access:
    """Rights in one world. ``denied`` are permissions that the bot (and everybody else) lacks."""

    def __init__(self, world: IssueWorld) -> None:
        self.world = world
        self.denied: set[str] = set()
        self._local = threading.local()

    # --- who asks ----------------------------------------------------------------------------------------------------------

    @property
    def account(self) -> str:
        """The account id of whom the current request comes from; the bot's outside requests."""
        return str(getattr(self._local, "account", "") or self.world.settings["account"]["accountId"])

    def ask_as(self, account: str) -> None:
        """Whom the current thread answers; "" for nobody."""
        self._local.account = account

    def account_of(self, token: str) -> str:
        """Whose a bearer token is, "" for an unknown one."""
        settings = self.world.settings
        app = settings.get("app") or {}
        if token and token == app.get("token"):
            return str(app["account"])
        return str(settings.get("logins", {}).get(token, ""))

    def person(self) -> dict[str, Any]:
        """Whoever asks, as answers show a user."""
        settings, account = self.world.settings, self.account
        if account == settings["account"]["accountId"]:
            return dict(settings["account"])
        kind = {"accountType": "app"} if account == (settings.get("app") or {}).get("account") else {}
        listed: Mapping[str, Any] = next((user for user in settings.get("users") or [] if user["accountId"] == account), {})
        return {"accountId": account, "displayName": account, **kind, **listed}

    # --- what they may -----------------------------------------------------------------------------------------------------

    def may_see(self, issue: Mapping[str, Any], account: str = "") -> bool:
        """Whether an account (whoever asks, when not given) may see an issue."""
        hidden = self.world.settings.get("hidden", {}).get(account or self.account, ())
        return not {issue["key"], issue["id"], self.world.project_of(issue)} & set(hidden)

    def may(self, right: str, account: str = "") -> bool:
        """Whether an account has a global or project permission."""
        settings = self.world.settings
        if right in self.denied:
            return False
        return right != "ADMINISTER" or (account or self.account) in settings.get("admins", [settings["account"]["accountId"]])

    def check(self, body: Mapping[str, Any]) -> Answered:
        """``POST /permissions/check``: what the account in the body, else whoever asks, may do."""
        account = str(body.get("accountId") or self.account)
        app = (self.world.settings.get("app") or {}).get("account")
        if account != self.account and self.account != app and not self.may("ADMINISTER"):
            raise RefusalError(403, "You do not have permission to check the permissions of others.")
        wanted = [(right, entry) for entry in body.get("projectPermissions") or [] for right in entry["permissions"]]
        granted = [
            {"permission": right, "issues": self._issues(entry, account), "projects": self._projects(entry, account)}
            for right, entry in wanted
            if self.may(right, account)
        ]
        return Answered(
            200,
            {
                "globalPermissions": [right for right in body.get("globalPermissions") or [] if self.may(right, account)],
                "projectPermissions": granted,
            },
        )

    def own(self, query: Params) -> Answered:
        """``GET /mypermissions`` for whoever asks."""
        names = [name for name in query.get("permissions", "").split(",") if name]
        if not names:
            raise RefusalError(400, "The 'permissions' query parameter is required.")
        issue = query.get("issueId") or query.get("issueKey")
        found = self.world.find(issue) if issue else None
        if issue and (found is None or not self.may_see(found)):
            raise RefusalError(404, "Issue does not exist or you do not have permission to see it.")
        shown = {
            name: {
                "id": str(number),
                "key": name,
                "name": name.replace("_", " ").capitalize(),
                "type": "GLOBAL" if name == "ADMINISTER" else "PROJECT",
                "description": "",
                "havePermission": self.may(name),
            }
            for number, name in enumerate(names)
        }
        return Answered(200, {"permissions": shown})

    def _issues(self, entry: Mapping[str, Any], account: str) -> list[int]:
        found = [self.world.find(str(number)) for number in entry.get("issues") or []]
        return [int(issue["id"]) for issue in found if issue is not None and self.may_see(issue, account)]

    def _projects(self, entry: Mapping[str, Any], account: str) -> list[int]:
        hidden = set(self.world.settings.get("hidden", {}).get(account, ()))
        live = {int(each["id"]): each["key"] for each in self.world.projects.values() if not each["archived"]}
        return sorted(number for number in set(entry.get("projects") or []) & set(live) if live[number] not in hidden)

    # --- the app's own fields ----------------------------------------------------------------------------------------------

    def write_app_field(self, name: str, query: Params, body: Any) -> Answered:
        """``PUT /app/field/{idOrKey}/value``: only the owning app; with both flags off nobody is told and no history is kept."""
        app = self.world.settings.get("app") or {}
        fields = dict(app.get("fields") or {})
        known = {entry["id"]: entry for entry in self.world.settings["fields"]}
        entry = known.get(name) or next((each for each in known.values() if each.get("key") == name), None)
        if entry is None:
            raise RefusalError(404, f"The field {name} was not found.")
        if self.account != app.get("account") or entry["id"] not in fields.values():
            raise RefusalError(403, "The request is not authenticated as the app that provided the field.")
        updates = [object_of(update, _UPDATE_KEYS) for update in object_of(body, {"updates"}).get("updates") or []]
        found = [(self.world.find(str(ref)), update["value"]) for update in updates for ref in update["issueIds"]]
        if not found or any(issue is None or not self.may_see(issue) for issue, _ in found):
            raise RefusalError(400, "Issue does not exist or you do not have permission to see it.")
        kind = (int, float) if entry["schema"]["type"] == "number" else str
        if any(value is not None and (isinstance(value, bool) or not isinstance(value, kind)) for _, value in found):
            raise RefusalError(400, f"The value is not a {entry['schema']['type']}.")
        quiet = query.get("generateChangelog") == "false" and query.get("generateAppEvents") == "false"
        for issue, value in found:
            self.world.set_field(str((issue or {})["id"]), entry["id"], value, quiet=quiet)
        return Answered(204, wrote=True)

    def install_app(self, app_id: str, environment: str, token: str, *, modules: Iterable[tuple[str, str, str]] = ()) -> str:
        """Install the Forge app: its user, its token, a field for each of ``modules`` (key, name, type). Gives the account id."""
        settings = self.world.settings
        account = f"app-user:{app_id}"
        fields = {}
        for number, (module, name, kind) in enumerate(
            modules or (("okr-progress", "OKR progress", "number"), ("okr-status", "OKR status", "string"))
        ):
            ident = f"customfield_{10200 + number}"
            fields[module] = ident
            if all(entry["id"] != ident for entry in settings["fields"]):
                extension = f"ari:cloud:ecosystem::extension/{app_id}/{environment}/static/{module}"
                schema = {"type": kind, "custom": extension, "customId": 10200 + number}
                settings["fields"] = [
                    *settings["fields"],
                    {"id": ident, "key": f"{app_id}__{environment}__{module}", "name": name, "custom": True, "schema": schema},
                ]
        settings["app"] = {"token": token, "account": account, "fields": fields}
        return account
