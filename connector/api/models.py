"""The shapes that the API gives. They describe the answers in the OpenAPI document; the tests check that the answers fit.

Names are part of the outside contract: extend, never rename.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from connector.domain.model import Cadence, DecisionKind, Kind, Movement, State

T = TypeVar("T")
Share = Annotated[float, Field(ge=0, le=1)]


class Shape(BaseModel):
    """An answer. Every field is always there; null means not known."""

    model_config = ConfigDict(extra="allow")


class Problem(Shape):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


class Page(Shape, Generic[T]):
    """One page; ``next`` is the cursor of the following one, null on the last."""

    items: list[T]
    next: str | None


class Source(Shape):
    """Where the current value comes from, and when its connection last answered (``read_at``)."""

    kind: str | None
    connection: str | None
    items: int | None
    done: int | None
    total: int | None
    read_at: datetime | None
    without_number: int | None
    wont_do: int | None
    unknown: str | None
    broken: str | None


class KeyResult(Shape):
    """A key result with its status. ``owner`` is an e-mail address, ``objective`` an id."""

    id: str
    title: str
    objective: str
    owner: str | None
    kind: Kind
    unit: str
    start: float | None
    target: float | None
    current: float | None
    progress: Share | None
    raw_progress: float | None
    expected: Share | None
    state: State
    reasons: list[str]
    movement: Movement | None
    confidence: Annotated[int, Field(ge=1, le=10)] | None
    as_of: datetime | None
    updated_at: datetime | None
    source: Source
    blocker: str | None
    decision_needed: DecisionKind | None
    low: float | None
    high: float | None
    weight: float
    cadence: Cadence
    flags: list[str]


class Reading(Shape):
    """One stored value. ``source`` tells how it came about."""

    id: int
    value: float | None
    previous: float | None
    kind: str
    as_of: datetime
    recorded_at: datetime
    actor: str
    source: dict[str, Any]


class BlockerLink(Shape):
    """The issue or row that was picked as the blocker; ``connection`` is its id."""

    connection: int
    ref: str
    key: str
    url: str


class CheckIn(Shape):
    """An owner's update; a draft lacks one of the four inputs and does not count."""

    id: int
    author: str | None
    value: float | None
    confidence: int | None
    blocker: str | None
    decision: DecisionKind | None
    comment: str | None
    movement: Movement | None
    as_of: datetime
    delayed: bool
    draft: bool
    late: Annotated[bool, Field(description="after the lock of a review, and no part of its pre-read")]
    created_at: datetime
    source: str
    doubt: Annotated[str | None, Field(description="null unless the token is the author's, a lead's or a champion's")]
    blocker_link: BlockerLink | None


class MappingSource(Shape):
    """One mapping of a key result: what it selects and what that says now. Counts are null while it cannot be read."""

    id: int
    connection: str
    select: dict[str, Any]
    measure: str | dict[str, Any]
    mode: Literal["value", "context"]
    query: str
    value: float | None
    items: int | None
    done: int | None
    total: int | None
    without_number: int | None
    wont_do: int | None
    unknown: str | None
    broken: str | None
    explanation: str
    titles: dict[str, str]


class KeyResultDetail(KeyResult):
    """A key result with its latest 50 readings and check-ins (newest first) and its mappings."""

    readings: list[Reading]
    check_ins: list[CheckIn]
    sources: list[MappingSource]


class Objective(Shape):
    """An objective; ``key_results`` are ids, ``coverage`` says how many of them report."""

    id: str
    title: str
    cycle: str
    team: str | None
    supports: str | None
    progress: Share | None
    coverage: str
    reporting: int
    total: int
    state: State
    key_results: list[str]
    closed_at: datetime | None
    stage: Literal["draft", "ready"]
    restricted: bool


class BrokenMapping(Shape):
    """A mapping whose source cannot be read, and why."""

    id: int
    key_result: str
    reason: str


class Connection(Shape):
    """A connection and how it is; ``behind`` counts pieces of work that wait."""

    name: str
    host: str
    url: str
    account: str
    parked: bool
    parked_reason: str | None
    paused_until: datetime | None
    last_event_at: datetime | None
    last_sync_at: datetime | None
    last_success_at: datetime | None
    webhook: Literal["set", "armed", "missing"]
    broken_mappings: list[BrokenMapping]
    behind: int


class Delivery(Shape):
    """A received webhook, without its content."""

    id: int
    connection: str
    key: str
    event: str
    state: str
    reason: str
    received_at: datetime
    handled_at: datetime | None


class Run(Shape):
    """A sync run."""

    id: int
    connection: str
    kind: str
    trigger: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    seen: int
    changed: int
    repaired: int
    gone: int
    requests: int
    written: int
    error: str | None


class PreviewRow(Shape):
    """One item of a preview. ``standing``: counted, not yet, left out, unknown, counted elsewhere."""

    ref: str
    key: str
    title: str
    url: str
    status: str
    category: str
    number: float | None
    wont_do: bool
    standing: str


class Notice(Shape):
    """Something to look at before saving; ``code`` is stable."""

    code: str
    text: str


class Preview(Shape):
    """What the value would become; ``rows`` holds the first 100 items of the mapping."""

    before: float | None
    after: float | None
    sentence: str
    items: int
    done: int
    total: int
    without_number: int
    wont_do: int
    explanation: str
    rows: list[PreviewRow]
    warnings: list[Notice]
    cut_off: bool


class Filed(Shape):
    """A stored check-in; ``missing`` names what keeps it a draft, ``repeated`` says that it was filed before.

    ``late``: it came after the lock of a review and is no part of its pre-read; ``note`` says so.
    """

    id: int
    key_result: str
    draft: bool
    missing: list[str]
    repeated: bool
    late: bool
    note: str | None
