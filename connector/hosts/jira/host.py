"""One Jira connection at work: the ``Host`` of the seam. It joins the reader, the walks, the names and the panel's markup.

It keeps nothing between calls but the list of fields, decides no membership that the rules can decide, and never repeats a
request by itself: errors go up as ``HostError``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connector.domain.model import FieldValue, Item
from connector.domain.panel import Panel
from connector.errors import Gone, Refused
from connector.hosts.base import (
    JSON,
    CandidatePage,
    Choice,
    Comment,
    ConnectionSettings,
    Container,
    Description,
    Fetched,
    ListQuery,
    Page,
    PeoplePage,
    QueryCheck,
    Resolution,
    Wanted,
    WebhookSetUp,
)
from connector.hosts.jira import (
    app_login,
    candidates,
    comments,
    dynamic_webhooks,
    lookup,
    membership,
    naming,
    panel_writer,
    quick_read,
    walks,
    webhook_set_up,
)
from connector.hosts.jira import values as field_values
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import account_of, as_mapping, as_ref, as_sequence, as_text
from connector.hosts.jira.panel_fields import PanelFields, named_fields
from connector.hosts.jira.reader import IDS_ONLY, IssueReader
from connector.hosts.jira.rights import missing_rights
from mappings.rules import Selector, Wishes

PROJECT_PAGE = 50


class JiraHost:
    """One Jira site; see ``connector.hosts.base.Host``. Built in the process that uses it; not shared between threads."""

    site = ""  # the address says it
    cheap_ids = True  # 5,000 bare ids per page, against 100 issues

    def __init__(
        self,
        settings: ConnectionSettings,
        client: JiraClient,
        *,
        instance: str = "okr",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self._client = client
        self._reader = IssueReader(client, named_fields(settings.options).values())
        self._instance = instance
        self._now = now
        self._app_client: JiraClient | None = None
        self._panel_fields = PanelFields(settings, client, self._reader, self._as_app)

    @property
    def requests(self) -> int:
        """HTTP requests sent so far through this object."""
        return self._client.gateway.requests + (self._app_client.gateway.requests if self._app_client else 0)

    @requests.setter
    def requests(self, count: int) -> None:
        self._client.gateway.requests = count
        if self._app_client is not None:
            self._app_client.gateway.requests = 0

    def close(self) -> None:
        """Give back the sockets."""
        self._client.close()
        if self._app_client is not None:
            self._app_client.close()

    # --- describing ------------------------------------------------------------------------------------------------------

    def identify(self) -> str:
        """Our own account id, by one small request that tests the credentials. Raises ``Refused`` for bad ones.

        Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-myself
        """
        return account_of(self._myself())

    def _myself(self) -> Mapping[str, Any]:
        try:
            return as_mapping(self._client.get("myself"))
        except Gone as error:
            # Nobody is asked for an account that may be gone: the address is wrong, or the cloud id in it
            place = "the cloud id of its login" if self.settings.auth.get("cloud_id") else "its address"
            raise Refused(
                f"{error.message}; there is no Jira here: check {place}", status=404, code="wrong_address", details=error.details
            ) from error

    def describe(self) -> Description:
        """Who we are, all projects and fields, and which rights are missing where. Raises ``Refused`` for bad credentials."""
        me = self._myself()
        bot = account_of(me)
        email = as_text(me.get("emailAddress")) or self.settings.auth.get("email", "")
        name = as_text(me.get("displayName")) or bot
        containers = self._projects()
        warnings, notes = missing_rights(self._client, containers)
        return Description(
            account=f"{name} ({email})" if email else name,
            bot_id=bot,
            scopes=self._client.scopes,
            containers=containers,
            fields=tuple(info for info in self._reader.fields() if info.id not in self._reader.own_fields()),
            warnings=warnings,
            notes=notes,
        )

    def _projects(self) -> tuple[Container, ...]:
        if not self._client.cloud:
            return tuple(_container(entry) for entry in as_sequence(self._client.get("project")))
        found: list[Container] = []
        while True:
            answer = as_mapping(self._client.get("project/search", {"startAt": len(found), "maxResults": PROJECT_PAGE, "orderBy": "key"}))
            values = as_sequence(answer.get("values"))
            found += [_container(entry) for entry in values]
            if not values or answer.get("isLast") is not False:
                return tuple(found)

    # --- reading ---------------------------------------------------------------------------------------------------------

    def resolve(
        self, selector: Selector, field_names: Sequence[str], known: Resolution | None = None, *, also: Wishes | None = None
    ) -> Resolution:
        """Turn names into ids; see ``naming.resolve``. The field name "" means all story point fields in the site's order."""
        return naming.resolve(self._client, self._reader, selector, field_names, known)

    def expect(self, wanted: Sequence[Wanted]) -> None:
        """Read the named issues of many mappings together, 100 in a request, for the calls of ``resolve`` that follow."""
        names: dict[str, None] = {}
        for mapping in wanted:
            selector, refs = mapping.selector, mapping.resolution.refs
            names.update(dict.fromkeys(refs.get(name, name) for name in (*selector.epics, *selector.issues)))
        self._reader.remember(names)

    def fetch_items(self, refs: Sequence[str], wanted: Sequence[Wanted]) -> Fetched:
        """Read issues strongly, 100 in a request; ``refs`` may be ids or keys. What Jira does not show us any more is gone."""
        asked = list(dict.fromkeys(ref for ref in refs if ref))
        if not asked:
            return Fetched((), ())
        fields = self._reader.needed_fields(wanted)
        ids = {name.upper(): ref for mapping in wanted for name, ref in mapping.resolution.refs.items()}
        items: dict[str, Item] = {}
        gone: list[str] = []
        for ref, issue in self._reader.issues(asked, fields).items():
            item = self._reader.item(issue, fields, ids) if issue is not None else None
            if item is None:
                gone.append(ref)
            else:
                items[item.ref] = item
        return Fetched(tuple(items.values()), tuple(gone))

    def members(self, wanted: Sequence[Wanted], refs: Sequence[str]) -> Mapping[int, frozenset[str]]:
        """Which of ``refs`` (numeric ids) match each JQL mapping; see ``membership.members``."""
        return membership.members(self._client, self._reader, wanted, refs)

    def plan(self, wanted: Sequence[Wanted], *, since: datetime | None = None, ids_only: bool = False) -> Sequence[ListQuery]:
        """The fewest walks that see every item of ``wanted``; see ``walks.plan_walks``.

        The named epics themselves are not part of the walk over their children: ``fetch_items`` reads them.
        """
        fields = list(IDS_ONLY) if ids_only else self._reader.needed_fields(wanted)
        return walks.plan_walks(wanted, fields, cloud=self._client.cloud, since=since)

    def list_items(self, query: ListQuery, cursor: Mapping[str, JSON] | None = None) -> Page:
        """One page of a walk. Raises ``Refused`` with code ``cursor_expired`` when the walk must begin again."""
        return walks.walk_page(self._reader, query, cursor, self._now())

    def read_all(self, query: ListQuery, most: int, on_page: Callable[[Page], None]) -> bool:
        """A whole walk, its issues read in parallel; see ``quick_read``."""
        return quick_read.read_all(self._client, self._reader, query, most, on_page, self._now)

    # --- what an admin looks for and sets up -----------------------------------------------------------------------------

    def search(self, text: str, *, container: str = "", limit: int = 20) -> Sequence[Choice]:
        """Epics by words of their title (in one project, or in all), or one issue by its whole key."""
        return lookup.search(self._client, self._reader, text, container, limit)

    def list_candidates(
        self, containers: Sequence[str], since: datetime, *, open_too: bool = False, cursor: Mapping[str, JSON] | None = None
    ) -> CandidatePage:
        """The site's epics, 100 in a request; ``containers`` says nothing here."""
        return candidates.list_candidates(self._client, self._reader, since, open_too, cursor, self._now())

    def check_query(self, text: str) -> QueryCheck:
        """Jira's own judgement of a JQL, and about how many issues it finds."""
        return lookup.check_query(self._client, text)

    def check_fields(self, named: Mapping[str, str]) -> Mapping[str, str]:
        """Whether the site has the fields that settings name for panels."""
        return self._panel_fields.check(named)

    def accounts(self, ids: Sequence[str]) -> Mapping[str, bool | None]:
        """Which accounts are active; 50 in a request."""
        return lookup.accounts(self._client, ids)

    def people(self, text: str = "", cursor: str | None = None) -> PeoplePage:
        """A page of people's accounts; it needs the global permission Browse users and groups."""
        return lookup.people(self._client, text, cursor)

    def register_webhook(self, url: str, secret: str, containers: Sequence[str] = ()) -> WebhookSetUp:
        """Make the admin webhook or bring it up to date; without Administer Jira tell the steps. A permission has webhooks of its own."""
        if self._client.by_permission:
            return dynamic_webhooks.register(self._client, url, containers, self._now())
        return webhook_set_up.register(self._client, url, secret)

    def drop_webhook(self, url: str) -> bool:
        """Take a permission's webhooks away; those of the site are an admin's business."""
        return self._client.by_permission and dynamic_webhooks.drop(self._client, url)

    def quota(self) -> Mapping[str, JSON] | None:
        """What Jira's headers last told; without them the budget that the connection's options set."""
        return self._client.gateway.used_quota(self._client.allowance)

    # --- writing ---------------------------------------------------------------------------------------------------------

    def write_panel(self, ref: str, panel: Panel, receipt: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """One remote link per key result, the property ``okr`` and the fields; see ``panel_writer.write``."""
        return panel_writer.write(self._client, self._panel_fields, self._instance, ref, panel, receipt)

    def write_values(self, ref: str, values: Mapping[str, FieldValue]) -> Mapping[str, JSON]:
        """Write fields by name or id, only those that differ, without mails; see ``values.write``."""
        return field_values.write(self._client, self._reader, ref, values)

    def _as_app(self) -> JiraClient | None:
        """The client that logs in as our Forge app, None where none is installed or its token has ended."""
        if not self.settings.app.get("token"):
            return None
        if app_login.is_app(self.settings.auth):
            return self._client
        if self._app_client is None:
            self._app_client = self._client.as_app()
        return self._app_client

    # --- comments --------------------------------------------------------------------------------------------------------

    def fetch_comment(self, ref: str, comment: str) -> Comment | None:
        """Read one comment as plain text, None when it is gone."""
        return comments.fetch(self._client, ref, comment)

    def reply(
        self,
        ref: str,
        comment: str,
        account: str,
        text: str,
        receipt: Mapping[str, JSON],
        *,
        restricted: Mapping[str, JSON] | None = None,
        again: bool = True,
    ) -> Mapping[str, JSON]:
        """Answer a comment, once, in its thread; see ``comments.reply``."""
        answered = comments.Answered(self._instance, self.settings.name, comment, restricted)
        return comments.reply(self._client, ref, answered, account, text, receipt, again=again)

    def notify(self, ref: str, accounts: Sequence[str], text: str, *, mark: str = "", since: datetime | None = None) -> Mapping[str, JSON]:
        """Mention people in a comment, which carries ``mark`` as a property; see ``comments.notify``."""
        note = comments.Note(self._instance, self.settings.name, mark)
        return comments.notify(self._client, ref, note, accounts, text, since)


def _container(entry: Any) -> Container:
    data = as_mapping(entry)
    key = as_text(data.get("key"))
    return Container(id=as_ref(data.get("id")), key=key, name=as_text(data.get("name")) or key)
