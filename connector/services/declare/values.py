"""What a checked file of ``apply`` says, as plain values. Names stand for references; ids of the database are not known here.

``said`` holds keys that may be left out, as the words of the views, only where the file has them: what it does not say stays as it
is stored, so that an old file does not reset what was set on the pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connector.domain.model import Cadence, Definition
from connector.services.declare.document import Document
from mappings.rules import Draft


@dataclass(frozen=True, slots=True)
class DeclaredConnection:
    """A connection with its opened secrets: never log it. ``webhook_secret`` None means "not said": a stored one stays."""

    name: str
    host: str
    url: str
    auth: Mapping[str, str] = field(repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True, slots=True)
class DeclaredPerson:
    """A person; ``email`` in lower case is the identity. ``accounts``: connection → account id there."""

    email: str
    name: str
    accounts: Mapping[str, str] = field(default_factory=dict)
    active: bool = True
    said: Mapping[str, Any] = field(default_factory=dict)  # role, zone, away_until


@dataclass(frozen=True, slots=True)
class DeclaredForum:
    """Who meets to review; ``caller`` is the e-mail address of the person who can call decisions."""

    name: str
    caller: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)  # how it meets, see forum_fields


@dataclass(frozen=True, slots=True)
class DeclaredTeam:
    """A team; ``lead`` is an e-mail address."""

    name: str
    lead: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)  # members, forum


@dataclass(frozen=True, slots=True)
class DeclaredCycle:
    """A cycle, both days included."""

    name: str
    start: date
    end: date
    said: Mapping[str, Any] = field(default_factory=dict)  # started


@dataclass(frozen=True, slots=True)
class DeclaredMapping:
    """One mapping and where in the file it stands."""

    draft: Draft
    where: str
    said: Mapping[str, Any] = field(default_factory=dict)  # owner


@dataclass(frozen=True, slots=True)
class DeclaredKeyResult:
    """A key result; ``owner`` is an e-mail address."""

    id: str
    title: str
    owner: str
    definition: Definition
    weight: float
    cadence: Cadence
    mappings: tuple[DeclaredMapping, ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)  # by_hand
    silent: frozenset[int] = frozenset()  # milestones of which the file does not say whether they are done


@dataclass(frozen=True, slots=True)
class DeclaredObjective:
    """An objective. ``pages``: (connection, page ref) of each place that shows it."""

    id: str
    title: str
    cycle: str
    team: str | None
    supports: str | None
    pages: tuple[tuple[str, str], ...] = ()
    key_results: tuple[DeclaredKeyResult, ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)  # stage, restricted, readers


@dataclass(frozen=True, slots=True)
class Declaration:
    """The whole file, checked as far as that goes without asking a host. ``warnings`` are for people and stop nothing.

    ``forums`` None: the file says nothing of forums, and those that are stored stay.
    """

    document: Document = field(repr=False)
    connections: tuple[DeclaredConnection, ...] = ()
    people: tuple[DeclaredPerson, ...] = ()
    forums: tuple[DeclaredForum, ...] | None = None
    teams: tuple[DeclaredTeam, ...] = ()
    cycles: tuple[DeclaredCycle, ...] = ()
    objectives: tuple[DeclaredObjective, ...] = ()
    warnings: tuple[str, ...] = ()
