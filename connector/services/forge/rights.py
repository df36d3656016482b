"""Whether a person may see an issue, or administers Jira, as Jira itself says. Remembered for a short time.

The issue that a call names is data from the browser. With the person's own token Jira is asked for that issue: only so do issue
security levels count for certain. Without one the app asks on the person's behalf (permissions/check).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from connector.errors import ConnectorError, Forbidden, Gone, InputError, Refused
from connector.runtime import Runtime
from connector.services.forge.asking import ask
from connector.services.forge.caller import Caller
from connector.services.remembered import Shelf, shelf

ALLOWED_SECONDS = 120.0
REFUSED_SECONDS = 20.0
BROWSE, ADMINISTER = "BROWSE_PROJECTS", "ADMINISTER"

_ISSUE = re.compile(r"[A-Za-z0-9_-]{1,80}")
_MOST = 5000


def require_issue(runtime: Runtime, caller: Caller) -> str:
    """The id of the issue that the caller looks at, when Jira lets them see it; at most one request to Jira, none while remembered.

    Raises ``Forbidden`` when they may not, ``InputError`` when they look at none, ``HostError`` for outages.
    """
    issue = caller.issue
    if not _ISSUE.fullmatch(issue):
        raise InputError("the call names no issue; open the panel on an issue", where="issue")
    found = _remembered(runtime, caller, issue, lambda: _seen(runtime, caller, issue))
    if not found:
        raise Forbidden("Jira does not let you see this issue")
    return found


def require_jira_admin(runtime: Runtime, caller: Caller) -> None:
    """Raises ``Forbidden`` for people who do not administer the Jira site."""
    asked = {"globalPermissions": [ADMINISTER]}

    def administers() -> str:
        granted = _permissions(runtime, caller, asked).get("globalPermissions")
        return ADMINISTER if isinstance(granted, list) and ADMINISTER in granted else ""

    if not _remembered(runtime, caller, ADMINISTER, administers):
        raise Forbidden("this takes an administrator of the Jira site")


def _remembered(runtime: Runtime, caller: Caller, about: str, look: Callable[[], str]) -> str:
    """What ``look`` says ("" is no), or said lately for this person of this installation."""
    kept: Shelf[str] = shelf(runtime, "forge-rights", _MOST)
    key = (caller.invocation.installation, caller.invocation.cloud_id, caller.invocation.account, about)
    found = kept.get(key, runtime.epoch())
    if found is None:
        found = look()
        kept.put(key, found, runtime.epoch() + (ALLOWED_SECONDS if found else REFUSED_SECONDS))
    return found


def _seen(runtime: Runtime, caller: Caller, issue: str) -> str:
    """The issue's id when the person may see it, else ""."""
    invocation = caller.invocation
    if invocation.user_token:
        try:
            answer = ask(runtime, invocation.api_base_url, invocation.user_token, "GET", f"issue/{issue}", params={"fields": "issuetype"})
        except Gone:
            return ""
        except Refused as error:
            if error.status == 403:
                return ""
            raise _unable(error) from error
        return str(answer.get("id") or "") if isinstance(answer, dict) else ""
    if not issue.isdecimal():
        raise InputError("the call names the issue by its key only; its id is needed", where="issue")
    granted = _permissions(runtime, caller, {"projectPermissions": [{"permissions": [BROWSE], "issues": [int(issue)]}]})
    rights = granted.get("projectPermissions")
    for each in rights if isinstance(rights, list) else []:
        issues = each.get("issues") if isinstance(each, dict) and each.get("permission") == BROWSE else None
        if isinstance(issues, list) and issue in map(str, issues):
            return issue
    return ""


def _permissions(runtime: Runtime, caller: Caller, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of ``asked`` the person is granted: they ask themselves, or the app asks for them.

    Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-permissions
    """
    invocation = caller.invocation
    token = invocation.user_token or invocation.system_token
    if not token:
        raise Forbidden("the call brought no token of Jira, so your rights cannot be looked up; an admin must look at the app's manifest")
    body = dict(asked) if invocation.user_token else {"accountId": invocation.account, **asked}
    try:
        answer = ask(runtime, invocation.api_base_url, token, "POST", "permissions/check", body=body)
    except Refused as error:
        raise _unable(error) from error
    return answer if isinstance(answer, dict) else {}


def _unable(error: Refused) -> ConnectorError:
    """What a person is told when Jira does not let the app ask at all; other refusals stay what they are."""
    if error.status not in (401, 403):
        return error
    return Forbidden(
        f"Jira did not let the app look up your rights (it answered {error.status}); load the panel again, and if that does not help, "
        "an admin must look at the app's scopes"
    )
