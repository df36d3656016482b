"""Who calls through Forge, after every check: the installation, the connection it works for, the person, and where they look.

What stands in ``place`` comes from the browser through Atlassian: it says where somebody looks, never that they may see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.domain.rights import Viewer


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a verified Forge Invocation Token says. ``account`` is "" for events and schedules, which nobody in particular made.

    ``module``: key of the module in the manifest · ``place``: the module's own context (``{"issue": {"id", "key"}, "project": {…}}``).
    Reference: https://developer.atlassian.com/platform/forge/remote/essentials
    """

    installation: str
    cloud_id: str
    api_base_url: str
    module: str = ""
    account: str = ""
    by_person: bool = False  # made by a person at one of the app's pages, also by one whom Jira does not know
    token_id: str = ""  # jti
    app_version: str = ""
    environment: str = ""
    site_url: str = ""
    place: Mapping[str, Any] = field(default_factory=dict)
    system_token: str = field(default="", repr=False)  # acts as the app; never log it
    user_token: str = field(default="", repr=False)  # acts as the person; used at once, never stored, never logged
    ends_at: float = 0.0  # when the invocation token ends, epoch seconds
    trace: str = ""  # under which Atlassian finds the call in its logs


@dataclass(frozen=True, slots=True)
class Caller:
    """A person who looks at one of the app's modules. ``viewer`` has their role here; an unknown account is a mere viewer.

    ``known``: whether the account belongs to a person of ours · ``connection``: id of the Jira connection of the site.
    """

    invocation: Invocation
    viewer: Viewer
    connection: int
    connection_name: str
    known: bool

    @property
    def issue(self) -> str:
        """The numeric id (or key) of the issue that they look at, "" elsewhere. Not proof that they may see it."""
        issue = self.invocation.place.get("issue")
        return str(issue.get("id") or issue.get("key") or "") if isinstance(issue, Mapping) else ""

    @property
    def project(self) -> str:
        """The key of the project that they look at, "" elsewhere."""
        project = self.invocation.place.get("project")
        return str(project.get("key") or "") if isinstance(project, Mapping) else ""
