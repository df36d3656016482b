"""What an admin looks for at a host and sets up there, as values: choices for mappings, checks, people, webhooks. Part of the host seam.

Other packages import these names from ``hosts.base``; this module exists so that neither file grows too long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.domain.model import Category


@dataclass(frozen=True, slots=True)
class Choice:
    """Something an admin can pick for a mapping: an epic, a database, a data source or a row.

    ``ref`` is the ref of its item, ``key`` what people call it (``ACME-7``, empty at Notion). A selector names it by ``key or ref``.
    """

    ref: str
    key: str
    title: str
    kind: str  # "epic" | "issue" | "database" | "data_source" | "row"; a selector's database may name a database or a data source
    container: str  # project key; for a data source its database, for a row its data source; "" for none
    url: str
    status: str = ""  # the host's own word, e.g. "In Progress"
    open_children: int | None = None  # None: not asked or not told


@dataclass(frozen=True, slots=True)
class QueryCheck:
    """What the host says about a query. Usable when ``errors`` is empty. ``count``: items it finds, about; None when not told."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Work that a mapping could be made of, as the nightly look takes it in. ``ref``, ``key``, ``kind`` and ``container`` as in ``Choice``.

    ``points``: its own, None where nobody can tell · ``labels``: Jira's labels, all options of a row's multi-selects.
    """

    ref: str
    key: str
    title: str
    kind: str  # "epic" | "row" | "data_source"
    container: str
    url: str
    status: str = ""
    category: Category = Category.UNDEFINED
    labels: tuple[str, ...] = ()
    points: float | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CandidatePage:
    """Some candidates and the cursor of the next page, None on the last. A page may be empty and not be the last."""

    candidates: tuple[Candidate, ...]
    cursor: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class HostPerson:
    """A person's account at the host. ``email`` is None when the host keeps it to itself."""

    account: str
    name: str
    email: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Some accounts and the cursor of the next page, None on the last. A page may be empty and not be the last."""

    people: tuple[HostPerson, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookSetUp:
    """The outcome of setting up a webhook.

    ``created``: the webhook is there now as asked, made or brought up to date by us; ``id`` is the host's id for it and ``how``
    what is left to tidy up, mostly nothing. Otherwise ``why`` says what kept us from it in one sentence, and ``how`` lists the
    steps for a person, one sentence each, with every value to copy but the secret. ``events``: the host's event names to subscribe to.
    ``ends_at``: when it ends unless it is prolonged, None for one that stays · ``containers``: what it is limited to, () for everything.
    """

    created: bool
    id: str = ""
    how: tuple[str, ...] = ()
    why: str = ""
    events: tuple[str, ...] = ()
    ends_at: datetime | None = None
    containers: tuple[str, ...] = ()
