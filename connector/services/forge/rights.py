"""Whether a person may see an issue, or administers Jira, as Jira itself says. Remembered for a short time.

The issue that a call names is data from the browser. With the person's own token Jira is asked for that issue: only so do issue
security levels count for certain. Without one the app asks on the person's behalf (permissions/check).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

import structlog

from connector.errors import ConnectorError, Forbidden, Gone, InputError, Refused
from connector.runtime import Runtime
from connector.services.forge.asking import ask
from connector.services.forge.caller import Caller
from connector.services.remembered import Shelf, shelf

log = structlog.get_logger(__name__)

ALLOWED_SECONDS = 120.0
REFUSED_SECONDS = 20.0
BROWSE, ADMINISTER = "BROWSE_PROJECTS", "ADMINISTER"

TOGETHER = 50  # issues that one request asks for

_ISSUE = re.compile(r"[A-Za-z0-9_-]{1,80}")
_MOST = 5000


def require_issue(runtime: Runtime, caller: Caller) -> str:
    """The id of the issue that the caller looks at, when Jira lets them see it; at most one request to Jira, none while remembered.

    Raises ``Forbidden`` when they may not, ``InputError`` when they look at none, ``HostError`` for outages.
    """
    issue = caller.issue
    if not _ISSUE.fullmatch(issue):
        raise InputError("the call names no issue; open the panel on an issue", where="issue")
    found = _remembered(runtime, caller, ("issue", issue), lambda: _seen(runtime, caller, issue))
    if not found:
        raise Forbidden("Jira does not let you see this issue")
    return found


def visible_issues(runtime: Runtime, caller: Caller, ids: Collection[str]) -> set[str]:
    """Those of the issues (numeric ids; ``TOGETHER`` at most are asked for) that Jira lets the caller see: one request for all that is
    not remembered. None for accounts that nobody knows here, and only the remembered ones while Jira cannot be asked.
    """
    found = remembered_issues(runtime, caller, ids)
    kept, now = _shelf(runtime), runtime.epoch()
    wanted = sorted({each for each in ids if each.isascii() and each.isdecimal() and kept.get(_key(caller, each), now) is None})[:TOGETHER]
    if not wanted or not caller.known:
        return found
    try:
        seen = _seen_of(runtime, caller, wanted)
    except ConnectorError as error:
        log.info("issues_not_asked", reason=str(error))
        return found
    for each in wanted:
        kept.put(_key(caller, each), each if each in seen else "", now + (ALLOWED_SECONDS if each in seen else REFUSED_SECONDS))
    return found | (seen & set(wanted))


def remembered_issues(runtime: Runtime, caller: Caller, ids: Collection[str]) -> set[str]:
    """Those of the issues that Jira lately said the caller may see. Asks nobody; none for accounts that nobody knows here."""
    return {each for each in ids if caller.known and _shelf(runtime).get(_key(caller, each), runtime.epoch())}


def _seen_of(runtime: Runtime, caller: Caller, ids: Sequence[str]) -> set[str]:
    """Asked as ``_seen`` asks for one.

    Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues
    """
    invocation = caller.invocation
    if not invocation.user_token:
        return _browsable(_permissions(runtime, caller, {"projectPermissions": [{"permissions": [BROWSE], "issues": [*map(int, ids)]}]}))
    body = {"issueIdsOrKeys": list(ids), "fields": ["issuetype"]}
    answer = ask(runtime, invocation.api_base_url, invocation.user_token, "POST", "issue/bulkfetch", body=body)
    issues = answer.get("issues") if isinstance(answer, dict) else None
    return {str(each.get("id")) for each in issues if isinstance(each, dict)} if isinstance(issues, list) else set()


def require_jira_admin(runtime: Runtime, caller: Caller) -> None:
    """Raises ``Forbidden`` for people who do not administer the Jira site."""
    asked = {"globalPermissions": [ADMINISTER]}

    def administers() -> str:
        granted = _permissions(runtime, caller, asked).get("globalPermissions")
        return ADMINISTER if isinstance(granted, list) and ADMINISTER in granted else ""

    if not _remembered(runtime, caller, ("permission", ADMINISTER), administers):
        raise Forbidden("this takes an administrator of the Jira site")


def _remembered(runtime: Runtime, caller: Caller, about: tuple[str, str], look: Callable[[], str]) -> str:
    """What ``look`` says ("" is no), or said lately for this person of this installation."""
    kept, key = _shelf(runtime), _key(caller, about[1], about[0])
    found = kept.get(key, runtime.epoch())
    if found is None:
        found = look()
        kept.put(key, found, runtime.epoch() + (ALLOWED_SECONDS if found else REFUSED_SECONDS))
    return found


def _shelf(runtime: Runtime) -> Shelf[str]:
    return shelf(runtime, "forge-rights", _MOST)


def _key(caller: Caller, name: str, what: str = "issue") -> Hashable:
    return caller.invocation.installation, caller.invocation.cloud_id, caller.invocation.account, what, name


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
    return issue if issue in _browsable(granted) else ""


def _browsable(granted: Mapping[str, Any]) -> set[str]:
    rights = granted.get("projectPermissions")
    found: set[str] = set()
    for each in rights if isinstance(rights, list) else []:
        issues = each.get("issues") if isinstance(each, dict) and each.get("permission") == BROWSE else None
        found |= set(map(str, issues)) if isinstance(issues, list) else set()
    return found


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
