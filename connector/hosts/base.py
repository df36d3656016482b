"""The host seam: what a kind of work tool must offer (``Host`` does I/O, ``Dialect`` is pure) and the values exchanged.

A third host is one folder with the same names as ``jira`` and ``notion`` and one line in ``registry``. This module must
not know any host by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from connector.domain.model import FieldValue, Item
from connector.domain.panel import Panel
from connector.hosts.choices import Candidate as Candidate
from connector.hosts.choices import CandidatePage as CandidatePage
from connector.hosts.choices import Choice as Choice
from connector.hosts.choices import HostPerson as HostPerson
from connector.hosts.choices import PeoplePage as PeoplePage
from connector.hosts.choices import QueryCheck as QueryCheck
from connector.hosts.choices import WebhookSetUp as WebhookSetUp
from connector.hosts.comments import Comment as Comment
from mappings.rules import Selector, Wishes

JSON = Any  # what json.loads may give; kept as one name so that signatures say "a JSON value"


# --- the connection as a host sees it ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What a host is built from. ``auth`` holds decrypted secrets: never log it, never put it into an error."""

    name: str
    host: str
    url: str
    auth: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)  # e.g. {"requests_per_minute": 600, "property_only": true}
    # The Forge app installed there: {"token", "cloud_id", "api_base_url", "app_id", "environment"}; empty where there is none.
    app: Mapping[str, str] = field(default_factory=dict, repr=False)
    # For logins that end within hours: (the credentials held, whether they are of no use any more) → credentials to go on with. New ones
    # are stored before they are given. They come back unchanged where they still count and cannot be renewed now. Raises ``HostError``.
    renew: Callable[[Mapping[str, str], bool], Mapping[str, str]] | None = field(default=None, repr=False, compare=False)


# --- describing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field or property that a mapping can name. ``role`` is what the host recognised by its schema, never by its id."""

    id: str
    name: str
    type: str  # the host's own type name, e.g. "number", "com.pyxis...:jsw-story-points", "status"
    role: str = ""  # "points" | "status" | "checkbox" | "number" | "title" | "own" (we write it) | ""
    options: tuple[str, ...] = ()  # what a select or status can be; () where the host told none
    groups: tuple[str, ...] = ()  # the groups of a status, in their order


@dataclass(frozen=True, slots=True)
class Container:
    """A Jira project or a Notion data source. For Notion ``parent`` is the database id."""

    id: str
    key: str
    name: str
    parent: str = ""
    fields: tuple[FieldInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """The answer of the connection test: who we are there, what we may do, what there is to map."""

    account: str  # shown to people, e.g. "OKR bot (bot@acme.example)"
    bot_id: str  # our own account id at the host: echoes are recognised by it
    scopes: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()
    fields: tuple[FieldInfo, ...] = ()  # fields that hold for the whole connection (Jira)
    warnings: tuple[str, ...] = ()  # missing scope or permission, in plain words with the mend
    notes: tuple[str, ...] = ()  # what also works without, in plain words: e.g. that the webhook is made by hand
    expires_at: datetime | None = None  # end of the credentials where the host tells it; most do not
    site: str = ""  # what identifies the site or workspace where its address does not


# --- mappings against the host -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Resolution:
    """A mapping's names, checked at the host and turned into ids that survive renames. Stored with the mapping as JSON.

    ``refs``: named epic, issue or row → its ref · ``fields``: named field → field ids, tried in this order ·
    ``containers``: data source ids or project keys · ``titles``: ref → title · ``missing``: what no longer exists.
    ``renamed``: name as written → what the host calls it now, where that differs · ``not_numbers``: named field → its type, where no
    value of that type is a number · ``not_epics``: issue that was named as an epic and holds no other issues → its type.
    ``options`` and ``option_ids``: property → option as written → its name now, and its id · ``computed``: property whose values the host
    computes itself → its type · ``clock``: what windows of days depend on, set by whoever asks · ``wrong``: what makes the number
    wrong, in words, such as a deleted option.
    """

    refs: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    containers: tuple[str, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    not_numbers: Mapping[str, str] = field(default_factory=dict)
    not_epics: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    option_ids: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    computed: Mapping[str, str] = field(default_factory=dict)
    clock: Mapping[str, str] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One mapping as the host needs it for reading: its id, selector, resolution and the names of fields it measures."""

    mapping: int
    selector: Selector
    resolution: Resolution = Resolution()
    field_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One walk over the host. JSON-serialisable, so that a sync resumes after a crash.

    ``members_of``: mapping ids whose membership is decided by the host's answer (JQL); empty when our own rules decide
    from the item itself. ``spec`` is the host's own business.
    """

    name: str  # for people and logs: "children of 50 epics", "rows of Deals"
    spec: Mapping[str, JSON]
    members_of: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a walk. ``cursor`` is None on the last page. ``refs`` are all refs seen, also when only ids were read."""

    items: tuple[Item, ...]
    refs: tuple[str, ...]
    cursor: Mapping[str, JSON] | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to ``fetch_items``. ``gone``: deleted, trashed, archived or not shared any more."""

    items: tuple[Item, ...]
    gone: tuple[str, ...]


class Host(Protocol):
    """One connection of one host, able to do I/O. Built in the process that uses it; not shared between threads."""

    settings: ConnectionSettings
    requests: int  # HTTP requests sent so far through this object
    site: str  # see ``Description``, as far as a call has told it
    cheap_ids: bool  # True: a walk that reads bare ids costs far fewer requests than one that reads items

    def identify(self) -> str:
        """Our own account id there, by the cheapest call that tests the credentials. Raises ``Refused`` when they are not accepted."""
        ...

    def describe(self) -> Description:
        """Test the credentials and tell what is there. Raises ``Refused`` when they are not accepted."""
        ...

    def resolve(
        self, selector: Selector, field_names: Sequence[str], known: Resolution | None = None, *, also: Wishes | None = None
    ) -> Resolution:
        """Turn names into ids. ``known`` keeps ids that were resolved before, so that a rename changes nothing.

        ``also``: wishes about properties beside the selector's filter, checked like those.

        Raises ``Refused`` with the host's own words for JQL that does not parse, an unknown epic, field or database.
        """
        ...

    def expect(self, wanted: Sequence[Wanted]) -> None:
        """Told before ``resolve`` is called for each of ``wanted``, so that what they share is read once; () ends that."""
        ...

    def fetch_items(self, refs: Sequence[str], wanted: Sequence[Wanted]) -> Fetched:
        """Read items strongly (not through a search index), batched where the host can."""
        ...

    def members(self, wanted: Sequence[Wanted], refs: Sequence[str]) -> Mapping[int, frozenset[str]]:
        """For mappings whose membership only the host can decide (JQL): which of ``refs`` belong, by mapping id."""
        ...

    def plan(self, wanted: Sequence[Wanted], *, since: datetime | None = None, ids_only: bool = False) -> Sequence[ListQuery]:
        """The fewest walks that see every item of ``wanted``. ``since``: only items changed since; ``ids_only``: refs alone."""
        ...

    def list_items(self, query: ListQuery, cursor: Mapping[str, JSON] | None = None) -> Page:
        """One page of a walk and the next cursor."""
        ...

    def write_panel(self, ref: str, panel: Panel, receipt: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """Make the host show ``panel`` at ``ref``; edits what ``receipt`` says it wrote before. Returns the new receipt.

        Parts whose digest in the receipt is unchanged are not written; twice is one panel. The receipt's ``written`` counts
        the writes of this call. Raises ``Gone`` when ``ref`` itself is gone or not shared any more.
        """
        ...

    def write_values(self, ref: str, values: Mapping[str, FieldValue]) -> Mapping[str, JSON]:
        """Write fields or properties of an item by name, only those that differ."""
        ...

    def fetch_comment(self, ref: str, comment: str) -> Comment | None:
        """Read one comment, None when it is gone."""
        ...

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
        """Answer a comment, once: a second call with the receipt of the first edits the answer; an equal text is not written.

        ``account`` is whom it speaks to · ``restricted``: of the comment, for the answer too; ``Refused`` where the host cannot ·
        ``again``: an answer whose receipt got lost may be there, so it is looked for; it is marked as ours to be found.
        """
        ...

    def notify(self, ref: str, accounts: Sequence[str], text: str, *, mark: str = "", since: datetime | None = None) -> Mapping[str, JSON]:
        """Write a comment that mentions people where they work. Receipt: ``{"comment": id}``. May raise ``Uncertain``.

        ``mark`` names the comment. ``since``: one may have been written after that moment, so it is looked for first; None: surely not.
        """
        ...

    def read_all(self, query: ListQuery, most: int, on_page: Callable[[Page], None]) -> bool:
        """Read a walk as fast as host and budget allow, for a person who waits; the first page comes early.

        ``on_page`` is called in the caller's thread, in order of arrival, until ``most`` refs were seen. Returns True when the walk
        was read to its end. Nothing of it can be resumed: a sync uses ``list_items``.
        """
        ...

    def search(self, text: str, *, container: str = "", limit: int = 20) -> Sequence[Choice]:
        """What a mapping can be made of, best first: by title or a whole key; an empty text gives what changed lately.

        ``container``: only inside this project key, database or data source. At most 2 requests. Raises ``InputError`` for a container
        that cannot be one.
        """
        ...

    def list_candidates(
        self, containers: Sequence[str], since: datetime, *, open_too: bool = False, cursor: Mapping[str, JSON] | None = None
    ) -> CandidatePage:
        """A page of what could be mapped and changed after ``since``: epics, or data sources and the rows of those in ``containers``.

        ``open_too``: also what is not done and did not change, where the host can tell. A container that is gone is passed over.
        """
        ...

    def check_query(self, text: str) -> QueryCheck:
        """Let the host check a query (JQL) and count what it finds; a host without queries says so in ``errors``."""
        ...

    def check_fields(self, named: Mapping[str, str]) -> Mapping[str, str]:
        """For each field that settings name for panels and that cannot be one: why. At most 1 request; {} where hosts have none."""
        ...

    def accounts(self, ids: Sequence[str]) -> Mapping[str, bool | None]:
        """For each account id: True when active, False when deactivated or gone, None when we may not or cannot tell."""
        ...

    def people(self, text: str = "", cursor: str | None = None) -> PeoplePage:
        """A page of people's accounts, those of bots and apps left out; ``text`` narrows by name or e-mail.

        Raises ``Refused`` with the mend when the bot may not see people.
        """
        ...

    def register_webhook(self, url: str, secret: str, containers: Sequence[str] = ()) -> WebhookSetUp:
        """Make the host send its events to ``url``, signed with ``secret``; one that has this address is brought up to date.

        Never makes a second one. ``containers``: where the events matter, () everywhere; hosts whose webhooks have no bounds send all.
        A webhook that ends is prolonged. Raises ``HostError`` only for outages: a missing right is an outcome, told with the steps.
        """
        ...

    def drop_webhook(self, url: str) -> bool:
        """Take away the webhook to ``url`` that we made, where the host lets us. True when it is gone now. Raises ``HostError``."""
        ...

    def quota(self) -> Mapping[str, JSON] | None:
        """How much of the rate limit was in use when the host or our own budget last told; None when neither did.

        Keys: ``used`` (0 to 1), ``limit``, ``remaining`` (requests), ``resets_at`` (ISO time or None), ``reason`` (which limit, in the
        host's word), ``source`` ("host" or "budget"), ``at`` (ISO time). What was not told is None.
        """
        ...

    def close(self) -> None:
        """Give back network resources."""
        ...


# --- events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """A hint that something may have changed. Never the truth: the item is read again.

    ``kind``: "changed" (created, edited, moved, restored) · "deleted" · "comment" (``comment_id`` is set) ·
    "scope" (a project, data source or schema changed: ``container`` is listed again, "" means the whole connection).
    ``text``: what a comment said then, None where the event does not tell; it only saves reading comments without a command.
    """

    kind: str
    ref: str = ""
    parent_refs: tuple[str, ...] = ()  # both parents when a child moved
    container: str = ""
    comment_id: str = ""
    author: str = ""
    authors: tuple[str, ...] = ()  # all of them, the robots with "bot:" before their account; () is ``author`` alone
    fields: tuple[str, ...] = ()  # the host's ids of what was edited, () where it does not tell
    at: datetime | None = None
    text: str | None = None
    blocked_at: datetime | None = None  # it tells that ``ref`` began to be held up: flagged, or waiting for another
    freed: bool = False  # it tells that a flag or such a link was taken away
    pressed: bool = False  # a person pressed a button: what the row holds is filed at once


@dataclass(frozen=True, slots=True)
class Ignored:
    """This is the host, and we leave the event alone on purpose. ``reason`` is short: it becomes a metric label."""

    reason: str


class NotThisHost(Exception):
    """The payload is not of this host at all: the door answers 400."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The identity of one webhook delivery: ``key`` is the same on all retries, ``event`` is the host's own event name.

    ``at``: when it happened, as the signed body says; None when it does not say.
    """

    key: str
    event: str
    at: datetime | None = None


class Dialect(Protocol):
    """How a host speaks at the door. Pure: no I/O, no clock. Headers are given with lower-case names."""

    handled: frozenset[str]  # event names that give events
    ignored: frozenset[str]  # event names left alone on purpose
    unsigned: frozenset[str]  # names of events that the host cannot sign: buttons, which show a secret in a header
    commands: bool  # whether comments there are read for commands
    quotes: bool  # whether events of comments say what these say; if not, comments are read only at places that we know
    place: str  # what people call where a comment stands: "issue", "page"
    kept_headers: frozenset[str]  # the headers worth storing with a delivery; never a signature

    def handshake(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The secret that a set-up request brings (Notion's verification token), None for everything else."""
        ...

    def signature(self, headers: Mapping[str, str]) -> str | None:
        """The value of the signature header, None when it is missing."""
        ...

    def bearer(self, headers: Mapping[str, str]) -> str | None:
        """The signed token (JWT) that some deliveries carry instead of a signature, None when there is none or the host has no such.

        It proves who sends and not what: the body is not part of it.
        """
        ...

    def delivery(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Who this delivery is. Raises ``NotThisHost`` for anything that this host would never send."""
        ...

    def parse(self, headers: Mapping[str, str], body: bytes) -> Sequence[Event] | Ignored:
        """The events of a delivery. Unknown event names give ``Ignored("unknown event")``. Raises ``NotThisHost``."""
        ...
